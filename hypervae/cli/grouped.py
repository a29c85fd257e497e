"""Several commands of one shard each in one process, which imports what they need once.

``python -m hypervae.cli.grouped FINGERPRINT SUBCOMMAND ...``, for jobs of the workflow. An option
with as many values as ``--output`` stands for one value of each command; all others hold for all.
What is done waits beside the outputs under a name that tells what it was made from, until all are
done: Snakemake removes the outputs of a job that failed, and the next attempt goes on after them.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import sys
from pathlib import Path

from hypervae.cli import main
from hypervae.io.targets import short

#: Of the option that names the files that commands write.
OUTPUT = "--output"


def single_commands(arguments: list[str]) -> list[list[str]]:
    """The commands for which one stands.

    Parameters
    ----------
    arguments : list of str
        Of all of them, the subcommand first; each value of an option is an argument of its own.

    Returns
    -------
    list of list of str
        One for each output, each with its own values.

    Raises
    ------
    ValueError
        If an option has neither one value nor as many as there are outputs.
    """
    subcommand, *rest = arguments
    options: list[tuple[str, list[str]]] = []
    for word in rest:
        if word.startswith("--"):
            options.append((word, []))
        else:
            options[-1][1].append(word)
    count = len(dict(options)[OUTPUT])
    for name, values in options:
        if len(values) not in (0, 1, count):
            raise ValueError(f"{name}: found {len(values)} values, expected 1 or {count}")
    return [
        [
            subcommand,
            *(
                word
                for name, values in options
                for word in (name, *(values[at : at + 1] if len(values) == count else values))
            ),
        ]
        for at in range(count)
    ]


def run_grouped(fingerprint: str, arguments: list[str]) -> None:
    """Run the commands for which one stands; ends the process where one of them fails.

    Parameters
    ----------
    fingerprint : str
        Of what decides their results, but for their inputs.
    arguments : list of str
        See `single_commands`.
    """
    commands = single_commands(arguments)
    outputs = [Path(_value(command, OUTPUT)) for command in commands]
    waiting = outputs[0].with_name(f".{short(outputs[0].name)}-and-{len(outputs) - 1}-more")
    waiting.mkdir(parents=True, exist_ok=True)
    done = [
        waiting / f"{short(output.stem)}-{_made_from(fingerprint, command)}{output.suffix}"
        for command, output in zip(commands, outputs, strict=True)
    ]
    for path in waiting.glob("[!.]*"):  # not locks, whose holders may live
        if path not in done:  # of other settings, or of an input that changed
            path.unlink()
    for command, output, kept in zip(commands, outputs, done, strict=True):
        if kept.is_file():
            print(f"{output}: done by an earlier attempt", flush=True)
            continue
        sys.argv = ["hypervae", *(str(kept) if word == str(output) else word for word in command)]
        try:
            main()
        except SystemExit as end:
            if end.code:
                raise
    for output, kept in zip(outputs, done, strict=True):
        os.utime(kept)  # newer than all inputs of the job
        output.unlink(missing_ok=True)
        try:
            os.link(kept, output)  # all remain until all are there
        except OSError:  # a file system without links
            os.replace(kept, output)
    shutil.rmtree(waiting)


def _value(command: list[str], option: str) -> str:
    return command[command.index(option) + 1]


def _made_from(fingerprint: str, command: list[str]) -> str:
    """A digest of what a file is made from: settings, code, and its input as it is now."""
    place = command.index(OUTPUT)
    content: list[object] = [fingerprint, command[:place], command[place + 2 :]]
    if "--input" in command:
        status = os.stat(_value(command, "--input"))
        content.append([status.st_size, status.st_mtime_ns, status.st_ino])
    return hashlib.sha256(json.dumps(content).encode()).hexdigest()[:16]


if __name__ == "__main__":
    run_grouped(sys.argv[1], sys.argv[2:])
