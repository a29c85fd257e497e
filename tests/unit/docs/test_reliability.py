"""docs/reliability.md says of each fault what was measured, and of no other."""

from tests.slurm import reliability
from tests.slurm.faults import FAULTS


def test_the_page_holds_the_table_of_what_was_measured():
    text = reliability.PAGE.read_text(encoding="utf-8")
    table = text.split(reliability.BEGIN)[1].split(reliability.END)[0]
    # `python -m tests.slurm.reliability` writes it anew
    assert table == reliability.table(reliability.read())


def test_what_was_measured_is_of_faults_that_are_tested():
    assert set(reliability.read()) <= set(FAULTS)


def test_a_row_that_was_not_run_says_so():
    rows = reliability.table({}).splitlines()[2:]
    assert len(rows) == len(FAULTS)
    assert all(row.count("| not run ") == 4 for row in rows)
