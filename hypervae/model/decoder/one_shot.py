"""The one-shot particle decoder: all particles at once."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from hypervae.config import ModelConfig
from hypervae.model.decoder.chamfer import chamfer
from hypervae.model.decoder.coordinates import LN_PTREL_RANGE, log_coordinates, squash_angles
from hypervae.model.decoder.interface import (
    LatentJets,
    ParticleDecoder,
    Particles,
    ReconstructedParticles,
)
from hypervae.model.inputs import JetBatch
from hypervae.model.layers import ResidualMLP, full_precision
from hypervae.model.lorentz import LorentzNetwork
from hypervae.model.noise import JetNoise
from hypervae.model.references import components
from hypervae.model.sampling_config import SamplingConfig
from hypervae.normalization import Normalization

# Vectors of a slot: one gives the angles, one gives ln ptrel.
_VECTORS = 2


class OneShotParticles(ParticleDecoder):
    """Slots to particles in one pass of L-GATr.

    A slot is a learned embedding by rank and the state of the jet. Its vectors start as
    combinations of the tetrad (time, jet axis, normal, beam) with coefficients from these scalars;
    L-GATr mixes the slots, and adds to the vectors. They are read out by contraction with the
    tetrad, so that they transform along when it is transformed. The loss is the Chamfer distance.

    Parameters
    ----------
    config : ModelConfig
    normalization : Normalization
        Gives slots, and where the outputs start.
    types : int
    """

    loss_terms = ("chamfer",)

    _offset: Tensor
    _scale: Tensor
    _widths: Tensor

    def __init__(self, config: ModelConfig, normalization: Normalization, types: int):
        super().__init__(config, normalization, types)
        self.slots, self.radius = normalization.max_particles, config.radius
        self.scalars, self.settings = config.scalar_channels, config.one_shot
        hidden = config.hidden
        self.slot_embedding = nn.Parameter(0.5 * torch.randn(self.slots, hidden))
        self.slot_mix = ResidualMLP(2 * hidden, hidden, dropout=config.dropout)
        self.start = nn.Linear(hidden, _VECTORS * 4)
        self.network = LorentzNetwork(
            config,
            vectors_in=_VECTORS + 4,
            scalars_in=hidden,
            vectors_out=_VECTORS,
            scalars_out=config.scalar_channels,
        )
        with torch.no_grad():
            self.start.weight.mul_(0.5)  # of the order of a width, not more
        particle = normalization.particle
        self.register_buffer("_offset", torch.tensor(particle.offset, dtype=torch.float32))
        self.register_buffer("_scale", torch.tensor(particle.scale, dtype=torch.float32))
        widths = torch.tensor(particle.scale, dtype=torch.float64)
        self.register_buffer("_widths", widths, persistent=False)

    @full_precision
    def decode(
        self, jets: LatentJets, noise: Mapping[str, Tensor], sampling: SamplingConfig
    ) -> Particles:
        """See `ParticleDecoder.decode`; no noise is read."""
        return self._make(jets)

    @full_precision
    def reconstruct(
        self, jets: LatentJets, target: JetBatch, given: Mapping[str, Tensor], noise: JetNoise
    ) -> ReconstructedParticles:
        """See `ParticleDecoder.reconstruct`: as in generation, with the Chamfer distance."""
        made = self._make(jets, noise)
        losses = {"chamfer": self._chamfer(made, target)}
        return ReconstructedParticles(
            made.log_coordinates, made.presence, made.scalars, losses=losses
        )

    def _chamfer(self, made: Particles, target: JetBatch) -> Tensor:
        """[B] in units of the widths of (etarel, phirel, ln ptrel)."""
        settings, points = self.settings, log_coordinates(target.coordinates)
        scale = self._widths.to(points.dtype)
        weights: tuple[Tensor | None, Tensor | None] = (None, None)
        if settings.pt_weighted:
            weights = made.log_coordinates[..., 2].exp(), target.coordinates[..., 2]
        return chamfer(
            made.log_coordinates / scale,
            made.presence,
            points / scale,
            target.mask,
            distance=settings.distance,
            alpha=settings.alpha,
            weights=weights,
        )

    def _make(self, jets: LatentJets, noise: JetNoise | None = None) -> Particles:
        state, presence, references = jets.state, jets.used, jets.references
        batch = len(state)
        slots = self.slot_embedding.expand(batch, -1, -1)
        mixed = self.slot_mix(
            torch.cat([slots, state.unsqueeze(1).expand(-1, self.slots, -1)], dim=-1), noise
        )
        coefficients = self.start(mixed).unflatten(-1, (_VECTORS, 4))
        start = torch.einsum("bsvr,rm->bsvm", coefficients, references)
        vectors = torch.cat([start, references.expand(batch, self.slots, 4, 4)], dim=2)
        change, scalars = self.network(vectors, mixed, presence > 0.5, noise)
        vectors_out = start + change
        along = components(vectors_out, references)
        scale, offset = self._scale.to(along.dtype), self._offset.to(along.dtype)
        angles = torch.stack([along[..., 0, 3], along[..., 0, 2]], dim=-1) * scale[:2]
        ln_ptrel = offset[2] + scale[2] * (along[..., 1, 0] + along[..., 1, 1])
        ln_ptrel = ln_ptrel.clamp(*LN_PTREL_RANGE)
        made = torch.cat([squash_angles(angles, self.radius), ln_ptrel.unsqueeze(-1)], dim=-1)
        return Particles(made, presence, scalars)
