"""Optimizers: the registry of their names, and those that torch has not."""
