"""Fit the learned prior on the posterior of a trained encoder."""

from __future__ import annotations

import copy
import logging
import math

import torch
from torch import Tensor
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from hypervae.config import TrainConfig
from hypervae.model import HyperVAE
from hypervae.model.flow_matching import on_path
from hypervae.model.posterior import encode_jets
from hypervae.model.prior import FlowPrior
from hypervae.seeds import derive_seed
from hypervae.training.loader import JetLoader
from hypervae.training.schedules import learning_rate_factor

# Jets whose posterior is kept: 200,000 of 32 dimensions are 51 MB.
_MOST_JETS = 200_000
_BATCH = 256
_LEARNING_RATE = 2e-3
_WARMUP = 0.05
# The moving average reaches back over this share of the steps.
_AVERAGED = 0.05

_LOG = logging.getLogger(__name__)


def fit_prior(model: HyperVAE, loader: JetLoader, config: TrainConfig) -> float | None:
    """Fit the model's learned prior by flow matching; nothing to do for a standard normal.

    Each step draws latent vectors afresh from the posteriors of random jets. All randomness comes
    from the config's seed, and nothing is saved on the way: a fit that was killed is done again,
    with the same result, by the next attempt, which finds the training finished in its last
    checkpoint.

    Parameters
    ----------
    model : HyperVAE
        Trained; its prior is changed in place, to the moving average of the fitted weights.
    loader : JetLoader
        Of the training split. At most 200,000 jets of it are used.
    config : TrainConfig
        Its ``prior_steps``, ``batch_size`` and ``seed`` count.

    Returns
    -------
    float or None
        Mean squared error of the velocity per dimension, over the last tenth of the steps; None
        without a learned prior.
    """
    if not isinstance(model.prior, FlowPrior):
        return None
    generator = torch.Generator().manual_seed(derive_seed(config.seed, "prior"))
    batches = loader.batches(0, batch_size=config.batch_size)
    mean, deviation, jet_type = encode_jets(model, batches, _MOST_JETS).tensors()
    prior = copy.deepcopy(model.prior).train()
    with torch.no_grad():
        set_moments(prior, mean, deviation, jet_type)
    prior.requires_grad_(True)
    optimizer = torch.optim.AdamW(prior.parameters(), lr=_LEARNING_RATE, weight_decay=0.0)
    steps = config.prior_steps
    decay = max(0.0, 1 - 1 / (_AVERAGED * steps))
    average = AveragedModel(prior, multi_avg_fn=get_ema_multi_avg_fn(decay))
    errors = []
    for step in range(steps):
        for group in optimizer.param_groups:
            group["lr"] = _LEARNING_RATE * learning_rate_factor(step / steps, _WARMUP)
        rows = torch.randint(len(mean), (_BATCH,), generator=generator)
        drawn = torch.randn(2, _BATCH, mean.shape[1], generator=generator, dtype=mean.dtype)
        time = torch.rand(_BATCH, generator=generator, dtype=mean.dtype)
        latent, kind = mean[rows] + deviation[rows] * drawn[0], jet_type[rows]
        latent, noise, time, kind = (
            value.to(model.device) for value in (latent, drawn[1], time, kind)
        )
        goal = (latent - prior.offset[kind]) / prior.scale[kind]
        points, velocity = on_path(noise, goal, time)
        loss = (prior.velocity(points, time, kind) - velocity).square().mean()
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(prior.parameters(), 1.0)
        optimizer.step()
        average.update_parameters(prior)
        errors.append(float(loss.detach()))
    model.prior.load_state_dict(average.module.state_dict())
    last = errors[-math.ceil(steps / 10) :]
    error = sum(last) / len(last)
    _LOG.info("prior: %d steps on the posteriors of %d jets, error %.4f", steps, len(mean), error)
    return error


def set_moments(prior: FlowPrior, mean: Tensor, deviation: Tensor, jet_type: Tensor) -> None:
    """Give the prior mean and width of the aggregate posterior of each type that occurs."""
    for kind in jet_type.unique().tolist():
        chosen = jet_type == kind
        # the law of total variance
        variance = mean[chosen].var(dim=0, correction=0) + deviation[chosen].square().mean(dim=0)
        prior.offset[kind] = mean[chosen].mean(dim=0).to(prior.offset)
        prior.scale[kind] = variance.sqrt().clamp_min(1e-6).to(prior.scale)
