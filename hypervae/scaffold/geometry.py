"""From the coordinates of a scaffold back to its axes, widths, shares and counts."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from hypervae.scaffold.coordinates import COLUMN, SUBJETS

# Mean squared distance within a subjet over the square of its mean distance: makes the mass of the
# scaffold alone, by which the network sees lengths, close to that of the jet.
_SECOND_MOMENT = 1.6
_SMALLEST = 1e-6


@dataclass(frozen=True)
class Scaffold:
    """Scaffolds of B jets, lengths in (etarel, phirel) of the jet's own frame.

    Attributes
    ----------
    axes : [B, SUBJETS, 2]
        About node 0.
    width : [B, SUBJETS]
        Mean distance of the particles to the axis; 0 of subjets of one particle.
    share : [B, SUBJETS]
        Of the kept particles' pT.
    counts : [B, SUBJETS] int64
    coordinates : [B, len(COORDINATES)]
        Those it was made of.
    """

    axes: Tensor
    width: Tensor
    share: Tensor
    counts: Tensor
    coordinates: Tensor

    def __getitem__(self, name: str) -> Tensor:
        """One coordinate [B] by its name."""
        return self.coordinates[:, COLUMN[name]]

    @property
    def multiplicity(self) -> Tensor:
        """[B] int64 particles of the jets."""
        return self.counts.sum(1)


def scaffold_of(coordinates: Tensor, slots: int) -> Scaffold:
    """Read coordinates as a scaffold, whatever they are.

    In units of tau_2 = 1 the widths follow from the shares of tau_3, the distances of the axes from
    tau_2 and tau_1; the mass gives the unit. Numbers that a jet of few particles or a subjet of one
    has not are not read, so they may be anything.

    Parameters
    ----------
    coordinates : [B, len(COORDINATES)]
        Finite; integers are rounded, and kept within what is possible.
    slots : int
        The most particles a jet may have.
    """
    values = {name: coordinates[:, column] for name, column in COLUMN.items()}
    counts = _counts(values, slots)
    own = values["parent2"].round() < 0.5  # node 2 hangs on node 0
    share = _shares(values, counts, own)
    wide = counts > 1
    f = torch.stack([torch.zeros_like(share[:, 0]), values["ln_f1"], values["ln_f2"]], dim=1)
    f = torch.where(wide, f, f.new_full((), -torch.inf)).softmax(dim=1)
    f = torch.where(wide.any(1, keepdim=True), f.nan_to_num(), 0.0)
    f = f * values["ln_tau32"].clamp(max=0.0).exp().unsqueeze(1)
    width = f / share.clamp_min(_SMALLEST)
    axes = _axes(values, counts, own, share, f)
    centroid = torch.einsum("bk,bki->bi", share, axes)
    spread = _SECOND_MOMENT * width.square() + (axes - centroid.unsqueeze(1)).square().sum(-1)
    extent = (share * spread).sum(1).sqrt() * values["ln_sum_ptrel"].exp()
    unit = values["ln_mass"].exp() / extent.clamp_min(_SMALLEST)
    return Scaffold(axes * unit[:, None, None], width * unit[:, None], share, counts, coordinates)


def _counts(values: dict[str, Tensor], slots: int) -> Tensor:
    """[B, SUBJETS] at least one particle each where there are as many."""
    total = values["multiplicity"].round().clamp(1, slots)
    spare = (total - SUBJETS).clamp_min(0.0)
    counts = []
    for node in (1, 2):
        extra = torch.minimum((values[f"count{node}"].round() - 1).clamp_min(0.0), spare)
        spare = spare - extra
        counts.append((total > node) * (1 + extra))
    return torch.stack([total - counts[0] - counts[1], *counts], dim=1).long()


def _shares(values: dict[str, Tensor], counts: Tensor, own: Tensor) -> Tensor:
    one = values["ln_z1"]
    two = values["ln_z2"] + torch.where(own, torch.zeros_like(one), one)
    logs = torch.stack([torch.zeros_like(one), one, two], dim=1)
    return torch.where(counts > 0, logs, logs.new_full((), -torch.inf)).softmax(dim=1)


def _axes(
    values: dict[str, Tensor], counts: Tensor, own: Tensor, share: Tensor, f: Tensor
) -> Tensor:
    """[B, SUBJETS, 2] in units of tau_2 (of jets of two particles: of their distance)."""
    lone_pair = counts[:, 2] == 0
    z1, z2 = share[:, 1], share[:, 2].clamp_min(_SMALLEST)
    reach2 = (1 - f[:, 0] - f[:, 1]).clamp_min(_SMALLEST) / z2
    second = reach2 * torch.where(counts[:, 2] > 1, (-values["ln_reach2"]).exp(), 1.0)
    rest = values["ln_tau21"].clamp(max=0.0).neg().exp() - f[:, 0]
    rest = rest - torch.where(own, z2 * reach2, 0.0)
    first = rest.clamp_min(_SMALLEST) / (z1 + torch.where(own, 0.0, z2)).clamp_min(_SMALLEST)
    first = torch.where(lone_pair, 1.0, first * (-values["ln_reach1"]).exp())
    nothing = torch.zeros_like(first)
    node1 = torch.stack([first, nothing], dim=-1)
    side = torch.where(own, 1.0, -1.0)  # towards the other node, which is at +x or at -x
    direction = torch.stack([side * values["phi2"].cos(), values["phi2"].sin()], dim=-1)
    base = torch.where(own.unsqueeze(-1), torch.zeros_like(node1), node1)
    node2 = base + torch.where(lone_pair, nothing, second).unsqueeze(-1) * direction
    return torch.stack([torch.zeros_like(node1), node1, node2], dim=1)


@dataclass(frozen=True)
class Slots:
    """Which slot each particle of B jets takes: those of subjet 0 first, the axis before the rest.

    Attributes
    ----------
    subjet : [B, P] int64
        0 where there is no particle.
    rank : [B, P] int64
        Within the subjet; 0 is its axis.
    mask : [B, P] bool
    """

    subjet: Tensor
    rank: Tensor
    mask: Tensor


def slots_of(counts: Tensor, slots: int) -> Slots:
    """Slots of jets whose subjets have [B, SUBJETS] particles."""
    place = torch.arange(slots, device=counts.device)
    ends = counts.cumsum(1)
    subjet = (place >= ends.unsqueeze(-1)).sum(1)
    mask = subjet < SUBJETS
    subjet = torch.where(mask, subjet, 0)
    rank = torch.where(mask, place - (ends - counts).gather(1, subjet), 0)
    return Slots(subjet, rank, mask)
