"""Weights of particles by name: of momenta, of further columns, and of some particles alone."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from hypervae.correlators.geometry import weights
from hypervae.data.columns import CHARGE, wrong_names
from hypervae.data.extra import described, fit
from hypervae.data.jets import Jets
from hypervae.errors import ArgumentError

#: What the fractions are of.
SIZES = ("pt", "energy")
#: Selections that have a name of their own: the column, and whether it is 0 for those chosen.
SELECTIONS = {"charged": (CHARGE, False), "neutral": (CHARGE, True)}


class Weight(NamedTuple):
    """What a particle counts with.

    Attributes
    ----------
    size : str
        One of `SIZES`, of which the weight holds the fraction.
    factors : tuple of str
        Further columns that it is multiplied by.
    """

    size: str
    factors: tuple[str, ...]

    @classmethod
    def of(cls, text: str) -> Weight:
        """Read a weight.

        Parameters
        ----------
        text : str
            ``pt``, ``energy``, a column, or these with * between: ``charge`` is ``pt*charge``.

        Returns
        -------
        Weight

        Raises
        ------
        ArgumentError
            If it is none.
        """
        words = [word.strip() for word in text.split("*")]
        sizes = [word for word in words if word in SIZES]
        factors = tuple(word for word in words if word not in SIZES)
        if len(sizes) > 1 or wrong_names(factors):
            raise ArgumentError(
                "weight",
                found=repr(text),
                expected="pt, energy or a further column of particles, also with * between, such "
                "as charge or energy*charge",
            )
        return cls(sizes[0] if sizes else "pt", factors)


def selection_of(text: str) -> tuple[str, bool] | None:
    """Read which particles count.

    Parameters
    ----------
    text : str
        ``charged``, ``neutral``, a further column (particles where it is not 0), or empty for all.

    Returns
    -------
    column : str
    zero : bool
        Whether it is 0 for those that count. None for all particles.

    Raises
    ------
    ArgumentError
        If it is none.
    """
    if not text:
        return None
    if wrong_names([text]):
        raise ArgumentError(
            "select",
            found=repr(text),
            expected=f"{', '.join(SELECTIONS)} or a further column of particles",
        )
    return SELECTIONS.get(text, (text, False))


def needed_columns(weight: str, select: str) -> tuple[str, ...]:
    """The further columns of particles that weights are made of.

    Parameters
    ----------
    weight, select : str
        As `Weight.of` and `selection_of` read them.

    Returns
    -------
    tuple of str
    """
    selection = selection_of(select)
    return Weight.of(weight).factors + (() if selection is None else selection[:1])


def weights_of(
    jets: Jets, weight: str = "pt", exponent: float = 1.0, select: str = ""
) -> NDArray[np.float64]:
    """Weights of particles.

    Parameters
    ----------
    jets : Jets
    weight : str
        As `Weight.of`.
    exponent : float
        Power of the fraction of pT or energy; of the further columns, 1.
    select : str
        As `selection_of`. Fractions stay those of all particles: other ones weigh nothing.

    Returns
    -------
    [n, P] float64
        Zero where no particle is, and of those that are not selected.

    Raises
    ------
    ArgumentError
        If the jets have no such column.
    """
    _require(jets, needed_columns(weight, select))
    read, selection = Weight.of(weight), selection_of(select)
    found = weights(jets, read.size, exponent)
    for name in read.factors:
        found = found * jets.extra[name]
    if selection is not None:
        column, zero = selection
        found = found * ((jets.extra[column] == 0) == zero)
    return found


def hardest(jets: Jets, particles: int) -> Jets:
    """Jets cut to their hardest particles, whose weights are fractions of what is left.

    Parameters
    ----------
    jets : Jets
    particles : int
        0 for all.

    Returns
    -------
    Jets
    """
    if not particles or particles >= jets.particle_features.shape[1]:
        return jets
    features = jets.jet_features.copy()
    features[:, 3] = np.minimum(features[:, 3], particles)
    extra = fit(jets.extra, particles)
    return Jets(
        jets.particle_features[:, :particles], features, jet_type=jets.jet_type, extra=extra
    )


def _require(jets: Jets, names: Iterable[str]) -> None:
    for name in names:
        if name not in jets.extra:
            raise ArgumentError(
                "extra",
                found=f"columns {described(jets.extra)} of the jets' particles",
                expected=f"{name} among them",
            )
