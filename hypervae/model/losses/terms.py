"""All terms of the loss: each a mean over jets of a per-jet value."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import torch
from torch import Tensor, nn
from torch.nn import functional

from hypervae.config import ModelConfig, TrainConfig
from hypervae.errors import ConfigError
from hypervae.model.decoder.interface import Decoded, Reconstructed
from hypervae.model.decoder.registry import PARTICLE_DECODERS
from hypervae.model.hyperedges.registry import HYPEREDGE_MODES
from hypervae.model.inputs import HYPERGRAPH, JetBatch
from hypervae.model.losses.edge_consistency import EdgeConsistency
from hypervae.model.losses.kl import kl_divergence
from hypervae.model.losses.squares import masked_mse
from hypervae.model.losses.sums import sum_loss
from hypervae.model.noise import JetNoise
from hypervae.normalization import Normalization

_HALF = (torch.float16, torch.bfloat16)
#: Those that teach edges and hyperedges.
HYPERGRAPH_TERMS = ("edge", "hyperedge", "edge_consistency", "hyperedge_consistency")

#: The terms that every model has, after those of its particle decoder.
COMMON_TERMS = (
    "edge",
    "hyperedge",
    "jet_features",
    "multiplicity",
    "sum",
    "edge_consistency",
    "hyperedge_consistency",
    "kl",
)


def asks_for_hypergraph(config: TrainConfig) -> bool:
    """Whether any term that has a weight reads edges or hyperedges.

    Parameters
    ----------
    config : TrainConfig

    Returns
    -------
    bool
    """
    weights = config.loss_weights.to_dict()
    return any(weights[name] for name in HYPERGRAPH_TERMS)


def parts_of_hypergraph(config: TrainConfig, model: ModelConfig) -> tuple[str, ...]:
    """What a training reads of the hypergraphs of its jets.

    Parameters
    ----------
    config : TrainConfig
    model : ModelConfig

    Returns
    -------
    tuple of str
        Some of `hypervae.model.inputs.HYPERGRAPH`.
    """
    if asks_for_hypergraph(config):
        return HYPERGRAPH
    return model.encoder_reads if model.latent_dim else ()


class LossTerms(nn.Module):
    """The terms of the loss, unweighted.

    Each is the mean over jets of a value that depends on that jet alone, so that the loss of a
    batch is the mean of those of its parts. Those of the particle decoder are computed by it. Terms
    of particles that are an estimate (a flow's, in training) are weighted per jet by
    `Reconstructed.trust`. The consistency terms are 0 where their weight is 0: they are not
    computed then.

    Parameters
    ----------
    normalization : Normalization
    model : ModelConfig
        Without ``auto``; its decoder says which terms there are.
    config : TrainConfig

    Attributes
    ----------
    names : tuple of str
        Of all terms, in their order.
    particle_names : tuple of str
        Of those of the particle decoder.
    weights : dict of str to float
        Of all terms, in their order.

    Raises
    ------
    ConfigError
        If all weights are 0.
    """

    def __init__(self, normalization: Normalization, model: ModelConfig, config: TrainConfig):
        super().__init__()
        decoder = PARTICLE_DECODERS[model.decoder]
        self.particle_names = decoder.loss_terms
        self.names = (*self.particle_names, *COMMON_TERMS)
        given = config.loss_weights.to_dict()
        own = dict.fromkeys(self.particle_names, given["particle"])
        self.weights = {**own, **{name: given[name] for name in COMMON_TERMS}}
        if not any(self.weights.values()):
            raise ConfigError("train.loss_weights: all weights are 0, so nothing would be trained")
        self.free_bits = config.free_bits
        #: Whether any term of edges or hyperedges has a weight.
        self.hypergraph = asks_for_hypergraph(config)
        self.anchored = decoder.anchored_dims(model)
        self.edge_consistency = EdgeConsistency(normalization)
        self.hyperedge_mode = HYPEREDGE_MODES[model.hyperedge_decoder]
        self.hyperedge_consistency = self.hyperedge_mode.consistency(normalization)

    def forward(
        self,
        reconstructed: Reconstructed,
        batch: JetBatch,
        mean: Tensor,
        log_variance: Tensor,
        noise: JetNoise,
    ) -> dict[str, Tensor]:
        """Compute the terms, in float32 at least, also under autocast.

        Parameters
        ----------
        reconstructed : Reconstructed
        batch : JetBatch
        mean, log_variance : [B, latent_dim]
        noise : JetNoise
            Decides which sets the consistency of hyperedges is computed of.

        Returns
        -------
        dict
            A scalar for each of `names`.
        """
        with torch.autocast(mean.device.type, enabled=False):
            decoded = reconstructed.decoded.map(_at_least_single)
            batch = batch.map(_at_least_single)
            mean, log_variance = _at_least_single(mean), _at_least_single(log_variance)
            per_jet = {
                **reconstructed.losses,
                **self._of_hypergraph(decoded, batch),
                "jet_features": (decoded.jet - batch.jet).square().mean(-1),
                "multiplicity": self._multiplicity(decoded, batch),
                **self._of_particles(replace(reconstructed, decoded=decoded), batch, noise),
                "kl": kl_divergence(
                    mean[:, self.anchored :], log_variance[:, self.anchored :], self.free_bits
                ),
            }
            return {name: per_jet[name].mean() for name in self.names}

    @staticmethod
    def _multiplicity(decoded: Decoded, batch: JetBatch) -> Tensor:
        if decoded.multiplicity_logits is None:  # the particle decoder's own matter
            return decoded.jet.new_zeros(len(decoded))
        count = batch.mask.sum(1) - 1
        return functional.cross_entropy(decoded.multiplicity_logits, count, reduction="none")

    def _of_hypergraph(self, decoded: Decoded, batch: JetBatch) -> dict[str, Tensor]:
        """Terms of edges and hyperedges; 0 where they were not decoded."""
        nothing = decoded.jet.new_zeros(len(decoded))
        edge, hyperedge = nothing, nothing
        if decoded.edges is not None:
            edge = masked_mse(decoded.edges, batch.edges, batch.edge_mask)
        if decoded.hyperedges is not None and batch.hyperedge_targets is not None:
            hyperedge = self.hyperedge_mode.loss(decoded.hyperedges, batch.hyperedge_targets)
        return {"edge": edge, "hyperedge": hyperedge}

    def _of_particles(
        self, reconstructed: Reconstructed, batch: JetBatch, noise: JetNoise
    ) -> dict[str, Tensor]:
        """Terms that read the decoded particles' coordinates as they are."""
        decoded = reconstructed.decoded
        angles, ln_ptrel = decoded.log_coordinates.split([2, 1], dim=-1)
        points = torch.cat([angles, ln_ptrel.exp()], dim=-1)
        values = {"sum": sum_loss(points, decoded.presence, batch.coordinates, batch.mask)}
        nothing = torch.zeros_like(values["sum"])
        values["edge_consistency"] = (
            self.edge_consistency(decoded)
            if self.weights["edge_consistency"] and decoded.edges is not None
            else nothing
        )
        values["hyperedge_consistency"] = (
            self.hyperedge_consistency(
                decoded, batch.hyperedge_targets, noise, estimated=reconstructed.estimated
            )
            if self.weights["hyperedge_consistency"] and decoded.hyperedges is not None
            else nothing
        )
        return {name: value * reconstructed.trust for name, value in values.items()}


def _at_least_single(values: Tensor) -> Tensor:
    return values.float() if values.dtype in _HALF else values


def total_loss(terms: Mapping[str, Tensor], weights: Mapping[str, float], kl: float) -> Tensor:
    """Weighted sum of the terms; `kl` scales the weight of the KL term (its annealing).

    A term of weight 0 does not enter, so that it cannot spoil the sum by being infinite.

    Parameters
    ----------
    terms : mapping of str to tensor
        Values by name.
    weights : mapping of str to float
        By name.
    kl : float
        In [0, 1].

    Returns
    -------
    [] tensor
    """
    weighted = [
        weights[name] * (kl if name == "kl" else 1.0) * value
        for name, value in terms.items()
        if weights[name]
    ]
    return sum(weighted[1:], start=weighted[0])
