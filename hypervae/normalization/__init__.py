"""Merged correlator tables and feature scales of a model."""

from hypervae.normalization.normalization import Normalization
from hypervae.normalization.scaler import Scaler

__all__ = ["Normalization", "Scaler"]
