"""The validation split: terms of the loss and statistics of the latent space."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from lightning.fabric import Fabric

from hypervae.config import TrainConfig
from hypervae.model import HyperVAE
from hypervae.model.losses.terms import LossTerms, total_loss
from hypervae.model.noise import JetNoise, seed_generators
from hypervae.seeds import derive_seed
from hypervae.training.latent import LatentStatistics
from hypervae.training.loader import JetLoader
from hypervae.training.processes import sum_over_processes


@dataclass(frozen=True)
class ValidationResult:
    """Means of the terms over the validation jets, with ``total``, and their posterior."""

    terms: dict[str, float]
    latent: LatentStatistics


@torch.no_grad()
def validate(
    model: HyperVAE,
    loader: JetLoader,
    loss_terms: LossTerms,
    config: TrainConfig,
    fabric: Fabric,
    *,
    batch_size: int,
    stop: Callable[[], bool],
) -> ValidationResult | None:
    """Terms on the validation split, at full KL weight and with the same noise each time.

    Each process takes a part of every batch; the results are those of all.

    Parameters
    ----------
    model : HyperVAE
    loader : JetLoader
    loss_terms : LossTerms
    config : TrainConfig
    fabric : Fabric
    batch_size : int
        Jets in memory at once.
    stop : callable
        Asked before each batch; the same in every process.

    Returns
    -------
    ValidationResult or None
        None if `stop` said so.
    """
    model.eval()
    sums = torch.zeros(len(loss_terms.names) + 2, dtype=torch.float64, device=fabric.device)
    latent = LatentStatistics(model.latent_dim, fabric.device)
    steps = loader.steps(
        0,
        jets_per_step=batch_size * fabric.world_size,
        batch_size=batch_size,
        shuffle=False,
        rank=fabric.global_rank,
        world=fabric.world_size,
    )
    for step in steps:
        if stop():
            return None
        for batch, weight in zip(step.batches, step.weights, strict=True):
            if not weight:
                continue
            batch = batch.to(fabric.device)
            seed_generators(derive_seed(config.seed, "validation"), batch.key.device)
            noise = JetNoise(batch.key)
            reconstructed, mean, log_variance = model(
                batch, noise, hypergraph=loss_terms.hypergraph
            )
            terms = loss_terms(reconstructed, batch, mean, log_variance, noise)
            total = total_loss(terms, loss_terms.weights, 1.0)
            sums += weight * torch.stack([*terms.values(), total, torch.ones_like(total)]).double()
            latent.add(mean, log_variance)
    latent = LatentStatistics.from_tensor(sum_over_processes(fabric, latent.tensor()))
    *totals, jets = sum_over_processes(fabric, sums).tolist()
    names = (*loss_terms.names, "total")
    means = {name: value / jets for name, value in zip(names, totals, strict=True)}
    return ValidationResult(means, latent)
