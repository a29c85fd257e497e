"""What an evaluation found."""

from __future__ import annotations

import copy
import os
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hypervae.evaluation import correlators
from hypervae.evaluation.comparison import ComparedSample
from hypervae.evaluation.display import html_table, text_table
from hypervae.evaluation.distance import bin_counts
from hypervae.formats.evaluation import Histograms, write_arrays, write_results
from hypervae.io.guarded import guarded


@dataclass(repr=False)
class Evaluation:
    """What an evaluation found; printed, a table.

    Parameters
    ----------
    results : dict
        Ready for JSON; see `evaluate`.
    samples : dict of str to ComparedSample
        ``generated``, ``test`` and ``train``: all jets that were read.
    compared : dict of str to ComparedSample
        The same, as many jets of each as the metrics compared.
    edges : dict of str to [bins + 1]
        Bins of the observables' histograms.
    """

    results: dict[str, Any]
    samples: dict[str, ComparedSample]
    compared: dict[str, ComparedSample]
    edges: dict[str, NDArray[np.float64]]

    def __getitem__(self, metric: str) -> dict[str, Any]:
        found: dict[str, Any] = self.results["metrics"][metric]
        return found

    def __repr__(self) -> str:
        kind = f"{self.results['jet_type']} " if self.results["jet_type"] else ""
        compared, metrics = self.results["sizes"]["compared"], len(self.results["metrics"])
        return f"<Evaluation: {metrics} metrics of {compared:,} {kind}jets a side>"

    def __str__(self) -> str:
        return text_table(self.results)

    def _repr_html_(self) -> str:
        return html_table(self.results)

    def to_dict(self) -> dict[str, Any]:
        """The results, ready for JSON.

        Returns
        -------
        dict
            As `evaluate` says.
        """
        return copy.deepcopy(self.results)

    @guarded(writes=("results", "arrays"))
    def write(
        self, results: str | os.PathLike[str], arrays: str | os.PathLike[str] | None = None
    ) -> None:
        """Write the results (JSON) and the arrays behind the figures (HDF5), atomically.

        Parameters
        ----------
        results : path-like
            Gets the results.
        arrays : path-like, optional
            Gets the arrays.
        """
        write_results(results, self.results)
        if arrays is None:
            return
        observables = {name: sample.observables for name, sample in self.samples.items()}
        histograms = {
            name: Histograms(
                edges,
                {key: bin_counts(some.values[name], edges) for key, some in observables.items()},
            )
            for name, edges in self.edges.items()
        }
        means = {}
        if "correlators" in self.results["protocol"]["metrics"]:
            means = {name: sample.correlators.means() for name, sample in self.compared.items()}
        write_arrays(
            arrays, self.results, observables, histograms, means, correlators.BINNING.edges
        )
