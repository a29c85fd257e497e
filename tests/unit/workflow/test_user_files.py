"""Files that a run is given are neither its outputs nor of the future."""

import os
import time
from pathlib import Path

import pytest

from hypervae.errors import ConfigError, InputError
from hypervae.workflow import MODEL_FILES, Plan
from hypervae.workflow.user_files import check_dates, check_places


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def plan(paths=("mine/a.h5",), directory="staged", **model):
    """A run of the user's own jets, JetNet's, and a trained model."""
    return Plan(
        {
            "data": {
                "jet_types": {
                    "g": {"source": "files", "paths": list(paths)},
                    "w": {"source": "jetnet", "shards": 2},
                },
                "jetnet": {"directory": directory},
            },
            "models": {"m": {"jet_types": ["g"], **model}},
        }
    )


def touch(*names, at=None):
    for name in names:
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        Path(name).touch()
        if at is not None:
            os.utime(name, (at, at))


def check_user_files(plan):
    check_places(plan)
    check_dates(plan)


def test_files_elsewhere_and_missing_ones_are_none_of_this():
    check_user_files(plan(weights="old/model"))
    touch("mine/a.h5", "staged/w.hdf5", *(f"old/model/{name}" for name in MODEL_FILES))
    check_user_files(plan(weights="old/model"))
    touch("mine/a.h5", at=time.time() + 30)  # as another machine has it
    check_user_files(plan(weights="old/model"))


@pytest.mark.parametrize(
    ("given", "key", "found"),
    [
        ({"paths": ["resources/shards/g/a.h5"]}, "data.jet_types.g.paths", "g/a.h5"),
        ({"paths": ["x/../resources/shards/g/a.h5"]}, "data.jet_types.g.paths", "g/a.h5"),
        ({"paths": ["linked/shards/g/a.h5"]}, "data.jet_types.g.paths", "g/a.h5"),
        ({"directory": "resources/jetnet"}, "data.jetnet.directory", "w.hdf5"),
        ({"directory": "./resources/jetnet/"}, "data.jetnet.directory", "w.hdf5"),
        ({"directory": "linked/jetnet"}, "data.jetnet.directory", "w.hdf5"),
        ({"weights": "results/models/m"}, "models.m.weights", "weights.safetensors"),
        ({"init_from": "results/models/m"}, "models.m.init_from", "weights.safetensors"),
    ],
)
def test_what_the_run_would_remove_is_refused(folder, given, key, found):
    touch("resources/shards/g/a.h5", "resources/jetnet/w.hdf5", "x/y")
    (folder / "linked").symlink_to("resources")
    with pytest.raises(ConfigError, match=rf"^config: {key}: found .*{found}.*another place$"):
        check_places(plan(**given))


def test_what_another_type_or_model_makes_may_be_given():
    check_user_files(plan(paths=["resources/shards/q/a.h5"], weights="results/models/other"))


def test_outputs_of_a_module_with_a_prefix_are_elsewhere():
    mine = plan(paths=["resources/shards/g/a.h5"])
    check_places(mine, lambda paths: [f"prefix/{path}" for path in paths])


@pytest.mark.parametrize("file", ["mine/a.h5", "staged/w.hdf5", "old/config.json"])
def test_a_file_of_the_future_is_named(file):
    touch("mine/a.h5", "staged/w.hdf5", *(f"old/{name}" for name in MODEL_FILES))
    touch(file, at=1924992000)
    with pytest.raises(InputError, match=rf"{file}: time of change: found 2031-01-01 00:00 UTC"):
        check_dates(plan(weights="old"))


@pytest.mark.parametrize("link", [os.symlink, os.link])
def test_a_file_under_two_names_is_not_two_shards(link, folder):
    touch("mine/a.h5", "mine/c.h5")
    link(folder / "mine/a.h5", folder / "mine/b.h5")
    check_places(plan(paths=["mine/a.h5", "mine/c.h5"]))
    expected = (
        r"config: data\.jet_types\.g\.paths: found mine/b\.h5, which is mine/a\.h5, "
        "expected each file once"
    )
    with pytest.raises(ConfigError, match=expected):
        check_places(plan(paths=["mine/a.h5", "mine/c.h5", "mine/b.h5"]))


def test_two_types_may_be_of_one_file(folder):
    """JetClass and EnergyFlow have several classes in one."""
    touch("mine/a.h5")
    two = {"source": "files", "paths": ["mine/a.h5"]}
    check_places(
        Plan({"data": {"jet_types": {"g": two, "q": two}}, "models": {"m": {"jet_types": ["g"]}}})
    )
