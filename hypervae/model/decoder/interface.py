"""What a particle decoder is, and what the decoder as a whole gives."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from hypervae.model.hyperedges.sets import DecodedHyperedges
from hypervae.model.inputs import JetBatch
from hypervae.model.records import TensorRecord
from hypervae.model.sampling_config import SamplingConfig

# ln ptrel is kept where float32 and physics are: 1e-6 of a TeV jet is 1 MeV.
LN_PTREL_RANGE = (-13.8, 0.7)


@dataclass
class Decoded(TensorRecord):
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
        Scaled features of the pairs of slots.
    hyperedges : BinnedSets or ListedSets, optional
        What the mode of the hyperedge decoder predicts.
    jet : [B, 3]
        Scaled (ln pt, eta, ln mass).
    matching : [B], optional
        Error of the flow, which stands in for the Chamfer distance.
    weight : [B], optional
        How far `coordinates` may be trusted, where they are an estimate.
    """

    multiplicity_logits: Tensor
    presence: Tensor
    coordinates: Tensor
    edges: Tensor
    hyperedges: DecodedHyperedges | None
    jet: Tensor
    matching: Tensor | None = None
    weight: Tensor | None = None


@dataclass
class Particles:
    """What a particle decoder makes.

    Attributes
    ----------
    coordinates : [B, P, 3]
        (etarel, phirel, ln ptrel).
    scalars : [B, P, S]
        Features of the slots, from which edges and hyperedges are decoded.
    matching, weight : [B], optional
        See `Decoded`.
    """

    coordinates: Tensor
    scalars: Tensor
    matching: Tensor | None = None
    weight: Tensor | None = None


class ParticleDecoder(nn.Module, ABC):
    """From the state of a jet to its particles.

    Attributes
    ----------
    scalars : int
        Channels of `Particles.scalars`.
    needs_noise : bool
        Whether `forward` reads noise [B, P, 3] beside the state.
    default_solver : str
        Of a flow, where the sampling names none.
    """

    scalars: int
    needs_noise: bool = False
    default_solver: str = "midpoint"

    @abstractmethod
    def forward(
        self,
        state: Tensor,
        presence: Tensor,
        references: Tensor,
        noise: Tensor | None = None,
        sampling: SamplingConfig = SamplingConfig(),
    ) -> Particles:
        """Make particles.

        Parameters
        ----------
        state : [B, hidden]
            From the latent vector and the jet type.
        presence : [B, P]
            Slots in use.
        references : [4, 4]
            Tetrad (time, jet axis, normal, beam) of the frame of the jet.
        noise : [B, P, 3], optional
            Standard normal.
        sampling : SamplingConfig
        """

    def reconstruct(
        self,
        state: Tensor,
        presence: Tensor,
        references: Tensor,
        target: JetBatch,
        noise: Tensor | None = None,
    ) -> Particles:
        """Make particles in training, where the jet to be made is known; `forward` by default."""
        return self(state, presence, references, noise)


def squash_angles(angles: Tensor, radius: float) -> Tensor:
    """Squeeze angles [..., 2] into a radius, smoothly and without a change near the axis."""
    distance = angles.norm(dim=-1, keepdim=True).clamp_min(1e-9)
    return angles * (radius * torch.tanh(distance / radius) / distance)


def presence_of(multiplicity: Tensor) -> Tensor:
    """[B, P] which slots are used, from a (soft) one-hot multiplicity [B, P] of 1 to P.

    Slot k (from 0) is used if there are more than k particles.
    """
    return multiplicity.flip(-1).cumsum(-1).flip(-1)
