"""From jets to their scaffolds, and to particles in units of their subjets."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hypervae.scaffold.clustering import winner_takes_all_axes
from hypervae.scaffold.coordinates import COLUMN, NAMES, SUBJETS

# Lengths and masses below these (in radians, and over the jet's pT) are no longer told apart.
_SHORTEST = 1e-5
_LIGHTEST = 1e-4


@dataclass(frozen=True)
class ScaffoldedJets:
    """Jets as scaffolds, and their particles in units of their subjets.

    Particles are ordered by subjet, the axis first, then by falling pT.

    Attributes
    ----------
    coordinates : [n, len(COORDINATES)] float64
        NaN where a jet has no such number: widths of subjets of one particle, nodes that are
        missing in jets of fewer than three particles.
    offsets : [n, P, 2] float32
        Distance to the axis of the subjet in units of the subjet's width, in the jet's own frame.
    ln_share : [n, P] float32
        Logarithm of the share of the subjet's pT.
    counts : [n, SUBJETS] int64
        Particles of each subjet.
    """

    coordinates: NDArray[np.float64]
    offsets: NDArray[np.float32]
    ln_share: NDArray[np.float32]
    counts: NDArray[np.int64]


def mass_over_pt(positions: NDArray[np.floating], ptrel: NDArray[np.floating]) -> NDArray:
    """Mass of massless particles over the pT of the jet.

    Parameters
    ----------
    positions : [n, P, 2]
        (etarel, phirel).
    ptrel : [n, P]
        0 where masked.

    Returns
    -------
    [n] float64
        m^2 = 2 sum over pairs of p_i p_j (cosh(d eta) - cos(d phi)) in differences of the particles
        to the first one, which loses no digits in collimated jets.
    """
    positions = positions.astype(np.float64)
    away = positions - positions[:, :1]
    # cosh x - 1 = 2 sinh^2(x / 2), and the like: sums of small numbers, not differences of large
    rest = 2 * np.sinh(away[..., 0] / 2) ** 2
    fall = 2 * np.sin(away[..., 1] / 2) ** 2
    energy, along, across, beam = (
        (ptrel * value).sum(1)
        for value in (rest, fall, np.sin(away[..., 1]), np.sinh(away[..., 0]))
    )
    total = ptrel.sum(1)
    # (total + energy)^2 - (total - along)^2 - across^2 - beam^2
    squared = (energy + along) * (2 * total + energy - along) - across**2 - beam**2
    return np.sqrt(np.maximum(squared, 0.0))


def analyse(
    particles: NDArray[np.floating], jets: NDArray[np.floating]
) -> ScaffoldedJets:
    """Find the scaffold of jets, and their particles in its units.

    Parameters
    ----------
    particles : [n, P, 4]
        (etarel, phirel, ptrel, mask), sorted by falling ptrel; at least one particle a jet.
    jets : [n, 4]
        (pt [GeV], eta, mass [GeV], number) of the full jets.

    Returns
    -------
    ScaffoldedJets
    """
    counts = particles[..., 3].sum(1).astype(np.int64)
    mask = np.arange(particles.shape[1]) < counts[:, None]
    positions = np.where(mask[..., None], particles[..., :2], 0.0).astype(np.float64)
    weight = np.where(mask, particles[..., 2], 0.0).astype(np.float64)
    axes, parents = winner_takes_all_axes(
        positions[..., 0], positions[..., 1], weight, counts, SUBJETS
    )
    nodes = np.take_along_axis(positions, np.maximum(axes, 0)[..., None], axis=1)
    subjet = _nearest_axis(positions, nodes, axes, mask)
    order = _by_subjet(subjet, axes, mask)
    positions, weight, subjet, mask = (
        np.take_along_axis(values, order[..., None] if values.ndim == 3 else order, axis=1)
        for values in (positions, weight, subjet, mask)
    )
    frame = _Frame.of(positions, weight, nodes, parents, jets[:, 1].astype(np.float64), counts)
    # of the positions as they are: a mass is not the same when the jet is turned about its axis
    mass = np.maximum(mass_over_pt(positions, weight), _LIGHTEST)
    return _in_frame(frame, weight, subjet, mask, parents, jets.astype(np.float64), mass)


def _nearest_axis(
    positions: NDArray, nodes: NDArray, axes: NDArray[np.int64], mask: NDArray[np.bool_]
) -> NDArray[np.int64]:
    """[n, P] subjet of each particle; each axis belongs to itself, also where two coincide."""
    distance = np.linalg.norm(positions[:, :, None] - nodes[:, None], axis=-1)
    distance = np.where((axes >= 0)[:, None], distance, np.inf)
    subjet = distance.argmin(-1)
    rows = np.arange(len(axes))
    for node in range(SUBJETS - 1, -1, -1):
        there = axes[:, node] >= 0
        subjet[rows[there], axes[there, node]] = node
    return np.where(mask, subjet, SUBJETS)


def _by_subjet(
    subjet: NDArray[np.int64], axes: NDArray[np.int64], mask: NDArray[np.bool_]
) -> NDArray[np.int64]:
    """[n, P] order of the particles: by subjet, the axis first, then as they are."""
    slots = subjet.shape[1]
    is_axis = (axes[:, :, None] == np.arange(slots)).any(axis=1)
    key = subjet * (slots + 1) + np.where(is_axis, 0, 1 + np.arange(slots))
    return np.argsort(np.where(mask, key, key + slots), axis=1, kind="stable")


@dataclass(frozen=True)
class _Frame:
    """Jets in their own frame: node 1 along +x of node 0, node 2 at y > 0 of its parent.

    Attributes
    ----------
    positions : [n, P, 2]
        Of the particles, about node 0.
    nodes : [n, SUBJETS, 2]
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
        counts: NDArray[np.int64],
    ) -> _Frame:
        """Turn and mirror jets; those of one particle have no direction and stay as they are."""
        along = nodes[:, 1] - nodes[:, 0]
        theta = np.where(counts > 1, np.arctan2(along[:, 1], along[:, 0]), 0.0)
        cosine, sine = np.cos(theta), np.sin(theta)
        turn = np.stack([np.stack([cosine, sine], -1), np.stack([-sine, cosine], -1)], axis=1)
        edge = nodes[:, 2] - np.take_along_axis(nodes, parents[:, 2, None, None], axis=1)[:, 0]
        across = -sine * edge[:, 0] + cosine * edge[:, 1]
        flip = np.where((across < 0) & (counts > 2), -1.0, 1.0)
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


