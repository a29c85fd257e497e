"""The numbers that a scaffold is made of: names, meaning, and which of them are integers.

A jet of N particles is clustered by exclusive kT with winner-takes-all recombination (Catani et
al., Nucl. Phys. B 406 (1993) 187; Bertolini, Chan, Thaler, arXiv:1310.7584). The axis that survives
to the end is node 0; the axis that is lost when i + 1 subjets become i is node i, and the axis into
which it merges is its parent. Nodes 0 to i - 1 are therefore the axes of the N-subjettiness tau_i
(Thaler, Van Tilburg, arXiv:1011.2268) with winner-takes-all kT axes.

Each particle belongs to the nearest axis, so that with beta = 1 the sum over subjets of z_k w_k is
tau_3: z_k the subjet's share of the pT, w_k the mean distance of its particles to its axis.
"""

from __future__ import annotations

from dataclasses import dataclass

#: Subjets of a scaffold.
SUBJETS = 3


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


#: In this order in every array of coordinates [n, len(COORDINATES)].
COORDINATES = (
    Coordinate("ln_sum_ptrel", "logarithm of the kept particles' summed ptrel"),
    Coordinate("centroid_x", "pT-weighted centroid about the jet axis, along node 0 to node 1"),
    Coordinate("centroid_y", "the same, across"),
    Coordinate("ln_mass", "logarithm of the kept particles' mass over the jet's pT"),
    Coordinate("ln_tau21", "logarithm of tau_2 / tau_1"),
    Coordinate("ln_tau32", "logarithm of tau_3 / tau_2"),
    Coordinate("ln_reach1", "ln of subjet 1's mean distance to node 0 over that of its axis"),
    Coordinate("ln_reach2", "ln of subjet 2's mean distance to its parent over that of its axis"),
    Coordinate("multiplicity", "number of kept particles", integer=True),
    Coordinate("theta", "angle of node 0 to node 1 against etarel, in [0, pi) by the mirrors"),
    Coordinate("mirror_eta", "1 where etarel and the jet's eta were mirrored", integer=True),
    Coordinate("mirror_phi", "1 where phirel was mirrored", integer=True),
    Coordinate("ln_jet_pt", "logarithm of the full jet's pT [GeV]"),
    Coordinate("jet_eta", "the full jet's eta, after the mirror"),
    Coordinate("ln_mass_ratio", "logarithm of the full jet's mass over the kept particles'"),
    Coordinate("ln_z1", "logarithm of subjet 1's share of the pT over subjet 0's"),
    Coordinate("ln_f1", "logarithm of subjet 1's share of tau_3 over subjet 0's"),
    Coordinate("count1", "particles of subjet 1", integer=True),
    Coordinate("ln_z2", "logarithm of subjet 2's share of the pT over its parent's"),
    Coordinate("ln_f2", "logarithm of subjet 2's share of tau_3 over subjet 0's"),
    Coordinate("count2", "particles of subjet 2", integer=True),
    Coordinate("phi2", "angle between parent to node 2 and parent to the other node, in [0, pi]"),
    Coordinate("parent2", "parent of node 2: 0 or 1", integer=True),
)

NAMES = tuple(coordinate.name for coordinate in COORDINATES)
#: Position of each coordinate by its name.
COLUMN = {name: column for column, name in enumerate(NAMES)}
