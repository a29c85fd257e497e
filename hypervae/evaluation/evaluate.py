"""Compare generated with held-out jets: metrics, each with its error and its truth floor."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence, Set
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hypervae.config import EvaluateConfig, EvaluateStageConfig
from hypervae.evaluation import correlators, distance, fpnd, frechet
from hypervae.evaluation.comparison import ComparedSample, Comparison
from hypervae.evaluation.distance import MetricValue, bin_edges
from hypervae.evaluation.inputs import (
    GeneratedJets,
    RealJets,
    check_particles,
    read_generated,
    read_real,
    same_slots,
)
from hypervae.evaluation.metrics import GROUPS, Metric, Unavailable, chosen
from hypervae.evaluation.result import Evaluation
from hypervae.extras import require
from hypervae.formats.evaluation import SCHEMA_VERSION
from hypervae.io import software_versions
from hypervae.io.guarded import guarded
from hypervae.observables import OBSERVABLES
from hypervae.progress import Progress

#: Pairs of real samples at most, over which a floor is averaged.
FLOOR_PAIRS = 8
#: What is noted where one sample of real jets is all there is.
HALVED = (
    "no training jets were at hand: the real jets were cut in two at random, one half is compared, "
    "and the truth floor is the distance between the halves"
)


@guarded(reads=("real",))
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
    reaches the floor; nothing can be seen below it. The floor is the mean over several pairs of
    samples where there are jets for them (`floor_pairs`).

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
        ``floor_error``, ``floor_spread``, ``floor_pairs``, ``unit``, ``description``, ``group`` and
        ``higher_is_better``; and ``unavailable``: by name why a metric could not be computed.

    Raises
    ------
    ConfigError
        As `chosen`.
    InputError
        As `read_generated`, `read_real` and `check_particles`.
    ModuleNotFoundError
        If a metric needs a package that is not installed.
    """
    require_metrics(config)
    made = read_generated(generated, jet_type, config.max_jets)
    truth = read_real(real, str(made.jets.jet_type), config.split, config.max_jets)
    return compare(made, truth, config, model)


def require_metrics(config: EvaluateConfig) -> None:
    """Fail at once where a package is missing that the metrics need.

    Parameters
    ----------
    config : EvaluateConfig

    Raises
    ------
    ConfigError
        As `chosen`.
    ModuleNotFoundError
        Naming it.
    """
    require(*(module for group in chosen(config.metrics) for module in GROUPS[group].needs))


def compare(
    made: GeneratedJets, truth: RealJets, config: EvaluateConfig, model: str | None = None
) -> Evaluation:
    """Compare generated jets with real ones in memory; what is found is that of `evaluate`.

    Parameters
    ----------
    made : GeneratedJets
    truth : RealJets
    config : EvaluateConfig
    model : str, optional
        The model's name; else the one of the generated jets.

    Returns
    -------
    Evaluation

    Raises
    ------
    ConfigError
        As `chosen`.
    InputError
        As `check_particles`.
    """
    groups = chosen(config.metrics)
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
    parts = {name: sample.parts(compared) for name, sample in samples.items()}
    same = {name: sides[0] for name, sides in parts.items()}
    metrics, unavailable = _measure(groups, parts, edges, config, not truth.halved)
    results = {
        "schema_version": SCHEMA_VERSION,
        "jet_type": made.jets.jet_type,
        "model": model or made.model,
        "generated": {"read": made.read, **made.broken},
        "sizes": {name: len(sample) for name, sample in samples.items()} | {"compared": compared},
        "protocol": _protocol(
            config,
            list(groups),
            compared,
            made,
            {entry["group"] for entry in metrics.values()},
            truth.halved,
        ),
        "metrics": metrics,
        "unavailable": unavailable,
        "versions": software_versions(("numpy", "scipy", "jetnet", "fastjet", "POT", "torch")),
    }
    return Evaluation(results, samples, same, edges)


