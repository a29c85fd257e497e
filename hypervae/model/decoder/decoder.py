"""The decoder: latent vector to multiplicity, particles, edges, hyperedges and jet."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn

from hypervae.config import ModelConfig
from hypervae.correlators.features import JET_TARGETS
from hypervae.model.decoder.heads import EdgeHead
from hypervae.model.decoder.interface import Decoded, ParticleDecoder, Particles, presence_of
from hypervae.model.decoder.one_shot import OneShotParticles
from hypervae.model.hyperedges.registry import HYPEREDGE_MODES
from hypervae.model.inputs import JetBatch
from hypervae.model.layers import ReadOut, ResidualMLP, one_hot
from hypervae.model.references import jet_tetrad
from hypervae.model.sampling_config import SamplingConfig
from hypervae.normalization import Normalization

# Share that each multiplicity has at the start, beside its share of the training jets.
_EACH_MULTIPLICITY = 0.01


def particle_decoder(config: ModelConfig, normalization: Normalization) -> ParticleDecoder:
    """The particle decoder that the config names."""
    if config.decoder == "flow":
        from hypervae.model.decoder.flow import FlowParticles

        return FlowParticles(config, normalization)
    return OneShotParticles(config, normalization)


class Decoder(nn.Module):
    """Everything that a latent vector is decoded to.

    The latent vector and the one-hot jet type become the state of a jet; from it come the
    multiplicity (topology) first, then side by side the particles, edges, hyperedges and the jet.

    Parameters
    ----------
    config : ModelConfig
        Without ``auto``.
    normalization : Normalization
        Gives slots, bins, and where the outputs start.
    types : int
        Jet types of the model.
    """

    def __init__(self, config: ModelConfig, normalization: Normalization, types: int):
        super().__init__()
        self.slots, self.types = normalization.max_particles, types
        self.state = ResidualMLP(
            config.latent_dim + types, config.hidden, blocks=2, dropout=config.dropout
        )
        self.multiplicity = ReadOut(config.hidden, self.slots)
        self.particles = particle_decoder(config, normalization)
        self.edges = EdgeHead(self.particles.scalars, config.edge_width, self.slots)
        self.hyperedges = HYPEREDGE_MODES[config.hyperedge_decoder].head(
            config, normalization, self.particles.scalars
        )
        self.jet = nn.Sequential(
            ResidualMLP(config.hidden, config.hidden, dropout=config.dropout),
            nn.GELU(),
            ReadOut(config.hidden, len(JET_TARGETS)),
        )
        self._start_at(normalization)

    def _start_at(self, normalization: Normalization) -> None:
        """Start near the multiplicities of the training jets."""
        counts = normalization.multiplicity[1 : self.slots + 1].astype(np.float64)
        # A hundredth for each number: jets that (nearly) all fill their slots would otherwise start
        # with a cross-entropy that is nothing beside the other terms.
        share = counts / max(counts.sum(), 1.0) + _EACH_MULTIPLICITY
        with torch.no_grad():
            self.multiplicity.weight.mul_(0.1)
            self.multiplicity.bias.copy_(torch.from_numpy(np.log(share / share.sum())))

    def latent_state(self, latent: Tensor, jet_type: Tensor) -> Tensor:
        """[B, latent_dim], [B] -> [B, hidden]."""
        kind = one_hot(jet_type, self.types, latent.dtype)
        return self.state(torch.cat([latent, kind], dim=-1))

    def forward(
        self,
        latent: Tensor,
        jet_type: Tensor,
        *,
        multiplicity_noise: Tensor,
        particle_noise: Tensor | None = None,
        temperature: float | None = None,
        references: Tensor | None = None,
        target: JetBatch | None = None,
        sampling: SamplingConfig = SamplingConfig(topology=True),
    ) -> Decoded:
        """Decode latent vectors.

        Parameters
        ----------
        latent : [B, latent_dim]
        jet_type : [B] int64
        multiplicity_noise : [B, P]
            Gumbel noise: the multiplicity is a sample, in training and in generation.
        particle_noise : [B, P, 3], optional
            Standard normal, for particle decoders that need it.
        temperature : float, optional
            Of the Gumbel-softmax, for a straight-through gradient (arXiv:1611.01144); without one
            there is none.
        references : [4, 4], optional
            The tetrad; that of the jet's frame when left out.
        target : JetBatch, optional
            The jets to be made, in training.
        sampling : SamplingConfig
            How a flow is followed, and whether edges and hyperedges are decoded too; without, they
            are empty.
        """
        state = self.latent_state(latent, jet_type)
        logits = self.multiplicity(state)
        noisy = logits + multiplicity_noise
        chosen = one_hot(noisy.argmax(dim=-1), self.slots, logits.dtype)
        if temperature is not None:
            soft = torch.softmax(noisy / temperature, dim=-1)
            chosen = chosen + soft - soft.detach()
        presence = presence_of(chosen)
        tetrad = jet_tetrad(latent) if references is None else references
        made: Particles
        if target is None:
            made = self.particles(state, presence, tetrad, particle_noise, sampling)
        else:
            made = self.particles.reconstruct(state, presence, tetrad, target, particle_noise)
        if made.matching is not None:  # the slots are those of the jet to be made
            presence = target.mask.to(presence.dtype)
        if sampling.topology:
            edges = self.edges(made.scalars)
            targets = None if target is None else target.hyperedge_targets
            hyperedges = self.hyperedges(state, made.scalars, presence > 0.5, targets)
        else:
            edges, hyperedges = state.new_zeros(len(state), 0, 0), None
        return Decoded(
            multiplicity_logits=logits,
            presence=presence,
            coordinates=made.coordinates,
            edges=edges,
            hyperedges=hyperedges,
            jet=self.jet(state),
            matching=made.matching,
            weight=made.weight,
        )
