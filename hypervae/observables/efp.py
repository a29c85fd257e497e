"""Energy Flow Polynomials (Komiske, Metodiev, Thaler, arXiv:1712.07124) with at most four edges.

An EFP of a multigraph is the sum over all assignments of particles to its vertices of the product
of the vertices' ptrel and the edges' angles. energyflow computes them one by one as tensor
contractions: 64 s for 50,000 jets. The connected ones with at most four edges share a few vectors
and one matrix product a jet, and the others are products of them: 1 s, and the same to rounding.
"""

from __future__ import annotations

from typing import Any

import numba
import numpy as np
from numpy.typing import NDArray

from hypervae.correlators.geometry import angle_between
from hypervae.data.jets import Jets

#: Connected multigraphs as energyflow numbers them: column, then edges. The first has none.
CONNECTED = (
    "",
    "01",
    "01 01",
    "01 01 01",
    "01 01 01 01",
    "01 02",
    "01 02 02",
    "01 02 02 02",
    "01 01 02 02",
    "01 02 12",
    "01 02 02 12",
    "01 02 03",
    "01 02 02 03",
    "01 02 13",
    "01 02 02 13",
    "01 01 02 13",
    "01 02 12 03",
    "01 02 13 23",
    "01 02 03 04",
    "01 02 03 14",
    "01 02 13 24",
)
#: The further columns: the connected ones that each is the product of.
PRODUCTS = (
    (1, 1),
    (1, 2),
    (1, 3),
    (2, 2),
    (1, 5),
    (2, 5),
    (1, 6),
    (1, 9),
    (1, 1, 1),
    (1, 11),
    (1, 13),
    (5, 5),
    (1, 1, 2),
    (1, 1, 5),
    (1, 1, 1, 1),
)
#: The columns of W1EFP: connected, four vertices, four edges.
W1EFP_COLUMNS = (12, 14, 15, 16, 17)
#: The columns of one edge and of the triangle: pairwise and three-point correlation functions.
EDGE, TRIANGLE = 1, 9


def efps(jets: Jets) -> NDArray[np.float64]:
    """The 36 EFPs with at most four edges, in the order of ``energyflow.EFPSet(("d<=", 4))``.

    The measure is that of jetnet's metrics: ptrel as it stands (no normalization), angles
    sqrt((d eta)^2 + (d phi)^2) to the first power.

    Parameters
    ----------
    jets : Jets

    Returns
    -------
    [n, 36] float64
    """
    particles = jets.particle_features.astype(np.float64)
    connected = np.empty((len(jets), len(CONNECTED)))
    _connected(
        np.ascontiguousarray(particles[..., 0]),
        np.ascontiguousarray(particles[..., 1]),
        particles[..., 2] * jets.mask,
        jets.multiplicity,
        connected,
    )
    others = [connected[:, columns].prod(axis=1) for columns in map(list, PRODUCTS)]
    return np.column_stack([connected, *others])


@numba.njit(cache=True, nogil=True)
def _connected(
    eta: NDArray[Any],
    phi: NDArray[Any],
    z: NDArray[Any],
    multiplicity: NDArray[Any],
    out: NDArray[Any],
) -> None:  # pragma: no cover - compiled
    slots = eta.shape[1]
    theta = np.zeros((slots, slots))
    # a_k(i) = sum_j z_j theta_ij^k; b_k(i) = sum_j z_j theta_ij^k a_1(j)
    a1, a2, a3, a4 = np.zeros(slots), np.zeros(slots), np.zeros(slots), np.zeros(slots)
    weighted = np.zeros((slots, slots))
    for jet in range(eta.shape[0]):
        n = multiplicity[jet]
        w = z[jet]
        a1[:n] = 0.0
        a2[:n] = 0.0
        a3[:n] = 0.0
        a4[:n] = 0.0
        for i in range(n):
            theta[i, i] = weighted[i, i] = 0.0
            for j in range(i):
                d_eta = eta[jet, i] - eta[jet, j]
                d_phi = angle_between(phi[jet, i], phi[jet, j])
                squared = d_eta * d_eta + d_phi * d_phi
                angle = np.sqrt(squared)
                theta[i, j] = theta[j, i] = angle
                weighted[i, j] = angle * w[j]
                weighted[j, i] = angle * w[i]
                a1[i] += angle * w[j]
                a1[j] += angle * w[i]
                a2[i] += squared * w[j]
                a2[j] += squared * w[i]
                a3[i] += squared * angle * w[j]
                a3[j] += squared * angle * w[i]
                a4[i] += squared * squared * w[j]
                a4[j] += squared * squared * w[i]
        f = out[jet]
        f[:] = 0.0
        for i in range(n):
            b1 = b2 = at_i = 0.0
            for j in range(n):
                edge = weighted[i, j]
                b1 += edge * a1[j]
                b2 += edge * theta[i, j] * a1[j]
                two_edges = 0.0  # sum_k theta_ik z_k theta_kj
                for k in range(n):
                    two_edges += weighted[i, k] * theta[j, k]
                at_i += edge * two_edges
                f[10] += w[i] * edge * theta[i, j] * two_edges
                f[17] += w[i] * w[j] * two_edges * two_edges
            f[0] += w[i]
            f[1] += w[i] * a1[i]
            f[2] += w[i] * a2[i]
            f[3] += w[i] * a3[i]
            f[4] += w[i] * a4[i]
            f[5] += w[i] * a1[i] ** 2
            f[6] += w[i] * a1[i] * a2[i]
            f[7] += w[i] * a1[i] * a3[i]
            f[8] += w[i] * a2[i] ** 2
            f[9] += w[i] * at_i
            f[11] += w[i] * a1[i] ** 3
            f[12] += w[i] * a1[i] ** 2 * a2[i]
            f[13] += w[i] * a1[i] * b1
            f[14] += w[i] * a2[i] * b1
            f[15] += w[i] * a1[i] * b2
            f[16] += w[i] * at_i * a1[i]
            f[18] += w[i] * a1[i] ** 4
            f[19] += w[i] * a1[i] ** 2 * b1
            f[20] += w[i] * b1**2
