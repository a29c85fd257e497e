"""The terms of the loss, each a small function, and their sum."""

from hypervae.model.losses.terms import TERMS, LossTerms, total_loss

__all__ = ["TERMS", "LossTerms", "total_loss"]
