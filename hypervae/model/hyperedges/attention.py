"""Mode ``attention``: one token for each set, and full attention among them."""

from __future__ import annotations

import functools
import warnings

import torch

from hypervae.config import ModelConfig
from hypervae.errors import ConfigError
from hypervae.model.attention import SelfAttention
from hypervae.model.hyperedges.branch import BranchConfig, SelfAttentionFactory
from hypervae.model.hyperedges.listed import ListedMode
from hypervae.model.hyperedges.registry import HYPEREDGE_MODES

#: Fewer hyperedges than this: ``auto`` takes full attention.
FEW = 100
#: More than this: full attention is refused.
LIMIT = 1000


def attention_bytes(sets: int, heads: int) -> int:
    """Bytes of the float32 weights of full attention among the sets of one jet.

    Parameters
    ----------
    sets : int
        Of a jet, at most.
    heads : int
        Of the attention.

    Returns
    -------
    int
    """
    return 4 * heads * sets**2


class Attention(ListedMode):
    """Sets attend to all sets of their jet: O(K^2) time, and memory in kernels that are not fused.

    Full attention is refused above `LIMIT` sets, and warned about from `FEW` on.
    """

    def suits(self, sets: int, device: torch.device | str) -> bool:
        """Taken by ``auto`` below `FEW` sets."""
        return sets < FEW

    def check(self, sets: int, heads: int) -> None:
        """Refuse more than `LIMIT` sets, and warn of `FEW` or more.

        Parameters
        ----------
        sets, heads : int
            See `HyperedgeMode.check`.

        Raises
        ------
        ConfigError
            With the memory that the weights would take.
        """
        if sets < FEW:
            return
        size = attention_bytes(sets, heads)
        weights = f"the weights of {heads} heads take {size / 2**30:.3g} GiB a jet and layer"
        if sets > LIMIT:
            *others, last = [name for name in HYPEREDGE_MODES if name != "attention"]
            raise ConfigError(
                f"full attention among {sets:,} hyperedges: {weights}, and as much again for their "
                f"gradient; it is refused above {LIMIT:,}. Use {', '.join(others)} or {last}, or a "
                "smaller correlators.hyperedges.max_particles"
            )
        warnings.warn(
            f"full attention among {sets:,} hyperedges: {weights}; above {FEW} of them mlp or "
            "binned cost less",
            stacklevel=3,
        )

    def encoder_attention(self, config: BranchConfig, model: ModelConfig) -> SelfAttentionFactory:
        """Full attention among tokens."""
        return functools.partial(SelfAttention, config.width, config.heads, config.dropout)

    def head_attention(self, config: ModelConfig) -> SelfAttentionFactory:
        """Full attention among predicted sets."""
        return functools.partial(SelfAttention, config.hyperedge_width, config.heads)


ATTENTION = Attention()
