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

import numpy as np
from numpy.typing import NDArray

from hypervae.correlators.means import CorrelatorMeans
from hypervae.data.jet_types import JET_TYPES
from hypervae.data.ranges import MOST_PARTICLES
from hypervae.errors import InputError
from hypervae.formats.edges import read_edges
from hypervae.io import atomic_h5, read_list, write_json
from hypervae.io.entries import Entries
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
        wrong = wrong_results(content)
    except (OSError, ValueError, RecursionError) as error:
        wrong = f"{type(error).__name__}: {error}"
    if wrong:
        raise InputError(
            file, "results", found=wrong, expected="what hypervae evaluate --output writes"
        )
    _set_aside(content)
    return content


# JSON's whole numbers may have any size; those of more bits are no measurement.
_BITS = 63
#: What results hold that their readers count on, and of which type each is.
_NEEDED: dict[str, Any] = {"jet_type": str, "sizes": dict, "sizes.compared": int, "metrics": dict}
_OPTIONAL: dict[str, Any] = {
    "model": str | None,
    "sizes.test": int,
    "sizes.generated": int,
    "unavailable": dict,
    "protocol": dict,
    "protocol.notes": list,
    "protocol.jets_asked": dict,
    "protocol.jets_used": dict,
}
#: Of which type each of their entries is.
_ENTRIES: dict[str, type] = {
    "unavailable": str,
    "protocol.notes": str,
    "protocol.jets_asked": int,
    "protocol.jets_used": int,
}
_OF_METRICS: dict[str, type] = {
    "unit": str,
    "description": str,
    "group": str,
    "higher_is_better": bool,
}


def wrong_results(content: Any) -> str:
    """What makes results none of an evaluation.

    Parameters
    ----------
    content : object
        As JSON gives it.

    Returns
    -------
    str
        Empty where all is as it should be.
    """
    if not isinstance(content, dict):
        return f"a {type(content).__name__}"
    for place, kind in {**_NEEDED, **_OPTIONAL}.items():
        found: Any = content
        for part in place.split("."):
            found = found.get(part, ...) if isinstance(found, dict) else ...
        if found is ...:
            if place in _NEEDED:
                return f"no {place}"
            continue
        if not isinstance(found, kind) or isinstance(found, bool):
            return f"{place}: {found!r:.60}"
        inside = found.values() if isinstance(found, dict) else found
        for one in inside if place in _ENTRIES else ():
            if not isinstance(one, _ENTRIES[place]) or isinstance(one, bool):
                return f"{place}: {one!r:.60}"
    if content["jet_type"] not in JET_TYPES:
        return f"jet_type: {content['jet_type']!r:.60}"
    for name, metric in content["metrics"].items():
        if not isinstance(metric, dict):
            return f"metrics.{name}: {metric!r:.60}"
        for key in NUMBERS:
            number = metric.get(key, ...)
            huge = isinstance(number, int) and number.bit_length() > _BITS
            if huge or isinstance(number, bool) or not isinstance(number, int | float | None):
                return f"metrics.{name}.{key}: {'nothing' if number is ... else repr(number):.60}"
        for key, kind in _OF_METRICS.items():
            if not isinstance(metric.get(key, kind()), kind):
                return f"metrics.{name}.{key}: {metric[key]!r:.60}"
    return ""


def _set_aside(content: dict[str, Any]) -> None:
    """Move metrics with a number that is missing or not finite to ``unavailable``."""
    content.setdefault("unavailable", {})
    for name, metric in list(content["metrics"].items()):
        if not all(metric[key] is not None and math.isfinite(metric[key]) for key in NUMBERS):
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
    with reading_h5(path) as entries:
        results = _read_results(entries)
        samples = {
            name: _read_sample(entries, name)
            for name in SAMPLES
            if name in entries or name != "train"
        }
        correlators = _read_correlators(entries) if "correlators" in entries else None
    return EvaluationArrays(samples, correlators, results)


def _read_results(entries: Entries) -> dict[str, Any]:
    results: dict[str, Any] = entries.json("results", dict)
    if wrong := wrong_results(results):
        raise InputError(entries.path, "attribute results", found=wrong, expected="results as JSON")
    return results


def _read_sample(entries: Entries, name: str) -> ObservableValues:
    group = entries.group(name)
    counts = group.finite("multiplicity", (None,), "[jets]")
    if counts.size and not (counts.min() >= 0 and counts.max() <= MOST_PARTICLES):
        group.refuse(
            "multiplicity", f"{counts.min():g} to {counts.max():g}", f"0 to {MOST_PARTICLES}"
        )
    multiplicity = counts.astype(np.int64)
    values = {}
    for key in OBSERVABLES:
        if key in group:
            length = int(multiplicity.sum()) if OBSERVABLES[key].per_particle else len(multiplicity)
            meaning = f"({length},), by the multiplicities"
            values[key] = group.numbers(key, (length,), meaning)
    return ObservableValues(values, multiplicity)


def _read_correlators(entries: Entries) -> EvaluatedCorrelators:
    group = entries.group("correlators")
    orders, edges = group.whole("orders", (None,), "[orders]", low=2), read_edges(group)
    shape = (len(orders), len(edges) + 1)
    found: dict[str, dict[str, NDArray[np.float64]]] = {}
    names = [name for name in SAMPLES if name in group]
    for quantity in ("mean", "error", "ratio", "ratio_error"):
        # without underflow (contact terms) and overflow
        found[quantity] = {
            name: group.numbers(f"{name}/{quantity}", shape)[:, 1:-1] for name in names
        }
    return EvaluatedCorrelators(orders, edges, **found)
