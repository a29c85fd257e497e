"""The arrays behind the figures, so that a figure can be drawn anew without a metric computed anew.

Layout (HDF5): attributes ``jet_type``, ``model`` ("" if unknown) and ``results`` (as JSON);
``{sample}/{observable}`` [n] or [particles] float32 for the samples generated, test and train,
values per particle in the order of the jets, so that ``{sample}/multiplicity`` tells them apart;
``histograms/{observable}/edges`` [bins + 1] with ``histograms/{observable}/{sample}`` [bins + 2]
float64, counts with underflow first and overflow last: the histograms of the overlaps, but of all
jets. Where the group ``correlators`` was asked for: ``correlators/orders``, ``correlators/edges``
[bins + 1] and, of the jets that the metrics compared, ``correlators/{sample}/mean``, ``error``,
``ratio`` and ``ratio_error`` [orders, bins + 2]: ENC per jet, and over E2C (NaN where that is 0).
"""

from __future__ import annotations

import json
import os

import numpy as np

from hypervae.evaluation.correlators import BINNING, ORDERS
from hypervae.evaluation.distance import counts
from hypervae.evaluation.evaluate import Evaluation
from hypervae.io import atomic_h5


def write_arrays(path: str | os.PathLike[str], evaluation: Evaluation) -> None:
    """Write the arrays of an evaluation, atomically."""
    results = evaluation.results
    with atomic_h5(path) as file:
        file.attrs["jet_type"] = results["jet_type"]
        file.attrs["model"] = results["model"] or ""
        file.attrs["results"] = json.dumps(results, sort_keys=True)
        for sample, side in evaluation.samples.items():
            for name, values in side.observables.values.items():
                file.create_dataset(
                    f"{sample}/{name}", data=values.astype(np.float32), compression="gzip"
                )
        for name, edges in evaluation.edges.items():
            file[f"histograms/{name}/edges"] = edges
            for sample, side in evaluation.samples.items():
                values = side.observables.values[name]
                file[f"histograms/{name}/{sample}"] = counts(values, edges)
        if "correlators" in results["protocol"]["metrics"]:
            file["correlators/orders"] = np.array(ORDERS)
            file["correlators/edges"] = BINNING.edges
            for sample, side in evaluation.compared.items():
                sums = side.correlators
                group = file.create_group(f"correlators/{sample}")
                group["mean"], group["error"] = sums.mean(), np.sqrt(sums.covariance()[0])
                group["ratio"], group["ratio_error"] = sums.ratios()
