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

VALUES = (
    None,
    True,
    -1,
    0,
    2.5,
    1e308,
    float("nan"),
    10**30,
    "text",
    "",
    [],
    {},
    [1, "a"],
    "x" * 5000,
)
FLIPS, ENTRIES = 60, 120


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


def places(content, above=()):
    """Every key and every place of a list, from the top."""
    inside = content.items() if isinstance(content, dict) else enumerate(content[:2])
    for key, value in inside:
        yield (*above, key)
        if isinstance(value, dict | list):
            yield from places(value, (*above, key))


def other_entries(content):
    """JSON with one entry that is missing, has another name or another value."""
    draw = random.Random(1)
    for place in places(content):
        for value in ("missing", "renamed", *draw.sample(VALUES, 4)):
            other = json.loads(json.dumps(content))
            inside = other
            for key in place[:-1]:
                inside = inside[key]
            if value == "missing":
                del inside[place[-1]]
            elif value == "renamed" and isinstance(inside, dict):
                inside["another"] = inside.pop(place[-1])
            else:
                inside[place[-1]] = value
            yield json.dumps(other).encode()


def other_bytes(content):
    """A file with a bit that is another, a part that is missing, or something else in its place."""
    draw = random.Random(1)
    yield from (b"", b"text\n", b"\xff\xfe\0", b"{}", b"[]", content + b"\0" * 100, content * 2)
    yield from (content[: int(len(content) * share)] for share in (0.1, 0.5, 0.9, 0.999))
    for _ in range(FLIPS):
        flipped = bytearray(content)
        flipped[draw.randrange(min(len(content), 4000))] ^= 1 << draw.randrange(8)
        yield bytes(flipped)


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
