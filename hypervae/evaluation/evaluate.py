"""Compare generated with held-out jets: metrics, each with its error and its truth floor."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from hypervae.data.jets import Jets
from hypervae.evaluation.metrics import JETNET_METRICS, Measured, jetnet_w1, wasserstein
from hypervae.evaluation.observables import OBSERVABLES, ObservableSample, observables
from hypervae.evaluation.samples import Generated, check_particles, read_generated, read_real
from hypervae.io import software_versions
from hypervae.seeds import derive_seed, rng

SCHEMA_VERSION = 1
# The standard deviation of 100 replicas is itself known to 7 %.
BOOTSTRAP_REPLICAS = 100


@dataclass
class Evaluation:
    """What an evaluation found.

    Parameters
    ----------
    results : dict
        Ready for JSON; see `evaluate`.
    samples : dict of str to ObservableSample
        ``generated``, ``test`` and ``train``: all jets that were read.
    """

    results: dict[str, Any]
    samples: dict[str, ObservableSample]


def evaluate(
    generated: str | os.PathLike[str],
    real: Sequence[str | os.PathLike[str]],
    config: Mapping[str, Any],
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
    config : mapping
        The section ``evaluate`` with ``split``.
    jet_type : str, optional
        Where the generated file names none.
    model : str, optional
        The model's name; else the one in the generated file.

    Returns
    -------
    Evaluation
        ``results`` holds ``jet_type``, ``model``, ``generated`` (jets read, and those left out by
        reason), ``sizes``, ``protocol`` and ``metrics``: by name the ``value``, ``error``,
        ``floor``, ``floor_error``, ``unit`` and ``description``.

    Raises
    ------
    InputError
        As `read_generated`, `read_real` and `check_particles`.
    """
    made = read_generated(generated, jet_type, config["max_jets"])
    truth = read_real(real, made.jets.jet_type, config["split"], config["max_jets"])
    check_particles(made.jets, truth)
    jets = {"generated": made.jets, "test": truth.test, "train": truth.train}
    samples = {name: observables(sample) for name, sample in jets.items()}

    # A distance between finite samples grows as they shrink: the floor needs the same size.
    compared = min(len(sample) for sample in jets.values())
    protocol = _protocol(config, compared, made)
    same = {name: (jets[name][:compared], samples[name].first(compared)) for name in jets}
    values = _distances(same["generated"], same["test"], protocol, "generated")
    floors = _distances(same["train"], same["test"], protocol, "train")
    results = {
        "schema_version": SCHEMA_VERSION,
        "jet_type": made.jets.jet_type,
        "model": model or made.model,
        "generated": {"read": made.read, **made.broken},
        "sizes": {name: len(sample) for name, sample in jets.items()} | {"compared": compared},
        "protocol": protocol,
        "metrics": {
            name: {
                "value": values[name].value,
                "error": values[name].error,
                "floor": floors[name].value,
                "floor_error": floors[name].error,
                **about,
            }
            for name, about in _descriptions().items()
        },
        "versions": software_versions(("numpy", "scipy", "jetnet")),
    }
    return Evaluation(results, samples)


def _protocol(config: Mapping[str, Any], compared: int, made: Generated) -> dict[str, Any]:
    """What was asked for and what was done."""
    asked = config["w1_samples"]
    used = min(asked, compared)
    notes = []
    if used < asked:
        notes.append(
            f"{used} jets a batch instead of {asked}: no more were at hand in each of the three "
            "samples; the truth floor was computed with as many"
        )
    if made.read < made.stored:
        notes.append(f"{made.read} of {made.stored} generated jets were read (max_jets)")
    return {
        "seed": config["seed"],
        "w1_samples_asked": asked,
        "w1_samples": used,
        "w1_batches": config["w1_batches"],
        "bootstrap_replicas": BOOTSTRAP_REPLICAS,
        "reduced": used < asked,
        "notes": notes,
    }


def _distances(
    sample: tuple[Jets, ObservableSample],
    reference: tuple[Jets, ObservableSample],
    protocol: Mapping[str, Any],
    label: str,
) -> dict[str, Measured]:
    """Every distance of a sample to a reference; each `label` has its own random numbers."""
    seed = protocol["seed"]
    found = jetnet_w1(
        sample[0],
        reference[0],
        samples=protocol["w1_samples"],
        batches=protocol["w1_batches"],
        seed=derive_seed(seed, "jetnet", label),
    )
    for name in OBSERVABLES:
        found[f"w1_{name}"] = wasserstein(
            sample[1],
            reference[1],
            name,
            replicas=protocol["bootstrap_replicas"],
            generator=rng(seed, "bootstrap", label, name),
        )
    return found


def _descriptions() -> dict[str, dict[str, str]]:
    """Unit and description of each metric."""
    about = {
        name: {"unit": "rad" if name == "w1p_phirel" else "1", "description": text}
        for name, text in JETNET_METRICS.items()
    }
    for name, observable in OBSERVABLES.items():
        text = f"1-Wasserstein distance, whole samples: {observable.description}"
        about[f"w1_{name}"] = {"unit": observable.unit, "description": text}
    return about
