"""The velocity of particles within their cells: a transformer in the jet's own frame.

All it sees are distances and angles within the jet, in the frame that its subjets span, and pT
shares: numbers that do not change under boosts along the beam and rotations about it. So whatever
the network does with them is exactly equivariant under these (as in Lorentz local canonicalization,
Spinner et al., arXiv:2505.20280, with one frame a jet).
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from hypervae.model.flow_matching import TIME_FEATURES, time_features, velocity_of
from hypervae.records import TensorRecord
from hypervae.scaffold.border import fold_about_axes
from hypervae.scaffold.geometry import Scaffold, Slots, slots_of
from hypervae.scaffold.shapes import SlotTables, free_directions

# Features of a particle beside its distances to all axes, two each.
_FEATURES = 19
# Floors within logarithms of squared distances: a hundredth of the finest structure.
_NEAR = 1e-5


@dataclass
class ShapeContext(TensorRecord):
    """What is known of the particles of B jets before they have a place.

    Attributes
    ----------
    scaffold : Scaffold
    slots : Slots
    jet_type : [B] int64
    place, node : [B, P, 2]
        Axes of the particle's cell and of its subjet.
    normals : [B, P, K, 2]
        Borders of its subjet; [B, P, 0, 2] in layouts without.
    width, ln_share, multiplicity : [B, P]
        Of its cell.
    free : [B, P, 3]
        1 where a number of its shape is free.
    """

    scaffold: Scaffold
    slots: Slots
    jet_type: Tensor
    place: Tensor
    node: Tensor
    normals: Tensor
    width: Tensor
    ln_share: Tensor
    multiplicity: Tensor
    free: Tensor

    @classmethod
    def of(
        cls, scaffold: Scaffold, jet_type: Tensor, slots: int, real: torch.dtype
    ) -> ShapeContext:
        """Look up the cells of the slots, in a floating type.

        Parameters
        ----------
        scaffold : Scaffold
            Of B jets.
        jet_type : [B] int64
        slots : int
            Particles of a jet, at most.
        real : torch.dtype
            Type of the numbers.

        Returns
        -------
        ShapeContext
        """
        taken = slots_of(scaffold.multiplicities, slots)

        def of_cell(values: Tensor) -> Tensor:
            return values.gather(1, taken.cell).to(real)

        index = taken.cell.unsqueeze(-1).expand(-1, -1, 2)
        rows = taken.cell[..., None, None].expand(-1, -1, *scaffold.normals.shape[2:])
        return cls(
            scaffold=scaffold,
            slots=taken,
            jet_type=jet_type,
            place=scaffold.axes.gather(1, index).to(real),
            node=(scaffold.axes - scaffold.hop).gather(1, index).to(real),
            normals=scaffold.normals.gather(1, rows).to(real),
            width=of_cell(scaffold.width),
            ln_share=of_cell(scaffold.share.clamp_min(1e-9).log()),
            multiplicity=of_cell(scaffold.multiplicities),
            free=free_directions(taken, scaffold.multiplicities).to(real),
        )

    def repeat(self, times: int) -> ShapeContext:
        """The same jets several times, one sample of jets after the other.

        Parameters
        ----------
        times : int
            Copies.

        Returns
        -------
        ShapeContext
        """
        return self.map(lambda values: values.repeat(times, *[1] * (values.dim() - 1)))


class AdaptiveBlock(nn.Module):
    """Pre-norm transformer block; a condition sets scales and shifts of its norms.

    As DiT's blocks (Peebles, Xie, arXiv:2212.09748), without gates. What it adds starts at zero.
    Attention is written out in training, where masked fused attention has no fast kernel in half
    precision on CPUs; without gradients the fused one is faster. What no gradient needs is
    overwritten: a block is bound by memory as much as by arithmetic.

    Parameters
    ----------
    width, heads, ratio : int
        The ratio is that of the inner width of the MLP.
    """

    def __init__(self, width: int, heads: int, ratio: int = 2):
        super().__init__()
        self.heads = heads
        self.norms = nn.ModuleList(nn.LayerNorm(width, elementwise_affine=False) for _ in range(2))
        self.condition = nn.Linear(width, 4 * width)
        self.query_key_value = nn.Linear(width, 3 * width)
        self.attended = nn.Linear(width, width)
        self.widen = nn.Linear(width, ratio * width)
        self.narrow = nn.Linear(ratio * width, width)
        for layer in (self.condition, self.attended, self.narrow):
            nn.init.zeros_(layer.weight)
            nn.init.zeros_(layer.bias)

    def forward(self, values: Tensor, condition: Tensor, bias: Tensor) -> Tensor:
        """[B, P, W], condition [B, W], bias of the attention [B, 1, 1, P] -> [B, P, W].

        Parameters
        ----------
        values : [B, P, W]
        condition : [B, W]
        bias : [B, 1, 1, P]
            Added to the logits of the attention.

        Returns
        -------
        [B, P, W]
        """
        scale1, shift1, scale2, shift2 = self.condition(condition).unsqueeze(1).chunk(4, dim=-1)
        batch, slots, width = values.shape
        normed = torch.addcmul(shift1, self.norms[0](values), 1 + scale1)
        query, key, value = (
            self.query_key_value(normed)
            .view(batch, slots, 3, self.heads, width // self.heads)
            .permute(2, 0, 3, 1, 4)
        )
        if torch.is_grad_enabled() or query.dtype.itemsize < 4:
            logits = (query @ key.transpose(-1, -2)).mul_((width // self.heads) ** -0.5)
            logits = _added(logits, bias)
            mixed = logits.softmax(dim=-1).to(value.dtype) @ value
        else:
            mixed = nn.functional.scaled_dot_product_attention(
                query, key, value, attn_mask=bias.to(query.dtype)
            )
        attended = self.attended(mixed.transpose(1, 2).reshape(batch, slots, width))
        values = _added(attended, values)
        normed = torch.addcmul(shift2, self.norms[1](values), 1 + scale2)
        inner = nn.functional.silu(self.widen(normed), inplace=not torch.is_grad_enabled())
        return _added(self.narrow(inner), values)


def _added(own: Tensor, other: Tensor) -> Tensor:
    """Their sum, in place of what nothing else reads, unless autocast halved its precision."""
    return own.add_(other) if own.dtype == other.dtype else own + other


class ShapeNetwork(nn.Module):
    """Velocity of the shapes of cells, in the coordinates of `SlotTables`.

    Per particle it sees the point itself and what it means (offset, share, place in the jet, the
    distances to all axes beside that to its own), its cell and its slot; per jet the condition
    and the time.

    Parameters
    ----------
    tables : SlotTables
        Shared with the decoder, which fits and holds them.
    condition : int
        Channels of the condition.
    width, blocks, heads : int
    """

    def __init__(self, tables: SlotTables, condition: int, *, width: int, blocks: int, heads: int):
        super().__init__()
        self._tables = (tables,)  # in a tuple: not a part of this module, not saved twice
        self.slots = tables.slots
        self.slot = nn.Embedding(tables.cells * tables.slots, width)
        nn.init.normal_(self.slot.weight, std=0.5)
        self.features = nn.Linear(_FEATURES + 2 * tables.cells, width)
        self.condition = nn.Sequential(
            nn.Linear(condition + TIME_FEATURES, width),
            nn.SiLU(),
            nn.Linear(width, width),
            nn.SiLU(),
        )
        self.of_jet = nn.Linear(width, width)
        self.blocks = nn.ModuleList(AdaptiveBlock(width, heads) for _ in range(blocks))
        self.norm = nn.LayerNorm(width)
        self.velocity = nn.Linear(width, 3)
        nn.init.zeros_(self.velocity.weight)
        nn.init.zeros_(self.velocity.bias)
        self.recompute = False  # gradient checkpointing

    def forward(
        self, points: Tensor, time: Tensor, condition: Tensor, context: ShapeContext
    ) -> Tensor:
        """Velocity of the points.

        Parameters
        ----------
        points : [B, P, 3]
            0 where they are not free.
        time : [B]
        condition : [B, C]
        context : ShapeContext

        Returns
        -------
        [B, P, 3]
            0 where the points are not free.
        """
        slots = context.slots
        state = self.condition(torch.cat([condition, time_features(time)], dim=-1))
        number = slots.cell * self.slots + slots.rank
        values = self.features(self._features(points, context) * slots.mask.unsqueeze(-1))
        values = values + self.slot(number) + self.of_jet(state).unsqueeze(1)
        bias = values.new_zeros(slots.mask.shape).masked_fill_(~slots.mask, -1e4)[:, None, None]
        for block in self.blocks:
            if self.recompute and torch.is_grad_enabled():
                values = checkpoint(block, values, state, bias, use_reentrant=False)
            else:
                values = block(values, state, bias)
        raw = self.velocity(self.norm(values)).to(points.dtype)
        return velocity_of(raw, points, time) * context.free

    def _features(self, points: Tensor, context: ShapeContext) -> Tensor:
        """[B, P, features] each of order one."""
        tables = self._tables[0]
        offset, ln_share = tables.shapes(
            points, context.slots, context.scaffold.multiplicities, context.jet_type
        )
        width, multiplicity = (part.unsqueeze(-1) for part in (context.width, context.multiplicity))
        ln_share, of_cell = ln_share.unsqueeze(-1), context.ln_share.unsqueeze(-1)
        place = context.place + width * offset
        if context.normals.shape[2]:
            place = context.node + fold_about_axes(place - context.node, context.normals)
        squared = offset.square().sum(-1, keepdim=True)
        axes = context.scaffold.axes.to(points.dtype).unsqueeze(1)
        far = (place.unsqueeze(2) - axes).square().sum(-1)
        nearer = (far + _NEAR).log() - (width.square() * squared + _NEAR).log()
        ln_pt = ln_share + of_cell
        first = (context.slots.rank == 0).unsqueeze(-1).to(points.dtype)
        return torch.cat(
            [
                points,
                0.5 * offset,
                0.5 * ln_share + 1,
                0.5 * (squared + 1e-3).log(),
                5 * place,
                0.5 * (place.square().sum(-1, keepdim=True) + 1e-4).log() + 2,
                0.5 * ln_pt + 2,
                ln_pt.clamp(max=1.0).exp(),
                5 * context.place,
                10 * width,
                0.5 * width.clamp_min(1e-5).log() + 2,
                0.5 * of_cell + 1,
                0.1 * multiplicity,
                first,
                5 * far.sqrt(),
                0.5 * nearer.clamp(-4.0, 4.0),
            ],
            dim=-1,
        )
