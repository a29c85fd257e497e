"""From the coordinates of a scaffold back to its axes, widths, shares and counts."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from hypervae.scaffold.coordinates import columns

# Mean squared distance within a subjet over the square of its mean distance: makes the mass of the
# scaffold alone, by which the network sees lengths, close to that of the jet.
_SECOND_MOMENT = 1.6
#: What is nearest to a node lies at least so far from the nodes before it, as a part of tau.
NEAREST = 1e-3
_SMALLEST = 1e-6


@dataclass(frozen=True)
class Scaffold:
    """Scaffolds of B jets of K subjets, lengths in (etarel, phirel) of the jet's own frame.

    Attributes
    ----------
    axes : [B, K, 2]
        About node 0.
    width : [B, K]
        Mean distance of the particles to the axis; 0 of subjets of one particle.
    share : [B, K]
        Of the kept particles' pT.
    counts : [B, K] int64
    coordinates : [B, len(coordinates)]
        Those it was made of.
    """

    axes: Tensor
    width: Tensor
    share: Tensor
    counts: Tensor
    coordinates: Tensor

    def __getitem__(self, name: str) -> Tensor:
        """One coordinate [B] by its name."""
        return self.coordinates[:, columns(self.counts.shape[1])[name]]

    @property
    def mass(self) -> Tensor:
        """[B] mass of the kept particles over the jet's pT."""
        return (self["ln_jet_mass"] - self["ln_mass_ratio"] - self["ln_jet_pt"]).exp()


def scaffold_of(coordinates: Tensor, subjets: int, slots: int) -> Scaffold:
    """Read coordinates as a scaffold, whatever they are.

    In units of tau_K = 1 the widths follow from the shares of tau_K, the distances of the axes from
    tau_{K-1} down to tau_1; the mass gives the unit. Numbers that a jet of few particles or a
    subjet of one has not are not read, so they may be anything.

    Parameters
    ----------
    coordinates : [B, len(coordinates)]
        Finite; integers are rounded, and kept within what is possible.
    subjets : int
    slots : int
        The most particles a jet may have.
    """
    values = {name: coordinates[:, column] for name, column in columns(subjets).items()}
    counts = _counts(values, subjets, slots)
    parents = _parents(values, subjets)
    share = _shares(values, counts, parents)
    wide = counts > 1
    f = torch.stack([torch.zeros_like(values["theta"]), *_each(values, "ln_f", subjets)], dim=1)
    f = f.masked_fill(~wide, -torch.inf).softmax(dim=1).nan_to_num()
    width = f / share.clamp_min(_SMALLEST)
    axes = _axes(values, counts, parents, share, f)
    centroid = torch.einsum("bk,bki->bi", share, axes)
    spread = _SECOND_MOMENT * width.square() + (axes - centroid.unsqueeze(1)).square().sum(-1)
    extent = (share * spread).sum(1).sqrt() * values["ln_sum_ptrel"].exp()
    found = Scaffold(axes, width, share, counts, coordinates)
    unit = found.mass / extent.clamp_min(_SMALLEST)
    return Scaffold(axes * unit[:, None, None], width * unit[:, None], share, counts, coordinates)


def _each(values: dict[str, Tensor], name: str, subjets: int, first: int = 1) -> list[Tensor]:
    return [values[f"{name}{node}"] for node in range(first, subjets)]


def _counts(values: dict[str, Tensor], subjets: int, slots: int) -> Tensor:
    """[B, K] at least one particle each where there are as many."""
    total = values["multiplicity"].round().clamp(1, slots)
    spare = (total - subjets).clamp_min(0.0)
    counts = []
    for node, wanted in enumerate(_each(values, "count", subjets), start=1):
        extra = torch.minimum((wanted.round() - 1).clamp_min(0.0), spare)
        spare = spare - extra
        counts.append((total > node) * (1 + extra))
    return torch.stack([total - sum(counts), *counts], dim=1).long()


def _parents(values: dict[str, Tensor], subjets: int) -> Tensor:
    """[B, K] int64; 0 of nodes 0 and 1."""
    nothing = torch.zeros_like(values["theta"])
    found = [
        torch.minimum(parent.round().clamp_min(0.0), nothing + node - 1)
        for node, parent in enumerate(_each(values, "parent", subjets, first=2), start=2)
    ]
    return torch.stack([nothing, nothing, *found], dim=1)[:, :subjets].long()


