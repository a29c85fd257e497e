"""How jets are drawn from a model: one object, passed down to whatever reads a part of it."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass

import torch

from hypervae.errors import ConfigError
from hypervae.model.solvers import check_solver

#: Of the networks that move particles; what autocast knows to be safe is rounded, and no more.
PRECISIONS = ("32-true", "bf16-mixed")


@dataclass(frozen=True)
class SamplingConfig:
    """How jets are drawn; which ones is decided by seed and jet types.

    Attributes
    ----------
    temperature : float
        Factor of all noise: of the latent vectors, of the Gumbel noise that picks the multiplicity
        and of a flow's starting points. At 1 jets are drawn as the model learned them; below they
        are less varied, above more.
    solver : str, optional
        Of the particle decoder's flow, one of `hypervae.model.solvers.SOLVERS`; that which the
        decoder prefers when left out.
    evaluations : int
        Network evaluations a jet of the particle decoder's flow.
    precision : str
        Of the hierarchical decoder's networks, one of `PRECISIONS`; others stay as they are.
    hypergraph : bool
        Whether to decode edges and hyperedges too.
    check : bool
        Draw jets again that are not physical; otherwise they are left in.

    Raises
    ------
    ConfigError
        If a value is out of range.
    """

    temperature: float = 1.0
    solver: str | None = None
    evaluations: int = 10
    precision: str = "32-true"
    hypergraph: bool = False
    check: bool = True

    def __post_init__(self) -> None:
        if self.solver is not None or self.evaluations < 1:
            check_solver(self.solver or "euler", self.evaluations)
        if not self.temperature >= 0:
            raise ConfigError(f"temperature: found {self.temperature:g}, expected 0 or more")
        if self.precision not in PRECISIONS:
            expected = ", ".join(PRECISIONS)
            raise ConfigError(f"precision: found {self.precision!r}, expected one of {expected}")

    @property
    def rounds(self) -> bool:
        """Whether `precision` makes states half as large."""
        return self.precision != "32-true"

    def rounding(self, device: str) -> AbstractContextManager[object]:
        """Where a flow's networks are evaluated, in `precision`.

        Parameters
        ----------
        device : str
            Type of the device.

        Returns
        -------
        context manager
        """
        return torch.autocast(device, dtype=torch.bfloat16) if self.rounds else nullcontext()
