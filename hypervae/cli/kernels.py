"""Kernels that start at once."""

from __future__ import annotations


def skip_numba_extensions() -> None:
    """Leave out what other packages add to numba, for the rest of this process.

    Before its first kernel numba imports every installed package that has types for it, here
    awkward and vector (with them sympy), more than half of the CPU time of a job of one shard. No
    kernel of HyperVAE has such types. For commands alone: in a Python session of the user's there
    may be kernels that have. It is a private name of numba's (a test holds that it works).
    """
    from numba.core import entrypoints

    entrypoints._already_initialized = True