def _shares(values: dict[str, Tensor], counts: Tensor, parents: Tensor) -> Tensor:
    logs = torch.zeros_like(counts, dtype=values["theta"].dtype)
    for node, over_parent in enumerate(_each(values, "ln_z", counts.shape[1]), start=1):
        logs[:, node] = over_parent + logs.gather(1, parents[:, node : node + 1])[:, 0]
    return logs.masked_fill(counts == 0, -torch.inf).softmax(dim=1)


def groups(parents: Tensor, share: Tensor, reach: Tensor, node: int) -> tuple[Tensor, Tensor]:
    """What the first nodes leave over: how much hangs on a node, and how far the rest lies.

    Parameters
    ----------
    parents, share, reach : [B, K]
        The reach of nodes after `node` is read.
    node : int

    Returns
    -------
    hanging : [B]
        Share of the pT that is nearest to `node` when the nodes after it are taken away.
    other : [B]
        Sum of share times reach of later groups that hang on the nodes before `node`.
    """
    subjets = parents.shape[1]
    hanging = list(share.unbind(1))
    for later in range(subjets - 1, node, -1):
        for earlier in range(node, later):
            joins = (parents[:, later] == earlier).to(share.dtype)
            hanging[earlier] = hanging[earlier] + joins * hanging[later]
    other = torch.zeros_like(share[:, 0])
    for later in range(node + 1, subjets):
        apart = (parents[:, later] < node).to(share.dtype)
        other = other + apart * hanging[later] * reach[:, later]
    return hanging[node], other


def reference(axes: Tensor, parents: Tensor, node: int) -> Tensor:
    """[B, 2] unit vector against which the direction of a node from its parent is measured.

    It points from the parent to the parent's own parent, from node 0 to node 1.
    """
    parent = parents[:, node : node + 1]
    beyond = torch.where(parent == 0, 1, parents.gather(1, parent))

    def at(which: Tensor) -> Tensor:
        return axes.gather(1, which.unsqueeze(-1).expand(-1, -1, 2))[:, 0]

    away = at(beyond) - at(parent)
    return away / away.norm(dim=-1, keepdim=True).clamp_min(1e-12)


def _axes(
    values: dict[str, Tensor], counts: Tensor, parents: Tensor, share: Tensor, f: Tensor
) -> Tensor:
    """[B, K, 2] in units of tau_K, or of the last tau that is not 0 in jets of few particles."""
    subjets = counts.shape[1]
    particles = counts.sum(1)
    tau = torch.ones_like(share[:, 0])
    reach, distance = torch.zeros_like(share), torch.zeros_like(share)
    for node in range(subjets - 1, 0, -1):
        step = values[f"ln_tau{node + 1}{node}"].clamp(max=0.0)
        tau = torch.where(node >= particles - 1, 1.0, tau * (-step).exp())
        hanging, other = groups(parents, share, reach, node)
        rest = torch.maximum(tau - f[:, :node].sum(1) - other, NEAREST * tau)
        there = counts[:, node] > 0
        reach[:, node] = torch.where(there, rest / hanging.clamp_min(_SMALLEST), 0.0)
        distance[:, node] = reach[:, node] * (-values[f"ln_reach{node}"]).exp()
    axes = torch.zeros(*share.shape, 2, dtype=share.dtype, device=share.device)
    axes[:, 1, 0] = distance[:, 1]
    for node in range(2, subjets):
        along = reference(axes, parents, node)
        cosine, sine = values[f"phi{node}"].cos(), values[f"phi{node}"].sin()
        x, y = along.unbind(-1)
        turned = torch.stack([cosine * x - sine * y, sine * x + cosine * y], dim=-1)
        if node == 2:  # which the frame has at y > 0
            turned = torch.stack([turned[:, 0], turned[:, 1].abs()], dim=-1)
        base = axes.gather(1, parents[:, node, None, None].expand(-1, 1, 2))[:, 0]
        axes[:, node] = base + distance[:, node, None] * turned
    return axes


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
    """Slots of jets whose subjets have [B, K] particles."""
    place = torch.arange(slots, device=counts.device)
    ends = counts.cumsum(1)
    subjet = (place >= ends.unsqueeze(-1)).sum(1)
    mask = subjet < counts.shape[1]
    subjet = torch.where(mask, subjet, 0)
    rank = torch.where(mask, place - (ends - counts).gather(1, subjet), 0)
    return Slots(subjet, rank, mask)
