"""Projected N-point energy correlators and the N-point hypergraph of jets."""
