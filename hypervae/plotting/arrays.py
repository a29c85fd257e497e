"""Read the arrays behind an evaluation's figures; what is missing stays missing."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from hypervae.errors import InputError
from hypervae.io.hdf5 import reading_h5

#: The samples of an evaluation. ``train`` tells how far real jets fluctuate; it may be missing.
SAMPLES = ("test", "train", "generated")
#: Observables with one value a particle, in the order of the jets; the others have one a jet.
PER_PARTICLE = ("ptrel", "etarel", "phirel", "pt", "eta")


@dataclass
class Sample:
    """The observables of some jets.

    Parameters
    ----------
    values : dict of str to [n] or [particles] float64
        By name; NaN where a value is missing.
    """

    values: dict[str, NDArray[np.float64]]

    def __len__(self) -> int:
        return len(self.values["multiplicity"])

    def jet_of(self, name: str) -> NDArray[np.int64]:
        """Index of the jet that each value of an observable belongs to."""
        jets = np.arange(len(self))
        if name not in PER_PARTICLE:
            return jets
        return np.repeat(jets, self.values["multiplicity"].astype(np.int64))


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
class Arrays:
    """What ``hypervae evaluate --arrays`` wrote.

    Parameters
    ----------
    samples : dict of str to Sample
        ``test``, ``generated`` and, where the file has it, ``train``.
    correlators : EvaluatedCorrelators or None
        None where the evaluation was not asked for them.
    results : dict
        The results of the evaluation.
    """

    samples: dict[str, Sample]
    correlators: EvaluatedCorrelators | None
    results: dict[str, Any]


def read_arrays(path: str | os.PathLike[str]) -> Arrays:
    """Read what ``hypervae evaluate --arrays`` wrote.

    Observables and correlators that the file lacks are left out, not complained about: what is
    computed is the user's choice (``evaluate.metrics``).

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
    return Arrays(samples, correlators, results)


def _read_results(path: str | os.PathLike[str], file: h5py.File) -> dict[str, Any]:
    try:
        results = json.loads(file.attrs["results"])
        results["metrics"], results["jet_type"], results["sizes"]["compared"]
    except (KeyError, ValueError, TypeError) as error:
        raise InputError(
            path, "attribute results", found=str(error), expected="results as JSON"
        ) from error
    return results


def _read_sample(path: str | os.PathLike[str], file: h5py.File, name: str) -> Sample:
    if f"{name}/multiplicity" not in file:
        raise InputError(
            path,
            f"{name}/multiplicity",
            found="no such dataset",
            expected="the arrays that hypervae evaluate writes",
        )
    sample = Sample({key: file[name][key][()].astype(np.float64) for key in file[name]})
    multiplicity = sample.values["multiplicity"]
    if not (np.isfinite(multiplicity).all() and (multiplicity >= 0).all()):
        raise InputError(
            path, f"{name}/multiplicity", found="NaN or below 0", expected="numbers of particles"
        )
    for key, values in sample.values.items():
        if len(values) != len(sample.jet_of(key)):
            raise InputError(
                path,
                f"{name}/{key}",
                found=f"{len(values)} values",
                expected=f"{len(sample.jet_of(key))}, by the multiplicities",
            )
    return sample


def _read_correlators(path: str | os.PathLike[str], file: h5py.File) -> EvaluatedCorrelators:
    group = file["correlators"]
    found: dict[str, dict[str, NDArray[np.float64]]] = {}
    try:
        orders, edges = group["orders"][()], group["edges"][()]
        names = [name for name in SAMPLES if name in group]
        for kind in ("mean", "error", "ratio", "ratio_error"):
            # without underflow (contact terms) and overflow
            found[kind] = {name: group[name][kind][:, 1:-1] for name in names}
    except (KeyError, ValueError) as error:
        raise InputError(
            path, "correlators", found=str(error), expected="what hypervae evaluate writes"
        ) from error
    shape = (len(orders), len(edges) - 1)
    for kind, samples in found.items():
        for name, values in samples.items():
            if values.shape != shape:
                raise InputError(
                    path,
                    f"correlators/{name}/{kind}",
                    found=f"{values.shape} within the range",
                    expected=str(shape),
                )
    return EvaluatedCorrelators(orders, edges, **found)
