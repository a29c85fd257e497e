"""The evaluation as a whole, from files to files."""

import json

import h5py
import numpy as np
import pytest
from click.testing import CliRunner

from hypervae.cli.commands.evaluate import command
from hypervae.config import resolve_section
from hypervae.data.jets import Jets
from hypervae.digest import import_closure
from hypervae.errors import InputError
from hypervae.evaluation import frechet, w1
from hypervae.evaluation.distance import MetricValue
from hypervae.evaluation.evaluate import FLOOR_PAIRS, evaluate, floor_pairs, mean_floor
from hypervae.evaluation.metrics import GROUPS
from hypervae.formats.shard_writer import write_shard
from hypervae.io import write_list
from hypervae.observables import OBSERVABLES, efp
from hypervae.observables.table import in_group
from tests.unit.toys import toy_jets

CONFIG = resolve_section("evaluate", {"w1_samples": 400, "w1_batches": 3})
# What takes no time, for the tests of what surrounds the metrics.
QUICK = CONFIG.replace(metrics=["w1_mass"])


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
    expected = [name for group in CONFIG.metrics for name in GROUPS[group].metrics]
    assert list(good.results["metrics"]) == expected
    assert good.results["unavailable"] == {}
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
    further = ("w1m", "w1p_etarel", "w1efp", "fpd", "w1_jet_pt", "w1_width", "w1_tau1")
    for name in (*further, "w1_mass", "w1_mass_kept", "w1_c2", "w1_e2c", "deviation_e4c"):
        assert metrics[name]["value"] > metrics[name]["floor"] + 6 * metrics[name]["error"], name
    for name in ("overlap_mass", "overlap_width", "overlap_multiplicity", "overlap_tau2"):
        assert metrics[name]["higher_is_better"]
        assert metrics[name]["value"] < metrics[name]["floor"] - 3 * metrics[name]["error"], name


def test_the_seed_decides(files, good):
    folder, real = files
    again = evaluate(folder / "good.h5", real, CONFIG, model="toy")
    assert again.results == good.results
    other = evaluate(folder / "good.h5", real, CONFIG.replace(seed=2), model="toy")
    assert other.results["metrics"]["w1m"]["value"] != good.results["metrics"]["w1m"]["value"]
    # The distance of whole samples draws nothing; its error does.
    metrics = [run.results["metrics"]["w1_mass"] for run in (good, other)]
    assert metrics[0]["value"] == metrics[1]["value"]
    assert metrics[0]["error"] != metrics[1]["error"]


def test_sizes_are_equal_on_all_sides_and_reported(good):
    sizes, protocol = good.results["sizes"], good.results["protocol"]
    assert sizes["generated"] == 500
    assert sizes["compared"] == min(sizes["generated"], sizes["test"], sizes["train"])
    assert protocol["jets_asked"] == {"w1": 400, "efp": 400, "fpd": 50_000, "kpd": 50_000}
    assert protocol["jets_used"] == {
        "w1": 400,
        "efp": 400,
        "fpd": sizes["compared"],
        "kpd": sizes["compared"],
    }
    # FPD and KPD had fewer jets than they ask for; W1 had as many.
    assert protocol["reduced"]
    assert len(protocol["notes"]) == 1
    assert protocol["notes"][0].startswith(f"fpd, kpd: {sizes['compared']} jets instead of 50000")


def test_fewer_jets_than_the_protocol_asks_for_are_reported(files, monkeypatch):
    folder, real = files
    drawn = []
    original = w1.w1m_w1p

    def spy(jets, reference, **protocol):
        drawn.append((len(jets), len(reference), protocol["samples"]))
        return original(jets, reference, **protocol)

    monkeypatch.setattr(w1, "w1m_w1p", spy)
    write_shard(folder / "few.h5", toy_jets(150, 9), source="test")
    protocol = evaluate(folder / "few.h5", real, CONFIG.replace(metrics=["w1"])).results["protocol"]
    assert protocol["reduced"]
    assert protocol["jets_asked"] == {"w1": 400}
    assert "w1: 150 jets instead of 400" in protocol["notes"][0]
    # Value and floors alike.
    assert set(drawn) == {(150, 150, 150)}
    assert 2 < len(drawn) <= 1 + FLOOR_PAIRS
    enough = evaluate(folder / "good.h5", real, CONFIG.replace(metrics=["w1"])).results["protocol"]
    assert not enough["reduced"]
    assert enough["notes"] == []


