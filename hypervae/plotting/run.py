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
from hypervae.formats.equivariance import exact_symmetry, read_equivariance
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
    files = [folder / f"evaluation/{name}/{jet_type}.json" for name, jet_type in pairs]
    results = read_results(files)
    for file, result, (name, jet_type) in zip(files, results, pairs, strict=True):
        for field, expected in (("model", name), ("jet_type", jet_type)):
            if result.get(field) != expected:
                raise InputError(file, field, found=repr(result.get(field)), expected=expected)
        for part in ("test", "generated"):
            if part not in result["sizes"]:
                raise InputError(
                    file, f"sizes.{part}", found="no such entry", expected="how many jets"
                )
    return Run(
        folder,
        config,
        results,
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
    if wrong := _wrong(content):
        raise InputError(path, "config", found=wrong, expected="models and data.jet_types of a run")
    found: dict[str, Any] = content
    return found


def _wrong(config: Any) -> str:
    """What of a config is not as it is needed here; empty where nothing is."""
    data = _below(config, "data")
    jet_types, models = _below(data, "jet_types"), _below(config, "models")
    if not jet_types or not models:
        return f"no {'models' if jet_types else 'data.jet_types'}"
    most = _below(data, "max_particles", int)
    if most is None or isinstance(most, bool):
        return f"data.max_particles: {data.get('max_particles')!r:.60}"
    for name, entry in jet_types.items():
        if not _below(entry, "source", str):
            return f"data.jet_types.{name}: {entry!r:.60}"
    for name, entry in models.items():
        own = _below(entry, "jet_types", list)
        if not own or not all(isinstance(one, str) and one in jet_types for one in own):
            return f"models.{name}: {entry!r:.60}"
    return ""


def _below(content: Any, name: str, kind: type = dict) -> Any:
    """An entry of a mapping; None where there is none of that type."""
    found = content.get(name) if isinstance(content, dict) else None
    return found if isinstance(found, kind) else None


def _model(folder: Path, name: str) -> ModelRun:
    place = folder / "models" / name
    try:
        content = json.loads((place / "config.json").read_text(encoding="utf-8"))
        parts = _parts(content["model"])
        jets = int((_below(content, "training") or {}).get("training_jets", 0))
    except (OSError, ValueError, TypeError, KeyError, RecursionError, OverflowError) as error:
        raise InputError(
            place / "config.json",
            "file",
            found=f"{type(error).__name__}: {error}",
            expected="that of a trained model",
        ) from error
    history: Mapping[str, Any] = {}
    if (place / "history.csv").exists():
        history = read_history(place / "history.csv")
    symmetry = folder / "equivariance" / f"{name}.json"
    memory = history.get("peak_gpu_memory_mb", np.array([]))
    return ModelRun(
        name,
        parts,
        jets,
        len(history.get("epoch", ())),
        int(history["step"][-1]) if "step" in history else 0,
        bool(np.isfinite(memory).any()),
        exact_symmetry(read_equivariance(symmetry)) if symmetry.exists() else "",
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
