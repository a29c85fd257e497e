"""The flow-matching particle decoder: all particles of a jet flow from noise to their places."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from hypervae.config import ModelConfig
from hypervae.model.decoder.coordinates import LN_PTREL_RANGE, log_coordinates, squash_far_angles
from hypervae.model.decoder.interface import (
    LatentJets,
    NoiseSpec,
    ParticleDecoder,
    Particles,
    ReconstructedParticles,
)
from hypervae.model.flow_matching import TIME_FEATURES, on_path, time_features, velocity_of
from hypervae.model.inputs import JetBatch
from hypervae.model.layers import ReadOut, ResidualMLP, full_precision
from hypervae.model.lorentz import LorentzNetwork
from hypervae.model.noise import JetNoise
from hypervae.model.references import components, momenta_of
from hypervae.model.sampling_config import SamplingConfig
from hypervae.model.solvers import integrate
from hypervae.normalization import Normalization

# Vectors of a particle beside the references: its momentum, and its offset from the jet axis.
_VECTORS = 2
# Momenta are in units of the jet's pT; a tenth of it is a typical hard particle.
_MOMENTUM_UNIT = 0.1
# Scaled coordinates further out are not told apart by the vectors, so that exp() stays finite.
_FAR = 6.0
#: Times per jet and training step: they share the encoder, which costs more than several of them.
DRAWS = 8
# The solver's steps grow shorter towards the jet (see `time_grid`): the distances within its core
# are a tenth of the width of the noise.
_TIME_POWER = 1.25


class FlowParticles(ParticleDecoder):
    """Conditional flow matching of the particles, by an L-GATr velocity network.

    The points are (etarel, phirel, ln ptrel) in the units of the normalization. They start as
    Gaussian noise at t = 0 and are the jet at t = 1; see `hypervae.model.flow_matching`. The
    network sees, per particle and time, the vectors p (momentum of the point) and eta beam +
    phi normal (offset from the jet axis, in widths), the tetrad, and as scalars the coordinates,
    the time and a condition made of the slot (a learned embedding by rank), the state of the jet
    and the number of particles. The velocity is read out from contractions of its vectors with the
    tetrad and from its scalars: transform the tetrad and the coordinates stay, so that momenta
    transform along.

    Edges and hyperedges are decoded from the condition alone, which knows no noise.

    Parameters
    ----------
    config : ModelConfig
    normalization : Normalization
        Gives slots, and the units of the coordinates.
    types : int

    Attributes
    ----------
    draws : int
        Times per jet and training step.
    """

    loss_terms = ("matching",)
    default_solver = "midpoint"

    _offset: Tensor
    _scale: Tensor

    def __init__(self, config: ModelConfig, normalization: Normalization, types: int):
        super().__init__(config, normalization, types)
        self.slots, self.radius = normalization.max_particles, config.radius
        self.draws = DRAWS
        self.noise = {"particles": NoiseSpec((self.slots, 3))}
        self.scalars = config.scalar_channels
        hidden, width = config.hidden, config.scalar_channels
        self.slot_embedding = nn.Parameter(0.5 * torch.randn(self.slots, hidden))
        self.slot_mix = ResidualMLP(2 * hidden + 1, hidden, dropout=config.dropout)
        self.condition = nn.Linear(hidden, width)
        self.slot_scalars = nn.Sequential(nn.GELU(), nn.Linear(hidden, width))
        self.network = LorentzNetwork(
            config,
            vectors_in=_VECTORS + 4,
            scalars_in=width + 3 + TIME_FEATURES,
            vectors_out=_VECTORS,
            scalars_out=width,
        )
        self.velocity_out = ReadOut(4 * _VECTORS + width, 3)
        particle = normalization.particle
        self.register_buffer("_offset", torch.tensor(particle.offset, dtype=torch.float32))
        self.register_buffer("_scale", torch.tensor(particle.scale, dtype=torch.float32))

    @full_precision
    def decode(
        self, jets: LatentJets, noise: Mapping[str, Tensor], sampling: SamplingConfig
    ) -> Particles:
        """See `ParticleDecoder.decode`; the noise is where the particles start."""
        presence = jets.used
        mask = presence > 0.5
        slots = self._slots(jets.state, mask)
        condition = self.condition(slots)
        points = integrate(
            lambda points, time: self.velocity(points, time, condition, mask, jets.references),
            noise["particles"] * mask.unsqueeze(-1),
            solver=sampling.solver or self.default_solver,
            evaluations=sampling.evaluations,
            power=_TIME_POWER,
        )
        return Particles(self.placed(points), presence, self.slot_scalars(slots))

    @full_precision
    def reconstruct(
        self, jets: LatentJets, target: JetBatch, given: Mapping[str, Tensor], noise: JetNoise
    ) -> ReconstructedParticles:
        """The matching error at random times; the slots in use are the target's.

        Parameters
        ----------
        jets, target, given, noise
            See `ParticleDecoder.reconstruct`; the presence is not read.

        Returns
        -------
        ReconstructedParticles
            ``log_coordinates``: the estimate x_t + (1 - t) v of the jet, at the latest time drawn
            for it; ``trust``: t^2; ``losses``: ``matching``, squared error of the velocity, summed
            over the coordinates, mean over particles and times.
        """
        mask = target.mask
        slots = self._slots(jets.state, mask, noise)
        condition = self.condition(slots)
        goal = self.scaled(target.coordinates, mask)
        batch, draws = len(goal), self.draws
        # one time from each of `draws` equal parts of [0, 1]
        shift = noise.uniform(draws * batch, like=goal).view(draws, batch)
        time = (shift + torch.arange(draws, device=goal.device).unsqueeze(1)).flatten() / draws
        goals, masks, conditions = (
            value.repeat(draws, *[1] * (value.dim() - 1)) for value in (goal, mask, condition)
        )
        start = noise.normal(*goals.shape, like=goals)
        start = torch.cat([given["particles"].to(start.dtype), start[batch:]])
        points, wanted = on_path(start * masks.unsqueeze(-1), goals, time)
        velocity = self.velocity(points, time, conditions, masks, jets.references, noise)
        error = (velocity - wanted).square().sum(-1) * masks
        matching = error.sum(1) / masks.sum(1).clamp_min(1)
        last, t = slice(-batch, None), time[-batch:]
        estimate = points[last] + (1 - t)[:, None, None] * velocity[last]
        return ReconstructedParticles(
            self.placed(estimate),
            mask.to(jets.state.dtype),
            self.slot_scalars(slots),
            losses={"matching": matching.unflatten(0, (draws, batch)).mean(0)},
            trust=t.square(),
            estimated=True,
        )

    def velocity(
        self,
        points: Tensor,
        time: Tensor,
        condition: Tensor,
        mask: Tensor,
        references: Tensor,
        noise: JetNoise | None = None,
    ) -> Tensor:
        """Velocity of the points.

        Parameters
        ----------
        points : [B, P, 3]
            In the units of the normalization.
        time : [B]
        condition : [B, P, scalar_channels]
        mask : [B, P] bool
        references : [4, 4]
        noise : JetNoise, optional
            Of the jets; see `hypervae.model.dropout.Dropout.forward`.

        Returns
        -------
        [B, P, 3]
        """
        near = points.clamp(-_FAR, _FAR)
        _, _, normal, beam = references
        momenta = momenta_of(self._unscaled(near), references) / _MOMENTUM_UNIT
        offset = near[..., :1] * beam + near[..., 1:2] * normal
        tetrads = references.expand(*mask.shape, 4, 4)
        vectors = torch.cat([momenta.unsqueeze(2), offset.unsqueeze(2), tetrads], dim=2)
        times = time_features(time).unsqueeze(1).expand(-1, mask.shape[1], -1)
        scalars = torch.cat([condition, points, times], dim=-1)
        made, features = self.network(vectors, scalars, mask, noise)
        along = components(made, references)
        raw = self.velocity_out(torch.cat([along.flatten(-2), features], dim=-1))
        return velocity_of(raw, points, time)

    def scaled(self, coordinates: Tensor, mask: Tensor) -> Tensor:
        """(etarel, phirel, ptrel) [B, P, 3] in the units of the normalization, 0 where masked.

        Parameters
        ----------
        coordinates : [B, P, 3]
            (etarel, phirel, ptrel).
        mask : [B, P] bool

        Returns
        -------
        [B, P, 3]
        """
        values = log_coordinates(coordinates)
        scaled = (values - self._offset.to(values.dtype)) / self._scale.to(values.dtype)
        return scaled * mask.unsqueeze(-1)

    def placed(self, points: Tensor) -> Tensor:
        """(etarel, phirel, ln ptrel) of points, within the radius and the range of ln ptrel.

        Only what comes out is changed, never the target.

        Parameters
        ----------
        points : [B, P, 3]
            In the units of the normalization.

        Returns
        -------
        [B, P, 3]
        """
        values = self._unscaled(points)
        angles, ln_ptrel = values[..., :2], values[..., 2:]
        angles = squash_far_angles(angles, self.radius)
        return torch.cat([angles, ln_ptrel.clamp(*LN_PTREL_RANGE)], dim=-1)

    def _unscaled(self, points: Tensor) -> Tensor:
        return points * self._scale.to(points.dtype) + self._offset.to(points.dtype)

    def _slots(self, state: Tensor, mask: Tensor, noise: JetNoise | None = None) -> Tensor:
        """[B, P, hidden] from the slot, the state of the jet and its number of particles."""
        share = mask.sum(dim=1, keepdim=True).to(state.dtype) / self.slots
        jet = torch.cat([state, share], dim=-1).unsqueeze(1).expand(-1, self.slots, -1)
        slots = torch.cat([self.slot_embedding.expand(len(state), -1, -1), jet], dim=-1)
        mixed: Tensor = self.slot_mix(slots, noise)
        return mixed
