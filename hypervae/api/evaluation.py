"""Generated against real jets in memory."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from hypervae.arguments import described, whole_number
from hypervae.config import EvaluateStageConfig
from hypervae.data.jet_checks import check_jets
from hypervae.data.jets import Jets, sort_particles
from hypervae.data.split import TEST, TRAIN
from hypervae.errors import ArgumentError
from hypervae.evaluation.evaluate import compare
from hypervae.evaluation.inputs import FEWEST_JETS, RealJets, halves, without_broken
from hypervae.evaluation.metrics import GROUPS, chosen
from hypervae.evaluation.result import Evaluation
from hypervae.extras import optional
from hypervae.formats.shard import ShardReader
from hypervae.io.guarded import guarded


@guarded(reads=("generated", "reference", "training"), together=(("reference", "training"),))
def evaluate(
    generated: Jets | str | os.PathLike[str],
    reference: Jets | str | os.PathLike[str],
    *,
    training: Jets | str | os.PathLike[str] | None = None,
    metrics: str | Sequence[str] | None = None,
    seed: int = 1,
    **settings: Any,
) -> Evaluation:
    """Compare generated with real jets: metrics, each with its error and its truth floor.

    The truth floor of a metric is its value between two samples of real jets; a perfect model
    reaches it. So two samples of real jets are needed: what `split` says of the reference (test
    against training jets), or `training` beside it, or else the reference is cut in two at random.

    Parameters
    ----------
    generated : Jets or path-like
        Broken ones (NaN, negative pT, ...) are counted and left out.
    reference : Jets or path-like
        Real jets of the same type.
    training : Jets or path-like, optional
        The real jets that the model was trained with.
    metrics : str or sequence of str, optional
        Groups or single metrics (docs/evaluation.md); those of the config's default otherwise.
    seed : int
        Of the resampling.
    **settings : object
        Further keys of the config's section ``evaluate``, e.g. ``w1_batches=5``.

    Returns
    -------
    Evaluation
        Prints as a table; ``["fpd"]["value"]``, ``.results``, ``.to_dict()``, ``.write(file)``.

    Raises
    ------
    ArgumentError
        If an argument is of the wrong type.
    ConfigError
        If a metric or a setting is unknown.
    InputError
        If jets are broken, too few or cut at different numbers of particles.
    MissingPackageError
        Without a package that the metrics need (``pip install 'hypervae[evaluate]'``).

    Examples
    --------
    >>> import hypervae
    >>> from hypervae import HyperVAE
    >>> jets = HyperVAE.pretrained("q").generate(400, seed=1)
    >>> found = hypervae.evaluate(jets[:200], jets[200:], metrics=["w1_mass", "w1_multiplicity"])
    >>> found
    <Evaluation: 2 metrics of 95 q jets a side>
    >>> found["w1_mass"]["unit"]
    '1'
    """
    config = _settings(metrics, seed, settings)
    for group in chosen(config.metrics):
        for module in GROUPS[group].needs:
            optional(module, "evaluate", "evaluate")
    made, real = _jets("generated", generated, checked=False), _jets("reference", reference)
    jet_type = made.jet_type or real.jet_type
    trained = None if training is None else _jets("training", training)
    for name, jets in (("reference", real), ("training", trained)):
        if jets is not None and jets.jet_type not in (None, jet_type):
            raise ArgumentError(
                name,
                found=f"{jets.jet_type} jets",
                expected=f"{jet_type} jets, as the generated ones",
            )
    found = without_broken(
        replace(made[: config.max_jets], jet_type=jet_type), "generated jets", len(made)
    )
    return compare(found, _real(real, trained, config), config)


def _settings(metrics: Any, seed: Any, settings: dict[str, Any]) -> EvaluateStageConfig:
    given = {**settings, "seed": whole_number("seed", seed, at_least=0)}
    if metrics is not None:
        try:
            given["metrics"] = [metrics] if isinstance(metrics, str) else list(metrics)
        except TypeError:
            raise ArgumentError(
                "metrics", found=described(metrics), expected="names of groups or metrics"
            ) from None
    return EvaluateStageConfig.of(given)


def _jets(name: str, jets: Any, checked: bool = True) -> Jets:
    if isinstance(jets, str | os.PathLike):
        with ShardReader(jets) as reader:
            return reader.read()
    if not isinstance(jets, Jets):
        expected = "Jets (Jets.from_arrays makes them of arrays) or the path of a shard"
        raise ArgumentError(name, found=described(jets), expected=expected)
    if len(jets) < FEWEST_JETS:
        raise ArgumentError(name, found=f"{len(jets)} jets", expected=f"at least {FEWEST_JETS}")
    if not checked:
        return jets
    check_jets(jets, name)
    return sort_particles(jets)


def _real(reference: Jets, training: Jets | None, config: EvaluateStageConfig) -> RealJets:
    most, slots = config.max_jets, reference.particle_features.shape[1]
    if training is not None:
        slots = min(slots, training.particle_features.shape[1])
        return RealJets(reference[:most], training[:most], slots)
    split = reference.split
    if split is not None and (split == TEST).sum() > 1 and (split == TRAIN).sum() > 1:
        test, train = (reference[split == part][:most] for part in (TEST, TRAIN))
        return RealJets(test, train, slots)
    return halves(reference[: 2 * most], "reference", config.split, slots)
