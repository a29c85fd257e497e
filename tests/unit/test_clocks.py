"""What lasts is measured by clocks that nobody sets; a date says when, and nothing else."""

import ast
from pathlib import Path

import pytest

import hypervae

PACKAGE = Path(hypervae.__path__[0])
#: By name: what depends on the date of the machine, which jumps where it is set.
OF_THE_DATE = {"time.time", "time.time_ns", "datetime.now", "datetime.utcnow", "datetime.today"}
OF_THE_DATE |= {"date.today", "psutil.boot_time", "create_time"}
#: Where it is the date that is asked for.
DATES = {
    "workflow/user_files.py": "whether a file is of the future",
    "logs.py": "when a line was written",
    "plotting/overview.py": "when a page was written",
    "sweep/jobs.py": "when a process was made, where there is no /proc",
}


def asked(source):
    """The names in a module that ask for the date, however they were imported."""
    imported = {}
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.ImportFrom):
            for name in node.names:
                imported[name.asname or name.name] = f"{node.module}.{name.name}"
        elif isinstance(node, ast.Import):
            for name in node.names:
                imported[name.asname or name.name] = name.name
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Attribute):
            base = imported.get(ast.unparse(node.value), ast.unparse(node.value))
            full = f"{base}.{node.attr}"
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load):
            full = imported.get(node.id, "")
        else:
            continue
        short = ".".join(full.split(".")[-2:])
        if short in OF_THE_DATE or full.split(".")[-1] in OF_THE_DATE:
            yield short


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("import time\ntime.time()", 1),
        ("from time import time as now\nnow()", 1),
        ("import time as t\nx = t.time_ns", 1),
        ("import datetime\ndatetime.datetime.now()", 1),
        ("from datetime import datetime, UTC\ndatetime.now(UTC)", 1),
        ("import psutil\npsutil.Process(1).create_time()", 1),
        ("import time\ntime.monotonic() + time.perf_counter()", 0),
        ("class A:\n    time = 1\nA().time", 0),
    ],
)
def test_the_date_is_found_however_it_is_asked_for(source, found):
    assert len(list(asked(source))) == found


def test_nothing_is_timed_by_the_date():
    found = {
        str(path.relative_to(PACKAGE))
        for path in PACKAGE.rglob("*.py")
        if list(asked(path.read_text(encoding="utf-8")))
    }
    assert found == set(DATES)
