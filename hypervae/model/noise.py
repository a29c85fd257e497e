"""Random numbers that belong to a jet: the same whatever batch, step or process it is in.

A generator that is read batch by batch gives a jet other numbers when the batch size, the
accumulation or the number of processes changes. Within `of_jets` each number is instead a hash of
(draw, jet, place), as in counter-based generators (Salmon et al., SC 2011); the hash is the
finalizer of SplitMix64 (Steele, Lea, Flood, OOPSLA 2014). Outside, torch's own generator is read.

Draws are told apart by a number from torch's generator on the CPU. Whoever seeds it before each
batch therefore gets the same draws again, and so does what restores its state to compute a part of
the network again, as gradient checkpointing does.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor

from hypervae.seeds import SPLITMIX_FIRST, SPLITMIX_SECOND, SPLITMIX_STEP

# SplitMix64's constants as signed 64-bit integers: torch's integers wrap around like unsigned ones.
_STEP, _FIRST, _SECOND = (
    constant - 2**64 for constant in (SPLITMIX_STEP, SPLITMIX_FIRST, SPLITMIX_SECOND)
)

_keys: list[Tensor] = []


def active_keys() -> Tensor | None:
    """The keys of the jets that are drawn for, if any."""
    return _keys[-1] if _keys else None


@contextmanager
def of_jets(keys: Tensor | None) -> Iterator[None]:
    """Draw for the jets of a batch.

    What computes parts of the network again in the backward pass needs this around that, too.

    Parameters
    ----------
    keys : [B] int64
        One number a jet, of its own in the whole sample. None changes nothing.
    """
    if keys is None:
        yield
        return
    _keys.append(keys)
    try:
        yield
    finally:
        _keys.pop()


def uniform(rows: int, *shape: int, like: Tensor) -> Tensor:
    """Uniform numbers in (0, 1).

    Parameters
    ----------
    rows : int
        The jets of the batch, or a multiple of them (then each comes so many times).
    shape : int
        The numbers of a jet in [n, c] do not depend on n: padding changes none.
    like : Tensor
        Gives type and device.

    Returns
    -------
    [rows, *shape]
    """
    if not _keys:
        value = torch.rand(rows, *shape, dtype=torch.float64, device=like.device)
    else:
        keys = _keys[-1].to(like.device)
        copies = torch.arange(rows // len(keys), device=like.device).repeat_interleave(len(keys))
        draw = int(torch.randint(2**62, ()))
        base = _mixed(keys.repeat(rows // len(keys)) * _STEP + draw) + copies * _FIRST
        place = torch.arange(math.prod(shape), device=like.device)
        word = _mixed(_mixed(base).unsqueeze(1) + place * _STEP)
        value = ((_shifted(word, 12)).double() + 0.5) * 2.0**-52
        value = value.view(rows, *shape)
    if like.dtype == torch.float64:
        return value.clamp_min(torch.finfo(torch.float64).tiny)
    info = torch.finfo(like.dtype)  # rounding must not reach 1
    return value.to(like.dtype).clamp(info.tiny, 1 - info.eps)


def normal(rows: int, *shape: int, like: Tensor) -> Tensor:
    """Standard normal numbers, as `uniform`."""
    if not _keys:
        return torch.randn(rows, *shape, dtype=like.dtype, device=like.device)
    value = uniform(rows, *shape, like=like.new_empty(0, dtype=torch.float64))
    return (math.sqrt(2) * torch.erfinv(2 * value - 1)).to(like.dtype)


def gumbel(value: Tensor) -> Tensor:
    """Gumbel numbers -ln(-ln u) from uniform ones."""
    tiny = torch.finfo(value.dtype).tiny
    return -(-(value.clamp_min(tiny)).log()).clamp_min(tiny).log()


def _shifted(word: Tensor, bits: int) -> Tensor:
    """Logical shift to the right, which torch has for no signed type."""
    return (word >> bits) & ((1 << (64 - bits)) - 1)


def _mixed(word: Tensor) -> Tensor:
    """`hypervae.seeds.splitmix64` of signed integers, which torch has operations for."""
    word = (word ^ _shifted(word, 30)) * _FIRST
    word = (word ^ _shifted(word, 27)) * _SECOND
    return word ^ _shifted(word, 31)
