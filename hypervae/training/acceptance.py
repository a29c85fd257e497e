"""Fit what tells draws of a prior from latent vectors of jets, to keep those that are like them."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn
from torch.nn.functional import softplus

from hypervae.config import TrainConfig
from hypervae.model import HyperVAE
from hypervae.model.acceptance import MOST, Acceptance
from hypervae.model.noise import seed_generators
from hypervae.model.posterior import Posterior
from hypervae.seeds import derive_seed
from hypervae.training.optimizers.registry import make_optimizer
from hypervae.training.schedules import learning_rate_factor
from hypervae.training.tilt import tilt

# Latent vectors of each jet, and draws of the prior for each of these: as many as there are up to a
# number of all, and enough of the prior where jets are few.
_PER_JET, _MOST, _LEAST_DRAWN = 4, 400_000, 20_000
_CHUNK = 2000
# Each network is trained on all but one of so many parts of the jets, at least.
_PARTS = 4
_BATCH, _RATE, _DECAY, _WARMUP = 512, 1.5e-2, 0.6, 0.03
# What networks have learned counts if on jets that they have not seen it is above nothing by so
# many errors.
_ERRORS = 3.0
_HALVINGS, _LEAST_TRUST, _MOST_TRUST = 30, 0.01, 2.0

_LOG = logging.getLogger(__name__)


@dataclass(frozen=True)
class _Sample:
    """Latent vectors of one kind, read: those of jets, or draws of the prior.

    Attributes
    ----------
    values : [n, inputs]
        On the CPU.
    jet_type : [n] int64
    part : [n] int64
        Of the jets, or of the draws: networks that have not seen it judge it.
    rows : [m] int64
        Those that count.
    """

    values: Tensor
    jet_type: Tensor
    part: Tensor
    rows: Tensor

    def without(self, part: int) -> _Sample:
        return replace(self, rows=self.rows[self.part[self.rows] != part])

    def of(self, part: int, jet_type: int) -> _Sample:
        chosen = (self.part[self.rows] == part) & (self.jet_type[self.rows] == jet_type)
        return replace(self, rows=self.rows[chosen])


def fit_acceptance(
    model: HyperVAE,
    posterior: Posterior,
    config: TrainConfig,
    on_step: Callable[[int, int], None] = lambda step, steps: None,
) -> float:
    """Fit the model's `Acceptance`, whose prior is fitted, on its aggregate posterior.

    Each network leaves out a part of the jets. By these parts it is found out, for each jet type,
    how far the networks' logits are to be trusted: not at all where jets are too few to tell. Then
    the odds are tilted so that what is kept of the draws has the moments of jets.

    Parameters
    ----------
    model : HyperVAE
        Its acceptance is changed in place.
    posterior : Posterior
        Of the training jets.
    config : TrainConfig
        Its ``acceptance_steps`` and ``seed`` count.
    on_step : callable
        Called after each step with its number, from 1, and how many there are.

    Returns
    -------
    float
        By how much the trusted logits tell latent vectors of left out jets from draws: ln 2 less
        their cross-entropy, mean over the types [nats].
    """
    acceptance = model.acceptance
    if acceptance is None:
        raise TypeError("the model keeps all draws of its prior")
    device = model.device
    with torch.random.fork_rng([device] if device.type == "cuda" else []):
        seed_generators(derive_seed(config.seed, "acceptance"), device)
        return _fit(model, acceptance, posterior, config.acceptance_steps, on_step)


def _fit(
    model: HyperVAE,
    acceptance: Acceptance,
    posterior: Posterior,
    steps: int,
    on_step: Callable[[int, int], None],
) -> float:
    """`fit_acceptance`, with torch's generators seeded."""
    for module in acceptance.modules():
        if isinstance(module, nn.Linear):
            module.reset_parameters()
    acceptance.trust.zero_()
    acceptance.tilt.zero_()
    parts = max(len(acceptance.networks), _PARTS)
    if len(posterior.mean) < 2 * parts:
        return 0.0  # nobody could say what they are like
    jets, drawn = _samples(model, posterior, parts)
    acceptance.fit_scales(drawn.values.to(model.device))
    for part, network in enumerate(acceptance.networks):

        def told(step: int, before: int = part * steps) -> None:
            on_step(before + step, steps * len(acceptance.networks))

        _train(acceptance, network, jets.without(part), drawn.without(part), steps, told)
    gains = []
    for index in posterior.jet_type.unique().tolist():
        of_jets, of_draws = (_judged(acceptance, sample, index) for sample in (jets, drawn))
        count = int((posterior.jet_type == index).sum())
        trust, gain = _trusted(of_jets, of_draws, count)
        acceptance.trust[index] = trust
        if trust and acceptance.moments:
            acceptance.tilt[index] = _tilt(model, acceptance, jets, index, count)
        gains.append(gain)
        _LOG.info("prior: acceptance of type %d: gain %.4f, trust %.2f", index, gain, trust)
    return sum(gains) / len(gains)


