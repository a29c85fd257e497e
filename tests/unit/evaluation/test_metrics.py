"""The registry of metrics, and what single metrics say of changed jets."""

import numpy as np
import pytest

from hypervae.config import EvaluateConfig, resolve_section
from hypervae.errors import ConfigError
from hypervae.evaluation import coverage, fpnd
from hypervae.evaluation.comparison import ComparedSample, Comparison
from hypervae.evaluation.distance import bin_edges
from hypervae.evaluation.metrics import GROUPS, Unavailable, chosen
from hypervae.observables import OBSERVABLES, JetSample, compute_observables
from tests.unit.evaluation.jets import rotated, stretched, top_jets, without
from tests.unit.toys import toy_jets

QUICK = ("w1", "efp", "observables", "substructure", "correlators")
CONFIG = resolve_section("evaluate", {})


def measure(jets, reference, groups=QUICK, label="generated"):
    """The values of all metrics of some groups."""
    sides = ComparedSample(jets), ComparedSample(reference)
    edges = {name: bin_edges(name, [sides[1].observables]) for name in OBSERVABLES}
    pair = Comparison(*sides, label, edges, CONFIG)
    return {name: found for group in groups for name, found in GROUPS[group].measure(pair).items()}


class TestRegistry:
    def test_the_schema_knows_each_name_and_no_other(self):
        schema = EvaluateConfig.model_json_schema()["properties"]["metrics"]
        names = [name for group, about in GROUPS.items() for name in (group, *about.metrics)]
        assert sorted(schema["items"]["enum"]) == sorted(set(names))
        assert not {"fpnd", "coverage", "classifier"} & set(schema["default"])

    def test_no_two_groups_share_a_metric(self):
        names = [name for group in GROUPS.values() for name in group.metrics]
        assert len(names) == len(set(names))

    def test_groups_and_single_metrics_are_chosen(self):
        assert chosen(["w1", "w1_tau1", "cov"]) == {
            "w1": list(GROUPS["w1"].metrics),
            "coverage": ["cov"],
            "substructure": ["w1_tau1"],
        }
        assert chosen(["fpd"]) == {"fpd": ["fpd"]}

    def test_unknown_names_are_refused(self):
        with pytest.raises(ConfigError, match=r"evaluate.metrics: found 'w1x'.*coverage"):
            chosen(["w1", "w1x"])
        with pytest.raises(ConfigError, match=r"metrics\.0: found \"w1x\""):
            resolve_section("evaluate", {"metrics": ["w1x"]})
        with pytest.raises(ConfigError, match="at least 1"):
            resolve_section("evaluate", {"metrics": []})

    def test_each_group_measures_what_it_says(self):
        jets = toy_jets(120, 1, "q"), toy_jets(120, 2, "q")
        for name in (*QUICK, "fpd", "kpd", "classifier"):
            found = measure(*jets, groups=[name])
            assert set(found) == set(GROUPS[name].metrics)
            assert all(np.isfinite(measured).all() for measured in found.values()), name

    def test_the_slow_groups_too_and_of_no_more_jets_than_there_are(self, monkeypatch):
        original, drawn = coverage.coverage, []

        def spy(jets, reference, **protocol):
            drawn.append(protocol["samples"])
            return original(jets, reference, **protocol)

        monkeypatch.setattr(coverage, "coverage", spy)
        monkeypatch.setattr(fpnd, "REPLICAS", 2)
        jets = toy_jets(20, 1, "t"), toy_jets(20, 2, "t")
        for name in ("coverage", "fpnd"):
            found = measure(*jets, groups=[name])
            assert set(found) == set(GROUPS[name].metrics)
            assert all(np.isfinite(measured).all() for measured in found.values()), name
        assert drawn == [20]

    def test_what_higher_values_mean(self):
        better = {
            n for g in GROUPS.values() for n, about in g.metrics.items() if about.higher_is_better
        }
        assert better == {"cov"} | {f"overlap_{name}" for name in OBSERVABLES}

    def test_labels_have_random_numbers_of_their_own(self):
        jets = toy_jets(60, 1), toy_jets(60, 2)
        runs = [measure(*jets, label=label) for label in ("generated", "generated", "train")]
        assert runs[0] == runs[1]
        assert runs[0]["w1m"] != runs[2]["w1m"]
        assert runs[0]["w1_mass"].value == runs[2]["w1_mass"].value
        assert runs[0]["w1_mass"].error != runs[2]["w1_mass"].error

    @pytest.mark.parametrize("group", ["fpd", "kpd", "classifier"])
    def test_too_few_jets(self, group):
        with pytest.raises(Unavailable, match="20 jets a side"):
            measure(toy_jets(20, 1), toy_jets(20, 2), [group])

    def test_fpnd_without_statistics(self):
        with pytest.raises(Unavailable, match="g, q, t"):
            measure(toy_jets(20, 1, "w"), toy_jets(20, 2, "w"), ["fpnd"])
        many = toy_jets(20, 1, "t", max_particles=40)
        with pytest.raises(Unavailable, match="30 particles"):
            measure(many, many, ["fpnd"])


