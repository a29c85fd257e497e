"""The decoder: latent vector to multiplicity, particles, edges, hyperedges and jet."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch
from torch import Tensor, nn

from hypervae.config import ModelConfig
from hypervae.correlators.features import JET_TARGETS
from hypervae.model.decoder.coordinates import presence_of
from hypervae.model.decoder.heads import EdgeHead
from hypervae.model.decoder.interface import (
    Decoded,
    LatentJets,
    NoiseSpec,
    Particles,
    Reconstructed,
)
from hypervae.model.decoder.registry import PARTICLE_DECODERS
from hypervae.model.hyperedges.registry import HYPEREDGE_MODES
from hypervae.model.inputs import JetBatch
from hypervae.model.layers import MLPHead, ReadOut, ResidualMLP, one_hot
from hypervae.model.noise import JetNoise
from hypervae.model.references import jet_tetrad
from hypervae.model.sampling_config import SamplingConfig
from hypervae.normalization import Normalization

# Share that each multiplicity has at the start, beside its share of the training jets.
_EACH_MULTIPLICITY = 0.01


class Decoder(nn.Module):
    """Everything that a latent vector is decoded to.

    The latent vector and the one-hot jet type become the state of a jet; from it come the
    multiplicity first, then side by side the particles, edges, hyperedges and the jet.

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
        decoder = PARTICLE_DECODERS[config.decoder]
        self.anchored = decoder.anchored_dims(config)
        self.latent_dim = self.anchored + config.latent_dim
        self.state = ResidualMLP(
            self.latent_dim + types, config.hidden, blocks=2, dropout=config.dropout
        )
        self.multiplicity: ReadOut | None = None
        if not decoder.decides_multiplicity:
            self.multiplicity = ReadOut(config.hidden, self.slots)
        self.particles = decoder(config, normalization, types)
        self.edges = EdgeHead(self.particles.scalars, config.edge_width, self.slots)
        self.hyperedges = HYPEREDGE_MODES[config.hyperedge_decoder].head(
            config, normalization, self.particles.scalars
        )
        self._jet_offset: Tensor
        self._jet_scale: Tensor
        self.jet: MLPHead | None = None
        if not decoder.decides_jet:
            self.jet = MLPHead(
                ResidualMLP(config.hidden, config.hidden, dropout=config.dropout),
                nn.GELU(),
                ReadOut(config.hidden, len(JET_TARGETS)),
            )
        for name in ("offset", "scale"):
            values = torch.from_numpy(np.asarray(getattr(normalization.jet, name)))
            self.register_buffer(f"_jet_{name}", values, persistent=False)
        self._start_at(normalization)

    def _start_at(self, normalization: Normalization) -> None:
        """Start near the multiplicities of the training jets."""
        if self.multiplicity is None:
            return
        jets = normalization.multiplicity[1 : self.slots + 1].astype(np.float64)
        # A hundredth for each number: jets that (nearly) all fill their slots would otherwise start
        # with a cross-entropy that is nothing beside the other terms.
        share = jets / max(jets.sum(), 1.0) + _EACH_MULTIPLICITY
        with torch.no_grad():
            self.multiplicity.weight.mul_(0.1)
            self.multiplicity.bias.copy_(torch.from_numpy(np.log(share / share.sum())))

    def latent_state(
        self, latent: Tensor, jet_type: Tensor, noise: JetNoise | None = None
    ) -> Tensor:
        """The state of the jets, from which everything is decoded.

        Parameters
        ----------
        latent : [B, latent_dim]
        jet_type : [B] int64
        noise : JetNoise, optional
            Of the B jets; see `hypervae.model.dropout.Dropout.forward`.

        Returns
        -------
        [B, hidden]
        """
        label = one_hot(jet_type, self.types, latent.dtype)
        state: Tensor = self.state(torch.cat([latent, label], dim=-1), noise)
        return state

    @property
    def noise(self) -> Mapping[str, NoiseSpec]:
        """What a jet needs to be decoded, by name."""
        if self.particles.decides_multiplicity:
            return self.particles.noise
        return {"multiplicity": NoiseSpec((self.slots,), "gumbel"), **self.particles.noise}

    def decode(
        self,
        latent: Tensor,
        jet_type: Tensor,
        noise: Mapping[str, Tensor],
        *,
        sampling: SamplingConfig = SamplingConfig(),
        references: Tensor | None = None,
    ) -> Decoded:
        """Decode latent vectors to jets.

        Parameters
        ----------
        latent : [B, latent_dim]
        jet_type : [B] int64
        noise : mapping of str to Tensor [B, ...]
            What `noise` asks for. That of the multiplicity is Gumbel noise: the number of particles
            is a sample.
        sampling : SamplingConfig
        references : [4, 4], optional
            The tetrad; that of the jet's frame when left out.

        Returns
        -------
        Decoded
        """
        state = self.latent_state(latent, jet_type)
        logits = presence = None
        if self.multiplicity is not None:
            logits = self.multiplicity(state)
            presence = self._presence(logits, noise["multiplicity"])
        jets = self._jets(state, latent, jet_type, references, presence)
        made = self.particles.decode(jets, noise, sampling)
        return self._decoded(jets, logits, made, hypergraph=sampling.hypergraph)

    def reconstruct(
        self,
        latent: Tensor,
        target: JetBatch,
        noise: JetNoise,
        *,
        gumbel_temperature: float | None = None,
        references: Tensor | None = None,
        hypergraph: bool = True,
    ) -> Reconstructed:
        """Decode latent vectors in training, where the jets to be made are known.

        Parameters
        ----------
        latent : [B, latent_dim]
        target : JetBatch
        noise : JetNoise
        gumbel_temperature : float, optional
            Of the Gumbel-softmax that picks the multiplicity, for a straight-through gradient
            (arXiv:1611.01144); without one there is none.
        references : [4, 4], optional
            As for `decode`.
        hypergraph : bool
            Whether to decode edges and hyperedges too.

        Returns
        -------
        Reconstructed
        """
        given = {
            name: getattr(noise, spec.distribution)(len(latent), *spec.shape, like=latent)
            for name, spec in self.noise.items()
        }
        state = self.latent_state(latent, target.jet_type, noise)
        logits = presence = None
        if self.multiplicity is not None:
            logits = self.multiplicity(state)
            presence = self._presence(logits, given["multiplicity"], gumbel_temperature)
        jets = self._jets(state, latent, target.jet_type, references, presence)
        made = self.particles.reconstruct(jets, target, given, noise)
        decoded = self._decoded(
            jets, logits, made, hypergraph=hypergraph, target=target, noise=noise
        )
        trust = state.new_ones(len(state)) if made.trust is None else made.trust
        return Reconstructed(decoded, made.losses, trust, made.estimated)

    def _presence(self, logits: Tensor, gumbel: Tensor, temperature: float | None = None) -> Tensor:
        noisy = logits + gumbel
        chosen = one_hot(noisy.argmax(dim=-1), self.slots, logits.dtype)
        if temperature is not None:
            soft = torch.softmax(noisy / temperature, dim=-1)
            chosen = chosen + soft - soft.detach()
        return presence_of(chosen)

    @staticmethod
    def _jets(
        state: Tensor,
        latent: Tensor,
        jet_type: Tensor,
        references: Tensor | None,
        presence: Tensor | None,
    ) -> LatentJets:
        tetrad = jet_tetrad(latent) if references is None else references
        return LatentJets(state, latent, jet_type, tetrad, presence)

    def _decoded(
        self,
        jets: LatentJets,
        logits: Tensor | None,
        made: Particles,
        *,
        hypergraph: bool,
        target: JetBatch | None = None,
        noise: JetNoise | None = None,
    ) -> Decoded:
        """The particles, with what is decoded beside them."""
        edges = hyperedges = None
        if hypergraph:
            scalars = self.particles.scalars_of(made, jets, noise)
            targets = None if target is None else target.hyperedge_targets
            edges = self.edges(scalars)
            hyperedges = self.hyperedges(jets.state, scalars, made.presence > 0.5, targets, noise)
        return Decoded(
            presence=made.presence,
            log_coordinates=made.log_coordinates,
            multiplicity_logits=logits,
            edges=edges,
            hyperedges=hyperedges,
            jet=self._jet(jets.state, made, noise),
        )

    def _jet(self, state: Tensor, made: Particles, noise: JetNoise | None) -> Tensor:
        if self.jet is not None:
            jet: Tensor = self.jet(state, noise)
            return jet
        if made.jet is None:
            raise TypeError("a particle decoder that decides the jet gave none")
        offset, scale = (value.to(made.jet.dtype) for value in (self._jet_offset, self._jet_scale))
        return (made.jet - offset) / scale
