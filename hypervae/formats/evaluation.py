"""What ``hypervae evaluate`` writes: results, and the arrays behind the figures.

The results (JSON; `read_results`, `hypervae.evaluation.evaluate.evaluate` says what they hold) are
in the arrays too, so that a figure can be drawn anew without a metric computed anew.

Layout of the arrays (HDF5): attributes ``jet_type``, ``model`` ("" if unknown) and ``results`` (as
JSON); ``{sample}/{observable}`` [n] or [particles] float32 for the samples generated, test and
train, values per particle in the order of the jets, so that ``{sample}/multiplicity`` tells them
apart; ``histograms/{observable}/edges`` [bins + 1] with ``histograms/{observable}/{sample}``
[bins + 2] float64, counts with underflow first and overflow last: the histograms of the overlaps,
but of all jets. Where the group ``correlators`` was asked for: ``correlators/orders``,
``correlators/edges`` [bins + 1] and, of the jets that the metrics compared,
``correlators/{sample}/mean``, ``error``, ``ratio`` and ``ratio_error`` [orders, bins + 2]: ENC per
jet, and over E2C (NaN where that is 0).
"""

from __future__ import annotations

import json
import math
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from hypervae.correlators.means import CorrelatorMeans
from hypervae.errors import InputError
from hypervae.io import atomic_h5, read_list, write_json
from hypervae.io.hdf5 import reading_h5
from hypervae.io.lists import named_files
from hypervae.observables import OBSERVABLES, ObservableValues

SCHEMA_VERSION = 3
#: The samples of an evaluation. ``train`` tells how far real jets fluctuate; it may be missing.
SAMPLES = ("test", "train", "generated")
#: The numbers of a metric.
NUMBERS = ("value", "error", "floor", "floor_error")


@dataclass
class EvaluatedCorrelators:
    """Energy correlators of the samples of an evaluation.

    Parameters
    ----------
    orders : [orders] int
    edges : [bins + 1]
        Of R_L.
    mean, error, ratio, ratio_error : dict of str to [orders, bins]
        By sample: ENC per jet and over E2C, each with its statistical error.
    """

    orders: NDArray[np.int64]
    edges: NDArray[np.float64]
    mean: dict[str, NDArray[np.float64]]
    error: dict[str, NDArray[np.float64]]
    ratio: dict[str, NDArray[np.float64]]
    ratio_error: dict[str, NDArray[np.float64]]


@dataclass
class EvaluationArrays:
    """The arrays of an evaluation, as the figures read them.

    Parameters
    ----------
    samples : dict of str to ObservableValues
        ``test``, ``generated`` and, where the file has it, ``train``.
    correlators : EvaluatedCorrelators or None
        None where the evaluation was not asked for them.
    results : dict
        The results of the evaluation.
    """

    samples: dict[str, ObservableValues]
    correlators: EvaluatedCorrelators | None
    results: dict[str, Any]


def write_results(path: str | os.PathLike[str], results: Mapping[str, Any]) -> None:
    """Write the results of an evaluation as JSON, atomically.

    Parameters
    ----------
    path : path-like
    results : mapping
    """
    write_json(path, dict(results))


def read_results(paths: Sequence[str | os.PathLike[str]]) -> list[dict[str, Any]]:
    """Read results, of one run or of several with names.

    Metrics that are not finite are moved to ``unavailable``.

    Parameters
    ----------
    paths : sequence of path-like
        JSON files, list files of them (by another suffix), or folders ``results`` of the workflow,
        for all that it evaluated. ``NAME=PATH`` puts a name before those of the models, so that the
        models of several runs are told apart.

    Returns
    -------
    list of dict

    Raises
    ------
    InputError
        If there are none, or one is not what ``hypervae evaluate`` writes.
    """
    results = []
    for path in paths:
        name, place = _name_and_place(os.fspath(path))
        for file in _files(place):
            content = _read_result(file)
            if name:
                content["model"] = "/".join(filter(None, (name, content.get("model"))))
            results.append(content)
    if not results:
        raise InputError("--results", "files", found="none", expected="at least one JSON file")
    return results


def results_files(path: str | os.PathLike[str]) -> list[Path]:
    """The files that `read_results` reads where it is given this.

    Parameters
    ----------
    path : path-like
        See `read_results`, which refuses what is wrong with it.

    Returns
    -------
    list of Path
    """
    place = _name_and_place(os.fspath(path))[1]
    return sorted(place.glob("evaluation/*/*.json")) if place.is_dir() else named_files(place)


def _name_and_place(path: str) -> tuple[str, Path]:
    name, equals, place = path.partition("=")
    if not equals or "/" in name or Path(path).exists():  # a path may have an = in it
        return "", Path(path)
    return name, Path(place)


def _files(place: Path) -> list[Path]:
    if place.suffix == ".json":
        return [place]
    if not place.is_dir():
        return read_list(place)
    files = sorted(place.glob("evaluation/*/*.json"))
    if not files:
        raise InputError(
            place, "results", found="no evaluation/*/*.json", expected="the results of a run"
        )
    return files


def _read_result(file: Path) -> dict[str, Any]:
    try:
        content: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
        content["jet_type"], content["sizes"]["compared"]
        _set_aside(content)
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise InputError(
            file,
            "results",
            found=f"{type(error).__name__}: {error}",
            expected="what hypervae evaluate --output writes",
        ) from error
    return content


