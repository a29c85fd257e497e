"""The encoder: particles, edges and hyperedges to the parameters of a Gaussian in latent space."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from hypervae.model.config import ModelConfig
from hypervae.model.inputs import JetBatch
from hypervae.model.layers import LorentzNetwork, ResidualMLP, pool
from hypervae.model.references import beam_references, relative_coordinates


class ParticleEncoder(nn.Module):
    """L-GATr over the particles, to scalars.

    Vectors: the momentum, and the references (time, beam). Scalars: contractions with the tetrad of
    the jet's own momentum. What is left of the Lorentz symmetry: rotations about the beam; with
    references and tetrad transformed along, all of it.
    """

    def __init__(self, config: ModelConfig):
        super().__init__()
        self.network = LorentzNetwork(
            config,
            vectors_in=3,
            scalars_in=4,
            vectors_out=1,
            scalars_out=config.scalar_channels,
        )
        self.width = config.scalar_channels

    def forward(self, momenta: Tensor, mask: Tensor) -> Tensor:
        """[B, P, 4] momenta and [B, P] mask -> [B, P, scalar_channels]."""
        references = beam_references(momenta).expand(*momenta.shape[:2], 2, 4)
        vectors = torch.cat([momenta.unsqueeze(2), references], dim=2)
        _, scalars = self.network(vectors, relative_coordinates(momenta, mask), mask)
        return scalars


class Encoder(nn.Module):
    """Pools the branches and gives the mean and the log variance of the posterior.

    Parameters
    ----------
    config : ModelConfig
    types : int
        Jet types of the model.
    edge_features, hyperedge_features, orders : int
        Features of an edge and of a hyperedge; orders of hyperedges.
    slots : int
        Particles that the largest jet may have, the unit of the multiplicity; a batch may be
        padded to any number.
    """

    def __init__(
        self,
        config: ModelConfig,
        *,
        types: int,
        edge_features: int,
        hyperedge_features: int,
        orders: int,
        slots: int,
    ):
        super().__init__()
        self.particles = ParticleEncoder(config)
        self.edges = ResidualMLP(edge_features, config.edge_width, dropout=config.dropout)
        self.hyperedges = ResidualMLP(
            hyperedge_features + orders, config.hyperedge_width, dropout=config.dropout
        )
        self.types, self.orders, self.slots = types, orders, slots
        pooled = 2 * (self.particles.width + config.edge_width + config.hyperedge_width)
        self.fusion = nn.Sequential(
            ResidualMLP(pooled + 3 + types + 1, config.hidden, blocks=2, dropout=config.dropout),
            nn.LayerNorm(config.hidden),
            nn.Linear(config.hidden, 2 * config.latent_dim),
        )

    def forward(self, batch: JetBatch) -> tuple[Tensor, Tensor]:
        """Parameters of the posterior, [B, latent_dim] each: mean and log variance."""
        real = batch.momenta.dtype
        particles = self.particles(batch.momenta, batch.mask)
        order = nn.functional.one_hot(batch.hyperedge_order, self.orders).to(real)
        hyperedges = self.hyperedges(torch.cat([batch.hyperedges, order], dim=-1))
        multiplicity = batch.mask.sum(dim=1, keepdim=True).to(real) / self.slots
        summary = torch.cat(
            [
                pool(particles, batch.mask.to(real)),
                pool(self.edges(batch.edges), batch.edge_mask.to(real)),
                pool(hyperedges, batch.hyperedge_count),
                batch.jet,
                multiplicity,
                nn.functional.one_hot(batch.jet_type, self.types).to(real),
            ],
            dim=-1,
        )
        mean, log_variance = self.fusion(summary).chunk(2, dim=-1)
        # e^-10 is a width of 0.7 %: nothing is lost, and a wild step cannot overflow
        return mean, log_variance.clamp(-10.0, 10.0)
