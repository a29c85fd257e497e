"""Stand-ins for Slurm's programs, linked under their names. A job ends when it is submitted."""

import os
import re
import sys
from pathlib import Path

STATE = Path(os.environ["FAKE_SLURM"])
JOBS = STATE / "jobs"


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
    program = Path(sys.argv[0]).name.removeprefix("real_")
    {"sacct": squeue, "squeue": squeue}.get(program, globals().get(program, print))(sys.argv[1:])
