"""The arrays behind the figures, so that a figure can be drawn anew without a metric computed anew.

Layout (HDF5): attributes ``jet_type``, ``model`` ("" if unknown) and ``results`` (as JSON);
``{sample}/{observable}`` [n] or [particles] float32 for the samples generated, test and train,
values per particle in the order of the jets, so that ``{sample}/multiplicity`` tells them apart;
``histograms/{observable}/edges`` [bins + 1] with ``histograms/{observable}/{sample}`` [bins + 2]
float64, counts with underflow first and overflow last.
"""

from __future__ import annotations

import json
import os
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from hypervae.evaluation.evaluate import Evaluation
from hypervae.io import atomic_h5

HISTOGRAM_BINS = 100
# The range of a histogram leaves out these tails of the real values: single jets would stretch it.
TAIL = 1e-3


def write_arrays(path: str | os.PathLike[str], evaluation: Evaluation) -> None:
    """Write the arrays of an evaluation, atomically."""
    results, samples = evaluation.results, evaluation.samples
    with atomic_h5(path) as file:
        file.attrs["jet_type"] = results["jet_type"]
        file.attrs["model"] = results["model"] or ""
        file.attrs["results"] = json.dumps(results, sort_keys=True)
        for sample, data in samples.items():
            for name, values in data.values.items():
                file.create_dataset(
                    f"{sample}/{name}", data=values.astype(np.float32), compression="gzip"
                )
        for name in samples["test"].values:
            edges = _edges([samples[sample].values[name] for sample in ("test", "train")], name)
            file[f"histograms/{name}/edges"] = edges
            for sample, data in samples.items():
                file[f"histograms/{name}/{sample}"] = _counts(data.values[name], edges)


def _edges(real: Sequence[NDArray], name: str) -> NDArray[np.float64]:
    """Equal bins over the real values but their tails; a bin for each number of particles."""
    values = np.concatenate(real)
    if name == "multiplicity":
        return np.arange(values.min() - 0.5, values.max() + 1.5)
    low, high = np.quantile(values, [TAIL, 1 - TAIL])
    return np.linspace(low, high if high > low else low + 1.0, HISTOGRAM_BINS + 1)


def _counts(values: NDArray, edges: NDArray) -> NDArray[np.float64]:
    bins = np.searchsorted(edges, values, side="right")
    return np.bincount(bins, minlength=len(edges) + 1).astype(np.float64)
