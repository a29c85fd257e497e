"""The table of docs/reliability.md, from what was measured.

``python -m tests.slurm.reliability`` writes it anew from ``reliability.json``, in which the tests
keep the last result of each row (``pytest tests/slurm --record-faults``).
"""

import json
import time
from collections.abc import Sequence
from pathlib import Path

from tests.slurm.cluster import ROOT, Job
from tests.slurm.faults import FAULTS

PAGE = ROOT / "docs" / "reliability.md"
MEASURED = Path(__file__).with_name("reliability.json")
BEGIN, END = "<!-- the table of `make test-faults` -->\n", "<!-- its end -->\n"
COLUMNS = (
    *("fault", "what happens", "when", "what the user does"),
    *("jobs of the step", "outputs equal", "took", "run"),
)
HEAD = f"| {' | '.join(COLUMNS)} |\n|{'---|' * len(COLUMNS)}\n"


def read() -> dict[str, dict]:
    """What was measured, by fault."""
    return json.loads(MEASURED.read_text()) if MEASURED.exists() else {}


def record(name: str, jobs: Sequence[Job], equal: bool, seconds: float, slurm: str) -> None:
    """Keep the result of a row, and write the table anew.

    Parameters
    ----------
    name : str
        Of the fault.
    jobs : sequence of Job
        Of the step that it struck.
    equal : bool
        Whether all outputs equal those of the undisturbed run.
    seconds : float
        From the start of the run to its end.
    slurm : str
        The version.
    """
    row = {
        "jobs": [said(job) for job in jobs],
        "equal": equal,
        "seconds": round(seconds),
        "date": time.strftime("%Y-%m-%d", time.gmtime()),
        "slurm": slurm,
    }
    MEASURED.write_text(json.dumps({**read(), name: row}, indent=1, sort_keys=True) + "\n")
    write()


def said(job: Job) -> str:
    """How a job ended."""
    times = {0: "", 1: ", requeued once"}.get(job.restarts, f", requeued {job.restarts} times")
    return f"{job.state.lower().replace('_', ' ')}{times}"


def table(measured: dict[str, dict]) -> str:
    """The table: a line for each fault of the registry, whether it was run or not.

    Parameters
    ----------
    measured : dict
        As of `read`.

    Returns
    -------
    str
    """
    lines = [HEAD]
    for name, fault in FAULTS.items():
        row = measured.get(name)
        result = ["not run"] * 4
        if row is not None:
            took = f"{row['seconds'] // 60}:{row['seconds'] % 60:02d}"
            equal = "yes" if row["equal"] else "no"
            result = ["; ".join(row["jobs"]), equal, took, f"{row['date']}, Slurm {row['slurm']}"]
        lines.append(f"| {' | '.join([name, fault.done, fault.when, fault.user, *result])} |\n")
    return "".join(lines)


def write() -> None:
    """Write the table into the page."""
    before, rest = PAGE.read_text().split(BEGIN)
    PAGE.write_text(f"{before}{BEGIN}{table(read())}{END}{rest.split(END)[1]}")


if __name__ == "__main__":
    write()
