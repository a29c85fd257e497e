"""Distances of generated from real jets in truth floors of 5,000 against 5,000 jets.

Floors are means over all pairs of a training with a test sample, generated jets are cut into
samples as large and compared with each test sample; the number is mean over mean. Its error holds
the standard errors of both means; values that share a sample are not independent, so that it is
somewhat too small. A floor scatters by a quarter by itself: 0.8 to 1.3 is at the floor.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.stats import wasserstein_distance

from hypervae.data.jets import Jets
from hypervae.evaluation.classifier import classifier_auc
from hypervae.evaluation.correlators import correlator_sums, distances
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
        self.efps = sample.efps[:, list(W1EFP_COLUMNS)]
        self.correlators = correlator_sums(jets).means().mean


def compare(a: Sample, b: Sample) -> dict[str, float]:
    """All distances of two samples, that of the correlators relative to the second."""
    found = {name: wasserstein_distance(a.values[name], b.values[name]) for name in a.values}
    found["w1efp"] = float(
        np.mean([wasserstein_distance(*pair) for pair in zip(a.efps.T, b.efps.T, strict=True)])
    )
    moved = distances(a.correlators[None], b.correlators[None])
    return found | {name: float(moved[name][0]) for name in CORRELATORS}


def in_floors(values: NDArray[np.float64], floors: NDArray[np.float64]) -> list[float]:
    """Mean of the values over the mean of the floors, and its error."""
    ratio = values.mean() / floors.mean()
    parts = [
        side.std(ddof=1) / np.sqrt(len(side)) / side.mean() if len(side) > 1 else 0.0
        for side in (values, floors)
    ]
    return [round(float(ratio), 3), round(float(ratio * np.hypot(*parts)), 3)]


def scores(
    training: Sequence[Jets], test: Sequence[Jets], generated: Jets, *, seed: int
) -> dict[str, list[float]]:
    """Each metric's ``[floors, error]``, and the AUC's ``[value, error]``.

    Parameters
    ----------
    training, test : sequence of Jets
        Real samples of one size.
    generated : Jets
        As many jets as two of these samples at least.
    seed : int
        Of the classifier.
    """
    size = len(test[0])
    tests, trained = [[Sample(jets) for jets in side] for side in (test, training)]
    made = [Sample(generated[i : i + size]) for i in range(0, len(generated) - size + 1, size)]
    floors = [compare(a, b) for a in trained for b in tests]
    values = [compare(a, b) for a in made for b in tests]
    found = {
        name: in_floors(
            np.array([value[name] for value in values]), np.array([floor[name] for floor in floors])
        )
        for name in floors[0]
    }
    auc = classifier_auc(made[0].jets, tests[0].jets, seed=seed, seeds=CLASSIFIERS)
    return found | {"auc": [round(auc.value, 4), round(auc.error, 4)]}
