"""Equivariance of trained models, measured."""
