"""Other sources than the simulation, and a model of several types."""

from __future__ import annotations

import json
import shutil

import awkward as ak
import h5py
import numpy as np
import pytest
import yaml

from tests.unit.data.readers.made import energyflow, jetclass_columns, particles, root
from tests.unit.toys import toy_jets
from tests.workflow.conftest import TINY
from tests.workflow.running import copy_repository, snakemake


def jetnet_file(path, n_jets, seed, jet_type="w"):
    """A file as JetNet publishes them: two datasets, no attributes."""
    jets = toy_jets(n_jets, seed, jet_type, max_particles=30)
    path.parent.mkdir(parents=True, exist_ok=True)
    with h5py.File(path, "w") as file:
        file["particle_features"] = jets.particle_features
        file["jet_features"] = jets.jet_features
    return path


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return copy_repository(tmp_path_factory.mktemp("sources"))


def test_jetnet_and_files_train_one_conditional_model(folder):
    """A joint model of q, g, t and w, with the other decoder and the other prior."""
    jetnet_file(folder / "staged/w.hdf5", 150, seed=1)
    for shard in range(2):
        jetnet_file(folder / f"mine/gluons-{shard}.h5", 80, seed=2 + shard, jet_type="g")
    jetnet_file(folder / "mine/quarks.h5", 150, seed=4, jet_type="q")
    jetnet_file(folder / "mine/tops.h5", 150, seed=5, jet_type="t")
    tiny = yaml.safe_load((folder / TINY).read_text())
    tiny["data"]["jet_types"] = {
        "w": {"source": "jetnet", "shards": 2},
        "g": {"source": "files", "paths": ["mine/gluons-0.h5", "mine/gluons-1.h5"]},
        "q": {"source": "files", "paths": ["mine/quarks.h5"]},
        "t": {"source": "files", "paths": ["mine/tops.h5"]},
    }
    tiny["data"]["jetnet"] = {"directory": "staged"}
    tiny["models"] = {"all": {"jet_types": ["q", "g", "t", "w"]}}
    tiny["model"] |= {"decoder": "flow", "prior": "flow"}
    tiny["train"] |= {"prior_steps": 5}
    tiny["generate"] |= {"flow_evaluations": 3}
    (folder / "sources.yaml").write_text(yaml.safe_dump(tiny))
    snakemake(folder, "--cores", "2", "--configfile", "sources.yaml")
    shards = sorted(path.name for path in (folder / "resources/shards/w").iterdir())
    assert shards == ["00000-of-00002.h5", "00001-of-00002.h5"]
    kept = json.loads((folder / "results/models/all/config.json").read_text())
    assert kept["model"]["decoder"] == kept["model"]["prior"] == "flow"
    assert kept["model"]["hyperedge_encoder"] == "binned"  # what auto stood for
    for kind in ("q", "g", "t", "w"):
        with h5py.File(folder / f"results/generated/all/{kind}.h5") as file:
            assert file.attrs["jet_type"] == kind
            assert json.loads(file.attrs["settings"])["flow_evaluations"] == 3
        results = json.loads((folder / f"results/evaluation/all/{kind}.json").read_text())
        assert results["jet_type"] == kind
        assert np.isfinite(results["metrics"]["w1m"]["value"])


def test_data_sets_of_others_become_shards(folder):
    """EnergyFlow, JetClass and parquet, and one file as two types."""
    (folder / "other").mkdir()
    values = particles()
    energyflow(folder / "other/QG_jets.npz", values, np.arange(40) % 4 == 0)
    classes = ["label_Tbqq", "label_Wqq"] * 20
    root(folder / "other/JetClass.root", jetclass_columns(values, classes))
    records = toy_jets(30, jet_type="z", max_particles=8).to_awkward()
    ak.to_parquet(records, folder / "other/mine.parquet")
    tiny = yaml.safe_load((folder / TINY).read_text())
    paths = {
        "g": {"paths": ["other/QG_jets.npz"]},
        "q": {"paths": ["other/QG_jets.npz"]},
        "t": {"paths": ["other/JetClass.root"]},
        "w": {"paths": ["other/JetClass.root"], "jet_class": "label_Wqq"},
        "z": {"paths": ["other/mine.parquet"]},
    }
    tiny["data"]["jet_types"] = {name: {"source": "files", **it} for name, it in paths.items()}
    tiny["models"] = {"all": {"jet_types": list(paths)}}
    (folder / "other.yaml").write_text(yaml.safe_dump(tiny))
    shards = {
        name: f"resources/shards/{name}/{it['paths'][0].split('/')[1].split('.')[0]}.h5"
        for name, it in paths.items()
    }
    snakemake(folder, "--cores", "2", "--configfile", "other.yaml", "--", *shards.values())
    counts = {"g": 30, "q": 10, "t": 20, "w": 20, "z": 30}
    for name, path in shards.items():
        with h5py.File(folder / path) as file:
            assert file.attrs["jet_type"] == name
            assert len(file["jet_features"]) == counts[name]


def test_a_broken_file_fails_alone_and_says_why(folder):
    good = jetnet_file(folder / "bad/good.h5", 30, seed=7)
    shutil.copyfile(good, folder / "bad/broken.h5")
    with h5py.File(folder / "bad/broken.h5", "r+") as file:
        file["particle_features"][17, 3, 2] = np.nan
    tiny = yaml.safe_load((folder / TINY).read_text())
    tiny["data"]["jet_types"] = {
        "w": {"source": "files", "paths": ["bad/good.h5", "bad/broken.h5"]}
    }
    tiny["models"] = {"w": {"jet_types": ["w"]}}
    (folder / "broken.yaml").write_text(yaml.safe_dump(tiny))
    done = snakemake(
        folder, "--cores", "2", "--keep-going", "--configfile", "broken.yaml", check=False
    )
    assert done.returncode != 0
    log = (folder / "logs/import/w/broken.log").read_text()
    assert "broken.h5: particle_features ptrel: found nan at row 17, particle 3" in log
    assert "Traceback" not in log
    assert not (folder / "resources/shards/w/broken.h5").exists()
    assert (folder / "resources/shards/w/good.h5").exists()
    assert not (folder / "results/models/w").exists()
