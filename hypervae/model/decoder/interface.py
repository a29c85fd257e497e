"""What a particle decoder is, and what the decoder as a whole gives."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import ClassVar, Literal, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from hypervae.config import ModelConfig
from hypervae.data.jets import Jets
from hypervae.model.alike_groups import AlikeGroups
from hypervae.model.hyperedges.sets import DecodedHyperedges
from hypervae.model.inputs import JetBatch
from hypervae.model.noise import JetNoise
from hypervae.model.sampling_config import SamplingConfig
from hypervae.normalization import Normalization
from hypervae.records import TensorRecord


class NoiseSpec(NamedTuple):
    """Noise that a jet needs to be decoded.

    Attributes
    ----------
    shape : tuple of int
        Of one jet.
    distribution : {"normal", "gumbel", "uniform"}
        All but uniform noise is multiplied by the temperature.
    """

    shape: tuple[int, ...]
    distribution: Literal["normal", "gumbel", "uniform"] = "normal"


@dataclass
class Decoded(TensorRecord):
    """What the decoder makes of B latent vectors.

    Attributes
    ----------
    presence : [B, P]
        1 for the slots in use, 0 for the others; with a straight-through gradient in training.
    log_coordinates : [B, P, 3]
        (etarel, phirel, ln ptrel) of the slots, exact coordinates in the frame of the jet.
    jet : [B, 3]
        Scaled (ln pt, eta, ln mass).
    multiplicity_logits : [B, P], optional
        Of 1 to P particles; None if the particle decoder decides the multiplicity by itself.
    edges : [B, E, 5], optional
        Scaled features of the pairs of slots; None where no hypergraph was asked for.
    hyperedges : BinnedSets or ListedSets, optional
        As edges.
    """

    presence: Tensor
    log_coordinates: Tensor
    jet: Tensor
    multiplicity_logits: Tensor | None = None
    edges: Tensor | None = None
    hyperedges: DecodedHyperedges | None = None

    def hypergraph(self) -> tuple[Tensor, DecodedHyperedges]:
        """Edges and hyperedges, where they were asked for.

        Returns
        -------
        edges : [B, E, 5]
        hyperedges : DecodedHyperedges
        """
        if self.edges is None or self.hyperedges is None:
            raise ValueError("hypergraph: found none, expected that it was asked for")
        return self.edges, self.hyperedges


@dataclass
class Reconstructed:
    """What the decoder makes of B latent vectors in training, where the jets to be made are known.

    Attributes
    ----------
    decoded : Decoded
    losses : dict of str to [B]
        The particle decoder's own loss terms.
    trust : [B]
        Weight of the common loss terms that read the particles: less than 1 where they are an
        estimate.
    estimated : bool
        Whether the particles are an estimate of a mean, which the common terms of edges and
        hyperedges must not pull at.
    """

    decoded: Decoded
    losses: dict[str, Tensor]
    trust: Tensor
    estimated: bool


@dataclass
class LatentJets(TensorRecord):
    """What a particle decoder is given of B jets.

    Attributes
    ----------
    state : [B, hidden]
        From the latent vector and the jet type.
    latent : [B, latent_dim]
    jet_type : [B] int64
        Index among the model's types.
    references : [4, 4]
        Tetrad (time, jet axis, normal, beam) of the frame of the jet.
    presence : [B, P], optional
        Slots in use; None for decoders that decide the multiplicity by themselves.
    """

    state: Tensor
    latent: Tensor
    jet_type: Tensor
    references: Tensor
    presence: Tensor | None = None

    @property
    def used(self) -> Tensor:
        """[B, P] the presence, for decoders that are given it."""
        if self.presence is None:
            raise ValueError("presence: found none, expected one for this particle decoder")
        return self.presence


@dataclass
class Particles:
    """What a particle decoder makes.

    Attributes
    ----------
    log_coordinates : [B, P, 3]
        (etarel, phirel, ln ptrel).
    presence : [B, P]
        Slots in use.
    scalars : [B, P, S], optional
        See `ParticleDecoder.scalars_of`.
    jet : [B, 3], optional
        (ln pt [GeV], eta, ln mass [GeV]) of the full jet, from a decoder that decides it.
    """

    log_coordinates: Tensor
    presence: Tensor
    scalars: Tensor | None = None
    jet: Tensor | None = None


@dataclass
class ReconstructedParticles(Particles):
    """What a particle decoder makes in training.

    Attributes
    ----------
    losses : dict of str to [B]
        A value for each of the decoder's terms.
    trust : [B], optional
        See `Reconstructed`; 1 when left out.
    estimated : bool
        See `Reconstructed`.
    """

    losses: dict[str, Tensor] = field(default_factory=dict)
    trust: Tensor | None = None
    estimated: bool = False


class ParticleDecoder(nn.Module, ABC):
    """From the state of a jet to its particles.

    Parameters
    ----------
    config : ModelConfig
        A decoder's own settings stand in the section of its name.
    normalization : Normalization
    types : int
        Jet types of the model.

    Attributes
    ----------
    scalars : int
        Channels of `scalars_of`.
    noise : mapping of str to NoiseSpec
        What a jet needs to be decoded, by name. Each name is a random stream of its own.
    loss_terms : tuple of str
        What `reconstruct` gives in `ReconstructedParticles.losses`, by the names in the history.
    default_solver : str
        Of a flow, where the sampling names none.
    decides_multiplicity : bool
        Whether the number of particles comes from the decoder and not from the common head.
    decides_jet : bool
        Whether pT, eta and mass of the full jet come from the decoder and not from the common head.
    anchor_width : float
        Posterior width of the anchored dimensions of the latent vector.
    """

    scalars: int
    noise: Mapping[str, NoiseSpec]
    loss_terms: ClassVar[tuple[str, ...]]
    default_solver: ClassVar[str] = "midpoint"
    decides_multiplicity: ClassVar[bool] = False
    decides_jet: ClassVar[bool] = False
    anchor_width: float = 0.0

    def __init__(self, config: ModelConfig, normalization: Normalization, types: int):
        super().__init__()
        self.noise = {}

    @abstractmethod
    def decode(
        self, jets: LatentJets, noise: Mapping[str, Tensor], sampling: SamplingConfig
    ) -> Particles:
        """Make particles.

        Parameters
        ----------
        jets : LatentJets
        noise : mapping of str to Tensor [B, ...]
            What `noise` asks for.
        sampling : SamplingConfig

        Returns
        -------
        Particles
        """

    @abstractmethod
    def reconstruct(
        self, jets: LatentJets, target: JetBatch, given: Mapping[str, Tensor], noise: JetNoise
    ) -> ReconstructedParticles:
        """Make particles in training, where the jets to be made are known, and the loss of it.

        Parameters
        ----------
        jets : LatentJets
        target : JetBatch
        given : mapping of str to Tensor [B, ...]
            What `noise` asks for, as in generation.
        noise : JetNoise
            For whatever else is drawn, such as times.

        Returns
        -------
        ReconstructedParticles
        """

    def scalars_of(self, made: Particles, jets: LatentJets, noise: JetNoise | None) -> Tensor:
        """[B, P, scalars] features of the particles by falling pT: what edges are decoded from.

        Asked for only where edges and hyperedges are. By default those that were made along with
        the particles.

        Parameters
        ----------
        made : Particles
        jets : LatentJets
            What they were made of.
        noise : JetNoise, optional
            Of the dropout.

        Returns
        -------
        [B, P, scalars]
        """
        if made.scalars is None:
            raise TypeError("a particle decoder gave no scalars, and does not say how to make them")
        return made.scalars

    @classmethod
    def targets(
        cls, jets: Jets, config: ModelConfig, keys: NDArray[np.uint64], dtype: torch.dtype
    ) -> TensorRecord | None:
        """What this decoder learns from beside the particles; ends in `JetBatch.particle_targets`.

        Called where batches are made, by processes that have no model.

        Parameters
        ----------
        jets : Jets
        config : ModelConfig
        keys : [n] uint64
            Of the jets, for what is drawn.
        dtype : torch.dtype

        Returns
        -------
        TensorRecord, optional
        """
        return None

    @property
    def alike(self) -> AlikeGroups:
        """Anchored dimensions that are the same numbers of several parts of a jet; none here."""
        return AlikeGroups()

    @classmethod
    def anchored_dims(cls, config: ModelConfig) -> int:
        """Dimensions of the latent vector that stand for numbers of the jet.

        Their posterior mean is `anchors` of the jet, not a learned one. They come first.

        Parameters
        ----------
        config : ModelConfig

        Returns
        -------
        int
        """
        return 0

    @classmethod
    def reading_dims(cls, config: ModelConfig) -> int:
        """How many numbers `readings` has.

        Parameters
        ----------
        config : ModelConfig

        Returns
        -------
        int
        """
        return 0

    @classmethod
    def moment_dims(cls, config: ModelConfig) -> int:
        """How many of the `readings`, the last ones, are quantities whose means are to be kept.

        Parameters
        ----------
        config : ModelConfig

        Returns
        -------
        int
        """
        return 0

    def readings(self, latent: Tensor, jet_type: Tensor) -> Tensor:
        """[B, reading_dims] what follows from latent vectors, in a form that is easily read.

        Parameters
        ----------
        latent : [B, latent_dim]
        jet_type : [B] int64
            Index among the model's types.

        Returns
        -------
        [B, reading_dims]
        """
        return latent[:, :0]

    def anchors(self, target: JetBatch) -> Tensor:
        """[B, anchored_dims] posterior means of the anchored dimensions.

        Parameters
        ----------
        target : JetBatch

        Returns
        -------
        [B, anchored_dims]
        """
        return target.jet.new_zeros(len(target), 0)

    def fit(self, batches: Iterable[JetBatch]) -> None:
        """Take what is to be known of the training jets before the training, such as tables.

        What is kept is held in buffers, so that it is saved and loaded with the weights. Nothing to
        do by default.

        Parameters
        ----------
        batches : iterable of JetBatch
            All training jets, once.
        """
