"""Compare generated with held-out jets: metrics, each with its error and its truth floor."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hypervae.config import EvaluateStageConfig
from hypervae.evaluation import correlators, distance, fpnd, frechet
from hypervae.evaluation.comparison import ComparedSample, Comparison
from hypervae.evaluation.distance import MetricValue, bin_edges, counts
from hypervae.evaluation.inputs import (
    Generated,
    check_particles,
    read_generated,
    read_real,
    same_slots,
)
from hypervae.evaluation.metrics import GROUPS, Metric, Unavailable, chosen
from hypervae.formats.evaluation import (
    SCHEMA_VERSION,
    Histograms,
    write_arrays,
    write_results,
)
from hypervae.io import software_versions
from hypervae.observables import OBSERVABLES
from hypervae.progress import Progress


@dataclass
class Evaluation:
    """What an evaluation found.

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

    def write(self, results: str | os.PathLike[str], arrays: str | os.PathLike[str]) -> None:
        """Write the results (JSON) and the arrays behind the figures (HDF5), atomically."""
        observables = {name: sample.observables for name, sample in self.samples.items()}
        histograms = {
            name: Histograms(
                edges, {key: counts(some.values[name], edges) for key, some in observables.items()}
            )
            for name, edges in self.edges.items()
        }
        means = {}
        if "correlators" in self.results["protocol"]["metrics"]:
            means = {name: sample.correlators.means() for name, sample in self.compared.items()}
        write_arrays(
            arrays, self.results, observables, histograms, means, correlators.BINNING.edges
        )
        write_results(results, self.results)


def evaluate(
    generated: str | os.PathLike[str],
    real: Sequence[str | os.PathLike[str]],
    config: EvaluateStageConfig,
    *,
    jet_type: str | None = None,
    model: str | None = None,
) -> Evaluation:
    """Compare generated jets with the held-out part of real ones.

    Every distance between generated and test jets stands beside its truth floor: the same distance,
    by the same protocol and between as many jets, of training and test jets. A perfect model
    reaches the floor; nothing can be seen below it.

    Parameters
    ----------
    generated : path-like
        Generated jets in the shard layout.
    real : sequence of path-like
        Real shards of the same jet type, all splits.
    config : EvaluateStageConfig
    jet_type : str, optional
        Where the generated file names none.
    model : str, optional
        The model's name; else the one in the generated file.

    Returns
    -------
    Evaluation
        ``results`` holds ``jet_type``, ``model``, ``generated`` (jets read, and those left out by
        reason), ``sizes``, ``protocol``, ``metrics``: by name the ``value``, ``error``, ``floor``,
        ``floor_error``, ``unit``, ``description``, ``group`` and ``higher_is_better``; and
        ``unavailable``: by name why a metric could not be computed.

    Raises
    ------
    ConfigError
        As `chosen`.
    InputError
        As `read_generated`, `read_real` and `check_particles`.
    """
    groups = chosen(config.metrics)
    made = read_generated(generated, jet_type, config.max_jets)
    truth = read_real(real, str(made.jets.jet_type), config.split, config.max_jets)
    check_particles(made.jets, truth)
    jets = same_slots([made.jets, truth.test, truth.train])
    names = [name for name in OBSERVABLES if OBSERVABLES[name].group in {"observables", *groups}]
    samples = {
        name: ComparedSample(sample, names)
        for name, sample in zip(("generated", "test", "train"), jets, strict=True)
    }
    edges = {
        name: bin_edges(name, [samples[real].observables for real in ("test", "train")])
        for name in names
    }

    # A distance between finite samples grows as they shrink: the floor needs the same size.
    compared = min(len(sample) for sample in samples.values())
    same = {name: sample.first(compared) for name, sample in samples.items()}
    metrics, unavailable = _measure(groups, same, edges, config)
    results = {
        "schema_version": SCHEMA_VERSION,
        "jet_type": made.jets.jet_type,
        "model": model or made.model,
        "generated": {"read": made.read, **made.broken},
        "sizes": {name: len(sample) for name, sample in samples.items()} | {"compared": compared},
        "protocol": _protocol(
            config, list(groups), compared, made, {entry["group"] for entry in metrics.values()}
        ),
        "metrics": metrics,
        "unavailable": unavailable,
        "versions": software_versions(("numpy", "scipy", "jetnet", "fastjet", "POT", "torch")),
    }
    return Evaluation(results, samples, same, edges)


