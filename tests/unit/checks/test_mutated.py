"""A damaged file of a run is named, and not one of the intact files that it is read with."""

import json
import random

import pytest

from hypervae.checks.files import check_file
from hypervae.config import resolve_section
from hypervae.config.whole import resolve_config
from hypervae.errors import InputError
from hypervae.evaluation.evaluate import evaluate
from hypervae.formats.shard_writer import write_shard
from hypervae.io import write_json
from hypervae.training.run import TrainingFiles, train
from tests.unit.chain import SLOTS, small_jets
from tests.unit.mutants import other_bytes, other_entries

ENTRIES = 120


@pytest.fixture(scope="module")
def run(tmp_path_factory, chain, train_config):
    """The files of a training, of an evaluation, and a config."""
    folder = tmp_path_factory.mktemp("run")
    train(TrainingFiles(*chain.of("g")), folder / "model", folder / "runs", train_config(epochs=1))
    (left,) = (folder / "runs").iterdir()
    left.rename(folder / "run")
    write_shard(folder / "made.h5", small_jets(60, seed=9, slots=SLOTS), source="toy")
    settings = {"metrics": ["w1_mass"], "w1_batches": 2, "max_jets": 50}
    evaluate(folder / "made.h5", chain.of("g")[0], resolve_section("evaluate", settings)).write(
        folder / "evaluation.json", folder / "arrays.h5"
    )
    data = {"jet_types": {"g": {"source": "pythia"}}}
    config = resolve_config({"data": data, "models": {"m": {"jet_types": ["g"]}}})
    write_json(folder / "resolved.yaml", config.to_dict())
    return folder


@pytest.mark.parametrize(
    "name",
    [
        *("model/config.json", "model/weights.safetensors", "model/normalization.h5"),
        *("model/history.csv", "run/history.csv", "run/run.json", "run/last.ckpt"),
        *("evaluation.json", "arrays.h5", "made.h5", "resolved.yaml"),
    ],
)
def test_what_is_damaged_is_named(name, run):
    path = run / name
    content = path.read_bytes()
    check_file(path)
    changed = list(other_bytes(content))
    if path.suffix in (".json", ".yaml"):
        entries = list(other_entries(json.loads(content)))
        changed += random.Random(1).sample(entries, min(ENTRIES, len(entries)))
    refused = 0
    try:
        for other in changed:
            path.write_bytes(other)
            try:
                check_file(path)
            except InputError as error:
                refused += 1
                said = str(error)
                assert str(path) in said, said
                assert said.isprintable(), said
                assert len(said) < 4000
    finally:
        path.write_bytes(content)
    assert refused > 10


def test_which_of_two_files_that_do_not_fit_is_wrong_is_left_open(run, tmp_path):
    """Both are named: either may have come from another model."""
    for name, key, value in (
        ("normalization.h5", "normalization_digest", "0" * 64),
        ("weights.safetensors", "model", None),
    ):
        path = run / "model" / "config.json"
        before = path.read_text()
        content = json.loads(before)
        content[key] = {**content["model"], "latent_dim": 5} if value is None else value
        path.write_text(json.dumps(content))
        try:
            with pytest.raises(InputError) as error:
                check_file(path)
        finally:
            path.write_text(before)
        assert str(path) in str(error.value)
        assert str(path.with_name(name)) in str(error.value)
