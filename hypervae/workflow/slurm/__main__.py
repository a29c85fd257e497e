"""``python -m hypervae.workflow.slurm cancel|recover``: end what a crashed run left, and go on.

``cancel`` ends the Slurm jobs of the folder and waits until they are gone. ``recover`` does that,
unlocks the folder and runs Snakemake with the arguments that follow, such as ``--profile
profiles/slurm --configfile my.yaml``. With ``--directory`` among them, that folder is meant.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from subprocess import run

from hypervae.workflow.config_files import refused
from hypervae.workflow.slurm.jobs import cancel, snakemakes

_USAGE = "python -m hypervae.workflow.slurm cancel|recover [arguments of snakemake]"
# What would do something else than unlock.
_NOT_TO_UNLOCK = {"-n", "--dry-run", "--dryrun", "--rerun-incomplete", "--ri"}


def folder_of(arguments: Sequence[str]) -> Path:
    """Where a run with these arguments of Snakemake works.

    Parameters
    ----------
    arguments : sequence of str

    Returns
    -------
    Path
    """
    for word, after in zip(arguments, [*arguments[1:], ""], strict=False):
        if word in ("--directory", "-d") and after:
            return Path(after).resolve()
        if word.startswith("--directory="):
            return Path(word.partition("=")[2]).resolve()
    return Path.cwd()


def main(arguments: Sequence[str]) -> int:
    """Do what is asked for.

    Parameters
    ----------
    arguments : sequence of str

    Returns
    -------
    int
        The exit code.
    """
    what, rest = (arguments[0] if arguments else ""), list(arguments[1:])
    if what not in ("cancel", "recover"):
        print(_USAGE, file=sys.stderr)
        return 2
    if refused(rest):
        return 1
    folder = folder_of(rest)
    alive = snakemakes(folder) if what == "recover" else []
    if alive:
        numbers = " ".join(map(str, alive))
        print(f"{folder}: Snakemake is at work here (process {numbers}); stop it first: kill -INT "
              f"{alive[0]}", file=sys.stderr)  # fmt: skip
        return 1
    try:
        number = cancel(folder)
    except OSError as error:
        print(error, file=sys.stderr)
        return 1
    print(f"{folder}: {number or 'no'} live Slurm jobs{' cancelled' if number else ''}")
    if what == "cancel":
        return 0
    snakemake = [sys.executable, "-m", "snakemake"]
    unlock = [word for word in rest if word not in _NOT_TO_UNLOCK]
    done = run([*snakemake, *unlock, "--unlock"])
    return done.returncode or run([*snakemake, *rest]).returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
