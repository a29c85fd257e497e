"""Kernels that start at once."""

from __future__ import annotations

from typing import Any


def start_kernels_at_once() -> None:
    """Import no more of numba than running what is compiled needs, for the rest of this process.

    Two things cost more CPU time than a job of one shard works: before its first kernel numba
    imports every installed package that has types for it, here awkward and vector (with them
    sympy), of which no kernel of HyperVAE knows; and before it looks into its cache it imports all
    that it would compile with (with it scipy.linalg). That is left to when something must be
    compiled, which begins with the same imports. For commands alone: in a Python session of the
    user's there may be other kernels. These are private names of numba's; a test holds that they
    work.
    """
    from numba.core import caching, entrypoints
    from numba.core.runtime import rtsys

    entrypoints._already_initialized = True

    def load_overload(self: Any, signature: Any, context: Any) -> Any:
        rtsys.initialize(context)  # arrays made within kernels
        with self._guard_against_spurious_io_errors():
            return self._load_overload(signature, context)

    caching.Cache.load_overload = load_overload
