"""Distances of generated from real jets in truth floors of 5,000 against 5,000 jets.

Floors are means over all pairs of real samples, training or test; generated jets are cut into
samples as large and compared with each test sample; the number is mean over mean. Its error is a
jackknife over the samples of each side, which the pairs share. Against two test samples, a perfect
generator is found between 0.6 and 1.5 by that alone (docs/experiments.md); more of them decide.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations

import numpy as np
from numpy.typing import NDArray
from scipy.stats import wasserstein_distance

from hypervae.data.jets import Jets
from hypervae.evaluation.classifier import classifier_auc
from hypervae.evaluation.correlators import correlator_sums, distances
from hypervae.evaluation.frechet import fpd
from hypervae.observables import JetSample, compute_observables
from hypervae.observables.efp import W1EFP_COLUMNS

SHARD = 5_000
TRAINING_SHARDS, TEST_SHARDS = (0, 1, 2, 3), (4, 5)
#: Metric to observable, of which W1 is taken between whole samples.
OBSERVABLES = {
    "w1m": "mass",
    "w1p_etarel": "etarel",
    "w1p_phirel": "phirel",
    "w1p_ptrel": "ptrel",
    "multiplicity": "multiplicity",
    "tau21": "tau21",
    "tau32": "tau32",
}
CORRELATORS = ("deviation_e2c", "deviation_e3c")
#: Trainings of the classifier.
CLASSIFIERS = 2


class Sample:
    """What is compared of a sample of jets."""

    def __init__(self, jets: Jets):
        self.jets = jets
        sample = JetSample(jets)
        values = compute_observables(sample).values
        self.values: dict[str, NDArray[np.float64]] = {
            name: values[observable] for name, observable in OBSERVABLES.items()
        }
        full = np.maximum(values["jet_mass"], 1e-6)
        self.values["kept_over_full_mass"] = values["mass_kept"] / full
        first = np.cumsum(jets.multiplicity) - jets.multiplicity
        self.values["sum_ptrel"] = np.add.reduceat(values["ptrel"], first)
        self.all_efps = sample.efps
        self.efps = self.all_efps[:, list(W1EFP_COLUMNS)]
        self.correlators = correlator_sums(jets).means().mean


def compare(a: Sample, b: Sample) -> dict[str, float]:
    """All distances of two samples, that of the correlators relative to the second."""
    found = {name: wasserstein_distance(a.values[name], b.values[name]) for name in a.values}
    found["w1efp"] = float(
        np.mean([wasserstein_distance(*pair) for pair in zip(a.efps.T, b.efps.T, strict=True)])
    )
    moved = distances(a.correlators[None], b.correlators[None])
    return found | {name: float(moved[name][0]) for name in CORRELATORS}


def in_floors(
    real: NDArray[np.float64], made: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Mean distance of generated from test samples over that between real ones, and its error.

    The error is the delete-one jackknife's (Efron, Stein, Ann. Stat. 9 (1981) 586) over the
    training, the test and the generated samples, added in quadrature. A side of one sample adds
    nothing.

    Parameters
    ----------
    real : [R, R, metrics]
        Distances between all real samples.
    made : [G, T, metrics]
        Distances of the generated from the test samples, the last T of the real ones.

    Returns
    -------
    ratios, errors : [metrics]
    """
    count, tests = len(real), made.shape[1]
    known, own = np.arange(count), np.arange(len(made))

    def ratio(known: NDArray[np.int64], own: NDArray[np.int64]) -> NDArray[np.float64]:
        floors = real[np.ix_(known, known)][np.triu_indices(len(known), 1)]
        of_test = known[known >= count - tests] - (count - tests)
        found: NDArray[np.float64] = made[np.ix_(own, of_test)].mean((0, 1)) / floors.mean(0)
        return found

    variance = np.zeros(made.shape[-1])
    for side in (known[: count - tests], known[count - tests :]):
        if len(side) > 1 and count > 2:
            variance += _jackknife([ratio(np.delete(known, i), own) for i in side])
    if len(own) > 1:
        variance += _jackknife([ratio(known, np.delete(own, i)) for i in own])
    return ratio(known, own), np.sqrt(variance)


def _jackknife(without: list[NDArray[np.float64]]) -> NDArray[np.float64]:
    """Variance of an estimate from those that leave out one sample each."""
    values = np.array(without)
    found: NDArray[np.float64] = (len(values) - 1) * values.var(axis=0)
    return found


def scores(
    training: Sequence[Jets], test: Sequence[Jets], generated: Jets, *, seed: int
) -> dict[str, list[float]]:
    """Each metric's ``[floors, error]``; of AUC and FPD ``[value, error]``.

    ``fpd`` is that of all generated against all test jets, ``fpd_truth`` that of one half of the
    real jets against the other.

    Parameters
    ----------
    training, test : sequence of Jets
        Real samples of one size, two together at least; the test has one at least.
    generated : Jets
        As many jets as one of these samples at least.
    seed : int
        Of the classifier.
    """
    size = len(test[0])
    tests = [Sample(jets) for jets in test]
    real = [*(Sample(jets) for jets in training), *tests]
    made = [Sample(generated[i : i + size]) for i in range(0, len(generated) - size + 1, size)]
    names = list(compare(real[0], real[1]))
    floors = np.zeros((len(real), len(real), len(names)))
    for (i, a), (j, b) in combinations(enumerate(real), 2):
        floors[i, j] = floors[j, i] = list(compare(a, b).values())
    values = np.array([[list(compare(a, b).values()) for b in tests] for a in made])
    ratios, errors = in_floors(floors, values)
    found = {
        name: [round(float(ratio), 3), round(float(error), 3)]
        for name, ratio, error in zip(names, ratios, errors, strict=True)
    }
    auc = classifier_auc(made[0].jets, tests[0].jets, seed=seed, seeds=CLASSIFIERS)
    first, second = real[: len(real) // 2], real[len(real) // 2 :]
    frechet = {
        "fpd": fpd(_efps(made), _efps(tests), seed=seed),
        "fpd_truth": fpd(_efps(first), _efps(second), seed=seed),
    }
    for name, value in frechet.items():
        found[name] = [float(f"{number:.2e}") for number in (value.value, value.error)]
    found["auc"] = [round(auc.value, 4), round(auc.error, 4)]
    return found


def _efps(samples: Sequence[Sample]) -> NDArray[np.float64]:
    return np.concatenate([sample.all_efps for sample in samples])
