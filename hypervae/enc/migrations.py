"""Counts behind counts that migrated: iterations and inversion, with their derivatives."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def by_iterations(
    matrix: NDArray[np.float64],
    prior: NDArray[np.float64],
    seen: NDArray[np.float64],
    iterations: int,
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Unfold by iterations of Bayes' theorem.

    G. D'Agostini, Nucl. Instrum. Meth. A 362 (1995) 487: each shares out what is seen among the
    true cells by the result before.

    Parameters
    ----------
    matrix : [seen cells, cells]
        Probabilities to be seen in a cell; those of a true cell add up to its efficiency.
    prior : [cells]
        Where to begin.
    seen : [seen cells]
    iterations : int
        1 or more.

    Returns
    -------
    value : [cells]
        0 where the efficiency is.
    slopes : [cells, seen cells]
        Its derivatives, through all iterations.
    """
    efficiency = matrix.sum(axis=0)
    inverse = np.divide(1.0, efficiency, out=np.zeros_like(efficiency), where=efficiency > 0)
    value, slopes = prior, np.zeros((len(prior), len(seen)))
    for _ in range(iterations):
        folded = matrix @ value
        per = np.divide(1.0, folded, out=np.zeros_like(folded), where=folded > 0)
        pull = matrix.T @ (seen * per)
        inner = np.diag(per) - (seen * per**2)[:, None] * (matrix @ slopes)
        slopes = (pull * inverse)[:, None] * slopes + (value * inverse)[:, None] * (
            matrix.T @ inner
        )
        value = value * pull * inverse
    return value, slopes


def by_inversion(
    matrix: NDArray[np.float64], seen: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Unfold by least squares, without any regularization.

    Parameters
    ----------
    matrix, seen
        As for `by_iterations`.

    Returns
    -------
    value : [cells]
    slopes : [cells, seen cells]
    """
    inverse: NDArray[np.float64] = np.linalg.pinv(matrix, rcond=1e-10).astype(np.float64)
    return inverse @ seen, inverse
