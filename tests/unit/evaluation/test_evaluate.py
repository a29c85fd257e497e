"""The evaluation as a whole, from files to files."""

import json

import h5py
import numpy as np
import pytest
from click.testing import CliRunner

from hypervae.cli.commands.evaluate import command
from hypervae.config import resolve_section
from hypervae.data.jets import Jets
from hypervae.data.shard import write_shard
from hypervae.digest import import_closure
from hypervae.errors import InputError
from hypervae.evaluation.arrays import write_arrays
from hypervae.evaluation.evaluate import evaluate
from hypervae.io import write_list
from tests.unit.toys import toy_jets

CONFIG = resolve_section("evaluate", {"w1_samples": 400, "w1_batches": 3})


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """Three shards of real jets and a sample of other jets of the same distribution."""
    folder = tmp_path_factory.mktemp("jets")
    real = [folder / f"{shard}.h5" for shard in range(3)]
    for seed, path in enumerate(real):
        write_shard(path, toy_jets(600, seed), source="test")
    write_shard(folder / "good.h5", toy_jets(500, 99), source="test")
    write_list(folder / "real.txt", real)
    return folder, real


@pytest.fixture(scope="module")
def good(files):
    folder, real = files
    return evaluate(folder / "good.h5", real, CONFIG, model="toy")


def test_equal_distributions_reach_the_floor(good):
    for name, metric in good.results["metrics"].items():
        error = np.hypot(metric["error"], metric["floor_error"])
        assert metric["error"] > 0, name
        assert abs(metric["value"] - metric["floor"]) < 6 * error, name


def test_other_distributions_do_not(files):
    folder, real = files
    jets = toy_jets(500, 99, "t")
    write_shard(
        folder / "bad.h5",
        Jets(jets.particle_features, jets.jet_features),
        jet_type="g",
        source="test",
    )
    metrics = evaluate(folder / "bad.h5", real, CONFIG).results["metrics"]
    for name in ("w1m", "w1p_etarel", "w1p_phirel", "w1_mass", "w1_etarel", "w1_jet_pt"):
        assert metrics[name]["value"] > metrics[name]["floor"] + 6 * metrics[name]["error"], name


def test_the_seed_decides(files, good):
    folder, real = files
    again = evaluate(folder / "good.h5", real, CONFIG, model="toy")
    assert again.results == good.results
    other = evaluate(folder / "good.h5", real, {**CONFIG, "seed": 2}, model="toy")
    assert other.results["metrics"]["w1m"]["value"] != good.results["metrics"]["w1m"]["value"]
    # The distance of whole samples draws nothing; its error does.
    metrics = [run.results["metrics"]["w1_mass"] for run in (good, other)]
    assert metrics[0]["value"] == metrics[1]["value"]
    assert metrics[0]["error"] != metrics[1]["error"]


def test_sizes_are_equal_on_all_sides_and_reported(good):
    sizes, protocol = good.results["sizes"], good.results["protocol"]
    assert sizes["generated"] == 500
    assert sizes["compared"] == min(sizes["generated"], sizes["test"], sizes["train"])
    assert protocol["w1_samples"] == 400
    assert not protocol["reduced"]
    assert protocol["notes"] == []


def test_fewer_jets_than_the_protocol_asks_for_are_reported(files, monkeypatch):
    import hypervae.evaluation.evaluate as module

    folder, real = files
    drawn = []
    original = module.jetnet_w1

    def spy(jets, reference, **protocol):
        drawn.append((len(jets), len(reference), protocol["samples"]))
        return original(jets, reference, **protocol)

    monkeypatch.setattr(module, "jetnet_w1", spy)
    write_shard(folder / "few.h5", toy_jets(150, 9), source="test")
    protocol = evaluate(folder / "few.h5", real, CONFIG).results["protocol"]
    assert protocol["reduced"]
    assert protocol["w1_samples_asked"] == 400
    assert "150 jets a batch instead of 400" in protocol["notes"][0]
    # Value and floor alike.
    assert drawn == [(150, 150, 150)] * 2


