from html.parser import HTMLParser

import pytest

from hypervae.plotting.published import PUBLISHED
from hypervae.plotting.table import (
    COLUMNS,
    COMPARABILITY,
    html_table,
    table_rows,
    with_error,
    write_table,
)
from tests.unit.plotting.conftest import METRICS, results


class Cells(HTMLParser):
    """The rows of a page's tables, and whether each open tag is closed."""

    def __init__(self, text):
        super().__init__()
        self.rows, self.open, self.text = [], [], text
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attrs):
        if tag != "meta":
            self.open.append(tag)
        if tag == "tr":
            self.rows.append([])
        if tag in ("td", "th"):
            self.rows[-1].append("")

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if {"td", "th"} & set(self.open):
            self.rows[-1][-1] += data

    def row(self, name):
        return next(row for row in self.rows if row and row[0] == name)


def test_rows_have_every_metric_and_every_reason(tmp_path):
    rows = {row["metric"]: row for row in table_rows([results()])}
    assert len(rows) == len(METRICS) + 1
    w1m, other = rows["w1m"], rows["w1_mass"]
    assert (w1m["jets"], w1m["reduced"], w1m["group"]) == (100, "true", "w1")
    # whole samples: no protocol that asks for more
    assert (other["jets"], other["reduced"]) == (100, "false")
    assert w1m["value_over_floor"] == w1m["in_floors"] == pytest.approx(3.0)
    assert rows["fpnd"]["unavailable"].startswith("jetnet has")
    assert rows["fpnd"]["value"] == ""
    write_table(tmp_path / "t.csv", rows.values())
    assert (tmp_path / "t.csv").read_text().splitlines()[0] == ",".join(COLUMNS)


def test_a_floor_of_zero_has_no_ratio_but_a_row():
    one = results()
    one["metrics"]["w1m"] |= {"floor": 0.0}
    row = next(row for row in table_rows([one]) if row["metric"] == "w1m")
    assert row["value_over_floor"] == ""
    assert row["in_floors"] == pytest.approx(15.0)  # in units of the floor's error
    assert row["value"] == pytest.approx(0.03)


def test_our_metrics_stand_beside_published_ones():
    page = Cells(html_table([results(), results(model="second"), results(jet_type="w")]))
    assert page.open == []
    head = next(row for row in page.rows if "model second" in row)
    row = page.row("W1M [10⁻³]")
    assert len(row) == len(head)
    assert row[head.index("model toy")] == "30.0 ± 1.0"
    assert row[head.index("model toy") + 1] == "10.0 ± 2.0"
    assert row[head.index("MPGAN [5]")] == "0.7 ± 0.2"
    assert page.row("W1EFP [10⁻⁵]")[head.index("MPGAN [5]")] == "0.7 ± 0.2"
    # first-hand, with errors: of gluon jets W1M and W1P in 10^-3
    assert row[head.index("PC-Droid [3]")] == "0.448 ± 0.147"
    assert page.row("W1P [10⁻³]")[head.index("PC-JeDi (EM) [8]")] == "0.583 ± 0.144"
    assert page.row("FPND")[1] == "–"
    assert "measured by others on the real JetNet-30 dataset" in page.text
    assert "model toy: w1: 100 jets instead of 50000" in page.text
    assert "model toy: no fpnd: jetnet has statistics" in page.text
    assert page.text.count("arXiv:2106.11535;") == 3
    # nobody published W bosons of 30 particles: only ours
    bosons = next(part for part in page.text.split("<h3>") if part.startswith("W-boson"))
    assert "real JetNet-30" not in bosons
    folded = bosons.partition("Beside jets of 150 particles")[2]
    assert "real JetNet-150 dataset" in folded
    assert "0.172 ± 0.075" in folded  # PC-Droid's W1M


def test_names_are_escaped():
    assert "<b>" not in html_table([results(model="<b>&")]).split("</style>")[1].split("<table")[1]


def test_published_results_are_of_known_metrics_and_have_sources():
    from hypervae.evaluation.metrics import GROUPS

    known = {name for group in GROUPS.values() for name in group.metrics}
    for entry in PUBLISHED:
        assert entry.arxiv.count(".") == 1
        assert "github.com/" in entry.source
        for kind, numbers in entry.values.items():
            assert kind in ("gqt" if entry.particles == 30 else "gqtwz")
            assert set(numbers) <= known
            for name, (value, error) in numbers.items():
                # mistaken powers of ten would show: nobody is above these
                top = {"w1efp": 1e-4, "fpd": 5e-3, "kpd": 1e-4, "fpnd": 2, "cov": 1, "mmd": 0.1}
                assert abs(value) <= top.get(name, 1e-2)
                assert error is None or error > 0


def test_headlines_are_first_hand_and_say_what_was_given():
    short = [entry for entry in PUBLISHED if entry.headline]
    assert {entry.particles for entry in short} == {30, 150}
    for entry in short:
        for numbers in entry.values.values():
            for name in ("w1m", "w1p", "w1efp"):
                assert numbers[name][1] > 0
        assert "commit 524bc65" in entry.source
    for entry in PUBLISHED:
        if entry.name.startswith(("PC-Droid", "PC-JeDi")):
            assert "taken from real jets" in entry.source
    page = html_table([results()])
    assert COMPARABILITY in page
    assert "50,000 jets a side" in COMPARABILITY


@pytest.mark.parametrize(
    ("value", "error", "text"),
    [
        (0.021452, 0.0019031, "0.0215 ± 0.0019"),
        (553.2, 47.1, "553 ± 47"),
        (5532.0, 471.0, "5530 ± 470"),
        (0.5, 0.0, "0.5 ± 0"),
        (-6.66e-4, 1e-3, "-0.0007 ± 0.0010"),
        (1.234e-9, 1.2e-11, "1.234e-09 ± 1.2e-11"),
    ],
)
def test_numbers_are_rounded_to_their_error(value, error, text):
    assert with_error(value, error) == text
