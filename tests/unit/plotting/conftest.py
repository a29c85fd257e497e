"""Small inputs of the figures, in the layouts that the stages write."""

import json

import h5py
import numpy as np
import pytest

from hypervae.config import resolve_section
from tests.unit.toys import toy_jets

METRICS = ("w1m", "w1_mass", "w1_multiplicity", "w1_ptrel", "w1_etarel", "w1_phirel", "w1_jet_pt")


@pytest.fixture
def config():
    return resolve_section("plot", {"dpi": 40})


def results(jet_type="g", model="toy", factor=3.0):
    """Results of an evaluation."""
    metric = {"value": 0.01 * factor, "error": 0.001, "floor": 0.01, "floor_error": 0.002}
    about = {"unit": "1", "description": "a distance"}
    return {
        "jet_type": jet_type,
        "model": model,
        "sizes": {"compared": 100},
        "protocol": {"reduced": True},
        "metrics": dict.fromkeys(METRICS, metric | about),
    }


@pytest.fixture
def write_arrays(tmp_path):
    """Write the arrays of an evaluation of two samples."""

    def write(name="arrays.h5", generated=None, test=None):
        samples = {"generated": generated or toy_jets(200, 1), "test": test or toy_jets(300, 2)}
        with h5py.File(tmp_path / name, "w") as file:
            file.attrs["results"] = json.dumps(results())
            for sample, jets in samples.items():
                particles = jets.particle_features[jets.mask]
                for column, key in enumerate(("etarel", "phirel", "ptrel")):
                    file[f"{sample}/{key}"] = particles[:, column]
                file[f"{sample}/multiplicity"] = jets.multiplicity.astype(np.float32)
                file[f"{sample}/mass"] = jets.jet_features[:, 2] / jets.jet_features[:, 0]
                file[f"{sample}/jet_pt"] = jets.jet_features[:, 0]
        return tmp_path / name

    return write


@pytest.fixture
def write_history(tmp_path):
    """Write a history.csv with a row an epoch."""

    def write(epochs=5, name="history.csv", scale=1.0):
        lines = ["epoch,step,learning_rate,train_total,val_total,train_kl,val_kl,seconds,note"]
        for epoch in range(1, epochs + 1):
            losses = [scale * 3 / epoch, scale * 4 / epoch, 0.0, ""]
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
