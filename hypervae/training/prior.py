"""Fit the learned prior on the posterior of a trained encoder."""

from __future__ import annotations

import copy
import logging
import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import nn

from hypervae.config import TrainConfig
from hypervae.model import HyperVAE
from hypervae.model.posterior import Posterior, encode_jets
from hypervae.model.prior import FittedPrior, PriorBatch
from hypervae.seeds import derive_seed
from hypervae.training.acceptance import fit_acceptance
from hypervae.training.average import MovingAverage
from hypervae.training.loader import JetLoader
from hypervae.training.observers.interface import Observer
from hypervae.training.optimizers.registry import make_optimizer
from hypervae.training.schedules import learning_rate_factor

# Jets whose posterior is kept: 500,000 of 43 dimensions are 172 MB.
_MOST_JETS = 500_000
_WARMUP = 0.03
# The moving average reaches back over this share of the steps.
_AVERAGED = 0.05

_NOBODY = Observer()
_LOG = logging.getLogger(__name__)


@dataclass(frozen=True)
class FittedTo:
    """How well a prior is fitted; None where there was nothing to fit.

    Attributes
    ----------
    prior_error : float, optional
        `FittedPrior.error`, mean over the last tenth of the steps.
    acceptance_gain : float, optional
        See `hypervae.training.acceptance.fit_acceptance`.
    """

    prior_error: float | None = None
    acceptance_gain: float | None = None


def fit_prior(
    model: HyperVAE,
    loader: JetLoader,
    config: TrainConfig,
    observer: Observer = _NOBODY,
) -> FittedTo:
    """Fit the model's prior on its aggregate posterior; nothing to do for a standard normal.

    A Gaussian takes the posterior's moments, and a flow starts from there. Priors with networks are
    fitted with Muon; each step draws latent vectors afresh from the posteriors of random jets. Then
    the model's acceptance, where it has one, learns which draws to keep. All
    randomness comes from the config's seed, and nothing is saved on the way: a fit that was killed
    is done again, with the same result, by the next attempt, which finds the training finished in
    its last checkpoint.

    Parameters
    ----------
    model : HyperVAE
        Trained; its prior is changed in place, to the moving average of the fitted weights.
    loader : JetLoader
        Of the training split. At most 500,000 jets of it are used.
    config : TrainConfig
        Its ``prior_steps``, ``prior_batch_size``, ``acceptance_steps``, ``batch_size`` and ``seed``
        count.
    observer : Observer
        Told of each step of the prior and of its acceptance.

    Returns
    -------
    FittedTo
    """
    if not model.prior.fitted:
        return FittedTo()
    posterior = encode_jets(model, loader.once(config.batch_size), _MOST_JETS)
    with torch.no_grad():
        model.prior.fit_moments(posterior.to(model.device))
    error = gain = None
    if isinstance(model.prior, FittedPrior):
        prior, error = _trained(model.prior, posterior, config, observer.on_prior_step)
        model.prior.load_state_dict(prior.state_dict())
        about = (config.prior_steps, len(posterior.mean), error)
        _LOG.info("prior: %d steps on the posteriors of %d jets, error %.4f", *about)
    if model.acceptance is not None:
        gain = fit_acceptance(model, posterior, config, observer.on_acceptance_step)
    return FittedTo(error, gain)


def _trained(
    untrained: FittedPrior,
    posterior: Posterior,
    config: TrainConfig,
    on_step: Callable[[int, int], None],
) -> tuple[nn.Module, float]:
    """The moving average of a prior fitted on posteriors, and its error at the end."""
    generator = torch.Generator().manual_seed(derive_seed(config.seed, "prior"))
    prior = copy.deepcopy(untrained).train().requires_grad_(True)
    muon = TrainConfig(optimizer="muon", learning_rate=prior.fit_rate, weight_decay=prior.fit_decay)
    optimizer = make_optimizer(prior, muon, scales_loss=False)
    rates = [float(group["lr"]) for group in optimizer.param_groups]
    steps, batch = config.prior_steps, config.prior_batch_size or prior.fit_batch
    batch *= prior.networks
    decay = max(0.0, 1 - 1 / (_AVERAGED * steps))
    average = MovingAverage(prior, decay)
    device, groups = prior.rest.device, max(prior.groups.number, 1)
    mean, width, jet_type = posterior.tensors()
    errors = []
    for step in range(steps):
        factor = learning_rate_factor(step / steps, _WARMUP, "linear")
        for group, rate in zip(optimizer.param_groups, rates, strict=True):
            group["lr"] = rate * factor
        rows = torch.randint(len(mean), (batch,), generator=generator)
        drawn = torch.randn(2, batch, mean.shape[1], generator=generator, dtype=mean.dtype)
        # one time from each of equal parts of [0, 1]
        shift = torch.rand(batch, generator=generator, dtype=mean.dtype)
        time = (torch.arange(batch) + shift) / batch
        which = (torch.arange(batch) + step) % groups
        latent = mean[rows] + width[rows] * drawn[0]
        given = (latent, drawn[1], time, jet_type[rows], which)
        loss = prior.error(PriorBatch(*(value.to(device) for value in given)))
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(prior.parameters(), 1.0)
        optimizer.step()
        average.update_parameters(prior)
        errors.append(float(loss.detach()))
        on_step(step + 1, steps)
    last = errors[-math.ceil(steps / 10) :]
    return average.module, sum(last) / len(last)
