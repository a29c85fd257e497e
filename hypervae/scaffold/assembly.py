"""From a scaffold and the shapes of its subjets to particles."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from hypervae.scaffold.border import fold_to_width
from hypervae.scaffold.coordinates import Layout
from hypervae.scaffold.edges.choice import edge_of
from hypervae.scaffold.geometry import Scaffold, mass_over_pt, slots_of

# Shares of a cell's pT are kept within e^-14 and e^0.2 before they are made to sum to 1.
_LN_SHARE = (-14.0, 0.2)
_SMALLEST = 1e-9
# Shapes are made wider or narrower by this factor at the most, to have their cell's width: a lone
# soft particle beside its axis would otherwise be sent out of the jet for it.
_MOST_STRETCHED = 4.0
# Steps that find the unit of lengths: the mass is then right to rounding.
_ITERATIONS = 6
# More where the mass is still off: jets that lie at their edge, where lengths hardly change it.
_MOST_ITERATIONS, _OFF, _FLATTEST = 40, 0.1, 0.05


def assemble(
    scaffold: Scaffold, offsets: Tensor, ln_share: Tensor, layout: Layout
) -> tuple[Tensor, Tensor]:
    """Particles of scaffolds whose cells have the given shapes.

    What the scaffold says holds to rounding: the shares of a cell sum to 1, their mean distance to
    the subjet's axis is the cell's reach (where the shapes are not off by more than a factor of 4,
    nor send a particle out of the jet) and the subjets' axes are where it says, both up to one unit
    of all lengths, which gives the mass; and the centroid is where it says. For the shapes of a
    real jet in its own scaffold all of these are identities.

    Parameters
    ----------
    scaffold : Scaffold
    offsets : [B, P, 2]
        In units of the widths; those of axes (rank 0) are not read.
    ln_share : [B, P]
    layout : Layout
        Of the scaffold.

    Returns
    -------
    coordinates : [B, P, 3]
        (etarel, phirel, ln ptrel), ordered by cell; 0 where masked.
    mask : [B, P] bool
    """
    slots = slots_of(scaffold.multiplicities, offsets.shape[1])
    member = torch.nn.functional.one_hot(slots.cell, scaffold.multiplicities.shape[1]).to(
        offsets.dtype
    )
    member = member * slots.mask.unsqueeze(-1)
    share = ln_share.clamp(*_LN_SHARE).exp() * slots.mask
    share = share / _of_cell((share.unsqueeze(-1) * member).sum(1), slots.cell, _SMALLEST)
    offsets = offsets * (slots.mask & (slots.rank > 0)).unsqueeze(-1)
    moment = ((share * offsets.norm(dim=-1)).unsqueeze(-1) * member).sum(1)
    moment = torch.where(moment > 0, moment.clamp(1 / _MOST_STRETCHED, _MOST_STRETCHED), 1.0)
    local = offsets * _of_cell(scaffold.width / moment, slots.cell).unsqueeze(-1)
    local = (local + _at(scaffold.hop, slots.cell)) * slots.mask.unsqueeze(-1)
    far = ((share * local.norm(dim=-1)).unsqueeze(-1) * member).sum(1)
    stretch = (scaffold.reach / far.clamp_min(_SMALLEST)).clamp_max(_MOST_STRETCHED)
    stretch = torch.where(far > 0, stretch.clamp_min(1 / _MOST_STRETCHED), 1.0)
    local = local * _of_cell(stretch, slots.cell).unsqueeze(-1)
    if layout.borders:
        local = _within_borders(local, share, scaffold, slots.cell, member)
    edge = edge_of(layout)
    most = edge.farthest
    local = local * (most / local.norm(dim=-1, keepdim=True).clamp_min(most))
    own = _at(scaffold.axes - scaffold.hop, slots.cell)
    ptrel = share * _of_cell(scaffold.share, slots.cell) * slots.mask
    ptrel = ptrel * scaffold.of_jet("ln_sum_ptrel").exp().unsqueeze(1)
    positions = _turned(own + local, scaffold.of_jet("theta"))
    centre = [scaffold.of_jet("centroid_x"), scaffold.of_jet("centroid_y")]
    centroid = _turned(torch.stack(centre, dim=-1).unsqueeze(1), scaffold.of_jet("theta"))
    mean = (ptrel.unsqueeze(-1) * positions).sum(1, keepdim=True) / ptrel.sum(1)[:, None, None]

    def placed(unit: Tensor, rows: Tensor | slice = slice(None)) -> Tensor:
        away = (positions[rows] - mean[rows]) * unit[:, None, None]
        return edge.fold(centroid[rows] + away)

    positions = placed(_unit(placed, ptrel, scaffold.mass))
    flipped = [scaffold.of_jet("mirror_eta"), scaffold.of_jet("mirror_phi")]
    mirrors = torch.stack(flipped, dim=-1).round()
    positions = positions * (1 - 2 * mirrors.clamp(0, 1)).unsqueeze(1)
    logs = torch.where(slots.mask, ptrel.clamp_min(_SMALLEST).log(), 0.0)
    coordinates = torch.cat([positions, logs.unsqueeze(-1)], dim=-1)
    return coordinates * slots.mask.unsqueeze(-1), slots.mask


def _within_borders(
    local: Tensor, share: Tensor, scaffold: Scaffold, cell: Tensor, member: Tensor
) -> Tensor:
    """[B, P, 2] folded places about the subjets' axes; shares [B, P] are of the cells' pT."""
    subjets = scaffold.normals.shape[2]  # each has as many cells as the others
    of_subjet = scaffold.share.unflatten(1, (subjets, -1)).sum(-1)
    tau = (scaffold.share * scaffold.reach).unflatten(1, (subjets, -1)).sum(-1)
    width = tau / of_subjet.clamp_min(_SMALLEST)
    number = cell // (member.shape[-1] // subjets)
    share = share * _of_cell(scaffold.share, cell) / _of_cell(of_subjet, number, _SMALLEST)
    index = cell[..., None, None].expand(-1, -1, *scaffold.normals.shape[2:])
    normals = scaffold.normals.gather(1, index)
    return fold_to_width(local, normals, share, member.unflatten(-1, (subjets, -1)).sum(-1), width)


def _unit(placed: Callable[..., Tensor], ptrel: Tensor, mass: Tensor) -> Tensor:
    """[B] factor of all lengths that gives particles the mass [B]; 1 where they have none at all.

    The mass is nearly proportional to the lengths, but in jets that reach their edge: secant steps
    in the logarithms of both, more of them where the mass is still off. `placed` makes positions
    [n, P, 2] of factors [n] and the rows that they belong to.
    """
    ln_unit, slope = torch.zeros_like(mass), torch.ones_like(mass)
    last, last_off = ln_unit, torch.zeros_like(mass)
    rows: Tensor | slice = slice(None)
    enough = _OFF * torch.finfo(mass.dtype).eps ** 0.5
    for step in range(_MOST_ITERATIONS):
        own = ln_unit[rows]
        found = mass_over_pt(placed(own.exp(), rows), ptrel[rows])
        off = torch.where(found > _SMALLEST, (found / mass[rows]).log(), 0.0)
        if step:
            moved = own - last[rows]
            steep = (off - last_off[rows]) / torch.where(moved == 0, 1.0, moved)
            steep = torch.where(moved.abs() > 1e-9, steep.clamp(_FLATTEST, 2.0), slope[rows])
            slope = _put(slope, rows, steep)
        last, last_off = _put(last, rows, own), _put(last_off, rows, off)
        ln_unit = _put(ln_unit, rows, own - off / slope[rows])
        if step + 1 >= _ITERATIONS:
            rows = torch.arange(len(mass), device=mass.device)[rows][off.abs() > enough]
            if not len(rows):
                break
    return ln_unit.exp()


def _put(values: Tensor, rows: Tensor | slice, new: Tensor) -> Tensor:
    """Values [B] with new ones in some rows, or in all."""
    return new if isinstance(rows, slice) else values.index_copy(0, rows, new)


def jet_features(scaffold: Scaffold) -> Tensor:
    """[B, 3] (ln pt [GeV], eta, ln mass [GeV]) of the full jets.

    Parameters
    ----------
    scaffold : Scaffold
        Of B jets.

    Returns
    -------
    [B, 3]
    """
    eta = scaffold.of_jet("jet_eta") * (1 - 2 * scaffold.of_jet("mirror_eta").round().clamp(0, 1))
    ln_pt = scaffold.of_jet("ln_jet_pt")
    ln_mass = scaffold.of_jet("ln_mass") + scaffold.of_jet("ln_mass_ratio") + ln_pt
    return torch.stack([ln_pt, eta, ln_mass], dim=-1)


def _of_cell(values: Tensor, cell: Tensor, least: float | None = None) -> Tensor:
    """[B, C] -> [B, P]."""
    if least is not None:
        values = values.clamp_min(least)
    return values.gather(1, cell)


def _at(places: Tensor, cell: Tensor) -> Tensor:
    """[B, C, 2] -> [B, P, 2]."""
    return places.gather(1, cell.unsqueeze(-1).expand(-1, -1, 2))


def _turned(positions: Tensor, angle: Tensor) -> Tensor:
    """Positions [B, n, 2], turned by angles [B]."""
    cosine, sine = angle.cos()[:, None], angle.sin()[:, None]
    x, y = positions.unbind(-1)
    return torch.stack([cosine * x - sine * y, sine * x + cosine * y], dim=-1)
