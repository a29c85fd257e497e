"""Peak memory of live tensors, whatever the device."""

from __future__ import annotations

import weakref
from typing import Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_iter


class TensorMemory(TorchDispatchMode):
    """Counts the bytes of the storages that operations make within the context, and their peak.

    A storage counts from the operation that makes it until its last tensor is gone, be that tensor
    a variable or kept for the backward pass. What existed before does not count, nor does scratch
    memory within one operation.

    Attributes
    ----------
    now, peak : int
        [bytes]
    """

    def __init__(self) -> None:
        super().__init__()
        self.now = self.peak = 0
        self._known: weakref.WeakSet[torch.UntypedStorage] = weakref.WeakSet()

    def count(self, tensor: torch.Tensor) -> None:
        """Count a tensor's storage, unless it is counted."""
        storage = tensor.untyped_storage()
        if storage in self._known:
            return
        self._known.add(storage)
        size = storage.nbytes()
        self.now += size
        self.peak = max(self.peak, self.now)
        weakref.finalize(storage, self._forget, size)

    def _forget(self, size: int) -> None:
        self.now -= size

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        kwargs = kwargs or {}
        before = {
            id(value.untyped_storage())
            for value in tree_iter((args, kwargs))
            if isinstance(value, torch.Tensor)
        }
        out = func(*args, **kwargs)
        for value in tree_iter(out):
            # views, and results in place, are of memory that was there before
            if isinstance(value, torch.Tensor) and id(value.untyped_storage()) not in before:
                self.count(value)
        return out