def _in_frame(
    frame: _Frame,
    weight: NDArray[np.float64],
    subjet: NDArray[np.int64],
    mask: NDArray[np.bool_],
    parents: NDArray[np.int64],
    jets: NDArray[np.float64],
    mass: NDArray[np.float64],
) -> ScaffoldedJets:
    """Coordinates and shapes of jets that are ordered by subjet and in their frame."""
    take = np.take_along_axis
    member = (subjet[..., None] == np.arange(SUBJETS)).astype(np.float64)
    counts = member.sum(1).astype(np.int64)
    total = weight.sum(1)
    ptrel = weight / total[:, None]
    near = np.minimum(subjet, SUBJETS - 1)
    share = np.einsum("np,npk->nk", ptrel, member)
    local = frame.positions - take(frame.nodes, near[..., None], axis=1)
    moment = np.einsum("np,npk->nk", ptrel * np.linalg.norm(local, axis=-1) * mask, member)
    with np.errstate(divide="ignore", invalid="ignore"):
        width = np.where(counts > 1, moment / share, np.nan)
        ln_share = np.log(ptrel) - np.log(take(share, near, axis=1))
    unit = np.maximum(np.nan_to_num(take(width, near, axis=1), nan=1.0), _SHORTEST)
    columns = _columns(frame, ptrel, share, np.maximum(width, _SHORTEST), counts, parents)
    columns |= {
        "ln_sum_ptrel": np.log(total),
        "ln_mass": np.log(mass),
        "ln_jet_pt": np.log(jets[:, 0]),
        "ln_mass_ratio": np.log(np.maximum(jets[:, 2] / jets[:, 0], _LIGHTEST) / mass),
    }
    coordinates = np.stack([np.asarray(columns[name], dtype=np.float64) for name in NAMES], axis=1)
    return ScaffoldedJets(
        coordinates,
        (local / unit[..., None] * mask[..., None]).astype(np.float32),
        np.where(mask, ln_share, 0.0).astype(np.float32),
        counts,
    )


