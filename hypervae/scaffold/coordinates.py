"""The numbers that a scaffold is made of: names, meaning, and which of them are integers.

A jet of N particles is clustered by exclusive kT with winner-takes-all recombination (Catani et
al., Nucl. Phys. B 406 (1993) 187; Bertolini, Chan, Thaler, arXiv:1310.7584). The axis that survives
to the end is node 0; the axis that is lost when i + 1 subjets become i is node i, and the axis into
which it merges is its parent. Nodes 0 to i - 1 are therefore the axes of the N-subjettiness tau_i
(Thaler, Van Tilburg, arXiv:1011.2268) with winner-takes-all kT axes.

Each particle belongs to the nearest axis, so that with beta = 1 the sum over the K subjets of
f_k = z_k w_k is tau_K: z_k the subjet's share of the pT, w_k the mean distance of its particles to
its axis. The ratios of tau_1 to tau_K, the shares z and f and the mass say how far apart the axes
are, so that what metrics look at has coordinates of its own. The distances themselves are
coordinates, too: one number more than there are, so that none of a drawn scaffold is far off when
the others are a little.

With a radius in the layout all of this is in the plane unfolded near it
(`hypervae.scaffold.edges`), where tau_N is that of the jet but for what lies beyond the knee.

Within a subjet of three or more particles a second axis says where its particles gather: the one
that lowers the subjet's tau most when each particle belongs to the nearer of the two. So a subjet
has two cells, that of its own axis and that of the second one, with six numbers that are alike for
all subjets (`hypervae.scaffold.second_axes`).
"""

from __future__ import annotations

import functools
from dataclasses import dataclass, replace


@dataclass(frozen=True)
class Coordinate:
    """One number of a scaffold.

    Attributes
    ----------
    name : str
    meaning : str
    integer : bool
        Whether it takes whole numbers only.
    """

    name: str
    meaning: str
    integer: bool = False


_OF_JET = (
    Coordinate("ln_sum_ptrel", "ln of the kept particles' summed ptrel"),
    Coordinate("centroid_x", "pT-weighted centroid about the jet axis, along node 0 to node 1"),
    Coordinate("centroid_y", "the same, across"),
    Coordinate("multiplicity", "number of kept particles", integer=True),
    Coordinate("theta", "angle of node 0 to node 1 against etarel, in [0, pi) by the mirrors"),
    Coordinate("mirror_eta", "1 where etarel and the jet's eta were mirrored", integer=True),
    Coordinate("mirror_phi", "1 where phirel was mirrored", integer=True),
    Coordinate("ln_jet_pt", "ln of the full jet's pT [GeV]"),
    Coordinate("jet_eta", "the full jet's eta, after the mirror"),
    Coordinate("ln_mass", "ln of the kept particles' mass over the full jet's pT"),
    Coordinate("ln_mass_ratio", "ln of the full jet's mass over that of the kept particles"),
)


#: Of a second axis, in units of the subjet's width; a number follows each name.
_OF_SECOND_AXIS = (
    Coordinate("logit_moment", "logit of the second cell's part of the subjet's tau"),
    Coordinate("ln_reach_second", "ln of its particles' mean distance to the subjet's own axis"),
    Coordinate("ln_narrowing", "ln of their mean distance to the second axis over the above"),
    Coordinate("ln_reach_over_hop", "ln of the above over the distance between the two axes"),
    Coordinate("hop_angle", "direction of the second axis from the first, in the jet's frame"),
    Coordinate("count_second", "particles of the second cell", integer=True),
)


@dataclass(frozen=True)
class Layout:
    """Which scaffold.

    Attributes
    ----------
    subjets : int
        At least 2.
    second_axes : bool
        Whether subjets have a second axis.
    radius : float or None
        Of the jets: lengths are those of the plane unfolded about it, in which jets have no edge;
        None: as they are.
    borders: bool
        Whether subjets are unfolded about their axes (`hypervae.scaffold.border`), so that their
        particles are nearer to these than to the others.
    edge : str
        Which unfolding about the radius: a name of `hypervae.scaffold.edges.registry`.
    """

    subjets: int
    second_axes: bool = True
    radius: float | None = None
    borders: bool = False
    edge: str = "isotropic"

    @property
    def cells(self) -> int:
        """Parts of a jet that have an axis: one a subjet, or two."""
        return self.subjets * (1 + self.second_axes)

    @property
    def alike(self) -> tuple[int, int]:
        """How many groups of coordinates at the end are alike, and the size of each."""
        return (self.subjets, len(_OF_SECOND_AXIS)) if self.second_axes else (0, 0)


#: Positions of the coordinates of the jet as a whole, the first of any scaffold.
OF_JET = {coordinate.name: place for place, coordinate in enumerate(_OF_JET)}


@functools.cache
def coordinates(layout: Layout) -> tuple[Coordinate, ...]:
    """The coordinates of a scaffold, in the order of every array [n, len(coordinates)].

    Parameters
    ----------
    layout : Layout
        Of the scaffold.

    Returns
    -------
    tuple of Coordinate
    """
    found, last = list(_OF_JET), layout.subjets
    for i in range(1, last):
        found += [
            Coordinate(f"ln_tau{i + 1}{i}", f"ln of tau_{i + 1} / tau_{i}"),
            Coordinate(
                f"ln_reach{i}",
                f"ln of the distance of what is nearest to node {i} to the nodes before it, over "
                f"the distance of node {i} to its parent",
            ),
            Coordinate(f"ln_distance{i}", f"ln of the distance of node {i} to its parent"),
            Coordinate(f"ln_z{i}", f"ln of subjet {i}'s share of the pT over its parent's"),
            Coordinate(
                f"ln_f{i}", f"ln of subjet {i}'s share of tau_{layout.subjets} over subjet 0's"
            ),
            Coordinate(f"count{i}", f"particles of subjet {i}", integer=True),
        ]
        if i > 1:
            found += [
                Coordinate(f"phi{i}", f"direction of node {i} from its parent, see `reference`"),
                Coordinate(f"parent{i}", f"node into which node {i} merges", integer=True),
            ]
    for i in range(layout.alike[0]):
        found += [replace(one, name=f"{one.name}{i}") for one in _OF_SECOND_AXIS]
    return tuple(found)


@functools.cache
def columns(layout: Layout) -> dict[str, int]:
    """Position of each coordinate by its name.

    Parameters
    ----------
    layout : Layout
        Of the scaffold.

    Returns
    -------
    dict of str to int
    """
    return {coordinate.name: place for place, coordinate in enumerate(coordinates(layout))}


def parts_first(layout: Layout) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """An order in which the parts of a jet come before what they add up to.

    The shares, distances and widths of the last subjets say what tau, mass, centroid and summed pT
    are to a few percent, and not the other way round: a network that predicts one number after the
    other has to find the sums of numbers that it knows, not parts of a sum that all fit together.

    Parameters
    ----------
    layout : Layout
        Of the scaffold.

    Returns
    -------
    order : tuple of int
        Positions of the coordinates outside the second axes: the last ones first.
    within : tuple of int
        Of each second axis, counted from its first: the count before all, the angle after all.
    """
    number, size = layout.alike
    outside = len(coordinates(layout)) - number * size
    names = [one.name for one in _OF_SECOND_AXIS[:size]]
    rank = {"count_second": -1, "hop_angle": 1}
    within = sorted(range(size), key=lambda place: (rank.get(names[place], 0), -place))
    return tuple(reversed(range(outside))), tuple(within)
