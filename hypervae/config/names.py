"""Names that variants are called by in the config, from the registries that know them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import get_args


def jet_types() -> Iterable[str]:
    """Jet types, as JetNet calls them.

    Returns
    -------
    iterable of str
    """
    from hypervae.config.data import JetType

    return get_args(JetType)


def hyperedge_modes() -> Iterable[str]:
    """How hyperedges are read and predicted, ``auto`` among them.

    Returns
    -------
    iterable of str
    """
    from hypervae.model.hyperedges.registry import HYPEREDGE_CHOICES

    return HYPEREDGE_CHOICES


def priors() -> Iterable[str]:
    """What latent vectors are drawn from.

    Returns
    -------
    iterable of str
    """
    from hypervae.model.prior_registry import PRIORS

    return PRIORS


def flow_solvers() -> Iterable[str]:
    """Solvers of the particle decoder's flow, ``auto`` among them.

    Returns
    -------
    iterable of str
    """
    from hypervae.model.solvers import SOLVERS

    return ("auto", *SOLVERS)


def optimizers() -> Iterable[str]:
    """Optimizers of the training.

    Returns
    -------
    iterable of str
    """
    from hypervae.training.optimizers.registry import OPTIMIZERS

    return OPTIMIZERS


def schedules() -> Iterable[str]:
    """What the learning rate does after the warm-up.

    Returns
    -------
    iterable of str
    """
    from hypervae.training.schedules import LEARNING_RATES

    return LEARNING_RATES


def monitors() -> Iterable[str]:
    """What the best epoch is chosen by.

    Returns
    -------
    iterable of str
    """
    from hypervae.training.monitors import MONITORS

    return MONITORS


def metric_names() -> Iterable[str]:
    """Groups of metrics, and single ones.

    Returns
    -------
    iterable of str
    """
    from hypervae.evaluation.metrics import GROUPS, METRICS

    return dict.fromkeys([*GROUPS, *METRICS])


def single_metrics() -> Iterable[str]:
    """Single metrics of an evaluation.

    Returns
    -------
    iterable of str
    """
    from hypervae.evaluation.metrics import METRICS

    return METRICS


def samplers() -> Iterable[str]:
    """How a sweep chooses values.

    Returns
    -------
    iterable of str
    """
    from hypervae.sweep.samplers.registry import SAMPLERS

    return SAMPLERS
