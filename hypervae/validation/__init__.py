"""`hypervae validate`: check any file of HyperVAE and say what is in it."""

from hypervae.validation.validate import validate_file

__all__ = ["validate_file"]
