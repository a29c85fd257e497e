"""The encoder: particles, edges and hyperedges to the parameters of a Gaussian in latent space."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from hypervae.config import ModelConfig
from hypervae.correlators.features import EDGE_FEATURES, JET_TARGETS
from hypervae.model.hyperedges.branch import BranchConfig, TokenBranch
from hypervae.model.hyperedges.registry import HYPEREDGE_MODES
from hypervae.model.inputs import JetBatch
from hypervae.model.layers import MLPHead, ReadOut, ResidualMLP, one_hot, pool
from hypervae.model.noise import JetNoise
from hypervae.model.particles import ParticleEncoder
from hypervae.normalization import Normalization


class Encoder(nn.Module):
    """Particles, edges and hyperedges attend to each other, are pooled and fused.

    Particles pass L-GATr, edges and hyperedges residual MLPs. Edges read the particles and the
    particles read the edges by cross-attention, and so do hyperedges and particles. The mean and
    the maximum over the tokens of each branch, the jet's own features, its multiplicity and its
    type give the mean and the log variance of the posterior. Of edges and hyperedges there is what
    `ModelConfig.encoder_reads` names.

    Parameters
    ----------
    config : ModelConfig
        Without ``auto``.
    normalization : Normalization
        Gives slots and features. A batch may be padded to any number of slots; the largest jet's
        number is the unit of the multiplicity.
    types : int
        Jet types of the model.
    """

    _kept: Tensor

    def __init__(self, config: ModelConfig, normalization: Normalization, types: int):
        super().__init__()
        self.condition = config.condition
        self.types, self.slots = types, normalization.max_particles
        self.orders = len(normalization.hyperedge_orders)
        self.particles = ParticleEncoder(config)
        particle_width = self.particles.width
        keep = [True] * self.orders + [config.hyperedge_log_weight, config.hyperedge_weight_sum]
        self.register_buffer("_kept", torch.tensor(keep).nonzero().squeeze(1), persistent=False)
        self.edges, self.hyperedges = self._branches(config, particle_width)
        pooled = 2 * particle_width
        pooled += 2 * config.edge_width * (self.edges is not None)
        pooled += 2 * config.hyperedge_width * (self.hyperedges is not None)
        condition_dim = len(JET_TARGETS) * ("jet_features" in self.condition)
        condition_dim += types * ("jet_type" in self.condition)
        pooled += condition_dim + 1
        self.fusion = MLPHead(
            ResidualMLP(pooled, config.hidden, blocks=2, dropout=config.dropout),
            nn.LayerNorm(config.hidden),
            ReadOut(config.hidden, 2 * config.latent_dim),
        )

    def _branches(
        self, config: ModelConfig, particle_width: int
    ) -> tuple[TokenBranch | None, TokenBranch | None]:
        """The networks of edges and of hyperedges, where they are read."""
        common: dict[str, Any] = {
            "particle_width": particle_width,
            "heads": config.heads,
            "blocks": config.token_blocks,
            "dropout": config.dropout,
            "cross_attention": config.cross_attention,
        }
        edges, hyperedges = None, None
        if "edges" in config.encoder_reads:
            edges = TokenBranch(
                BranchConfig(features=len(EDGE_FEATURES), width=config.edge_width, **common)
            )
        if "hyperedges" in config.encoder_reads:
            sizes = BranchConfig(
                features=len(self._kept) + self.orders,
                width=config.hyperedge_width,
                chunk=config.hyperedge_chunk,
                **common,
            )
            hyperedges = HYPEREDGE_MODES[config.hyperedge_encoder].branch(sizes, config)
        return edges, hyperedges

    def tokens(self, batch: JetBatch) -> Tensor:
        """[B, T, F] what the network sees of the hyperedges: chosen features, one-hot order.

        Parameters
        ----------
        batch : JetBatch

        Returns
        -------
        [B, T, F]
        """
        values = batch.hyperedges
        if len(self._kept) < values.shape[-1]:
            values = values[..., self._kept]
        order = one_hot(batch.hyperedge_order, self.orders, values.dtype)
        return torch.cat([values, order], dim=-1)

    def forward(
        self,
        batch: JetBatch,
        references: Tensor | None = None,
        noise: JetNoise | None = None,
    ) -> tuple[Tensor, Tensor]:
        """Parameters of the posterior.

        Parameters
        ----------
        batch : JetBatch
        references : Tensor, optional
            Reference vectors transformed along with the momenta; see `ParticleEncoder.forward`.
        noise : JetNoise, optional
            Of the jets; see `hypervae.model.dropout.Dropout.forward`.

        Returns
        -------
        mean, log_variance : [B, latent_dim]
        """
        real = batch.momenta.dtype
        particles = self.particles(batch.momenta, batch.mask, references, noise)
        updates, summaries = [], []
        if self.edges is not None:
            summary, update = self.edges(
                batch.edges, batch.edge_mask.to(real), particles, batch.mask, noise
            )
            summaries.append(summary)
            updates.append(update)
        if self.hyperedges is not None:
            summary, update = self.hyperedges(
                self.tokens(batch), batch.hyperedge_count, particles, batch.mask, noise
            )
            summaries.append(summary)
            updates.append(update)
        for update in updates:
            particles = particles + update
        summary = [pool(particles, batch.mask.to(real)), *summaries]
        summary.append(batch.mask.sum(dim=1, keepdim=True).to(real) / self.slots)
        if "jet_features" in self.condition:
            summary.append(batch.jet)
        if "jet_type" in self.condition:
            summary.append(one_hot(batch.jet_type, self.types, real))
        fused = self.fusion(torch.cat(summary, dim=-1), noise)
        mean, log_variance = fused.chunk(2, dim=-1)
        # e^-10 is a width of 0.7 %: nothing is lost, and a wild step cannot overflow
        return mean, log_variance.clamp(-10.0, 10.0)
