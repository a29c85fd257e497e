"""From the coordinates of a scaffold back to its axes, widths, shares and multiplicities."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from hypervae.records import TensorRecord
from hypervae.scaffold.border import borders
from hypervae.scaffold.coordinates import OF_JET, Layout, columns
from hypervae.scaffold.edges.choice import edge_of
from hypervae.scaffold.second_axes import cells_of

# Mean squared distance within a subjet over the square of its mean distance: makes the mass of the
# scaffold alone, by which the network sees lengths, close to that of the jet.
_SECOND_MOMENT = 1.6
#: What is nearest to a node lies at least so far from the nodes before it, as a part of tau.
NEAREST = 1e-3
_SMALLEST = 1e-6


@dataclass
class Scaffold(TensorRecord):
    """Scaffolds of B jets of C cells, lengths in (etarel, phirel) of the jet's own frame.

    Without second axes the cells are the subjets. With them a subjet has two cells, one after the
    other, of which the second may be empty.

    Attributes
    ----------
    axes : [B, C, 2]
        About node 0.
    normals : [B, C, K, 2]
        Borders of the cell's subjet (`hypervae.scaffold.border.borders`); [B, C, 0, 2] in layouts
        without.
    hop : [B, C, 2]
        From the subjet's own axis to that of the cell.
    width : [B, C]
        Mean distance of the particles to the cell's axis; 0 of cells of one particle.
    reach : [B, C]
        Their mean distance to the subjet's own axis.
    share : [B, C]
        Of the kept particles' pT.
    multiplicities : [B, C] int64
    coordinates : [B, len(coordinates)]
        Those it was made of.
    """

    axes: Tensor
    normals: Tensor
    hop: Tensor
    width: Tensor
    reach: Tensor
    share: Tensor
    multiplicities: Tensor
    coordinates: Tensor

    def of_jet(self, name: str) -> Tensor:
        """A coordinate [B] of the jet as a whole, by its name.

        Parameters
        ----------
        name : str
            Of the coordinate.

        Returns
        -------
        [B]
        """
        return self.coordinates[:, OF_JET[name]]

    @property
    def distances(self) -> Tensor:
        """[B, C, C] between the axes of each two cells."""
        return (self.axes.unsqueeze(2) - self.axes.unsqueeze(1)).norm(dim=-1)

    @property
    def mass(self) -> Tensor:
        """[B] mass of the kept particles over the jet's pT."""
        return self.of_jet("ln_mass").exp()


def mass_over_pt(positions: Tensor, ptrel: Tensor) -> Tensor:
    """Mass of massless particles over the pT of the jet.

    As `hypervae.kinematics.relative_mass`, from the particles' distances to the first of them: sums
    of small numbers, which lose no digits in collimated jets, where differences of energies do.

    Parameters
    ----------
    positions : [B, P, 2]
        (etarel, phirel).
    ptrel : [B, P]
        0 where masked.

    Returns
    -------
    [B]
    """
    away = positions - positions[:, :1]
    # cosh x - 1 = 2 sinh^2(x / 2), and the like
    rest, fall = (2 * (away / 2).sinh().square())[..., 0], (2 * (away / 2).sin().square())[..., 1]
    energy, along = (ptrel * rest).sum(1), (ptrel * fall).sum(1)
    across, beam = (ptrel * away[..., 1].sin()).sum(1), (ptrel * away[..., 0].sinh()).sum(1)
    squared = (energy + along) * (2 * ptrel.sum(1) + energy - along)
    return (squared - across.square() - beam.square()).clamp_min(0.0).sqrt()


def scaffold_of(coordinates: Tensor, layout: Layout, slots: int) -> Scaffold:
    """Read coordinates as a scaffold, whatever they are.

    In units of tau_K = 1 the widths follow from the shares of tau_K, the distances of the axes from
    tau_{K-1} down to tau_1; the mass gives the unit. The distances that are coordinates themselves
    agree with these in a real jet. Where they do not, the pT shares of soft subjets and the
    distances of hard ones give way, and tau_1 to tau_K stay. Numbers that a jet of few particles or
    a subjet of one has not are not read, so they may be anything.

    Parameters
    ----------
    coordinates : [B, len(coordinates)]
        Finite; integers are rounded, and kept within what is possible.
    layout : Layout
    slots : int
        The most particles a jet may have.

    Returns
    -------
    Scaffold
    """
    axes, width, share, multiplicities = _subjets(coordinates, layout, slots)
    normals = borders(axes, multiplicities > 0)
    if not layout.borders:
        normals = normals[:, :, :0]
    if not layout.second_axes:
        hop = torch.zeros_like(axes)
        return Scaffold(axes, normals, hop, width, width, share, multiplicities, coordinates)
    number, size = layout.alike
    values = coordinates[:, -number * size :].unflatten(1, (number, size))
    cells = cells_of(values, width, share, multiplicities, edge_of(layout).farthest)
    axes = axes.repeat_interleave(2, dim=1) + cells.hop
    return Scaffold(
        axes,
        normals.repeat_interleave(2, dim=1),
        cells.hop,
        cells.width,
        cells.reach,
        cells.share,
        cells.multiplicities,
        coordinates,
    )


