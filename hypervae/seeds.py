"""Random seeds: one integer in the config, a stream of its own for every stage, type and shard."""

from __future__ import annotations

import hashlib

import numpy as np


def derive_seed(seed: int, *labels: str | int) -> int:
    """Derive a seed from the config's seed and the labels of what it is for.

    Parameters
    ----------
    seed : int
        The seed in the config.
    labels : str or int
        What the numbers are for, e.g. ``"simulate", "g", 3``. Other labels, other seed.

    Returns
    -------
    int
        In [0, 2**63), the same on every machine and Python version (SHA-256, not ``hash``).
    """
    text = "\x1f".join([str(int(seed)), *(str(label) for label in labels)])
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big") >> 1


def rng(seed: int, *labels: str | int) -> np.random.Generator:
    """A NumPy generator seeded by `derive_seed`."""
    return np.random.default_rng(derive_seed(seed, *labels))
