"""Small inputs of the figures, in the layouts that the stages write."""

import json

import h5py
import numpy as np
import pytest

from hypervae.config import resolve_section
from hypervae.observables import OBSERVABLES
from tests.unit.toys import toy_jets

METRICS = ("w1m", *(f"w1_{name}" for name in OBSERVABLES))


@pytest.fixture
def config():
    return resolve_section("plot", {"dpi": 40})


def results(jet_type="g", model="toy", factor=3.0):
    """Results of an evaluation."""
    metric = {"value": 0.01 * factor, "error": 0.001, "floor": 0.01, "floor_error": 0.002}
    about = {"unit": "1", "description": "a distance", "higher_is_better": False}
    metrics = {
        name: metric | about | {"group": "w1" if name == "w1m" else "observables"}
        for name in METRICS
    }
    return {
        "jet_type": jet_type,
        "model": model,
        "sizes": {"compared": 100},
        "protocol": {
            "reduced": True,
            "jets_asked": {"w1": 50000},
            "jets_used": {"w1": 100},
            "notes": ["w1: 100 jets instead of 50000"],
        },
        "metrics": metrics,
        "unavailable": {"fpnd": "jetnet has statistics of g, q, t alone"},
    }


def generator_of(jets):
    """A generator whose numbers depend on the jets."""
    return np.random.default_rng(int(1e6 * jets.particle_features[0, 0, 2]))


def observables_of(jets):
    """Each observable that the figures show; those of substructure are random."""
    generator = generator_of(jets)
    particles = jets.particle_features[jets.mask]
    found = {name: generator.gamma(4, 0.1, len(jets)) for name in OBSERVABLES}
    for column, key in enumerate(("etarel", "phirel", "ptrel")):
        found[key] = particles[:, column]
    jet = np.repeat(np.arange(len(jets)), jets.multiplicity)
    found["pt"] = particles[:, 2] * jets.jet_features[jet, 0]
    found["eta"] = particles[:, 0] + jets.jet_features[jet, 1]
    for column, key in enumerate(("jet_pt", "jet_eta", "jet_mass")):
        found[key] = jets.jet_features[:, column]
    found["multiplicity"] = jets.multiplicity
    return {name: np.asarray(values, np.float32) for name, values in found.items()}


@pytest.fixture
def write_arrays(tmp_path):
    """Write the arrays of an evaluation, as `hypervae.formats.evaluation` lays them out."""

    def write(name="arrays.h5", generated=None, test=None, **changes):
        samples = {
            "generated": generated or toy_jets(200, 1),
            "test": test or toy_jets(300, 2),
            "train": toy_jets(400, 3),
        }
        with h5py.File(tmp_path / name, "w") as file:
            file.attrs["results"] = json.dumps(results(**changes))
            file["correlators/orders"] = np.array([2, 3, 4])
            file["correlators/edges"] = np.geomspace(1e-3, 1, 11)
            for sample, jets in samples.items():
                for key, values in observables_of(jets).items():
                    file[f"{sample}/{key}"] = values
                mean = generator_of(jets).gamma(9, 0.01, (3, 12))
                file[f"correlators/{sample}/mean"], ratio = mean, mean / mean[0]
                file[f"correlators/{sample}/ratio"] = ratio
                file[f"correlators/{sample}/error"] = 0.1 * mean
                file[f"correlators/{sample}/ratio_error"] = 0.1 * ratio
        return tmp_path / name

    return write


@pytest.fixture
def write_history(tmp_path):
    """Write a history.csv with a row an epoch."""

    def write(epochs=5, name="history.csv", scale=1.0):
        lines = ["epoch,step,learning_rate,train_total,val_total,train_kl,val_kl,seconds,note"]
        for epoch in range(1, epochs + 1):
            losses = [scale * 3 / epoch, scale * 4 / epoch, 0.5, ""]
            lines.append(",".join(map(str, [epoch, 10 * epoch, 1e-3, *losses, 2.5, "text"])))
        (tmp_path / name).write_text("\n".join(lines) + "\n")
        return tmp_path / name

    return write


@pytest.fixture
def write_normalization(tmp_path):
    """Write what of a normalization file the figure reads."""

    def write(name="normalization.h5", per_jet=None, orders=(2, 3)):
        generator = np.random.default_rng(1)
        per_jet = generator.gamma(1, 0.01, (50, 12)) if per_jet is None else per_jet
        with h5py.File(tmp_path / name, "w") as file:
            file["edges"] = np.geomspace(1e-4, 2, per_jet.shape[1] - 1)
            file.attrs["n_jets"] = len(per_jet)
            for order in orders:
                values = per_jet * (order / 2)
                file[f"enc/{order}/sum"] = values.sum(axis=0)
                file[f"enc/{order}/sum2"] = (values**2).sum(axis=0)
                file[f"enc/{order}/cross"] = (values * per_jet).sum(axis=0)
        return tmp_path / name

    return write


@pytest.fixture
def write_results(tmp_path):
    """Write results as JSON."""

    def write(name="results.json", **changes):
        (tmp_path / name).write_text(json.dumps(results(**changes)))
        return tmp_path / name

    return write
