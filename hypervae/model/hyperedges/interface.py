"""What a hyperedge mode is: how hyperedges are read, predicted, compared and exported."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any, ClassVar, Generic, TypeVar

import numpy as np
from numpy.typing import NDArray
from torch import Tensor, nn

from hypervae.config import ModelConfig
from hypervae.model.hyperedges.branch import BranchConfig, TokenBranch
from hypervae.model.hyperedges.consistency import HyperedgeConsistency
from hypervae.model.hyperedges.sets import DecodedHyperedges, HyperedgeTargets
from hypervae.model.hyperedges.source import HyperedgeSource, Tokens
from hypervae.model.noise import JetNoise
from hypervae.normalization import Normalization

if TYPE_CHECKING:
    import torch

Sets = TypeVar("Sets", bound=DecodedHyperedges)
Targets = TypeVar("Targets", bound=HyperedgeTargets)


class HyperedgeHead(nn.Module, ABC, Generic[Sets, Targets]):
    """Predicts the hyperedges of decoded jets."""

    @abstractmethod
    def forward(
        self,
        state: Tensor,
        scalars: Tensor,
        present: Tensor,
        targets: Targets | None = None,
        noise: JetNoise | None = None,
    ) -> Sets:
        """Predict hyperedges.

        Parameters
        ----------
        state : [B, hidden]
            Of the jets.
        scalars : [B, P, S]
            Of the slots.
        present : [B, P] bool
            Slots in use.
        targets : ListedTargets or BinnedTargets, optional
            In training; they name the sets to predict where these are listed. All when left out.
        noise : JetNoise, optional
            Of the B jets; see `hypervae.model.dropout.Dropout.forward`.

        Returns
        -------
        ListedSets or BinnedSets
        """


class HyperedgeMode(ABC, Generic[Sets, Targets]):
    """One way of handling hyperedges, on both sides of a model.

    An instance has no state. `hypervae.model.hyperedges.registry` lists the instances; nothing else
    knows their names. `listed.ListedMode` is the base of modes whose hyperedges are single sets.

    Attributes
    ----------
    saves_memory : bool
        Whether to advise this mode when memory runs out.
    """

    saves_memory: ClassVar[bool] = False

    # which mode a config stands for

    def suits(self, sets: int, device: torch.device | str) -> bool:
        """Whether ``auto`` takes this mode, unless one before it in the registry suits, too.

        Parameters
        ----------
        sets : int
            Hyperedges of the largest jet.
        device : torch.device or str

        Returns
        -------
        bool
        """
        return False

    def check(self, sets: int, heads: int) -> None:
        """Refuse, or warn of, what a config asks for.

        Parameters
        ----------
        sets : int
            Hyperedges of the largest jet.
        heads : int
            Attention heads.

        Raises
        ------
        ConfigError
            If that many hyperedges cannot be handled.
        """

    @abstractmethod
    def most_tokens(self, config: ModelConfig, normalization: Normalization) -> int:
        """Tokens that a jet has at most, which decide the encoder's memory.

        Parameters
        ----------
        config : ModelConfig
        normalization : Normalization
            Gives orders, bins and how many particles form hyperedges.

        Returns
        -------
        int
        """

    # encoder

    @abstractmethod
    def tokens(self, source: HyperedgeSource) -> Tokens:
        """What the encoder reads of the hyperedges of jets.

        Parameters
        ----------
        source : HyperedgeSource

        Returns
        -------
        Tokens
        """

    def branch(self, config: BranchConfig, model: ModelConfig) -> TokenBranch:
        """The encoder's branch for these tokens; by default, tokens do not see each other.

        Parameters
        ----------
        config : BranchConfig
        model : ModelConfig
            For settings that the mode has for itself.

        Returns
        -------
        TokenBranch
        """
        return TokenBranch(config)

    # decoder

    @abstractmethod
    def head(
        self, config: ModelConfig, normalization: Normalization, scalars: int
    ) -> HyperedgeHead[Sets, Targets]:
        """What predicts hyperedges.

        Parameters
        ----------
        config : ModelConfig
        normalization : Normalization
            Gives orders, slots, bins and features.
        scalars : int
            Channels of the slots.

        Returns
        -------
        HyperedgeHead
        """

    @abstractmethod
    def targets(self, source: HyperedgeSource) -> Targets:
        """What the head is to predict of jets.

        Parameters
        ----------
        source : HyperedgeSource

        Returns
        -------
        Targets
        """

    @abstractmethod
    def loss(self, decoded: Sets, targets: Targets) -> Tensor:
        """[B] distance of predicted hyperedges from their targets; 0 for a jet without any.

        Parameters
        ----------
        decoded : ListedSets or BinnedSets
        targets : ListedTargets or BinnedTargets

        Returns
        -------
        [B]
        """

    @abstractmethod
    def consistency(self, normalization: Normalization) -> HyperedgeConsistency:
        """The loss term that compares decoded hyperedges with those of the decoded particles.

        Parameters
        ----------
        normalization : Normalization

        Returns
        -------
        HyperedgeConsistency
        """

    # export

    @abstractmethod
    def export_metadata(self, normalization: Normalization) -> dict[str, Any]:
        """Names and edges that an exported file needs to make sense of `export`.

        Parameters
        ----------
        normalization : Normalization

        Returns
        -------
        dict
        """

    @abstractmethod
    def export(
        self, decoded: Sets, multiplicity: NDArray[np.int64], normalization: Normalization
    ) -> list[dict[str, Tensor]]:
        """Decoded hyperedges jet by jet, in physical units.

        Parameters
        ----------
        decoded : ListedSets or BinnedSets
            Of B jets, all sets of their slots.
        multiplicity : [B] int64
            Particles of each jet.
        normalization : Normalization

        Returns
        -------
        list of dict
            B times named float32 (or, for indices, int64) tensors on the CPU.
        """
