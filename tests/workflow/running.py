"""Run Snakemake for real, on a copy of the repository."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
_PARTS = ("workflow", "hypervae", "config", "envs", "profiles")


def copy_repository(target: Path) -> Path:
    """Copy what a run needs; compiled kernels travel along, which saves their compilation."""
    for part in _PARTS:
        shutil.copytree(REPOSITORY / part, target / part)
    shutil.copytree(REPOSITORY / "tests" / "data", target / "tests" / "data")
    return target


def snakemake(
    folder: Path,
    *arguments: str,
    check: bool = True,
    python: Path = Path(sys.executable),
    variables: Mapping[str, str] | None = None,
) -> subprocess.CompletedProcess:
    """Run snakemake in a folder with the environment of an interpreter, by default this one's.

    `variables` are set on top of it.
    """
    environment = {**os.environ, "PATH": f"{python.parent}:{os.environ['PATH']}"}
    environment.pop("PYTHONPATH", None)
    environment.update(variables or {})
    done = subprocess.run(
        [python, "-m", "snakemake", *arguments],
        cwd=folder,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    if check and done.returncode:
        logs = "".join(
            f"\n==> {log.relative_to(folder)} <==\n{log.read_text()[-1500:]}"
            for log in sorted(folder.glob("logs/**/*.log"))
            if log.stat().st_size and "Error" in log.read_text()
        )
        raise AssertionError(f"snakemake {' '.join(arguments)}:\n{done.stdout[-6000:]}{logs}")
    return done


def job_counts(output: str) -> dict[str, int]:
    """Jobs per rule in what a dry run prints, without the target rule; empty for a no-op."""
    table = re.search(r"^job +count\n-+ +-+\n(.*?)\ntotal", output, flags=re.M | re.S)
    if table is None:
        if "Nothing to be done" not in output:
            raise AssertionError(f"neither a job table nor a no-op:\n{output}")
        return {}
    rows = (line.split() for line in table.group(1).splitlines())
    return {rule: int(count) for rule, count in rows if rule != "all"}