def _set_aside(content: dict[str, Any]) -> None:
    """Move metrics with a number that is missing or not finite to ``unavailable``."""
    content.setdefault("unavailable", {})
    for name, metric in list(content["metrics"].items()):
        numbers = [metric[key] for key in NUMBERS]
        if not all(number is not None and math.isfinite(number) for number in numbers):
            del content["metrics"][name]
            content["unavailable"][name] = "not finite"


@dataclass
class Histograms:
    """The histograms of an observable.

    Parameters
    ----------
    edges : [bins + 1]
    counts : dict of str to [bins + 2]
        By sample, with underflow and overflow.
    """

    edges: NDArray[np.float64]
    counts: dict[str, NDArray[np.float64]]


def write_arrays(
    path: str | os.PathLike[str],
    results: Mapping[str, Any],
    samples: Mapping[str, ObservableValues],
    histograms: Mapping[str, Histograms],
    correlators: Mapping[str, CorrelatorMeans],
    edges: NDArray[np.float64],
) -> None:
    """Write the arrays of an evaluation, atomically.

    Parameters
    ----------
    path : path-like
    results : mapping
    samples : mapping of str to ObservableValues
        All jets that were read.
    histograms : mapping of str to Histograms
        By observable.
    correlators : mapping of str to CorrelatorMeans
        By sample, with underflow and overflow; empty where they were not asked for.
    edges : [bins + 1]
        Of R_L.
    """
    with atomic_h5(path) as file:
        file.attrs["jet_type"] = results["jet_type"]
        file.attrs["model"] = results["model"] or ""
        file.attrs["results"] = json.dumps(results, sort_keys=True)
        for sample, observables in samples.items():
            for name, values in observables.values.items():
                file.create_dataset(
                    f"{sample}/{name}", data=values.astype(np.float32), compression="gzip"
                )
        for name, histogram in histograms.items():
            file[f"histograms/{name}/edges"] = histogram.edges
            for sample, counts in histogram.counts.items():
                file[f"histograms/{name}/{sample}"] = counts
        for sample, means in correlators.items():
            if "correlators" not in file:
                file["correlators/orders"] = np.array(means.orders)
                file["correlators/edges"] = edges
            group = file.create_group(f"correlators/{sample}")
            group["mean"], group["error"] = means.mean, means.error
            group["ratio"], group["ratio_error"] = means.ratios()


def read_arrays(path: str | os.PathLike[str]) -> EvaluationArrays:
    """Read the arrays of an evaluation.

    Observables and correlators that the file lacks are left out, not complained about: what is
    computed is the user's choice (``evaluate.metrics``).

    Parameters
    ----------
    path : path-like

    Returns
    -------
    EvaluationArrays

    Raises
    ------
    InputError
        If the file has no results or no multiplicities, or values and multiplicities disagree.
    """
    with reading_h5(path) as file:
        results = _read_results(path, file)
        samples = {
            name: _read_sample(path, file, name)
            for name in SAMPLES
            if name in file or name != "train"
        }
        correlators = _read_correlators(path, file) if "correlators" in file else None
    return EvaluationArrays(samples, correlators, results)


def _read_results(path: str | os.PathLike[str], file: h5py.File) -> dict[str, Any]:
    try:
        results = json.loads(file.attrs["results"])
        results["metrics"], results["jet_type"], results["sizes"]["compared"]
    except (KeyError, ValueError, TypeError) as error:
        raise InputError(
            path, "attribute results", found=str(error), expected="results as JSON"
        ) from error
    return results


def _read_sample(path: str | os.PathLike[str], file: h5py.File, name: str) -> ObservableValues:
    if f"{name}/multiplicity" not in file:
        raise InputError(
            path,
            f"{name}/multiplicity",
            found="no such dataset",
            expected="the arrays that hypervae evaluate writes",
        )
    multiplicity = file[name]["multiplicity"][()].astype(np.float64)
    if not (np.isfinite(multiplicity).all() and (multiplicity >= 0).all()):
        raise InputError(
            path, f"{name}/multiplicity", found="NaN or below 0", expected="numbers of particles"
        )
    group = file[name]
    values = {key: group[key][()].astype(np.float64) for key in OBSERVABLES if key in group}
    sample = ObservableValues(values, multiplicity.astype(np.int64))
    for key, column in values.items():
        if len(column) != len(sample.jet_of(key)):
            raise InputError(
                path,
                f"{name}/{key}",
                found=f"{len(column)} values",
                expected=f"{len(sample.jet_of(key))}, by the multiplicities",
            )
    return sample


def _read_correlators(path: str | os.PathLike[str], file: h5py.File) -> EvaluatedCorrelators:
    group = file["correlators"]
    found: dict[str, dict[str, NDArray[np.float64]]] = {}
    try:
        orders, edges = group["orders"][()], group["edges"][()]
        names = [name for name in SAMPLES if name in group]
        for quantity in ("mean", "error", "ratio", "ratio_error"):
            # without underflow (contact terms) and overflow
            found[quantity] = {name: group[name][quantity][:, 1:-1] for name in names}
    except (KeyError, ValueError) as error:
        raise InputError(
            path, "correlators", found=str(error), expected="what hypervae evaluate writes"
        ) from error
    shape = (len(orders), len(edges) - 1)
    for quantity, samples in found.items():
        for name, values in samples.items():
            if values.shape != shape:
                raise InputError(
                    path,
                    f"correlators/{name}/{quantity}",
                    found=f"{values.shape} within the range",
                    expected=str(shape),
                )
    return EvaluatedCorrelators(orders, edges, **found)