def _subjets(
    coordinates: Tensor, layout: Layout, slots: int
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Axes [B, K, 2], widths, shares and multiplicities [B, K] of the subjets."""
    values = {name: coordinates[:, column] for name, column in columns(layout).items()}
    subjets = layout.subjets
    multiplicities = _counts(values, subjets, slots)
    parents = _parents(values, subjets)
    share = _shares(values, multiplicities, parents)
    wide = multiplicities > 1
    f = torch.stack([torch.zeros_like(values["theta"]), *_each(values, "ln_f", subjets)], dim=1)
    f = f.masked_fill(~wide, -torch.inf).softmax(dim=1).nan_to_num()
    share, distance = _reconciled(values, multiplicities, parents, share, f)
    width = f / share.clamp_min(_SMALLEST)
    axes = _axes(values, parents, distance)
    centroid = torch.einsum("bk,bki->bi", share, axes)
    spread = _SECOND_MOMENT * width.square() + (axes - centroid.unsqueeze(1)).square().sum(-1)
    extent = (share * spread).sum(1).sqrt() * values["ln_sum_ptrel"].exp()
    unit = values["ln_mass"].exp() / extent.clamp_min(_SMALLEST)
    return axes * unit[:, None, None], width * unit[:, None], share, multiplicities


def _each(values: dict[str, Tensor], name: str, subjets: int, first: int = 1) -> list[Tensor]:
    return [values[f"{name}{node}"] for node in range(first, subjets)]


def _counts(values: dict[str, Tensor], subjets: int, slots: int) -> Tensor:
    """[B, K] at least one particle each where there are as many."""
    total = values["multiplicity"].round().clamp(1, slots)
    spare = (total - subjets).clamp_min(0.0)
    multiplicities = []
    for node, wanted in enumerate(_each(values, "count", subjets), start=1):
        extra = torch.minimum((wanted.round() - 1).clamp_min(0.0), spare)
        spare = spare - extra
        multiplicities.append((total > node) * (1 + extra))
    return torch.stack([total - sum(multiplicities), *multiplicities], dim=1).long()


def _parents(values: dict[str, Tensor], subjets: int) -> Tensor:
    """[B, K] int64; 0 of nodes 0 and 1."""
    nothing = torch.zeros_like(values["theta"])
    found = [
        torch.minimum(parent.round().clamp_min(0.0), nothing + node - 1)
        for node, parent in enumerate(_each(values, "parent", subjets, first=2), start=2)
    ]
    return torch.stack([nothing, nothing, *found], dim=1)[:, :subjets].long()


def _shares(values: dict[str, Tensor], multiplicities: Tensor, parents: Tensor) -> Tensor:
    logs = torch.zeros_like(multiplicities, dtype=values["theta"].dtype)
    for node, over_parent in enumerate(_each(values, "ln_z", multiplicities.shape[1]), start=1):
        logs[:, node] = over_parent + logs.gather(1, parents[:, node : node + 1])[:, 0]
    return logs.masked_fill(multiplicities == 0, -torch.inf).softmax(dim=1)


def nearest_nodes(parents: Tensor, share: Tensor, node: int) -> list[Tensor]:
    """What is nearest to each node when only the first nodes are left.

    Parameters
    ----------
    parents, share : [B, K]
    node : int
        Nodes after it are taken away, the last one first; what was nearest to them joins their
        parents, where these are `node` or later.

    Returns
    -------
    list of [B]
        Shares of the pT, of `node` and of the later ones at the moment when they are taken away.
    """
    subjets = parents.shape[1]
    hanging = list(share.unbind(1))
    for later in range(subjets - 1, node, -1):
        for earlier in range(node, later):
            joins = (parents[:, later] == earlier).to(share.dtype)
            hanging[earlier] = hanging[earlier] + joins * hanging[later]
    return hanging


def reference_direction(axes: Tensor, parents: Tensor, node: int) -> Tensor:
    """[B, 2] unit vector against which the direction of a node from its parent is measured.

    It points from the parent to the parent's own parent, from node 0 to node 1.

    Parameters
    ----------
    axes : [B, C, 2]
    parents : [B, C] int64
    node : int
        Its number.

    Returns
    -------
    [B, 2]
    """
    parent = parents[:, node : node + 1]
    beyond = torch.where(parent == 0, 1, parents.gather(1, parent))

    def at(which: Tensor) -> Tensor:
        return axes.gather(1, which.unsqueeze(-1).expand(-1, -1, 2))[:, 0]

    away = at(beyond) - at(parent)
    return away / away.norm(dim=-1, keepdim=True).clamp_min(1e-12)


def _reconciled(
    values: dict[str, Tensor], multiplicities: Tensor, parents: Tensor, share: Tensor, f: Tensor
) -> tuple[Tensor, Tensor]:
    """Shares [B, K], and distances [B, K] of the nodes to their parents.

    Distances are in units of tau_K, or of the last tau that is not 0 in jets of few particles.
    """
    subjets = multiplicities.shape[1]
    added = _added(values, multiplicities, parents, f)
    there = multiplicities > 0
    stretch = torch.ones_like(share)
    off = torch.zeros_like(share)
    hanging = torch.zeros_like(share)
    for node in range(1, subjets):
        stretch[:, node] = values[f"ln_reach{node}"].clamp(-10.0, 10.0).exp()
        hanging[:, node] = nearest_nodes(parents, share, node)[node]
        wanted = hanging[:, node].clamp_min(_SMALLEST) * stretch[:, node]
        off[:, node] = (wanted / added[:, node]).log() + values[f"ln_distance{node}"]
    off[:, 1:] = off[:, 1:].masked_fill(~there[:, 1:], 0.0)
    weight = (hanging * (1 - hanging) + 1e-3) * there
    weight[:, 0] = 0.0
    unit = (weight * off).sum(1, keepdim=True) / weight.sum(1, keepdim=True).clamp_min(_SMALLEST)
    give = -(1 - hanging) * (off - unit)
    give[:, 0] = 0.0
    share = share * give.clamp(-3.0, 3.0).exp()
    share = share / share.sum(1, keepdim=True)
    distance = torch.zeros_like(share)
    for node in range(1, subjets):
        mass = nearest_nodes(parents, share, node)[node].clamp_min(_SMALLEST)
        distance[:, node] = added[:, node] / (mass * stretch[:, node])
    return share, distance * there


def _added(values: dict[str, Tensor], multiplicities: Tensor, parents: Tensor, f: Tensor) -> Tensor:
    """[B, K] what is nearest to each node adds to tau of the nodes before it."""
    subjets, particles = multiplicities.shape[1], multiplicities.sum(1)
    tau, added = torch.ones_like(f[:, 0]), torch.ones_like(f)
    for node in range(subjets - 1, 0, -1):
        ln_ratio = values[f"ln_tau{node + 1}{node}"].clamp(-20.0, 0.0)
        tau = torch.where(node >= particles - 1, 1.0, tau * (-ln_ratio).exp())
        rest = tau - f[:, :node].sum(1)
        for later in range(node + 1, subjets):
            apart = (parents[:, later] < node) & (multiplicities[:, later] > 0)
            rest = rest - apart * added[:, later]
        added[:, node] = torch.maximum(rest, NEAREST * tau)
    return added


def _axes(values: dict[str, Tensor], parents: Tensor, distance: Tensor) -> Tensor:
    """[B, K, 2] in the unit of the distances."""
    subjets = distance.shape[1]
    axes = torch.zeros(*distance.shape, 2, dtype=distance.dtype, device=distance.device)
    axes[:, 1, 0] = distance[:, 1]
    for node in range(2, subjets):
        along = reference_direction(axes, parents, node)
        cosine, sine = values[f"phi{node}"].cos(), values[f"phi{node}"].sin()
        x, y = along.unbind(-1)
        turned = torch.stack([cosine * x - sine * y, sine * x + cosine * y], dim=-1)
        if node == 2:  # which the frame has at y > 0
            turned = torch.stack([turned[:, 0], turned[:, 1].abs()], dim=-1)
        base = axes.gather(1, parents[:, node, None, None].expand(-1, 1, 2))[:, 0]
        axes[:, node] = base + distance[:, node, None] * turned
    return axes


@dataclass
class Slots(TensorRecord):
    """Which slot each particle of B jets takes: those of cell 0 first, the axis before the rest.

    Attributes
    ----------
    cell : [B, P] int64
        0 where there is no particle.
    rank : [B, P] int64
        Within the cell; 0 is its axis.
    mask : [B, P] bool
    """

    cell: Tensor
    rank: Tensor
    mask: Tensor


def slots_of(multiplicities: Tensor, slots: int) -> Slots:
    """Slots of jets whose cells have [B, C] particles.

    Parameters
    ----------
    multiplicities : [B, C] int64
    slots : int
        Particles of a jet, at most.

    Returns
    -------
    Slots
    """
    place = torch.arange(slots, device=multiplicities.device)
    ends = multiplicities.cumsum(1)
    cell = (place >= ends.unsqueeze(-1)).sum(1)
    mask = cell < multiplicities.shape[1]
    cell = torch.where(mask, cell, 0)
    rank = torch.where(mask, place - (ends - multiplicities).gather(1, cell), 0)
    return Slots(cell, rank, mask)