def _columns(
    frame: _Frame,
    ptrel: NDArray[np.float64],
    share: NDArray[np.float64],
    width: NDArray[np.float64],
    counts: NDArray[np.int64],
    parents: NDArray[np.int64],
) -> dict[str, NDArray]:
    """The coordinates that describe the subjets."""
    own = parents[:, 2] == 0  # node 2 hangs on node 0, not on node 1
    edge = frame.nodes - np.take_along_axis(frame.nodes, parents[..., None], axis=1)
    distance = np.maximum(np.linalg.norm(edge, axis=-1), _SHORTEST)
    far = np.linalg.norm(frame.positions[:, :, None] - frame.nodes[:, None], axis=-1)
    f = np.where(counts > 1, np.nan_to_num(share * width), 0.0)
    tau1, tau2, tau3 = (ptrel * far[..., 0]).sum(1), (ptrel * far[..., :2].min(-1)).sum(1), f.sum(1)
    columns: dict[str, NDArray] = {
        "centroid_x": frame.centroid[:, 0],
        "centroid_y": frame.centroid[:, 1],
        "theta": frame.theta,
        "mirror_eta": frame.mirrors[:, 0],
        "mirror_phi": frame.mirrors[:, 1],
        "jet_eta": frame.eta,
        "multiplicity": counts.sum(1),
        "count1": counts[:, 1],
        "count2": counts[:, 2],
        "parent2": parents[:, 2],
    }
    with np.errstate(divide="ignore", invalid="ignore"):
        # how much farther than its axis a subjet lies from what it would belong to without it
        reach2 = np.maximum(tau2 - f[:, 0] - f[:, 1], 1e-9) / share[:, 2]
        reach1 = np.maximum(tau1 - f[:, 0] - own * share[:, 2] * reach2, 1e-9)
        reach1 = reach1 / (share[:, 1] + ~own * share[:, 2])
        columns["ln_tau21"], columns["ln_tau32"] = np.log(tau2 / tau1), np.log(tau3 / tau2)
        columns["ln_reach1"] = np.log(reach1 / distance[:, 1])
        columns["ln_reach2"] = np.log(reach2 / distance[:, 2])
        columns["ln_z1"] = np.log(share[:, 1] / share[:, 0])
        over = np.take_along_axis(share, parents[:, 2:], axis=1)[:, 0]
        columns["ln_z2"] = np.log(share[:, 2] / over)
        # a node 0 that stands alone has no width: that of the others stands in
        wide = counts > 1
        mean_width = (np.where(wide, width, 0.0)).sum(1) / wide.sum(1)
        reference = np.where(wide[:, 0], f[:, 0], share[:, 0] * mean_width)
        for node in (1, 2):
            columns[f"ln_f{node}"] = np.log(share[:, node] * width[:, node] / reference)
    base = np.take_along_axis(frame.nodes, parents[:, 2, None, None], axis=1)[:, 0]
    to_other = np.where(own[:, None], frame.nodes[:, 1], frame.nodes[:, 0]) - base
    cross = to_other[:, 0] * edge[:, 2, 1] - to_other[:, 1] * edge[:, 2, 0]
    columns["phi2"] = np.abs(np.arctan2(cross, (to_other * edge[:, 2]).sum(-1)))
    return _without_missing(columns, counts)


def _without_missing(
    columns: dict[str, NDArray], counts: NDArray[np.int64]
) -> dict[str, NDArray]:
    """NaN where a number says nothing about the jet."""
    particles = counts.sum(1)
    needs = {
        "ln_tau21": particles > 2,
        "ln_tau32": (particles > 3) & (counts > 1).any(axis=1),
        "ln_reach1": particles > 2,
        "ln_reach2": (particles > 2) & (counts[:, 2] > 1),
        "ln_z1": particles > 1,
        "ln_f1": counts[:, 1] > 1,
        "count1": particles > 2,
        "ln_z2": particles > 2,
        "ln_f2": counts[:, 2] > 1,
        "count2": particles > 2,
        "phi2": particles > 2,
        "parent2": particles > 2,
    }
    for name, there in needs.items():
        values = np.asarray(columns[name], dtype=np.float64)
        columns[name] = np.where(there & np.isfinite(values), values, np.nan)
    return columns


def column(coordinates: NDArray, name: str) -> NDArray:
    """One coordinate [n] of an array [n, len(COORDINATES)]."""
    return coordinates[:, COLUMN[name]]
