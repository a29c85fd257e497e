"""Jets as hypergraphs: PyG ``Data`` for users, and the incidence of particles and hyperedges."""

from hypervae.hypergraph.dataset import HypergraphDataset
from hypervae.hypergraph.incidence import edge_index, hyperedge_index

__all__ = ["HypergraphDataset", "edge_index", "hyperedge_index"]
