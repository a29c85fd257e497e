"""Coverage and minimum matching distance, by the Energy Mover's Distance between jets.

(Kansal et al., arXiv:2106.11535; EMD: Komiske, Metodiev, Thaler, arXiv:1902.02346.) jetnet's
protocol with EMDs by POT: the Wasserstein library that jetnet takes them from fails with NumPy 2,
and energyflow's own way to POT works only with older versions of SciPy.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.distance import cdist

from hypervae.data.jets import Jets
from hypervae.evaluation.distance import MetricValue

#: Jets drawn from each side in each batch, and batches.
JETS, BATCHES = 100, 10


def coverage(
    jets: Jets, reference: Jets, *, seed: int, samples: int = JETS, batches: int = BATCHES
) -> dict[str, MetricValue]:
    """Coverage and minimum matching distance of a sample.

    Parameters
    ----------
    jets, reference : Jets
    seed : int
    samples, batches : int
        Of each batch, jets are drawn from both sides with replacement.

    Returns
    -------
    dict of str to MetricValue
        ``cov``, the fraction of reference jets that are the nearest to some jet of the sample;
        ``mmd``, the mean EMD of reference jets to the nearest jet of the sample, in units of the
        full jet's pT. The value is the mean over the batches, the error their standard deviation.
    """
    real, made = _events(reference), _events(jets)
    generator = np.random.default_rng(seed)
    found = []
    for _ in range(batches):
        rows = generator.choice(len(real), size=samples)
        distances = emds(made[generator.choice(len(made), size=samples)], real[rows])
        matched = np.unique(distances.argmin(axis=1)).size
        found.append((matched / samples, distances.min(axis=0).mean()))
    pairs = zip(np.mean(found, axis=0), np.std(found, axis=0), strict=True)
    cov, mmd = (MetricValue(float(value), float(error)) for value, error in pairs)
    return {"cov": cov, "mmd": mmd}


def _events(jets: Jets) -> NDArray[np.float64]:
    """[n, P, 3] (ptrel, etarel, phirel)."""
    return jets.particle_features[..., [2, 0, 1]].astype(np.float64)


def emds(jets: NDArray[np.float64], reference: NDArray[np.float64]) -> NDArray[np.float64]:
    """EMDs between all pairs of jets: R = 1, beta = 1, momenta not normalized.

    Parameters
    ----------
    jets, reference : [n, P, 3]
        (pt, eta, phi) of the particles; those without pT are left out.

    Returns
    -------
    [len(jets), len(reference)] float64
    """
    sides = [[jet[jet[:, 0] > 0] for jet in side] for side in (jets, reference)]
    return np.array([[emd(jet, other) for other in sides[1]] for jet in sides[0]])


def emd(jet: NDArray[np.float64], other: NDArray[np.float64]) -> float:
    """Energy Mover's Distance of two jets, [P, 3] (pt, eta, phi), with R = 1 and beta = 1.

    The cost of moving pT, per unit the angle, plus the difference of the total pT: what one jet
    lacks comes from a further particle at a distance of 1 from all.

    Parameters
    ----------
    jet, other : [P, 3] float64
        (pt, eta, phi) of the particles.

    Returns
    -------
    float
        In the unit of pt.
    """
    import ot

    missing = jet[:, 0].sum() - other[:, 0].sum()
    cost = np.ones((len(jet) + 1, len(other) + 1))
    cost[:-1, :-1] = cdist(jet[:, 1:], other[:, 1:])
    supply = np.append(jet[:, 0], max(-missing, 0.0))
    demand = np.append(other[:, 0], max(missing, 0.0))
    total = supply.sum()
    work = ot.emd2(supply / total, demand / demand.sum(), cost, check_marginals=False)
    return float(total * work)