def test_what_cannot_be_computed_is_said(files):
    folder, real = files
    write_shard(folder / "few.h5", toy_jets(30, 9), source="test")
    config = CONFIG.replace(metrics=["fpd", "w1_mass", "classifier"])
    results = evaluate(folder / "few.h5", real, config).results
    assert list(results["metrics"]) == ["w1_mass"]
    assert set(results["unavailable"]) == {"fpd", "auc"}
    assert "30 jets a side" in results["unavailable"]["fpd"]
    # Nor is it said of FPD with how many jets it was computed.
    assert results["protocol"]["jets_asked"] == {"fpd": 50_000}
    assert results["protocol"]["jets_used"] == {}
    assert not results["protocol"]["reduced"]
    assert results["protocol"]["notes"] == []
    json.dumps(results, allow_nan=False)


def test_only_what_is_asked_for_is_computed(files, monkeypatch):
    folder, real = files

    def refuse(*arguments, **options):
        raise AssertionError("not asked for")

    for module, name in ((w1, "w1m_w1p"), (w1, "w1efp"), (frechet, "fpd"), (efp, "efps")):
        monkeypatch.setattr(module, name, refuse)
    metrics = ["overlap_mass", "w1_ptrel"]
    found = evaluate(folder / "good.h5", real, CONFIG.replace(metrics=metrics))
    # In the order of the registry.
    assert list(found.results["metrics"]) == metrics
    assert found.results["metrics"]["overlap_mass"]["group"] == "observables"


def test_the_limit_of_read_jets_is_reported(files):
    folder, real = files
    results = evaluate(folder / "good.h5", real, QUICK.replace(max_jets=100)).results
    assert results["sizes"] == {"generated": 100, "test": 100, "train": 100, "compared": 100}
    assert "100 of 500 generated jets were read (max_jets)" in results["protocol"]["notes"]
    exact = evaluate(folder / "good.h5", real, QUICK.replace(max_jets=500)).results
    assert exact["protocol"]["notes"] == []


def test_particle_slots_of_both_sides_may_differ(files):
    folder, real = files
    jets = toy_jets(150, 9)
    wide = np.pad(jets.particle_features, ((0, 0), (0, 5), (0, 0)))
    write_shard(folder / "wide.h5", Jets(wide, jets.jet_features, jet_type="g"), source="test")
    write_shard(folder / "narrow.h5", jets, source="test")
    config = CONFIG.replace(metrics=["w1", "correlators", "classifier"])
    found = [
        evaluate(folder / name, real, config).results["metrics"]
        for name in ("wide.h5", "narrow.h5")
    ]
    assert found[0]["w1m"] == found[1]["w1m"]
    assert found[0]["w1_e2c"] == found[1]["w1_e2c"]
    assert found[0]["auc"]["value"] == pytest.approx(found[1]["auc"]["value"], abs=0.01)


def test_jets_of_one_particle_are_evaluated(files):
    folder, real = files
    jets = toy_jets(150, 9)
    jets.particle_features[:, 1:] = 0
    write_shard(folder / "single.h5", jets, source="test")
    results = evaluate(folder / "single.h5", real, CONFIG).results
    assert results["unavailable"] == {}
    json.dumps(results, allow_nan=False)


def test_generated_nan_is_counted(files):
    folder, real = files
    jets = toy_jets(300, 9)
    jets.particle_features[:7, 2, 1] = np.nan
    with h5py.File(folder / "nan.h5", "w") as file:
        file["particle_features"], file["jet_features"] = jets.particle_features, jets.jet_features
    results = evaluate(folder / "nan.h5", real, QUICK, jet_type="g").results
    assert results["generated"] == {"read": 300, "non_finite": 7, "unphysical": 0}
    assert results["sizes"]["generated"] == 293


