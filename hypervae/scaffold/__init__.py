"""The subjet scaffold of a jet: its axes and widths as numbers, and the particles in their units."""

from hypervae.scaffold.analysis import ScaffoldedJets, analyse
from hypervae.scaffold.coordinates import COORDINATES, SUBJETS

__all__ = ["COORDINATES", "SUBJETS", "ScaffoldedJets", "analyse"]