class TestChangedJets:
    """Each against the same jets, so that what should not move is exactly 0."""

    jets = top_jets()[:1000]

    def test_nothing_changed(self):
        found = measure(self.jets, self.jets, ("observables", "substructure", "correlators"))
        assert set(found) > {"w1_mass", "overlap_mass", "deviation_e2c"}
        for name, measured in found.items():
            expected = 1.0 if name.startswith("overlap") else 0.0
            assert measured.value == pytest.approx(expected, abs=1e-12), name

    def test_angles_times_1_02(self):
        found = measure(
            stretched(self.jets, 1.02), self.jets, ("observables", "substructure", "correlators")
        )
        for name in ("ptrel", "pt", "multiplicity", "jet_pt", "jet_eta", "jet_mass"):
            assert found[f"w1_{name}"].value == 0.0
            assert found[f"overlap_{name}"].value == pytest.approx(1.0)
        values = compute_observables(JetSample(self.jets)).values
        for name in ("mass", "mass_kept", "width", "etarel", "phirel"):
            expected = 0.02 * np.abs(values[name]).mean()
            assert found[f"w1_{name}"].value == pytest.approx(expected, rel=0.01), name
        for order in (2, 3, 4):
            assert found[f"w1_e{order}c"].value == pytest.approx(np.log(1.02), rel=0.15)
        assert found["w1_tau1"].value > 0

    def test_rotations_about_the_axis(self):
        found = measure(rotated(self.jets), self.jets)
        for name in ("ptrel", "multiplicity"):
            assert found[f"w1_{name}"].value == 0.0
        assert found["w1_width"].value < 1e-6
        assert found["w1_c2"].value < 1e-6
        # To rounding: angles in float32, and pairs at the edge of a bin.
        for order in (2, 3, 4):
            assert found[f"w1_e{order}c"].value < 1e-4
            assert found[f"deviation_e{order}c"].value < 1e-4
        assert found["w1_etarel"].value > 1e-5

    @pytest.mark.parametrize("which", ["hardest", "softest"])
    def test_a_particle_less(self, which):
        found = measure(without(self.jets, which), self.jets)
        several = (self.jets.multiplicity > 1).mean()
        assert found["w1_multiplicity"].value == pytest.approx(several)
        for name in ("jet_pt", "jet_eta", "jet_mass"):
            assert found[f"w1_{name}"].value == 0.0
        moved = {name: found[f"w1_{name}"] for name in ("mass", "ptrel", "width", "tau1")}
        if which == "hardest":
            for name, measured in moved.items():
                assert measured.value > 3 * measured.error, name
            assert found["w1m"].value > 0.01
            assert found["deviation_e3c"].value > 0.05
        else:
            # Infrared safe: what pT weighs hardly moves.
            typical = compute_observables(JetSample(self.jets)).values
            assert moved["mass"].value < 0.02 * typical["mass"].mean()
            assert moved["width"].value < 0.02 * typical["width"].mean()
            assert found["deviation_e2c"].value < 0.02
            assert found["w1m"].value < 0.01