def test_arrays_hold_what_the_figures_need(good, tmp_path):
    good.write(tmp_path / "a.json", tmp_path / "a.h5")
    with h5py.File(tmp_path / "a.h5") as file:
        assert json.loads(file.attrs["results"]) == good.results
        assert set(file["generated"]) == set(OBSERVABLES)
        for sample, side in good.samples.items():
            for name, values in side.observables.values.items():
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
        size = len(file["correlators/edges"]) + 1
        for sample, side in good.compared.items():
            group = file[f"correlators/{sample}"]
            np.testing.assert_allclose(group["mean"], side.correlators.means().mean)
            assert group["mean"].shape == group["error"].shape == (3, size)
            assert group["ratio"].shape == group["ratio_error"].shape == (3, size)
            np.testing.assert_allclose(np.sum(group["mean"], axis=1), 1.0)


def test_arrays_without_correlators(files, tmp_path):
    folder, real = files
    found = evaluate(folder / "good.h5", real, QUICK)
    found.write(tmp_path / "a.json", tmp_path / "a.h5")
    with h5py.File(tmp_path / "a.h5") as file:
        assert "correlators" not in file
        assert set(file["test"]) == set(in_group("observables"))


def test_command_writes_both_files(files, tmp_path):
    folder, _ = files
    arguments = ["--generated", folder / "good.h5", "--output", tmp_path / "r.json"]
    arguments += ["--arrays", tmp_path / "a.h5", "--model-name", "toy", "--w1-samples", "100"]
    arguments += ["--config", json.dumps({"seed": 3}), "--metrics", "w1,fpd,w1_mass"]
    runs = []
    for real in (folder / "real.txt", folder / "0.h5"):
        result = CliRunner().invoke(command, [*map(str, arguments), "--real", str(real)])
        assert result.exit_code == 0, result.output
        runs.append(json.loads((tmp_path / "r.json").read_text()))
    assert runs[0]["protocol"]["seed"] == 3
    assert runs[0]["protocol"]["jets_used"]["w1"] == 100
    assert set(runs[0]["metrics"]) == {*GROUPS["w1"].metrics, "fpd", "w1_mass"}
    for text in ("w1p_phirel", "rad", "note: fpd: "):
        assert text in result.output
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
    evaluation = import_closure("evaluate")
    plots = import_closure("plot")
    assert "hypervae.evaluation.metrics" in evaluation
    assert "hypervae.plotting.summary" in plots
    assert not any(name.startswith("hypervae.plotting") for name in evaluation)
    assert not any(name.startswith("hypervae.evaluation") for name in plots)


def test_floor_pairs_are_disjoint_first():
    assert floor_pairs(2, 1) == [(0, 0), (1, 0)]
    assert set(floor_pairs(2, 2)) == {(0, 0), (1, 1), (0, 1), (1, 0)}
    assert set(floor_pairs(2, 2)[:2]) == {(0, 0), (1, 1)}
    assert {i for i, _ in floor_pairs(8, 3)[:3]} == {0, 1, 2}
    assert len(floor_pairs(5, 4)) == FLOOR_PAIRS


def test_a_floor_is_the_mean_over_pairs_with_its_spread():
    assert mean_floor([MetricValue(2.0, 0.5)]) == (2.0, 0.5, None)
    value, error, spread = mean_floor([MetricValue(1.0, 0.3), MetricValue(3.0, 0.4)])
    assert (value, spread) == (2.0, pytest.approx(np.sqrt(2)))
    assert error == pytest.approx(np.sqrt((0.09 + 0.16) / 2) / np.sqrt(2))
    value, error, spread = mean_floor([MetricValue(x, 0.1) for x in (1.0, 2.0, 3.0)])
    assert (value, error, spread) == pytest.approx((2.0, 1 / np.sqrt(3), 1.0))


def test_memorization_is_measured_against_the_training_jets(files):
    folder, real = files
    config = CONFIG.replace(metrics=["memorization", "pairs"])
    found = evaluate(folder / "good.h5", real, config).results
    nearer = found["metrics"]["nearer_training"]
    assert nearer["value"] == pytest.approx(0.5, abs=0.15)
    assert nearer["floor"] == pytest.approx(0.5, abs=0.15)
    assert found["metrics"]["w1_mass_ratio"]["floor_pairs"] == 2
    assert found["metrics"]["w1_mass_ratio"]["floor_spread"] > 0
