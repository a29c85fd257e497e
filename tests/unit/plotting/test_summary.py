import csv
import json

import matplotlib.pyplot as plt
import numpy as np
import pytest
from click.testing import CliRunner

from hypervae.cli.commands.plot import command
from hypervae.errors import InputError
from hypervae.io import write_list
from hypervae.plotting.metrics import columns, in_floors, label
from hypervae.plotting.style import figure_style
from hypervae.plotting.summary import draw_summary, read_results
from tests.unit.plotting.conftest import METRICS, results


def metric(value, floor, error=0.01, floor_error=0.02, higher_is_better=False):
    return {
        "value": value,
        "error": error,
        "floor": floor,
        "floor_error": floor_error,
        "higher_is_better": higher_is_better,
    }


class TestInFloors:
    def test_a_distance_is_divided_by_that_of_the_floor(self):
        found = in_floors("w1m", metric(0.6, 0.2))
        assert found.value == pytest.approx(3.0)
        # of a quotient: relative errors in quadrature
        assert found.error == pytest.approx(3.0 * np.hypot(0.01 / 0.6, 0.02 / 0.2))
        assert found.clear

    def test_of_what_is_better_the_higher_the_distance_from_1_counts(self):
        found = in_floors("overlap_mass", metric(0.7, 0.9, higher_is_better=True))
        assert found.value == pytest.approx(3.0)
        better = in_floors("cov", metric(0.95, 0.9, higher_is_better=True))
        assert better.value == pytest.approx(0.5)

    def test_an_auc_is_ideal_at_one_half(self):
        for auc in (0.7, 0.3):
            assert in_floors("auc", metric(auc, 0.45)).value == pytest.approx(4.0)

    @pytest.mark.parametrize("floor", [0.0, 0.005, -0.001, -3.0])
    def test_the_error_of_a_floor_that_is_0_within_it_is_the_unit(self, floor):
        found = in_floors("kpd", metric(0.06, floor))
        assert found == (pytest.approx(3.0), pytest.approx(0.5), False)

    def test_negative_values_stay_negative(self):
        assert in_floors("kpd", metric(-0.01, -0.001)).value == pytest.approx(-0.5)

    def test_without_any_unit_there_is_no_ratio(self):
        assert in_floors("fpd", metric(0.3, 0.0, floor_error=0.0)) is None


def test_metrics_stand_in_columns_and_have_names():
    names = ["w1_tau21", "w1m", "overlap_mass", "w1_e3c", "cov", "new_metric", "w1_new"]
    assert columns(names) == {
        "standard": ["w1m", "cov", "w1_e3c", "new_metric", "w1_new"],
        "w1": ["w1_tau21"],
        "overlap": ["overlap_mass"],
    }
    assert label("w1_tau21") == label("overlap_tau21") != "tau21"
    assert label("new_metric") == "new_metric"


def test_every_metric_of_the_evaluation_has_a_name():
    from hypervae.evaluation.metrics import GROUPS

    names = {name for group in GROUPS.values() for name in group.metrics}
    assert [name for name in names if label(name) == name] == []


def test_list_files_and_names_give_the_same_tables(tmp_path, write_results):
    files = [write_results("1.json"), write_results("2.json", jet_type="t", model="other")]
    write_list(tmp_path / "list.txt", files)
    tables = []
    for number, given in enumerate(([tmp_path / "list.txt"], files)):
        table, html = tmp_path / f"{number}.csv", tmp_path / f"{number}.html"
        options = ["--table", table, "--html", html, "--output", tmp_path / "f.png", "--dpi", 40]
        line = ["summary", "--results", *given, *options]
        result = CliRunner().invoke(command, list(map(str, line)))
        assert result.exit_code == 0, result.output + str(result.exception)
        tables.append((table.read_text(), html.read_text()))
    assert tables[0] == tables[1]
    rows = list(csv.DictReader(tables[0][0].splitlines()))
    assert len(rows) == 2 * (len(METRICS) + 1)
    row = next(row for row in rows if row["metric"] == "w1_c2" and row["model"] == "other")
    assert row["jet_type"] == "t"
    assert float(row["value_over_floor"]) == pytest.approx(3.0)
    assert (float(row["value"]), float(row["floor_error"])) == (0.03, 0.002)


@pytest.fixture
def draw(config):
    """Draw a summary; closed at the end."""
    with figure_style(config):
        yield draw_summary
    plt.close("all")


def markers(axis):
    """Positions of the drawn points: [x, marker]."""
    return [
        (line.get_xdata()[0], line.get_marker())
        for line in axis.lines
        if line.get_marker() not in ("None", None, "")
    ]


def test_points_stand_at_value_over_floor(draw):
    axes = draw([results(factor=3.0), results(jet_type="t", factor=7.0)]).axes
    assert [len(axis.get_yticks()) for axis in axes] == [2, len(METRICS) - 1]
    drawn = markers(axes[1])
    np.testing.assert_allclose([x for x, marker in drawn if marker == "o"], 3.0)
    np.testing.assert_allclose([x for x, marker in drawn if marker == "s"], 7.0)
    assert len(drawn) == 2 * (len(METRICS) - 1)


