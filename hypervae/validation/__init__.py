"""Checks: of any file (`validate`), and of the equivariance of networks (`equivariance`)."""
