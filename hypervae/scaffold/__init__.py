"""The subjet scaffold of a jet: axes and widths as numbers, and particles in their units."""
