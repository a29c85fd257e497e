import json

import h5py
import numpy as np
import pytest

from hypervae.errors import InputError
from hypervae.formats.evaluation import SAMPLES, read_arrays, read_results
from hypervae.observables import OBSERVABLES


def test_everything_is_read(write_arrays):
    read = read_arrays(write_arrays())
    assert [len(read.samples[name]) for name in SAMPLES] == [300, 400, 200]
    for sample in read.samples.values():
        assert set(sample.values) == set(OBSERVABLES)
        assert len(sample.jet_of("ptrel")) == sample.values["multiplicity"].sum()
        np.testing.assert_array_equal(sample.jet_of("mass"), np.arange(len(sample)))
    assert read.correlators.mean["generated"].shape == (3, 10)  # without underflow and overflow
    assert read.results["jet_type"] == "g"


def test_what_was_not_computed_is_left_out(write_arrays):
    path = write_arrays()
    with h5py.File(path, "a") as file:
        del file["train"], file["correlators"], file["test/tau1"]
    read = read_arrays(path)
    assert set(read.samples) == {"test", "generated"}
    assert read.correlators is None
    assert "tau1" not in read.samples["test"].values


def replace(file, name, values):
    del file[name]
    file[name] = values


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda file: replace(file, "test/ptrel", [0.1]), r"test/ptrel: found shape \(1,\)"),
        (lambda file: replace(file, "test/mass", [0.1]), r"test/mass: found shape \(1,\)"),
        (lambda file: file.__delitem__("test/multiplicity"), "test/multiplicity: found no such"),
        (lambda file: file.__delitem__("generated"), "generated: found no such"),
        (
            lambda file: replace(file, "generated/multiplicity", np.full(200, np.nan)),
            "generated/multiplicity: found NaN",
        ),
        (
            lambda file: replace(file, "correlators/test/ratio", np.ones((2, 12))),
            r"correlators/test/ratio: found shape \(2, 12\)",
        ),
        (
            lambda file: file.__delitem__("correlators/test/error"),
            "correlators/test/error: found no",
        ),
        (lambda file: file.attrs.__delitem__("results"), "attribute results"),
        (lambda file: file.attrs.__setitem__("results", "{}"), "attribute results"),
        (lambda file: file.attrs.__setitem__("results", "[]"), "attribute results"),
        (
            lambda file: file.attrs.__setitem__("results", '{"metrics": {}, "jet_type": "g"}'),
            "attribute results: found no sizes",
        ),
    ],
)
def test_broken_arrays_are_named(change, message, write_arrays):
    path = write_arrays()
    with h5py.File(path, "a") as file:
        change(file)
    with pytest.raises(InputError, match=message):
        read_arrays(path)


def test_the_layout_is_that_of_the_evaluation(tmp_path):
    """What `hypervae evaluate` writes is what the figures read."""
    from hypervae.config import resolve_section
    from hypervae.evaluation.evaluate import evaluate
    from hypervae.formats.shard_writer import write_shard
    from hypervae.plotting.evaluation import FIGURES, plot_evaluation
    from tests.unit.toys import toy_jets

    split = {"seed": 1, "fractions": [0.5, 0.1, 0.4]}
    write_shard(tmp_path / "real.h5", toy_jets(200, 1), source="toy")
    write_shard(tmp_path / "made.h5", toy_jets(60, 2), source="toy")
    metrics = {"metrics": ["observables", "substructure", "correlators"], "split": split}
    config = resolve_section("evaluate", metrics)
    found = evaluate(tmp_path / "made.h5", [tmp_path / "real.h5"], config, jet_type="g")
    found.write(tmp_path / "results.json", tmp_path / "arrays.h5")
    (again,) = read_results([tmp_path / "results.json"])
    assert again == json.loads(json.dumps(found.results))
    read = read_arrays(tmp_path / "arrays.h5")
    for name, sample in read.samples.items():
        assert set(sample.values) == set(OBSERVABLES)
        assert len(sample) == found.results["sizes"][name]
        np.testing.assert_allclose(
            read.correlators.mean[name], found.compared[name].correlators.means().mean[:, 1:-1]
        )
    plot_evaluation(tmp_path / "arrays.h5", tmp_path / "f", resolve_section("plot", {"dpi": 20}))
    names = {f"{name}.{suffix}" for name in FIGURES for suffix in ("png", "pdf", "html")}
    assert {path.name for path in (tmp_path / "f").iterdir()} == names
