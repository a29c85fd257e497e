"""Random seeds: one integer in the config, a stream of its own for every stage, type and shard."""

from __future__ import annotations

import hashlib

import numpy as np
from numpy.typing import NDArray

#: Constants of SplitMix64 (Steele, Lea, Flood, OOPSLA 2014): its increment, those of `splitmix64`.
SPLITMIX_INCREMENT = 0x9E3779B97F4A7C15
SPLITMIX_FIRST = 0xBF58476D1CE4E5B9
SPLITMIX_SECOND = 0x94D049BB133111EB


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
    """A NumPy generator, seeded from the config's seed.

    Parameters
    ----------
    seed, labels
        See `derive_seed`.

    Returns
    -------
    np.random.Generator
    """
    return np.random.default_rng(derive_seed(seed, *labels))


def splitmix64(word: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """The finalizer of SplitMix64: a bijection of 64-bit integers without visible structure.

    Source: Steele, Lea, Flood, OOPSLA 2014. Products wrap around.

    Parameters
    ----------
    word : [...] uint64

    Returns
    -------
    [...] uint64
    """
    word = (word ^ (word >> np.uint64(30))) * np.uint64(SPLITMIX_FIRST)
    word = (word ^ (word >> np.uint64(27))) * np.uint64(SPLITMIX_SECOND)
    return word ^ (word >> np.uint64(31))