def _measure(
    groups: Mapping[str, Sequence[str]],
    samples: Mapping[str, ComparedSample],
    edges: Mapping[str, NDArray[np.float64]],
    config: EvaluateStageConfig,
) -> tuple[dict[str, dict[str, Any]], dict[str, str]]:
    """The metrics that are asked for, and why others could not be computed."""
    metrics: dict[str, dict[str, Any]] = {}
    unavailable: dict[str, str] = {}
    with Progress(len(groups), f"evaluate {samples['test'].jets.jet_type}", "groups") as progress:
        for name, wanted in groups.items():
            group = GROUPS[name]
            try:
                value, floor = (
                    group.measure(Comparison(samples[label], samples["test"], label, edges, config))
                    for label in ("generated", "train")
                )
            except Unavailable as reason:
                unavailable |= dict.fromkeys(wanted, str(reason))
            else:
                for metric in wanted:
                    found = value[metric], floor[metric]
                    if np.isfinite(found).all():
                        metrics[metric] = _entry(name, group.metrics[metric], *found)
                    else:
                        unavailable[metric] = f"not finite: {found[0]}, floor {found[1]}"
            progress.update(1)
    return metrics, unavailable


def _entry(group: str, about: Metric, value: MetricValue, floor: MetricValue) -> dict[str, Any]:
    return {
        "value": value.value,
        "error": value.error,
        "floor": floor.value,
        "floor_error": floor.error,
        "unit": about.unit,
        "description": about.description,
        "higher_is_better": about.higher_is_better,
        "group": group,
    }


def _protocol(
    config: EvaluateStageConfig,
    groups: Sequence[str],
    compared: int,
    made: Generated,
    computed: Set[str],
) -> dict[str, Any]:
    """What was asked for and what was done, the latter of the groups that were computed."""
    protocols = {name: GROUPS[name].jets for name in groups}
    asked = {name: jets(config) for name, jets in protocols.items() if jets}
    used = {name: min(jets, compared) for name, jets in asked.items() if name in computed}
    short = {name: asked[name] for name, jets in used.items() if jets < asked[name]}
    notes = [
        f"{', '.join(names)}: {compared} jets instead of {jets} and batches smaller in proportion, "
        "since no more were at hand in each of the three samples; the truth floor was computed "
        "with as many"
        for jets, names in _by_value(short).items()
    ]
    if made.read < made.stored:
        notes.append(f"{made.read} of {made.stored} generated jets were read (max_jets)")
    return {
        "seed": config.seed,
        "metrics": list(groups),
        "jets_asked": asked,
        "jets_used": used,
        "w1_batches": config.w1_batches,
        "bootstrap_replicas": distance.REPLICAS,
        "fpnd_replicas": fpnd.REPLICAS,
        "fpd_batches": list(frechet.fpd_sizes(compared)),
        "kpd_batch": frechet.kpd_size(compared),
        "histogram_bins": distance.BINS,
        "correlator_bins": [
            correlators.BINNING.bins,
            correlators.BINNING.low,
            correlators.BINNING.high,
        ],
        "reduced": bool(short),
        "notes": notes,
    }


def _by_value(numbers: Mapping[str, int]) -> dict[int, list[str]]:
    names: dict[int, list[str]] = {}
    for name, number in numbers.items():
        names.setdefault(number, []).append(name)
    return names
