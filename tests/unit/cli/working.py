"""A command line for every subcommand that writes files, on small inputs, that does its work."""

from __future__ import annotations

import ctypes
import gc
import json
import multiprocessing
import os
import shutil
import signal
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import click
import yaml

from hypervae.cli import main
from hypervae.cli.shape import OutputFile, OutputFolder
from hypervae.config import resolve_section
from hypervae.plotting.style import figure_style
from tests.unit.chain import MODEL, SPLIT
from tests.unit.cli.subcommands import COMMANDS, parameters, run, value_of
from tests.unit.data.test_jetnet import write_jetnet

TRAINING = {"epochs": 1, "batch_size": 64, "model": MODEL, "split": SPLIT}
TRAINING["execution"] = {"device": "cpu"}
#: What starts a run of the workflow, unless its first file is refused.
LONG = ("sweep",)
JETS = ["--jets", 40]
FIGURE = ["--dpi", 40]


def writing() -> list[str]:
    """The subcommands that write files, by the types of their options."""
    return [
        name
        for name, command in COMMANDS.items()
        if list(parameters(command, (OutputFile, OutputFolder)))
    ]


@dataclass
class Working:
    """Command lines that do their work, without where they write.

    Attributes
    ----------
    folder : Path
        Of what they read.
    lines : dict of str to list
        By subcommand.
    """

    folder: Path
    lines: dict[str, list[object]]

    def line(self, name: str, outputs: Path) -> list[str]:
        """The command line of a subcommand that writes all it can into a folder."""
        words = [*name.split(), *self.lines[name]]
        for one, option in parameters(COMMANDS[name], (OutputFile, OutputFolder)):
            assert isinstance(one, click.Option)
            words += [option, value_of(one, outputs)]
        return list(map(str, words))


def do(*words: object) -> None:
    """Run a command line that does its work."""
    done = run(*words)
    assert done.exit_code == 0, (words, done.output, done.exception)


def make_working(folder: Path, chain) -> Working:
    """Make what all subcommands read, by themselves where that is quick.

    Parameters
    ----------
    folder : Path
    chain : tests.unit.chain.Chain
    """
    shards, correlators, normalization = chain.of("g")
    joined = [",".join(map(str, paths)) for paths in (shards, correlators)]
    (folder / "staged").mkdir()
    write_jetnet(folder / "staged" / "w.hdf5", n=60)
    training = [
        *("--shards", joined[0], "--correlators", joined[1], "--normalization", normalization),
        *("--config", json.dumps(TRAINING), "--threads", 1),
    ]
    model, made, results = folder / "model", folder / "made.h5", folder / "r.json"
    arrays, encoded, spread = (
        folder / "arrays.h5",
        folder / "encoded.h5",
        folder / "equivariance.json",
    )
    do("train", *training, "--output-dir", model, "--checkpoint-dir", folder / "checkpoints")
    generating = ["--model", model, "--jet-type", "g", *JETS]
    do("generate", *generating, "--output", made)
    evaluating = ["--generated", made, "--real", joined[0], "--metrics", "w1_mass"]
    do("evaluate", *evaluating, "--output", results, "--arrays", arrays)
    encoding = ["--model", model, "--shards", joined[0]]
    do("reconstruct", *encoding, "--output", encoded)
    moving = [*encoding, "--jets", 4, "--transformations", 2]
    do("equivariance", *moving, "--output", spread)
    sweep = folder / "sweep.yaml"
    shutil.copy("tests/data/tiny.yaml", folder)
    sweep.write_text(yaml.safe_dump(_SWEEP | {"config": str(folder / "tiny.yaml")}))
    _write_run(folder / "results", model, results, arrays, spread)
    with figure_style(resolve_section("plot", {})):  # imported once, before all forks
        pass
    lines = {
        "simulate": ["--jet-type", "t", "--jets", 5],
        "download": ["--jet-type", "w", "--directory", folder / "staged"],
        "split": [
            *("--input", folder / "staged" / "w.hdf5", "--jet-type", "w"),
            *("--shard-index", 0, "--shard-count", 2),
        ],
        "import": ["--input", shards[0], "--jet-type", "g"],
        "correlators": ["--input", shards[0], "--bins", 20],
        "enc": ["--input", shards[0], "--orders", "2,3", "--bins", 20],
        "normalize": ["--correlators", joined[1]],
        "train": training,
        "adopt": ["--model", model, "--normalization", normalization, "--jet-types", "g"],
        "generate": generating,
        "evaluate": evaluating,
        "equivariance": moving,
        "reconstruct": encoding,
        "plot observables": ["--arrays", arrays, *FIGURE],
        "plot history": ["--input", model / "history.csv", *FIGURE],
        "plot correlators": ["--input", correlators[0], *FIGURE],
        "plot latent": ["--input", encoded, *FIGURE],
        "plot reconstruction": ["--input", encoded, *FIGURE],
        "plot summary": ["--results", results, *FIGURE],
        "plot overview": [folder / "results", *FIGURE],
        "sweep": [sweep, "--executor", "local"],
        "export": ["--input", shards[0], "--jet-type", "g"],
    }
    return Working(folder, lines)


