import csv

import matplotlib.pyplot as plt
import numpy as np
import pytest
from click.testing import CliRunner

from hypervae.cli.commands.plot import command
from hypervae.errors import InputError
from hypervae.io import write_list
from hypervae.plotting.style import figure_style
from hypervae.plotting.summary import draw_summary, read_results, table_rows
from tests.unit.plotting.conftest import METRICS, results


def test_list_files_and_names_give_the_same_table(tmp_path, write_results):
    files = [write_results("1.json"), write_results("2.json", jet_type="t", model="other")]
    write_list(tmp_path / "list.txt", files)
    tables = []
    for number, given in enumerate(([tmp_path / "list.txt"], files)):
        table = tmp_path / f"{number}.csv"
        options = ["--table", table, "--output", tmp_path / "f.png", "--dpi", 40]
        line = ["summary", "--results", *given, *options]
        result = CliRunner().invoke(command, list(map(str, line)))
        assert result.exit_code == 0, result.output + str(result.exception)
        tables.append(list(csv.DictReader(table.open())))
    assert tables[0] == tables[1]
    assert len(tables[0]) == 2 * len(METRICS)
    row = tables[0][-1]
    assert (row["model"], row["jet_type"], row["reduced"]) == ("other", "t", "true")
    assert float(row["value_over_floor"]) == pytest.approx(3.0)
    assert (float(row["value"]), float(row["floor_error"])) == (0.03, 0.002)


def test_points_stand_at_value_over_floor(config):
    with figure_style(config):
        figure = draw_summary([results(factor=3.0), results(jet_type="t", factor=7.0)])
        axis = figure.axes[0]
        points = [container.lines[0].get_xdata() for container in axis.containers]
        np.testing.assert_allclose(points[0], 3.0)
        np.testing.assert_allclose(points[1], 7.0)
        assert len(points[0]) == len(METRICS) == len(axis.get_yticks())
        plt.close(figure)


def test_a_floor_of_zero_has_no_ratio_but_a_row(config):
    one = results()
    one["metrics"]["w1_multiplicity"] = one["metrics"]["w1m"] | {"floor": 0.0}
    rows = {row["metric"]: row for row in table_rows([one])}
    assert rows["w1_multiplicity"]["value_over_floor"] == ""
    assert rows["w1_multiplicity"]["value"] == pytest.approx(0.03)
    with figure_style(config):
        figure = draw_summary([one])
        points = figure.axes[0].containers[0].lines[0].get_xdata()
        assert len(points) == len(METRICS) - 1
        plt.close(figure)


def test_bad_results_are_named(tmp_path):
    with pytest.raises(InputError, match="found none"):
        read_results([])
    path = tmp_path / "r.json"
    for text in ("{", "[]", '{"metrics": {"w1m": {"value": 1}}}', '{"metrics": {}}'):
        path.write_text(text)
        with pytest.raises(InputError, match=r"r\.json: results"):
            read_results([path])
