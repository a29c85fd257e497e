"""Dataclasses of tensors that belong to a batch of jets."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from typing import Any, Self

import torch
from torch import Tensor


@dataclass
class TensorRecord:
    """A dataclass whose fields are tensors, further records, or None; one row a jet.

    A subclass is a dataclass with such fields alone.
    """

    def map(self, function: Callable[[Tensor], Tensor]) -> Self:
        """The same record of other tensors.

        Parameters
        ----------
        function : callable
            Applied to each tensor, also to those of records within this one.

        Returns
        -------
        record
        """
        changed: dict[str, Any] = {}
        for field in fields(self):
            value = getattr(self, field.name)
            if isinstance(value, TensorRecord):
                changed[field.name] = value.map(function)
            elif value is not None:
                changed[field.name] = function(value)
        return replace(self, **changed)

    def tensors(self) -> list[Tensor]:
        """All tensors, those of records within this one included.

        Returns
        -------
        list of tensor
        """
        found: list[Tensor] = []
        for field in fields(self):
            value = getattr(self, field.name)
            if isinstance(value, TensorRecord):
                found += value.tensors()
            elif value is not None:
                found.append(value)
        return found

    def __len__(self) -> int:
        return len(self.tensors()[0])

    def __getitem__(self, rows: slice | Tensor) -> Self:
        """Some jets."""
        return self.map(lambda tensor: tensor[rows])

    def split(self, size: int) -> list[Self]:
        """Parts of at most `size` jets, in their order; they share the memory.

        Parameters
        ----------
        size : int
            Jets of a part.

        Returns
        -------
        list of records
        """
        return [self[start : start + size] for start in range(0, max(len(self), 1), size)]

    def to(self, device: torch.device | str) -> Self:
        """On a device.

        Parameters
        ----------
        device : torch.device | str
            Where it shall be.

        Returns
        -------
        record
        """
        return self.map(lambda tensor: tensor.to(device, non_blocking=True))

    def pin_memory(self) -> Self:
        """In page-locked memory, from which copies to a GPU run beside its work.

        Returns
        -------
        record
        """
        return self.map(lambda tensor: tensor.pin_memory())
