"""Stand-ins for Slurm's programs, which fail when a test says so. Jobs end at once.

Linked under each program's name. A job makes the shard that it is for when it is submitted.
What fails, and how often, stands in the files `fail_{program}` of the folder FAKE_SLURM.
"""

import os
import re
import sys
from pathlib import Path

STATE = Path(os.environ["FAKE_SLURM"])
JOBS = STATE / "jobs"
MESSAGE = "error: Unable to contact slurm controller (connect failure)"


def fails(program):
    """Whether this call is one of those that are to fail; counts them."""
    limit = STATE / f"fail_{program}"
    if not limit.exists():
        return False
    calls = STATE / f"calls_{program}"
    count = int(calls.read_text()) + 1 if calls.exists() else 1
    calls.write_text(str(count))
    return count <= float(limit.read_text())


def sbatch(arguments):
    number = len(list(JOBS.iterdir())) + 1
    while True:
        try:
            with open(JOBS / str(number), "x") as file:
                file.write(option(arguments, "--job-name"))
            break
        except FileExistsError:
            number += 1
    jet_type, shard = re.search(r"jet_type=(\w+),shard=([\w-]+)", " ".join(arguments)).groups()
    made = Path("resources/shards") / f"{jet_type}/{shard}.h5"
    timing = Path("results/timings/simulate") / f"{jet_type}/{shard}.tsv"
    for file in (made, timing):
        file.parent.mkdir(parents=True, exist_ok=True)
        file.touch()
    print(number)


def option(arguments, name):
    return arguments[arguments.index(name) + 1]


def squeue(arguments):
    if "--me" in arguments:  # what is alive
        alive = STATE / "alive"
        print(alive.read_text() if alive.exists() else "", end="")
        return
    for job in JOBS.iterdir():
        print(f"{job.name}|COMPLETED")


def scontrol(arguments):
    print("MinJobAge               = 300 sec\nMaxArraySize            = 1001")


def sinfo(arguments):
    print("cpu*")


def sacctmgr(arguments):
    print("physics")


if __name__ == "__main__":
    program = Path(sys.argv[0]).name
    if "--me" not in sys.argv and fails(program):
        sys.exit(f"{program}: {MESSAGE}")
    {"sacct": squeue, "squeue": squeue}.get(program, globals().get(program, print))(sys.argv[1:])