def test_the_limit_of_read_jets_is_reported(files):
    folder, real = files
    results = evaluate(folder / "good.h5", real, {**CONFIG, "max_jets": 100}).results
    assert results["sizes"] == {"generated": 100, "test": 100, "train": 100, "compared": 100}
    assert "100 of 500 generated jets were read (max_jets)" in results["protocol"]["notes"]
    exact = evaluate(folder / "good.h5", real, {**CONFIG, "max_jets": 500}).results
    assert exact["protocol"]["notes"] == []


def test_generated_nan_is_counted(files):
    folder, real = files
    jets = toy_jets(300, 9)
    jets.particle_features[:7, 2, 1] = np.nan
    with h5py.File(folder / "nan.h5", "w") as file:
        file["particle_features"], file["jet_features"] = jets.particle_features, jets.jet_features
    results = evaluate(folder / "nan.h5", real, CONFIG, jet_type="g").results
    assert results["generated"] == {"read": 300, "non_finite": 7, "unphysical": 0}
    assert results["sizes"]["generated"] == 293


def test_arrays_hold_what_the_figures_need(good, tmp_path):
    write_arrays(tmp_path / "a.h5", good)
    with h5py.File(tmp_path / "a.h5") as file:
        assert json.loads(file.attrs["results"]) == good.results
        for sample, data in good.samples.items():
            for name, values in data.values.items():
                assert file[f"{sample}/{name}"].dtype == np.float32
                np.testing.assert_allclose(file[f"{sample}/{name}"], values, rtol=1e-6, atol=1e-7)
                counts, edges = (
                    file[f"histograms/{name}/{sample}"][()],
                    file[f"histograms/{name}/edges"][()],
                )
                assert len(counts) == len(edges) + 1
                assert counts.sum() == len(values)
                assert counts[0] == (values < edges[0]).sum()
        counts, edges = (
            file["histograms/multiplicity/test"][()],
            file["histograms/multiplicity/edges"],
        )
        np.testing.assert_allclose(np.diff(edges), 1)


def test_command_writes_both_files(files, tmp_path):
    folder, _ = files
    arguments = ["--generated", folder / "good.h5", "--output", tmp_path / "r.json"]
    arguments += ["--arrays", tmp_path / "a.h5", "--model", "toy", "--w1-samples", "100"]
    arguments += ["--config", json.dumps({"seed": 3})]
    runs = []
    for real in (folder / "real.txt", folder / "0.h5"):
        result = CliRunner().invoke(command, [*map(str, arguments), "--real", str(real)])
        assert result.exit_code == 0, result.output
        runs.append(json.loads((tmp_path / "r.json").read_text()))
    assert runs[0]["protocol"]["seed"] == 3
    assert runs[0]["protocol"]["w1_samples"] == 100
    assert runs[0]["model"] == "toy"
    assert runs[0]["sizes"]["test"] > runs[1]["sizes"]["test"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.h5", "r.json"]


def test_command_names_what_is_broken(files, tmp_path):
    folder, _ = files
    arguments = ["--real", folder / "real.txt", "--output", tmp_path / "r.json"]
    arguments += ["--arrays", tmp_path / "a.h5", "--generated", folder / "missing.h5"]
    result = CliRunner().invoke(command, list(map(str, arguments)))
    assert isinstance(result.exception, InputError)
    assert "missing.h5" in str(result.exception)
    assert not list(tmp_path.iterdir())


def test_figures_and_metrics_do_not_share_code():
    evaluation = import_closure("hypervae.cli.commands.evaluate")
    plots = import_closure("hypervae.cli.commands.plot")
    assert "hypervae.evaluation.metrics" in evaluation
    assert "hypervae.plotting.summary" in plots
    assert not any(name.startswith("hypervae.plotting") for name in evaluation)
    assert not any(name.startswith("hypervae.evaluation") for name in plots)