def test_hard_cases_are_drawn_and_marked(draw):
    one = results()
    one["metrics"] |= {
        "fpd": metric(0.3, 0.001),
        "kpd": metric(-1e-4, -2e-3),
        "mmd": metric(1e300, 1e-5, error=1e290, floor_error=1e-6),
        "w1efp": metric(0.1, 0.0, floor_error=0.0),
        "cov": metric(0.3, 0.5, higher_is_better=True),
    }
    figure = draw([one])
    figure.savefig("/dev/null", format="png")
    axis = figure.axes[0]
    names = [text.get_text() for text in axis.get_yticklabels()]
    at = {
        names[round(line.get_ydata()[0])]: line
        for line in axis.lines
        if line.get_marker() != "None"
    }
    assert at["FPD"].get_markerfacecolor() == "white"
    assert at["W1M"].get_markerfacecolor() == at["W1M"].get_color()
    assert at["KPD"].get_marker() == "$←$"
    assert at["MMD"].get_marker() == "$→$"
    assert at["W1EFP"].get_marker() == at["FPND"].get_marker() == "x"
    assert at["1 − coverage"].get_xdata()[0] == pytest.approx(1.4)
    low, high = axis.get_xlim()
    inside = [line for line in axis.lines if line.get_transform() == axis.transData]
    assert all(low <= x <= high for line in inside for x in line.get_xdata())


def test_metrics_that_one_model_lacks_have_no_mark(draw):
    one, other = results(), results(jet_type="t")
    del other["metrics"]["w1m"]
    assert len(markers(draw([one, other]).axes[0])) == 3  # W1M of one; FPND, unavailable in both


def test_numbers_that_are_not_finite_count_as_unavailable(tmp_path):
    one = results()
    one["metrics"]["w1m"]["value"] = float("nan")
    one["metrics"]["w1_c2"]["floor_error"] = None
    path = tmp_path / "r.json"
    path.write_text(json.dumps(one))
    (read,) = read_results([path])
    assert set(read["unavailable"]) == {"fpnd", "w1m", "w1_c2"}
    assert "w1m" not in read["metrics"]


@pytest.mark.parametrize("model", ["m", "a-model-with-a-rather-long-name"])
@pytest.mark.parametrize("types", ["g", "gqtwz"])
def test_the_legend_stays_on_the_page(draw, model, types):
    read = [results(kind, f"{model}{i}") for i in range(2) for kind in types]
    figure = draw(read)
    figure.draw_without_rendering()
    (legend,) = figure.legends
    assert legend.get_texts()[0].get_text() == f"{model}0: gluon jets"
    place = legend.get_window_extent().transformed(figure.dpi_scale_trans.inverted())
    assert place.x0 >= 0.0
    assert place.x1 <= figure.get_figwidth()


@pytest.mark.parametrize("columns", [1, 2, 3])
def test_the_label_stays_on_the_page(draw, columns):
    one = results()
    kept = {1: ("w1m",), 2: ("w1m", "w1_c2"), 3: ("w1m", "w1_c2", "overlap_c2")}[columns]
    numbers = metric(0.6, 0.2) | {"group": "w1"}
    one |= {"metrics": dict.fromkeys(kept, numbers), "unavailable": {}}
    figure = draw([one])
    assert len(figure.axes) == columns
    figure.draw_without_rendering()
    (label,) = [text for text in figure.texts if "truth floor" in text.get_text()]
    place = label.get_window_extent().transformed(figure.dpi_scale_trans.inverted())
    assert place.x0 >= 0.0
    assert place.x1 <= figure.get_figwidth()


def test_a_short_axis_has_numbers_to_read_it_by(draw):
    axis = draw([results(factor=1.5)]).axes[0]
    axis.figure.draw_without_rendering()
    low, high = axis.get_xlim()
    shown = [t.get_text() for t in axis.get_xticklabels() if low <= t.get_position()[0] <= high]
    assert shown == ["0.5", "1", "2", "5"]


def test_a_type_without_a_name_is_called_by_its_letter(draw):
    (legend,) = draw([results("x", "m")]).legends
    assert legend.get_texts()[0].get_text() == "m: x jets"


def test_results_without_metrics_are_drawn(draw):
    empty = results() | {"metrics": {}, "unavailable": {}}
    draw([empty]).savefig("/dev/null", format="png")


def test_two_runs_are_told_apart_by_their_names(draw, tmp_path):
    for run in ("first", "second=b"):
        place = tmp_path / run / "evaluation" / "t"
        place.mkdir(parents=True)
        for jet_type in "tg":
            (place / f"{jet_type}.json").write_text(json.dumps(results(jet_type, "t")))
    one = tmp_path / "first/evaluation/t/t.json"
    listed = tmp_path / "list.txt"
    listed.write_text(f"{one}\n")
    read = read_results([f"A={tmp_path}/first", tmp_path / "second=b", f"C={one}", f"D={listed}"])
    assert [(result["model"], result["jet_type"]) for result in read] == [
        ("A/t", "g"), ("A/t", "t"), ("t", "g"), ("t", "t"), ("C/t", "t"), ("D/t", "t"),
    ]  # fmt: skip
    (legend,) = draw(read).legends
    assert legend.get_texts()[1].get_text() == "A/t: top-quark jets"
    one.write_text(json.dumps(results("t", None)))
    assert read_results([f"C={one}"])[0]["model"] == "C"


def test_a_folder_without_results_is_named(tmp_path):
    with pytest.raises(InputError, match=r"evaluation/\*/\*\.json, expected the results of a run"):
        read_results([f"A={tmp_path}"])


def test_bad_results_are_named(tmp_path):
    with pytest.raises(InputError, match="found none"):
        read_results([])
    path = tmp_path / "r.json"
    for text in ("{", "[]", '{"metrics": {"w1m": {"value": 1}}}', '{"metrics": {}}'):
        path.write_text(text)
        with pytest.raises(InputError, match=r"r\.json: results"):
            read_results([path])
