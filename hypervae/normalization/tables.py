"""Look-up tables ln E2C and ln(ENC/E2C) per R_L bin."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def nearest_filled(filled: NDArray[np.bool_]) -> NDArray[np.int64]:
    """For each bin the nearest filled one (the lower of two equally near), itself where filled.

    Parameters
    ----------
    filled : [bins] bool

    Returns
    -------
    [bins] int64
    """
    places = np.flatnonzero(filled)
    if not len(places):
        raise ValueError("no bin is filled")
    distance = np.abs(np.arange(len(filled))[:, None] - places[None, :])
    return places[np.argmin(distance, axis=1)]


def correlator_tables(
    enc: dict[int, NDArray[np.float64]], n_jets: int, orders: list[int]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Tables of the features that are looked up.

    The underflow holds the contact terms, which no pair has, so it and the overflow take the
    nearest bin inside, as empty bins do.

    Parameters
    ----------
    enc : dict
        Sums over jets of ENC [bins + 2] per order; 2 and `orders` among them.
    n_jets : int
    orders : list of int
        Orders of the hyperedges.

    Returns
    -------
    ln_e2c : [bins + 2]
        Of the mean over jets.
    ln_ratio : [len(orders), bins + 2]
        ln(ENC/E2C).
    """

    def table(filled: NDArray[np.bool_], values: NDArray[np.float64]) -> NDArray[np.float64]:
        filled = filled.copy()
        filled[[0, -1]] = False
        if not filled.any():  # no pair of any jet lies inside the range
            return np.zeros(len(values))
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.log(values)[nearest_filled(filled)]

    pairs = enc[2] / n_jets
    ln_e2c = table(pairs > 0, pairs)
    ratios = []
    for order in orders:
        with np.errstate(divide="ignore", invalid="ignore"):
            ratio = enc[order] / enc[2]
        ratios.append(table((enc[2] > 0) & (enc[order] > 0), ratio))
    return ln_e2c, np.array(ratios).reshape(len(orders), len(ln_e2c))
