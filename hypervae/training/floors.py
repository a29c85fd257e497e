"""How far generated jets are from validation jets, in floors: one number to choose an epoch by."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray
from scipy.stats import wasserstein_distance

from hypervae.data.jets import Jets
from hypervae.errors import HyperVAEError
from hypervae.kinematics import relative_mass
from hypervae.observables.substructure import n_subjettiness
from hypervae.seeds import rng

# Random halves of the validation jets over which a floor is averaged.
_PAIRS = 10
#: What is averaged, each with the observables that it is the mean of.
METRICS = {
    "w1m": ("mass",),
    "w1p": ("etarel", "phirel", "ptrel"),
    "tau21": ("tau21",),
    "tau32": ("tau32",),
}


class Floors:
    """Distances to a sample of real jets, in units of those between two halves of that sample.

    A floor is the 1-Wasserstein distance of one half from the other, the mean over ten random cuts.
    Generated jets are compared in samples of the same size: as many as a half, with each half. So
    jets drawn from the truth are at 1, whatever the number of jets, but for the scatter.

    Parameters
    ----------
    jets : Jets
        At least four.
    seed : int

    Raises
    ------
    HyperVAEError
        If there are fewer.
    """

    def __init__(self, jets: Jets, seed: int):
        if len(jets) < 4:
            raise HyperVAEError(
                f"train.monitor: floors: found {len(jets)} validation jets of type "
                f"{jets.jet_type}, expected at least 4"
            )
        self._real = _values(jets)
        self._halves = []
        half = len(jets) // 2
        for pair in range(_PAIRS):
            order = rng(seed, "floors", pair).permutation(len(jets))
            self._halves.append((order[:half], order[half : 2 * half]))
        self.floors = {
            name: float(
                np.mean(
                    [
                        wasserstein_distance(_take(values, one), _take(values, other))
                        for one, other in self._halves
                    ]
                )
            )
            for name, values in self._real.items()
        }

    def __call__(self, generated: Jets) -> dict[str, float]:
        """Distances of generated jets.

        Parameters
        ----------
        generated : Jets
            At least half as many as the real ones.

        Returns
        -------
        dict of str to float
            In floors, by the names of `METRICS`, and their ``mean``; all infinite if a generated
            jet has a number that is not finite, or no particles.
        """
        if not is_usable(generated):
            return dict.fromkeys([*METRICS, "mean"], float("inf"))
        values = _values(generated)
        in_floors = {}
        for name, floor in self.floors.items():
            distances = []
            for pair, halves in enumerate(self._halves):
                size = len(halves[0])
                first = pair * size % max(len(generated) - size + 1, 1)
                made = _take(values[name], np.arange(first, min(first + size, len(generated))))
                distances += [
                    wasserstein_distance(made, _take(self._real[name], half)) for half in halves
                ]
            in_floors[name] = float(np.mean(distances)) / max(floor, np.finfo(float).tiny)
        found = {
            metric: float(np.mean([in_floors[name] for name in names]))
            for metric, names in METRICS.items()
        }
        return {**found, "mean": float(np.mean(list(found.values())))}


def is_usable(jets: Jets) -> bool:
    """Whether each jet has a particle, and all numbers are finite.

    Parameters
    ----------
    jets : Jets

    Returns
    -------
    [n] bool
    """
    arrays = (jets.particle_features, jets.jet_features)
    return all(np.isfinite(values).all() for values in arrays) and bool(jets.multiplicity.all())


def _values(jets: Jets) -> Mapping[str, list[NDArray[np.float64]]]:
    """For each observable the values of each jet: one, or one a particle."""
    tau = n_subjettiness(jets)
    of_jets = {
        "mass": relative_mass(jets.particle_features),
        "tau21": tau["tau21"],
        "tau32": tau["tau32"],
    }
    found = {name: np.split(values, len(jets)) for name, values in of_jets.items()}
    ends = np.cumsum(jets.multiplicity)[:-1]
    particles = jets.particle_features[jets.mask].astype(np.float64)
    for column, name in enumerate(METRICS["w1p"]):
        found[name] = np.split(particles[:, column], ends)
    return found


def _take(values: list[NDArray[np.float64]], rows: NDArray[np.int64]) -> NDArray[np.float64]:
    return np.concatenate([values[row] for row in rows])
