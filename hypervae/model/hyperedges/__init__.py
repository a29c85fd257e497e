"""How the hyperedges of a jet are encoded: rules, the branch, and its chunked form."""

from hypervae.model.hyperedges.branch import TokenBranch
from hypervae.model.hyperedges.rules import choose_mode, number_of_sets

__all__ = ["TokenBranch", "choose_mode", "number_of_sets"]
