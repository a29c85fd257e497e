"""The one-shot decoder: latent vector to multiplicity, particles, edges, hyperedges and jet."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from hypervae.correlators.features import EDGE_FEATURES, JET_TARGETS
from hypervae.correlators.geometry import pair_indices
from hypervae.model.config import ModelConfig
from hypervae.model.layers import LorentzNetwork, ResidualMLP
from hypervae.model.references import jet_tetrad, minkowski
from hypervae.normalization import Normalization

# ln ptrel is kept where float32 and physics are: 1e-6 of a TeV jet is 1 MeV.
LN_PTREL_RANGE = (-13.8, 0.7)
# Vectors of a slot: one gives the angles, one gives ln ptrel.
_VECTORS = 2


@dataclass
class Decoded:
    """What the decoder makes of B latent vectors.

    Attributes
    ----------
    multiplicity_logits : [B, P]
        Of 1 to P particles.
    presence : [B, P]
        1 for the slots in use, 0 for the others; with a straight-through gradient in training.
    coordinates : [B, P, 3]
        (etarel, phirel, ln ptrel) of the slots, exact coordinates in the frame of the jet.
    edges : [B, E, 5]
    set_fraction_logits, set_log_weight : [B, orders, bins + 2]
    jet : [B, 3]
        Scaled (ln pt, eta, ln mass).
    """

    multiplicity_logits: Tensor
    presence: Tensor
    coordinates: Tensor
    edges: Tensor
    set_fraction_logits: Tensor
    set_log_weight: Tensor
    jet: Tensor


def presence_of(multiplicity: Tensor) -> Tensor:
    """[B, P] which slots are used, from a (soft) one-hot multiplicity [B, P] of 1 to P.

    Slot k (from 0) is used if there are more than k particles.
    """
    return multiplicity.flip(-1).cumsum(-1).flip(-1)


class OneShotDecoder(nn.Module):
    """All particles at once.

    A slot is a learned embedding by rank and the latent state. Its vectors start as combinations of
    the tetrad (time, jet axis, normal, beam) with coefficients from these scalars; L-GATr mixes the
    slots, and adds to the vectors. They are read out by contraction with the tetrad, so that they
    transform along when it is transformed.

    Parameters
    ----------
    config : ModelConfig
    normalization : Normalization
        Gives slots, bins, and where the outputs start.
    types : int
        Jet types of the model.
    """

    def __init__(self, config: ModelConfig, normalization: Normalization, types: int):
        super().__init__()
        self.slots, self.types = normalization.max_particles, types
        self.radius = config.radius
        hidden = config.hidden
        self.state = ResidualMLP(
            config.latent_dim + types, hidden, blocks=2, dropout=config.dropout
        )
        self.slot_embedding = nn.Parameter(0.5 * torch.randn(self.slots, hidden))
        self.slot_mix = ResidualMLP(2 * hidden, hidden, dropout=config.dropout)
        self.start = nn.Linear(hidden, _VECTORS * 4)
        self.particles = LorentzNetwork(
            config,
            vectors_in=_VECTORS + 4,
            scalars_in=hidden,
            vectors_out=_VECTORS,
            scalars_out=config.scalar_channels,
        )
        self.multiplicity = nn.Linear(hidden, self.slots)
        width = config.edge_width
        self.edge_ends = nn.Linear(config.scalar_channels, 2 * width)
        self.edge_head = nn.Sequential(nn.GELU(), nn.Linear(width, len(EDGE_FEATURES)))
        self.orders, self.size = len(normalization.hyperedge_orders), normalization.binning.size
        self.hyperedge_head = nn.Sequential(
            ResidualMLP(hidden, config.hyperedge_width, dropout=config.dropout),
            nn.GELU(),
            nn.Linear(config.hyperedge_width, self.orders * self.size * 2),
        )
        self.jet_head = nn.Sequential(
            ResidualMLP(hidden, hidden, dropout=config.dropout),
            nn.GELU(),
            nn.Linear(hidden, len(JET_TARGETS)),
        )
        self._start_at(normalization)

    def _start_at(self, normalization: Normalization) -> None:
        """Start from the training jets: multiplicity, spread of angles and of ln ptrel."""
        counts = normalization.multiplicity[1 : self.slots + 1].astype(np.float64) + 0.1
        with torch.no_grad():
            self.multiplicity.weight.mul_(0.1)
            self.start.weight.mul_(0.5)  # of the order of a width, not more
            self.multiplicity.bias.copy_(torch.from_numpy(np.log(counts / counts.sum())))
        particle = normalization.particle
        self.register_buffer("_offset", torch.tensor(particle.offset, dtype=torch.float32))
        self.register_buffer("_scale", torch.tensor(particle.scale, dtype=torch.float32))
        first, second = pair_indices(self.slots)
        self.register_buffer("_first", torch.from_numpy(first), persistent=False)
        self.register_buffer("_second", torch.from_numpy(second), persistent=False)

    def latent_state(self, latent: Tensor, jet_type: Tensor) -> Tensor:
        """[B, latent_dim], [B] -> [B, hidden]."""
        one_hot = nn.functional.one_hot(jet_type, self.types).to(latent.dtype)
        return self.state(torch.cat([latent, one_hot], dim=-1))

    def decode_particles(
        self, state: Tensor, presence: Tensor, references: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Coordinates [B, P, 3] and scalars [B, P, S] of the slots.

        Parameters
        ----------
        state : [B, hidden]
        presence : [B, P]
        references : [4, 4]
            Time, jet axis, normal, beam.
        """
        batch = len(state)
        slots = self.slot_embedding.expand(batch, -1, -1)
        mixed = self.slot_mix(
            torch.cat([slots, state.unsqueeze(1).expand(-1, self.slots, -1)], dim=-1)
        )
        coefficients = self.start(mixed).unflatten(-1, (_VECTORS, 4))
        start = torch.einsum("bsvr,rm->bsvm", coefficients, references)
        vectors = torch.cat([start, references.expand(batch, self.slots, 4, 4)], dim=2)
        change, scalars = self.particles(vectors, mixed, presence > 0.5)
        vectors_out = start + change
        # components along the references: contraction, over the references' own squares
        along = minkowski(vectors_out.unsqueeze(-2), references) / minkowski(references, references)
        scale, offset = self._scale.to(along.dtype), self._offset.to(along.dtype)
        angles = torch.stack([along[..., 0, 3], along[..., 0, 2]], dim=-1) * scale[:2]
        # squeeze the distance from the axis into the radius, smoothly and without a change near 0
        distance = angles.norm(dim=-1, keepdim=True).clamp_min(1e-9)
        angles = angles * (self.radius * torch.tanh(distance / self.radius) / distance)
        ln_ptrel = offset[2] + scale[2] * (along[..., 1, 0] + along[..., 1, 1])
        ln_ptrel = ln_ptrel.clamp(*LN_PTREL_RANGE)
        return torch.cat([angles, ln_ptrel.unsqueeze(-1)], dim=-1), scalars

    def forward(
        self,
        latent: Tensor,
        jet_type: Tensor,
        *,
        multiplicity_noise: Tensor,
        temperature: float | None = None,
        references: Tensor | None = None,
    ) -> Decoded:
        """Decode latent vectors.

        Parameters
        ----------
        latent : [B, latent_dim]
        jet_type : [B] int64
        multiplicity_noise : [B, P]
            Gumbel noise: the multiplicity is a sample, in training and in generation.
        temperature : float, optional
            Of the Gumbel-softmax, for a straight-through gradient; without one there is none.
        references : [4, 4], optional
            The tetrad; that of the jet's frame when left out.
        """
        state = self.latent_state(latent, jet_type)
        logits = self.multiplicity(state)
        noisy = logits + multiplicity_noise
        chosen = nn.functional.one_hot(noisy.argmax(dim=-1), self.slots).to(logits.dtype)
        if temperature is not None:
            soft = torch.softmax(noisy / temperature, dim=-1)
            chosen = chosen + soft - soft.detach()
        presence = presence_of(chosen)
        tetrad = jet_tetrad(latent) if references is None else references
        coordinates, scalars = self.decode_particles(state, presence, tetrad)
        ends = self.edge_ends(scalars)
        one, other = ends.chunk(2, dim=-1)
        edges = self.edge_head(one[:, self._first] + other[:, self._second])
        sets = self.hyperedge_head(state).unflatten(-1, (self.orders, 2, self.size))
        return Decoded(
            multiplicity_logits=logits,
            presence=presence,
            coordinates=coordinates,
            edges=edges,
            set_fraction_logits=sets[:, :, 0],
            set_log_weight=sets[:, :, 1],
            jet=self.jet_head(state),
        )