def _measure(
    groups: Mapping[str, Sequence[str]],
    parts: Mapping[str, Sequence[ComparedSample]],
    edges: Mapping[str, NDArray[np.float64]],
    config: EvaluateConfig,
    trained_on: bool,
) -> tuple[dict[str, dict[str, Any]], dict[str, str]]:
    """The metrics that are asked for, and why others could not be computed.

    `trained_on` says whether the training jets are those of the model.
    """
    metrics: dict[str, dict[str, Any]] = {}
    unavailable: dict[str, str] = {}
    generated, test, train = (parts[name] for name in ("generated", "test", "train"))
    pairs = floor_pairs(len(train), len(test))
    with Progress(len(groups), f"evaluate {test[0].jets.jet_type}", "groups") as progress:
        for name, wanted in groups.items():
            group = GROUPS[name]
            try:
                value = group.measure(
                    Comparison(
                        generated[0],
                        test[0],
                        "generated",
                        edges,
                        config,
                        train[0] if trained_on else None,
                    )
                )
                floors = [
                    group.measure(
                        Comparison(
                            train[i],
                            test[j],
                            f"train {place}" if place else "train",
                            edges,
                            config,
                            train[(i + 1) % len(train)] if len(train) > 1 else None,
                        )
                    )
                    for place, (i, j) in enumerate(pairs[: group.floor_pairs])
                ]
            except Unavailable as reason:
                unavailable |= dict.fromkeys(wanted, str(reason))
            else:
                for metric in wanted:
                    found = value[metric], [floor[metric] for floor in floors]
                    if np.isfinite(found[0]).all() and np.isfinite(found[1]).all():
                        metrics[metric] = _entry(name, group.metrics[metric], *found)
                    else:
                        unavailable[metric] = f"not finite: {found[0]}, floor {found[1][0]}"
            progress.update(1)
    return metrics, unavailable


def floor_pairs(train: int, test: int) -> list[tuple[int, int]]:
    """Which parts of the training and of the test jets are paired for the floor.

    No pair has a jet in common. All combinations are used, as long as they last those in which no
    part comes twice: with two parts and one there are two pairs, which share the test jets, so that
    the spread of the floors is then somewhat too small.

    Parameters
    ----------
    train, test : int
        Parts of each.

    Returns
    -------
    list of (int, int)
        At most `FLOOR_PAIRS`.
    """
    pairs = [(i, j) for i in range(train) for j in range(test)]
    return sorted(pairs, key=lambda pair: ((pair[0] - pair[1]) % max(train, test), pair))[
        :FLOOR_PAIRS
    ]


def mean_floor(floors: Sequence[MetricValue]) -> tuple[float, float, float | None]:
    """Mean over pairs, its error and the sample deviation from pair to pair (of one pair: none).

    Of fewer than three pairs the error is that of the pairs themselves, since a deviation of two
    values tells next to nothing.

    Parameters
    ----------
    floors : sequence of MetricValue
        Of each pair of samples.

    Returns
    -------
    mean : float
    error : float
    deviation : float, optional
    """
    values, errors = np.array(floors).T
    spread = float(values.std(ddof=1)) if len(values) > 1 else None
    of_one = values.std(ddof=1) if len(values) > 2 else np.sqrt((errors**2).mean())
    return float(values.mean()), float(of_one / np.sqrt(len(values))), spread


def _entry(
    group: str, about: Metric, value: MetricValue, floors: Sequence[MetricValue]
) -> dict[str, Any]:
    floor, floor_error, spread = mean_floor(floors)
    return {
        "value": value.value,
        "error": value.error,
        "floor": floor,
        "floor_error": floor_error,
        "floor_spread": spread,
        "floor_pairs": len(floors),
        "unit": about.unit,
        "description": about.description,
        "higher_is_better": about.higher_is_better,
        "group": group,
    }


def _protocol(
    config: EvaluateConfig,
    groups: Sequence[str],
    compared: int,
    made: GeneratedJets,
    computed: Set[str],
    halved: bool,
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
    if halved:
        notes.append(HALVED)
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
