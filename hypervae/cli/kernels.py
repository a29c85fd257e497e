"""How compiled kernels start, in a process that runs one command."""

from __future__ import annotations

import contextlib
import importlib.abc
import importlib.machinery
import importlib.util
import logging
import os
import sys
from collections.abc import Sequence
from types import ModuleType
from typing import Any

_CACHING = "numba.core.caching"
_LOG = logging.getLogger(__name__)


def forgive_caches() -> None:
    """A cache of kernels that cannot be read or written costs the time to compile, and no more.

    Numba ends with an error where the disk of the cache is full or fails, which need not be that of
    the results, and at each command where a file of the cache is damaged. It is changed once it is
    imported, which few commands do. These are private names of numba's; a test holds that they
    work.
    """
    if _CACHING in sys.modules:
        _forgive(sys.modules[_CACHING])
    elif not any(isinstance(one, _WhenImported) for one in sys.meta_path):
        sys.meta_path.insert(0, _WhenImported())


class _WhenImported(importlib.abc.MetaPathFinder):
    """Finds numba's module of caches as ever, once, and changes it."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        """See `importlib.abc.MetaPathFinder`."""
        if fullname != _CACHING:
            return None
        sys.meta_path.remove(self)
        spec = importlib.util.find_spec(fullname)
        if spec is not None and spec.loader is not None:
            execute = spec.loader.exec_module

            def exec_module(module: ModuleType) -> None:
                execute(module)
                _forgive(module)

            spec.loader.exec_module = exec_module  # type: ignore[method-assign]
        return spec


def _forgive(module: Any) -> None:
    cache = module.Cache
    load, save = cache._load_overload, cache._save_overload
    if getattr(load, "forgiving", False):
        return

    def load_overload(self: Any, signature: Any, context: Any) -> Any:
        try:
            return load(self, signature, context)
        except Exception as error:  # whatever a damaged pickle raises
            _LOG.debug("%s: not read: %r", self.cache_path, error)
            with contextlib.suppress(OSError):
                os.unlink(self._cache_file._index_path)  # or it could not be written anew
            return None

    def save_overload(self: Any, signature: Any, data: Any) -> None:
        try:
            save(self, signature, data)
        except OSError as error:
            _LOG.debug("%s: not written: %s", self.cache_path, error)

    load_overload.forgiving = True  # type: ignore[attr-defined]
    cache._load_overload, cache._save_overload = load_overload, save_overload


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
