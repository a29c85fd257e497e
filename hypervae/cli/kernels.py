"""How compiled kernels start, in a process that runs one command."""

from __future__ import annotations

import sys
from typing import Any


def start_kernels_at_once() -> None:
    """Import no more of numba than running what is compiled needs, for the rest of this process.

    Three things cost more CPU time than a job of one shard works. Before its first kernel numba
    imports every installed package that has types for it, here awkward and vector (with them
    sympy), of which no kernel of HyperVAE knows. Before it looks into its cache it imports all that
    it would compile with (with it scipy.linalg). And with a kernel it imports the modules of all
    functions that were compiled into it, whose names in Python compiled code never looks up. All
    that is left to when something must be compiled, which begins with the same imports. For
    commands alone: in a Python session of the user's there may be other kernels. These are private
    names of numba's; a test holds that they work.
    """
    from numba.core import caching, entrypoints, environment
    from numba.core.runtime import rtsys

    entrypoints._already_initialized = True

    def load_overload(self: Any, signature: Any, context: Any) -> Any:
        rtsys.initialize(context)  # arrays made within kernels
        with self._guard_against_spurious_io_errors():
            return self._load_overload(signature, context)

    if getattr(caching.Cache.load_overload, "at_once", False):  # by an earlier command
        return
    rebuild = environment._rebuild_env

    def rebuild_env(module: str, constants: Any, name: str) -> Any:
        if constants or module in sys.modules or not module.startswith("numba."):
            return rebuild(module, constants, name)
        found = environment.lookup_environment(name)
        if found is None:
            found = environment.Environment({"__name__": module})
            found.env_name = name
            environment.Environment._memo[name] = found
        return found

    load_overload.at_once = True  # type: ignore[attr-defined]
    caching.Cache.load_overload = load_overload
    environment._rebuild_env = rebuild_env
