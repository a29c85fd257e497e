"""Jets in memory are evaluated as those in files are."""

import json
import sys
from operator import methodcaller

import numpy as np
import pytest

import hypervae
from hypervae.config import resolve_section
from hypervae.errors import MissingPackageError
from hypervae.evaluation.evaluate import evaluate as evaluate_files
from tests.unit.toys import toy_jets

METRICS = ["w1", "w1_mass", "memorization"]
FAST = {"metrics": METRICS, "w1_samples": 50, "w1_batches": 3}


@pytest.fixture(scope="module")
def generated():
    return toy_jets(150, seed=2, jet_type="t")


@pytest.fixture(scope="module")
def reference():
    return toy_jets(320, seed=1, jet_type="t")


def test_of_what_is_split_they_are_those_of_the_files(generated, reference, tmp_path):
    jets = reference[:]
    jets.split = np.repeat(np.array([0, 1, 2], dtype=np.uint8), [150, 20, 150])
    found = hypervae.evaluate(generated, jets, **FAST)
    generated.save(tmp_path / "g.h5")
    jets.save(tmp_path / "r.h5")
    config = resolve_section("evaluate", FAST)
    expected = evaluate_files(tmp_path / "g.h5", [tmp_path / "r.h5"], config).to_dict()
    assert {**found.to_dict(), "model": None} == {**expected, "model": None}
    of_files = hypervae.evaluate(tmp_path / "g.h5", tmp_path / "r.h5", **FAST)
    assert of_files.to_dict()["metrics"] == expected["metrics"]
    side = {"training": jets[jets.split == 0]}
    apart = hypervae.evaluate(generated, jets[jets.split == 2], **side, **FAST)
    assert apart.to_dict()["metrics"] == expected["metrics"]


def test_one_sample_is_cut_in_two(generated, reference):
    found = hypervae.evaluate(generated, reference, **FAST)
    sizes = found.results["sizes"]
    assert sizes["test"] + sizes["train"] == len(reference)
    assert 130 < sizes["test"] < 190
    assert "cut in two" in " ".join(found.results["protocol"]["notes"])
    assert "no training jets" in found.results["unavailable"]["nearest_distance"]
    sides = [
        {tuple(row) for row in found.samples[name].jets.jet_features} for name in ("test", "train")
    ]
    assert not sides[0] & sides[1]


def test_it_prints_as_a_table(generated, reference, tmp_path):
    found = hypervae.evaluate(generated, reference, **FAST)
    lines = str(found).splitlines()
    assert lines[0] == f"{found.results['sizes']['compared']} jets a side, type t"
    assert any(line.startswith("w1_mass ") for line in lines)
    assert repr(found).startswith("<Evaluation: 6 metrics of ")
    html = methodcaller("_repr_html_")(found)
    assert html.count("<tr>") == 1 + 6
    assert "1-Wasserstein distance" in html
    assert found["w1_mass"] == found.to_dict()["metrics"]["w1_mass"]
    found.write(tmp_path / "r.json")
    assert json.loads((tmp_path / "r.json").read_text())["metrics"].keys() == {
        *found.results["metrics"]
    }


def test_broken_generated_jets_are_counted(generated, reference):
    jets = generated[:]
    jets.jet_features = jets.jet_features.copy()
    jets.jet_features[3, 0] = np.nan
    found = hypervae.evaluate(jets, reference, **{**FAST, "metrics": "w1_mass"})
    assert found.results["generated"] == {"read": 150, "non_finite": 1, "unphysical": 0}


def test_a_missing_package_is_named_with_its_extra(generated, reference, monkeypatch):
    monkeypatch.setitem(sys.modules, "ot", None)
    with pytest.raises(MissingPackageError, match=r"needs ot.*'hypervae\[evaluate\]'"):
        hypervae.evaluate(generated, reference, metrics="coverage")
