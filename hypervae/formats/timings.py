"""How long the jobs of a run took, as Snakemake's benchmarks tell.

Layout: ``{stage}/{model or jet type}/....tsv``, or ``{stage}/{model or jet type}.tsv``; of each,
columns with names, a row a job: ``s`` is the wall time [s], ``cpu_time`` that of all its processes
on all cores [s]. Snakemake writes ``NA`` or ``-`` for what it could not measure.
"""

from __future__ import annotations

import os
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from hypervae.io.tables import read_rows

DECIDES_RESULTS_OF = ("plot",)


@dataclass(frozen=True)
class StageTime:
    """What the jobs of a stage took together.

    Parameters
    ----------
    jobs : int
    wall, cpu : float
        Sums over the jobs [s].
    """

    jobs: int
    wall: float
    cpu: float


def read_timings(
    folder: str | os.PathLike[str], names: Collection[str]
) -> dict[str, dict[str, StageTime]]:
    """Read the times of a run.

    Parameters
    ----------
    folder : path-like
        ``results/timings``; without it there are none.
    names : collection of str
        Models and jet types of the run; what earlier runs left of others is passed over.

    Returns
    -------
    dict of str to dict of str to StageTime
        By stage and by model or jet type.
    """
    found: dict[str, dict[str, StageTime]] = {}
    for path in sorted(Path(folder).glob("*/**/*.tsv")):
        stage, first = path.relative_to(folder).parts[:2]
        name = first.removesuffix(".tsv")
        if name not in names:
            continue
        rows = read_rows(path, delimiter="\t")
        before = found.setdefault(stage, {}).get(name, StageTime(0, 0.0, 0.0))
        found[stage][name] = StageTime(
            before.jobs + 1,
            before.wall + sum(_seconds(row.get("s")) for row in rows),
            before.cpu + sum(_seconds(row.get("cpu_time")) for row in rows),
        )
    return found


def _seconds(text: str | None) -> float:
    """A time; Snakemake writes "-" or "NA" of jobs that were too short to measure."""
    try:
        return float(text or 0.0)
    except ValueError:
        return 0.0
