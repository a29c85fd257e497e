"""L-GATr behind one interface, with dropout whose choices belong to the jets.

The weights and layers are those of the package ``lgatr``. Its dropout reads torch's generator and
its networks hand nothing on to it, so the networks are made without, and the order of the layers
within a block, with dropout where ``lgatr`` has it, is written here.
"""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from hypervae.config import ModelConfig
from hypervae.model.dropout import GradeDropout, VectorDropout
from hypervae.model.noise import JetNoise

#: Vectors (or multivectors) and scalars of the tokens.
Streams = tuple[Tensor, Tensor]


class LorentzNetwork(nn.Module):
    """L-GATr on four-vectors and scalars, the slim or the full network, with a mask.

    Sources: L-GATr, arXiv:2405.14806 (and 2305.18415), package ``lgatr``.

    Parameters
    ----------
    config : ModelConfig
    vectors_in, scalars_in, vectors_out, scalars_out : int
        Channels.

    Attributes
    ----------
    recompute : bool
        Whether blocks are computed again in the backward pass instead of being kept.
    """

    def __init__(
        self,
        config: ModelConfig,
        *,
        vectors_in: int,
        scalars_in: int,
        vectors_out: int,
        scalars_out: int,
    ):
        super().__init__()
        import lgatr

        self.full, self.recompute = config.lgatr == "full", False
        scalars = {
            "in_s_channels": scalars_in,
            "out_s_channels": scalars_out,
            "hidden_s_channels": config.scalar_channels,
        }
        self.net: lgatr.LGATr | lgatr.LGATrSlim
        self.dropout: GradeDropout | VectorDropout
        if self.full:
            # The package's own defaults are the other way round from the config's: for large GPUs.
            primitives = {"sparse_gp": config.sparse_gp, "sparse_linear": config.sparse_linear}
            self.net = lgatr.LGATr(
                num_blocks=config.blocks,
                in_mv_channels=vectors_in,
                out_mv_channels=vectors_out,
                hidden_mv_channels=config.vector_channels,
                attention={"num_heads": config.heads},
                mlp={"num_layers_mlp": 2},
                primitives=primitives,
                **scalars,
            )
            self.dropout = GradeDropout(config.dropout)
        else:
            self.net = lgatr.LGATrSlim(
                num_blocks=config.blocks,
                in_v_channels=vectors_in,
                out_v_channels=vectors_out,
                hidden_v_channels=config.vector_channels,
                num_heads=config.heads,
                num_layers_mlp=2,
                **scalars,
            )
            self.dropout = VectorDropout(config.dropout)

    def forward(
        self, vectors: Tensor, scalars: Tensor, mask: Tensor, noise: JetNoise | None = None
    ) -> Streams:
        """Run the network; absent tokens are never attended to.

        Parameters
        ----------
        vectors : [B, T, vectors_in, 4]
        scalars : [B, T, scalars_in]
        mask : [B, T] bool
        noise : JetNoise, optional
            Of the B jets; see `hypervae.model.dropout.Dropout.forward`.

        Returns
        -------
        [B, T, vectors_out, 4], [B, T, scalars_out]
        """
        from lgatr import embed_vector, extract_vector

        # the slim network's layers have the channels of vectors last
        start = embed_vector(vectors) if self.full else vectors.transpose(-2, -1)
        hidden: Streams = self.net.linear_in(start, scalars)
        attend = mask[:, None, None, :]
        for block in self.net.blocks:
            if self.recompute:
                arguments = (block, hidden, attend, noise)
                hidden = checkpoint(self._block, *arguments, use_reentrant=False)
            else:
                hidden = self._block(block, hidden, attend, noise)
        made, features = self.net.linear_out(*hidden)
        return extract_vector(made) if self.full else made.transpose(-2, -1), features

    def _block(
        self, block: Any, hidden: Streams, attend: Tensor, noise: JetNoise | None
    ) -> Streams:
        """A block of L-GATr: attention and MLP with norms before and dropout after, both added."""
        update = block.attention(*block.norm1(*hidden), attn_mask=attend)
        hidden = _sum(hidden, self.dropout(*update, noise))
        update = block.norm2(*hidden)
        if self.full:
            product, gate, linear = block.mlp.layers
            update = self.dropout(*product(*update), noise)
            update = self.dropout(*linear(*gate(*update)), noise)
        else:
            gated, linear = block.mlp.layers
            update = linear(*self.dropout(*gated(*update), noise))
        return _sum(hidden, update)


def _sum(one: Streams, other: Streams) -> Streams:
    return one[0] + other[0], one[1] + other[1]