_SWEEP = {
    "model": "t",
    "sampler": "grid",
    "parameters": {"model.latent_dim": [2, 3]},
    "objective": {"metric": "w1m"},
}


def _write_run(folder: Path, model: Path, results: Path, arrays: Path, spread: Path) -> None:
    """The results of a run of the workflow, as far as the overview reads them."""
    content = json.loads(results.read_text())
    name = content["model"] = "m"
    data = {"max_particles": 12, "jet_types": {"g": {"source": "pythia"}}}
    config = {"data": data, "models": {name: {"jet_types": ["g"]}}}
    for part in (f"evaluation/{name}", "models", "equivariance", f"timings/train/{name}"):
        (folder / part).mkdir(parents=True)
    (folder / "config.yaml").write_text(yaml.safe_dump(config))
    shutil.copytree(model, folder / "models" / name)
    (folder / f"evaluation/{name}/g.json").write_text(json.dumps(content))
    shutil.copy(arrays, folder / f"evaluation/{name}/g.h5")
    shutil.copy(spread, folder / f"equivariance/{name}.json")


@dataclass
class Ended:
    """How a forked command ended.

    Attributes
    ----------
    status : int
        Negative for a signal.
    output, errors : str
    """

    status: int
    output: str
    errors: str


def forked(words: list[str], logs: Path, before: Callable[[], object] = lambda: None) -> Ended:
    """Run `hypervae` in a process that is forked from this one, to its very end.

    Parameters
    ----------
    words : list of str
    logs : Path
        Folder for what it prints.
    before : callable
        Called in the process first.
    """
    files = [logs / "stdout", logs / "stderr"]
    gc.freeze()  # or the child copies the memory of this process
    context = multiprocessing.get_context("fork")
    child = context.Process(target=_become, args=(words, files, before))
    child.start()
    child.join()
    texts = [file.read_text(encoding="utf-8", errors="replace") for file in files]
    return Ended(child.exitcode or 0, *texts)


def _become(words: list[str], files: list[Path], before: Callable[[], object]) -> None:
    for place, file in enumerate(files, start=1):
        os.dup2(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC), place)
    sys.stdout, sys.stderr = (
        open(place, "w", encoding="utf-8", closefd=False)  # noqa: SIM115
        for place in (1, 2)
    )
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)
    before()
    sys.argv = ["hypervae", *words]
    try:
        main()
    finally:
        _close_hdf5()


def _close_hdf5() -> None:
    """What HDF5 does at the end of a process; it crashes on what a full disk has not taken."""
    with open("/proc/self/maps", encoding="utf-8") as maps:
        found = {line.split()[-1] for line in maps if "/libhdf5-" in line}
    for library in found:
        ctypes.CDLL(library).H5close()


def left_in(folder: Path) -> dict[str, bytes]:
    """What a folder holds, hidden files, too."""
    return {
        str(path.relative_to(folder)): path.read_bytes() if path.is_file() else b""
        for path in sorted(folder.rglob("*"))
    }
