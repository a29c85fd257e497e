"""The velocity of particles within their cells: a network in the jet's own frame.

All it sees are distances and angles within the jet, in the frame that its subjets span, and pT
shares: numbers that do not change under boosts along the beam and rotations about it. So whatever
the network does with them is exactly equivariant under these (as in Lorentz local canonicalization,
Spinner et al., arXiv:2505.20280, with one frame a jet).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from hypervae.config import ModelConfig
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


@dataclass
class Seen:
    """Where the particles of B jets are at a time of the flow.

    Attributes
    ----------
    place : [B, P, 2]
        In the jet's own frame, about node 0.
    ln_pt : [B, P]
        Logarithm of the share of the jet's pT.
    context : ShapeContext
    """

    place: Tensor
    ln_pt: Tensor
    context: ShapeContext


class ShapeNetwork(nn.Module, ABC):
    """Velocity of the shapes of cells, in the coordinates of `SlotTables`.

    What all trunks share: what is seen of a particle and of its jet, and how the velocity is read
    off. A trunk (`hypervae.model.trunks`) says how the particles attend to each other.

    Per particle it sees the point itself and what it means (offset, share, place in the jet, the
    distances to all axes beside that to its own), its cell and its slot; per jet the condition
    and the time.

    Parameters
    ----------
    tables : SlotTables
        Shared with the decoder, which fits and holds them.
    condition : int
        Channels of the condition.
    config : ModelConfig
        ``width`` of its section ``hierarchical``.
    """

    def __init__(self, tables: SlotTables, condition: int, config: ModelConfig):
        super().__init__()
        width = config.hierarchical.width
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
        self.norm = nn.LayerNorm(width)
        self.velocity = nn.Linear(width, 3)
        nn.init.zeros_(self.velocity.weight)
        nn.init.zeros_(self.velocity.bias)
        self.recompute = False  # gradient checkpointing

    @abstractmethod
    def attend(self, values: Tensor, state: Tensor, seen: Seen) -> Tensor:
        """Let the particles of each jet attend to each other.

        Parameters
        ----------
        values : [B, P, W]
        state : [B, W]
            Of the jet, time included.
        seen : Seen
            Where the particles are at this time.

        Returns
        -------
        [B, P, W]
        """

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
        features, seen = self._look(points, context)
        values = self.features(features * slots.mask.unsqueeze(-1))
        values = values + self.slot(number) + self.of_jet(state).unsqueeze(1)
        values = self.attend(values, state, seen)
        raw = self.velocity(self.norm(values)).to(points.dtype)
        return velocity_of(raw, points, time) * context.free

    def _look(self, points: Tensor, context: ShapeContext) -> tuple[Tensor, Seen]:
        """[B, P, features] each of order one, and where the particles are."""
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
        features = torch.cat(
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
        return features, Seen(place, ln_pt.squeeze(-1), context)
