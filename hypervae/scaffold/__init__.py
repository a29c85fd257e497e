"""The subjet scaffold of a jet: axes and widths as numbers, and particles in their units."""

from hypervae.scaffold.analysis import ScaffoldedJets, analyse
from hypervae.scaffold.assembly import assemble, jet_features
from hypervae.scaffold.coordinates import Layout, coordinates
from hypervae.scaffold.geometry import Scaffold, scaffold_of, slots_of

__all__ = [
    "Layout",
    "Scaffold",
    "ScaffoldedJets",
    "analyse",
    "assemble",
    "coordinates",
    "jet_features",
    "scaffold_of",
    "slots_of",
]