@torch.no_grad()
def _samples(model: HyperVAE, posterior: Posterior, parts: int) -> tuple[_Sample, _Sample]:
    """Latent vectors of jets and draws of the prior."""
    mean, width, types = posterior.tensors()
    count = len(mean)
    repeats = min(_PER_JET, max(_MOST // count, 1))
    row = torch.arange(count).repeat(repeats)
    latent = mean[row] + width[row] * torch.randn(len(row), mean.shape[1], dtype=mean.dtype)
    jets = _Sample(
        _read(model, latent, types[row]), types[row], row % parts, torch.arange(len(row))
    )
    row = torch.arange(max(len(row), _LEAST_DRAWN))
    some = types[row % count]
    return jets, _Sample(_drawn(model, some), some, row % parts, row)


def _drawn(model: HyperVAE, jet_type: Tensor) -> Tensor:
    """Draws of the prior [n, inputs], read."""
    noise = torch.randn(len(jet_type), model.latent_dim)
    chunks = zip(noise.split(_CHUNK), jet_type.split(_CHUNK), strict=True)
    made = [model.prior.sample(*(x.to(model.device) for x in chunk)) for chunk in chunks]
    return _read(model, torch.cat(made), jet_type)


@torch.no_grad()
def _tilt(
    model: HyperVAE, acceptance: Acceptance, jets: _Sample, jet_type: int, count: int
) -> Tensor:
    """`Acceptance.tilt` of a type with so many jets, by draws that no network has seen."""

    def of(values: Tensor, what: Callable[[Tensor, Tensor], Tensor]) -> Tensor:
        chunks = (some.to(model.device) for some in values.split(_CHUNK))
        return torch.cat(
            [what(some, torch.full_like(some[:, 0], jet_type).long()) for some in chunks]
        )

    def moments(values: Tensor, jet_type: Tensor) -> Tensor:
        return acceptance.moments_of(acceptance.scaled(values, jet_type))

    own = jets.values[jets.jet_type == jet_type]
    # half as many as of jets, which stand there several times
    drawn = _drawn(model, torch.full((max(len(own) // 2, _LEAST_DRAWN),), jet_type))
    logits = of(drawn, acceptance.ln_ratio)
    found = tilt(of(own, moments).mean(0), of(drawn, moments), logits, MOST, count)
    return found.to(acceptance.tilt)


def _read(model: HyperVAE, latent: Tensor, jet_type: Tensor) -> Tensor:
    chunks = zip(latent.split(_CHUNK), jet_type.split(_CHUNK), strict=True)
    read = [model.read(*(x.to(model.device) for x in chunk)).cpu() for chunk in chunks]
    return torch.cat(read)


def _train(
    acceptance: Acceptance,
    network: nn.Module,
    jets: _Sample,
    drawn: _Sample,
    steps: int,
    on_step: Callable[[int], None],
) -> None:
    """Teach one network to tell jets' latent vectors from draws."""
    network.train().requires_grad_(True)
    muon = TrainConfig(optimizer="muon", learning_rate=_RATE, weight_decay=_DECAY)
    optimizer = make_optimizer(network, muon, scales_loss=False)
    rates = [float(group["lr"]) for group in optimizer.param_groups]
    device = acceptance.middle.device

    def logits(sample: _Sample) -> Tensor:
        row = sample.rows[torch.randint(len(sample.rows), (_BATCH,))]
        given = (sample.values[row].to(device), sample.jet_type[row].to(device))
        found: Tensor = network(acceptance.scaled(*given))
        return found.squeeze(-1)

    for step in range(steps):
        factor = learning_rate_factor(step / steps, _WARMUP, "linear")
        for group, rate in zip(optimizer.param_groups, rates, strict=True):
            group["lr"] = rate * factor
        loss = (softplus(-logits(jets)).mean() + softplus(logits(drawn)).mean()) / 2
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimizer.step()
        on_step(step + 1)
    network.eval().requires_grad_(False)


@torch.no_grad()
def _judged(acceptance: Acceptance, sample: _Sample, jet_type: int) -> Tensor:
    """Logits of what the networks have not seen, of one type."""
    device, found = acceptance.middle.device, []
    for part, network in enumerate(acceptance.networks):
        for rows in sample.of(part, jet_type).rows.split(_CHUNK):
            values, types = sample.values[rows].to(device), sample.jet_type[rows].to(device)
            logits = network(acceptance.scaled(values, types)).squeeze(-1)
            found.append(logits.double().cpu())
    return torch.cat(found) if found else torch.zeros(0, dtype=torch.float64)


def _trusted(jets: Tensor, drawn: Tensor, count: int) -> tuple[float, float]:
    """The factor of held out logits with the least cross-entropy, and the gain by it [nats]."""
    low, high = 0.0, _MOST_TRUST
    if len(jets) == 0 or len(drawn) == 0:
        return 0.0, 0.0
    for _ in range(_HALVINGS):  # the cross-entropy is convex in the factor
        middle = (low + high) / 2
        rises = (drawn * (middle * drawn).sigmoid()).mean()
        slope = rises - (jets * (-middle * jets).sigmoid()).mean()
        low, high = (low, middle) if slope > 0 else (middle, high)
    ln2 = float(torch.tensor(2.0).log())
    terms = [ln2 - softplus(-low * jets), ln2 - softplus(low * drawn)]
    gain = float(sum(term.mean() for term in terms)) / 2
    # latent vectors of one jet are no independent ones
    numbers = [min(count, len(jets)), len(drawn)]
    variance = sum(float(x.var()) / n for x, n in zip(terms, numbers, strict=True))
    sure = low > _LEAST_TRUST and gain > _ERRORS * variance**0.5 / 2
    return (low, gain) if sure else (0.0, 0.0)
