"""L-GATr, slim or full, on the particles' momenta beside what is seen of them."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from hypervae.config import ModelConfig
from hypervae.model.lorentz import LorentzNetwork
from hypervae.model.shape_flow import Seen, ShapeNetwork
from hypervae.scaffold.shapes import SlotTables

# Places are multiplied by it, which is a boost along the jet's axis to where a jet is about as wide
# as it is long; products of momenta that are a few hundredths apart would else be lost in rounding.
_BOOST = 5.0
# Shares of the jet's pT are multiplied by it: thirty particles have a thirtieth each.
_UNIT = 10.0


class LorentzShapes(ShapeNetwork):
    """L-GATr (arXiv:2405.14806; slim: arXiv:2512.17011) on momenta, axes and scalars.

    Of each particle it sees its own momentum and that of its cell's axis, both lightlike, the axis
    of the jet as a reference, and what the transformer sees, as scalars. All are numbers of the
    jet's own frame, so the group that is left is the frame's, as with each trunk.

    Parameters
    ----------
    tables : SlotTables
    condition : int
    config : ModelConfig
        ``width`` of its section ``hierarchical``; ``lgatr`` and the widths beside it.
    """

    def __init__(self, tables: SlotTables, condition: int, config: ModelConfig):
        super().__init__(tables, condition, config)
        width = config.hierarchical.width
        self.mix = LorentzNetwork(
            config, vectors_in=3, scalars_in=width, vectors_out=1, scalars_out=width
        )
        # In the jet's frame the components of a vector are invariants, as all other numbers are.
        self.of_vector = nn.Linear(4, width)

    def attend(self, values: Tensor, state: Tensor, seen: Seen) -> Tensor:
        """See `ShapeNetwork.attend`."""
        context = seen.context
        mask = context.slots.mask
        vectors = torch.stack(
            [
                lightlike(seen.place, seen.ln_pt),
                lightlike(context.place, context.ln_share),
                lightlike(torch.zeros_like(seen.place), torch.zeros_like(seen.ln_pt)),
            ],
            dim=2,
        )
        vectors = (vectors * mask[..., None, None]).to(values.dtype)
        made, scalars = self.mix(vectors, values, mask)
        return values + scalars + self.of_vector(made.squeeze(2))


def lightlike(place: Tensor, ln_pt: Tensor) -> Tensor:
    """Momenta of massless particles: the stereographic projection of their places.

    Parameters
    ----------
    place : [..., 2]
        About the axis of the jet.
    ln_pt : [...]
        Logarithm of the share of the jet's pT.

    Returns
    -------
    [..., 4]
        (E, px, py, pz), z along the axis; E^2 = p^2 to rounding.
    """
    across = _BOOST * place
    squared = across.square().sum(-1, keepdim=True)
    forward = torch.cat([(1 + squared) / 2, across, (1 - squared) / 2], dim=-1)
    return _UNIT * ln_pt.clamp(max=1.0).exp().unsqueeze(-1) * forward
