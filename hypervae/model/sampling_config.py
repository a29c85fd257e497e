"""How jets are drawn from a model: one object, passed down to whatever reads a part of it."""

from __future__ import annotations

from dataclasses import dataclass

from hypervae.errors import ConfigError
from hypervae.model.solvers import check_solver


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
    hypergraph: bool = False
    check: bool = True

    def __post_init__(self) -> None:
        if self.solver is not None or self.evaluations < 1:
            check_solver(self.solver or "euler", self.evaluations)
        if not self.temperature >= 0:
            raise ConfigError(f"temperature: found {self.temperature:g}, expected 0 or more")
