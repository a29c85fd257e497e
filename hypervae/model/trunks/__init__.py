"""Trunks of the network that moves the particles of the hierarchical decoder."""
