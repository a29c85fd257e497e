"""What was run, as the folder of a run's results tells: for the page that the report opens with."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import psutil

from hypervae.config.yaml_text import read_yaml_file
from hypervae.errors import ConfigError, InputError
from hypervae.formats.equivariance import exact_symmetry
from hypervae.formats.evaluation import read_results
from hypervae.formats.history import read_history
from hypervae.formats.timings import StageTime, read_timings

_GPUS = Path("/proc/driver/nvidia/gpus")
_CPUS = Path("/proc/cpuinfo")
# Suffixes of what is made of results.
_SHOWN = (".png", ".pdf", ".svg", ".html")


@dataclass(frozen=True)
class ModelRun:
    """A model of a run.

    Parameters
    ----------
    name : str
    parts : str
        What it is made of, in words.
    training_jets : int
        Of all its types together.
    epochs, steps : int
        Of its training; 0 where it was taken as it was.
    on_gpu : bool
        Whether its training used the memory of a GPU.
    symmetry : str
        Under which group it is exact; "" where that was not measured.
    """

    name: str
    parts: str
    training_jets: int
    epochs: int
    steps: int
    on_gpu: bool
    symmetry: str


@dataclass(frozen=True)
class Run:
    """A run.

    Parameters
    ----------
    folder : Path
        Its results.
    config : mapping
        With all defaults.
    results : list of dict
        Of each model and jet type, as ``hypervae evaluate`` writes them.
    models : dict of str to ModelRun
    timings : dict of str to dict of str to StageTime
        By stage and by model or jet type.
    """

    folder: Path
    config: Mapping[str, Any]
    results: list[dict[str, Any]]
    models: dict[str, ModelRun]
    timings: dict[str, dict[str, StageTime]]


def files_of_run(folder: Path) -> list[Path]:
    """The files that may be read of a run; figures and pages are made of them.

    Parameters
    ----------
    folder : Path
        Its results.

    Returns
    -------
    list of Path
    """
    parts = ("evaluation/*/*", "models/*/*", "equivariance/*", "timings/**/*.tsv")
    found = [path for part in parts for path in folder.glob(part)]
    return [folder / "config.yaml", *(path for path in found if path.suffix not in _SHOWN)]


def read_run(folder: str | os.PathLike[str]) -> Run:
    """Read what a run left in its folder.

    Parameters
    ----------
    folder : path-like
        ``results``.

    Returns
    -------
    Run
        Of the models and jet types of its config; what earlier runs left is passed over.

    Raises
    ------
    InputError
        If there is no config, or a file is missing or not what it should be.
    """
    folder = Path(folder)
    config = _config(folder / "config.yaml")
    pairs = [
        (name, jet_type)
        for name, entry in config["models"].items()
        for jet_type in entry["jet_types"]
    ]
    return Run(
        folder,
        config,
        read_results([folder / f"evaluation/{name}/{jet_type}.json" for name, jet_type in pairs]),
        {name: _model(folder, name) for name in config["models"]},
        read_timings(folder / "timings", {*config["models"], *config["data"]["jet_types"]}),
    )


def _config(path: Path) -> dict[str, Any]:
    try:
        content = read_yaml_file(path)
    except ConfigError as error:
        raise InputError(
            path, "config", found=str(error), expected="the config of a run"
        ) from error
    data = content.get("data") if isinstance(content, dict) else None
    jet_types = data.get("jet_types") if isinstance(data, dict) else None
    if not isinstance(jet_types, dict) or not isinstance(content.get("models"), dict):
        raise InputError(
            path, "config", found="no models or no jet types", expected="models and data.jet_types"
        )
    found: dict[str, Any] = content
    return found


def _model(folder: Path, name: str) -> ModelRun:
    place = folder / "models" / name
    try:
        content = json.loads((place / "config.json").read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(
            place / "config.json", "file", found=str(error), expected="that of a trained model"
        ) from error
    history: Mapping[str, Any] = {}
    if (place / "history.csv").exists():
        history = read_history(place / "history.csv")
    symmetry = folder / "equivariance" / f"{name}.json"
    memory = history.get("peak_gpu_memory_mb", np.array([]))
    return ModelRun(
        name,
        _parts(content["model"]),
        int(content.get("training", {}).get("training_jets", 0)),
        len(history.get("epoch", ())),
        int(history["step"][-1]) if "step" in history else 0,
        bool(np.isfinite(memory).any()),
        exact_symmetry(json.loads(symmetry.read_text())) if symmetry.exists() else "",
    )


def _parts(model: Mapping[str, Any]) -> str:
    free = model["latent_dim"]
    encoder = f"encoder of {free} latent dimensions" if free else "no encoder"
    return f"{encoder}, decoder {model['decoder']}, prior {model['prior']}"


def machine() -> str:
    """The machine that this runs on, in words: processor, memory, GPUs, system.

    Returns
    -------
    str
    """
    processor = platform.processor() or platform.machine()
    if _CPUS.exists():
        lines = _CPUS.read_text(encoding="utf-8", errors="replace").splitlines()
        named = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
        processor = named[0] if named else processor
    memory = psutil.virtual_memory().total / 2**30
    parts = [f"{processor}, {os.cpu_count()} CPUs, {memory:.0f} GiB"]
    for path in sorted(_GPUS.glob("*/information")):
        lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
        parts += [line.partition(":")[2].strip() for line in lines if line.startswith("Model")]
    return ", ".join([*parts, platform.system() + " " + platform.release()])
