"""From jets to their scaffolds, and to particles in units of their cells."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from hypervae.scaffold.border import borders, unfold_about_axes
from hypervae.scaffold.clustering import winner_takes_all_axes
from hypervae.scaffold.coordinates import Layout, columns
from hypervae.scaffold.edges.choice import edge_of
from hypervae.scaffold.geometry import NEAREST, mass_over_pt, nearest_nodes, reference_direction
from hypervae.scaffold.second_axes import find_second_axes

# Lengths below this (in radians) are no longer told apart, nor masses below this part of the pT.
_SHORTEST = 1e-5
_LIGHTEST = 1e-4


@dataclass(frozen=True)
class ScaffoldedJets:
    """Jets as scaffolds, and their particles in units of their cells.

    Particles are ordered by cell, the axis first, then by falling pT.

    Attributes
    ----------
    coordinates : [n, len(coordinates)] float64
        NaN where a jet has no such number: widths of subjets of one particle, nodes that are
        missing in jets of fewer particles than subjets.
    offsets : [n, P, 2] float32
        Distance to the axis of the cell in units of the cell's width, in the jet's own frame.
    ln_share : [n, P] float32
        Logarithm of the share of the cell's pT.
    multiplicities : [n, C] int64
        Particles of each cell.
    """

    coordinates: NDArray[np.float64]
    offsets: NDArray[np.float32]
    ln_share: NDArray[np.float32]
    multiplicities: NDArray[np.int64]


def analyse(
    particles: NDArray[np.floating], jets: NDArray[np.floating], layout: Layout
) -> ScaffoldedJets:
    """Find the scaffold of jets, and their particles in its units.

    Parameters
    ----------
    particles : [n, P, 4]
        (etarel, phirel, ptrel, mask), sorted by falling ptrel; at least one particle a jet.
    jets : [n, 4]
        (pt [GeV], eta, mass [GeV], number) of the full jets.
    layout : Layout

    Returns
    -------
    ScaffoldedJets
    """
    multiplicity = particles[..., 3].sum(1).astype(np.int64)
    mask = np.arange(particles.shape[1]) < multiplicity[:, None]
    positions = np.where(mask[..., None], particles[..., :2], 0.0).astype(np.float64)
    weight = np.where(mask, particles[..., 2], 0.0).astype(np.float64)
    # of the positions as they are: unfolded, or turned about the axis, jets have other masses
    mass = mass_over_pt(torch.from_numpy(positions), torch.from_numpy(weight)).numpy()
    positions = edge_of(layout).unfold(torch.from_numpy(positions)).numpy()
    axes, parents = winner_takes_all_axes(
        positions[..., 0], positions[..., 1], weight, multiplicity, layout.subjets
    )
    nodes = np.take_along_axis(positions, np.maximum(axes, 0)[..., None], axis=1)
    subjet = _nearest_axis(positions, nodes, axes, mask)
    is_axis = (axes[:, :, None] == np.arange(mask.shape[1])).any(axis=1)
    positions, weight, subjet, mask = _ordered(subjet, is_axis, positions, weight, subjet, mask)
    features: NDArray[np.float64] = jets.astype(np.float64)
    frame = _Frame.of(positions, weight, nodes, parents, features[:, 1], multiplicity)
    places = _unfolded(frame, subjet, axes >= 0) if layout.borders else frame.positions
    shapes = _Shapes.of(frame.positions, frame.nodes, weight, subjet, mask)
    found = {
        **_of_jet(frame, mass, weight, features),
        **_of_nodes(frame, weight, shapes, parents),
    }
    coordinates = [found[name] for name in columns(layout) if name in found]
    if layout.borders:
        shapes = _Shapes.of(places, frame.nodes, weight, subjet, mask)
    if layout.second_axes:
        values, shapes = _with_second_axes(frame, places, weight, subjet, mask, shapes)
        coordinates += list(values.reshape(len(values), -1).T)
    return ScaffoldedJets(
        np.stack(coordinates, axis=1), shapes.offsets, shapes.ln_share, shapes.multiplicities
    )


def _unfolded(
    frame: _Frame, subjet: NDArray[np.int64], there: NDArray[np.bool_]
) -> NDArray[np.float64]:
    """[n, P, 2] places of the particles, unfolded about the axes of their subjets [n, P]."""
    near = np.minimum(subjet, there.shape[1] - 1)
    axes = np.take_along_axis(frame.nodes, near[..., None], axis=1)
    normals = borders(torch.from_numpy(frame.nodes), torch.from_numpy(there)).numpy()
    normals = np.take_along_axis(normals, near[..., None, None], axis=1)
    local = unfold_about_axes(
        torch.from_numpy(frame.positions - axes), torch.from_numpy(normals)
    ).numpy()
    unfolded: NDArray[np.float64] = axes + local
    return unfolded


def _with_second_axes(
    frame: _Frame,
    places: NDArray[np.float64],
    weight: NDArray[np.float64],
    subjet: NDArray[np.int64],
    mask: NDArray[np.bool_],
    shapes: _Shapes,
) -> tuple[NDArray[np.float64], _Shapes]:
    """Coordinates [n, K, 6] of the second axes, and the shapes of the cells."""
    found = find_second_axes(shapes.offsets, np.exp(shapes.ln_share), shapes.multiplicities)
    there = found.axes >= 0
    second = np.take_along_axis(places, np.maximum(found.axes, 0)[..., None], axis=1)
    axes = np.stack([frame.nodes, np.where(there[..., None], second, frame.nodes)], axis=2)
    starts = np.cumsum(shapes.multiplicities, axis=1) - shapes.multiplicities
    firsts = np.concatenate([starts, np.where(there, found.axes, -1)], axis=1)
    is_axis = (firsts[:, :, None] == np.arange(mask.shape[1])).any(axis=1)
    cell = 2 * subjet + found.second
    positions, weight, cell, mask = _ordered(cell, is_axis, places, weight, cell, mask)
    cells = _Shapes.of(positions, axes.reshape(len(axes), -1, 2), weight, cell, mask)
    return found.coordinates, cells


def _nearest_axis(
    positions: NDArray, nodes: NDArray, axes: NDArray[np.int64], mask: NDArray[np.bool_]
) -> NDArray[np.int64]:
    """[n, P] subjet of each particle; each axis belongs to itself, also where two coincide."""
    distance = np.linalg.norm(positions[:, :, None] - nodes[:, None], axis=-1)
    distance = np.where((axes >= 0)[:, None], distance, np.inf)
    subjet = distance.argmin(-1)
    rows = np.arange(len(axes))
    for node in range(axes.shape[1] - 1, -1, -1):
        there = axes[:, node] >= 0
        subjet[rows[there], axes[there, node]] = node
    return np.where(mask, subjet, axes.shape[1])


def _ordered(
    cell: NDArray[np.int64], is_axis: NDArray[np.bool_], *values: NDArray[Any]
) -> list[NDArray[Any]]:
    """Values [n, P, ...] of particles by cell, the axis first, then as they are."""
    slots = cell.shape[1]
    order = np.argsort(
        cell * (slots + 1) + np.where(is_axis, 0, 1 + np.arange(slots)), axis=1, kind="stable"
    )
    return [
        np.take_along_axis(some, order[..., None] if some.ndim == 3 else order, axis=1)
        for some in values
    ]


@dataclass(frozen=True)
class _Frame:
    """Jets in their own frame: node 1 along +x of node 0, node 2 at y > 0 of its parent.

    Attributes
    ----------
    positions : [n, P, 2]
        Of the particles, about node 0.
    nodes : [n, K, 2]
    centroid : [n, 2]
        About the jet axis.
    theta, eta : [n]
    mirrors : [n, 2]
        1 where (etarel and the jet's eta, phirel) were mirrored.
    """

    positions: NDArray[np.float64]
    nodes: NDArray[np.float64]
    centroid: NDArray[np.float64]
    theta: NDArray[np.float64]
    eta: NDArray[np.float64]
    mirrors: NDArray[np.int64]

    @classmethod
    def of(
        cls,
        positions: NDArray[np.float64],
        weight: NDArray[np.float64],
        nodes: NDArray[np.float64],
        parents: NDArray[np.int64],
        eta: NDArray[np.float64],
        multiplicity: NDArray[np.int64],
    ) -> _Frame:
        """Turn and mirror jets; those of one particle have no direction and stay as they are."""
        along = nodes[:, 1] - nodes[:, 0]
        theta = np.where(multiplicity > 1, np.arctan2(along[:, 1], along[:, 0]), 0.0)
        cosine, sine = np.cos(theta), np.sin(theta)
        turn = np.stack([np.stack([cosine, sine], -1), np.stack([-sine, cosine], -1)], axis=1)
        flip = np.ones_like(theta)
        if nodes.shape[1] > 2:
            edge = nodes[:, 2] - np.take_along_axis(nodes, parents[:, 2, None, None], axis=1)[:, 0]
            across = -sine * edge[:, 0] + cosine * edge[:, 1]
            flip = np.where((across < 0) & (multiplicity > 2), -1.0, 1.0)
        turn[:, 1] *= flip[:, None]
        theta = (theta * flip) % (2 * np.pi)
        both = np.where(theta >= np.pi, -1.0, 1.0)
        centroid = (weight[..., None] * positions).sum(1) / weight.sum(1, keepdims=True)
        return cls(
            np.einsum("nij,npj->npi", turn, positions - nodes[:, :1]),
            np.einsum("nij,npj->npi", turn, nodes - nodes[:, :1]),
            np.einsum("nij,nj->ni", turn, centroid),
            theta % np.pi,
            eta * both,
            (np.stack([both, both * flip], axis=-1) < 0).astype(np.int64),
        )


@dataclass(frozen=True)
class _Shapes:
    """Subjets or cells of jets in their frame: see `ScaffoldedJets`, and two numbers each.

    Attributes
    ----------
    share : [n, C]
        Of the pT.
    width : [n, C]
        NaN of cells of fewer than two particles.
    """

    offsets: NDArray[np.float32]
    ln_share: NDArray[np.float32]
    multiplicities: NDArray[np.int64]
    share: NDArray[np.float64]
    width: NDArray[np.float64]

    @classmethod
    def of(
        cls,
        positions: NDArray[np.float64],
        axes: NDArray[np.float64],
        weight: NDArray[np.float64],
        cell: NDArray[np.int64],
        mask: NDArray[np.bool_],
    ) -> _Shapes:
        """Measure cells about their axes [n, C, 2]; particles are ordered by cell."""
        cells = axes.shape[1]
        member = (cell[..., None] == np.arange(cells)).astype(np.float64)
        multiplicities = member.sum(1).astype(np.int64)
        ptrel = weight / weight.sum(1, keepdims=True)
        near = np.minimum(cell, cells - 1)
        share = np.einsum("np,npk->nk", ptrel, member)
        local = positions - np.take_along_axis(axes, near[..., None], axis=1)
        moment = np.einsum("np,npk->nk", ptrel * np.linalg.norm(local, axis=-1) * mask, member)
        with np.errstate(divide="ignore", invalid="ignore"):
            width = np.where(multiplicities > 1, np.maximum(moment / share, _SHORTEST), np.nan)
            ln_share = np.log(ptrel) - np.log(np.take_along_axis(share, near, axis=1))
        unit = np.nan_to_num(np.take_along_axis(width, near, axis=1), nan=1.0)
        return cls(
            (local / unit[..., None] * mask[..., None]).astype(np.float32),
            np.where(mask, ln_share, 0.0).astype(np.float32),
            multiplicities,
            share,
            width,
        )


def _of_jet(
    frame: _Frame,
    mass: NDArray[np.float64],
    weight: NDArray[np.float64],
    jets: NDArray[np.float64],
) -> dict[str, NDArray[np.float64]]:
    """The coordinates of the jet as a whole."""
    total = weight.sum(1)
    kept = np.maximum(mass, _LIGHTEST)
    full = np.maximum(jets[:, 2], _LIGHTEST * jets[:, 0])
    return {
        "ln_sum_ptrel": np.log(total),
        "centroid_x": frame.centroid[:, 0],
        "centroid_y": frame.centroid[:, 1],
        "multiplicity": (weight > 0).sum(1).astype(np.float64),
        "theta": frame.theta,
        "mirror_eta": frame.mirrors[:, 0].astype(np.float64),
        "mirror_phi": frame.mirrors[:, 1].astype(np.float64),
        "ln_jet_pt": np.log(jets[:, 0]),
        "jet_eta": frame.eta,
        "ln_mass": np.log(kept),
        "ln_mass_ratio": np.log(full / jets[:, 0] / kept),
    }


def _of_nodes(
    frame: _Frame,
    weight: NDArray[np.float64],
    shapes: _Shapes,
    parents: NDArray[np.int64],
) -> dict[str, NDArray[np.float64]]:
    """The coordinates of the nodes, NaN where a jet has no such number."""
    multiplicities, share = shapes.multiplicities, shapes.share
    subjets, particles = multiplicities.shape[1], multiplicities.sum(1)
    wide = multiplicities > 1
    f = np.where(wide, share * np.nan_to_num(shapes.width), 0.0)
    # a node 0 that stands alone has no width: the mean of the others stands in
    mean = np.where(wide, np.nan_to_num(shapes.width), 0.0).sum(1) / np.maximum(wide.sum(1), 1)
    f0 = np.where(wide[:, 0], f[:, 0], share[:, 0] * mean)
    edge = frame.nodes - np.take_along_axis(frame.nodes, parents[..., None], axis=1)
    distance = np.maximum(np.linalg.norm(edge, axis=-1), _SHORTEST)
    tau, added = _tau(frame, weight, shapes, f), np.zeros_like(share)
    axes, parent, part = (torch.from_numpy(values) for values in (frame.nodes, parents, share))
    found: dict[str, NDArray[np.float64]] = {}
    for node in range(subjets - 1, 0, -1):
        there = particles > node
        hanging = nearest_nodes(parent, part, node)[node].numpy()
        apart = (parents[:, node + 1 :] < node) & (multiplicities[:, node + 1 :] > 0)
        rest = tau[node] - f[:, :node].sum(1) - (apart * added[:, node + 1 :]).sum(1)
        added[:, node] = np.maximum(rest, NEAREST * tau[node])
        with np.errstate(divide="ignore", invalid="ignore"):
            reach = added[:, node] / hanging
            over = np.take_along_axis(share, parents[:, node : node + 1], axis=1)[:, 0]
            values = {
                f"ln_tau{node + 1}{node}": (
                    np.log(tau[node + 1] / tau[node]),
                    particles > node + 1,
                ),
                f"ln_reach{node}": (np.log(reach / distance[:, node]), there),
                f"ln_distance{node}": (np.log(distance[:, node]), there),
                f"ln_z{node}": (np.log(share[:, node] / over), there),
                f"ln_f{node}": (np.log(f[:, node] / f0), wide[:, node]),
                f"count{node}": (multiplicities[:, node], particles > subjets),
            }
            if node > 1:
                along = reference_direction(axes, parent, node).numpy()
                sine = along[:, 0] * edge[:, node, 1] - along[:, 1] * edge[:, node, 0]
                angle = np.arctan2(sine, (along * edge[:, node]).sum(1))
                values[f"phi{node}"] = (np.abs(angle) if node == 2 else angle, there)
                values[f"parent{node}"] = (parents[:, node], there)
        for name, (value, known) in values.items():
            found[name] = np.where(known & np.isfinite(value), value, np.nan)
    return found


def _tau(
    frame: _Frame,
    weight: NDArray[np.float64],
    shapes: _Shapes,
    f: NDArray[np.float64],
) -> list[NDArray[np.float64]]:
    """tau_1 to tau_K of the kept particles, at their indices; missing nodes change none."""
    ptrel = weight / weight.sum(1, keepdims=True)
    far = np.linalg.norm(frame.positions[:, :, None] - frame.nodes[:, None], axis=-1)
    far = np.where((shapes.multiplicities > 0)[:, None], far, np.inf)
    subjets = f.shape[1]
    found = [(ptrel * far[..., :node].min(-1)).sum(1) for node in range(1, subjets)]
    return [np.zeros(len(f)), *found, f.sum(1)]
