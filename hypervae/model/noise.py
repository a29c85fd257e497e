"""Random numbers that belong to a jet: the same whatever batch, step or process it is in.

A generator that is read batch by batch gives a jet other numbers when the batch size, the
accumulation or the number of processes changes. A number of `JetNoise` is instead a hash of (draw,
jet, place), as in counter-based generators (Salmon et al., SC 2011); the hash is the finalizer of
SplitMix64 (Steele, Lea, Flood, OOPSLA 2014).

Draws are told apart by a number from torch's generator on the CPU. Whoever seeds it before each
batch therefore gets the same draws again, and so does what restores its state to compute a part of
the network again, as gradient checkpointing does.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from hypervae.seeds import SPLITMIX_FIRST, SPLITMIX_INCREMENT, SPLITMIX_SECOND

# SplitMix64's constants as signed 64-bit integers: torch's integers wrap around like unsigned ones.
_INCREMENT, _FIRST, _SECOND = (
    constant - 2**64 for constant in (SPLITMIX_INCREMENT, SPLITMIX_FIRST, SPLITMIX_SECOND)
)


def seed_generators(seed: int, device: torch.device) -> None:
    """Seed the generators of the CPU and of a device, and those of no other device.

    Parameters
    ----------
    seed : int
    device : torch.device
        Where the numbers will be drawn, beside the CPU.
    """
    if device.type == "cpu":  # else a stack of calls is kept for each device that is not there
        torch.default_generator.manual_seed(seed)
    else:
        torch.manual_seed(seed)


class JetNoise:
    """Random numbers for the jets of a batch.

    Parameters
    ----------
    keys : [B] int64, optional
        One number a jet, of its own in the whole sample. Without, torch's generator is read: the
        numbers then belong to the batch.
    """

    def __init__(self, keys: Tensor | None = None):
        self.keys = keys

    def uniform(self, rows: int, *shape: int, like: Tensor) -> Tensor:
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
        if self.keys is None:
            value = torch.rand(rows, *shape, dtype=torch.float64, device=like.device)
        else:
            keys = self.keys.to(like.device)
            copies = torch.arange(rows // len(keys), device=like.device)
            copies = copies.repeat_interleave(len(keys))
            draw = int(torch.randint(2**62, ()))
            base = _mixed(keys.repeat(rows // len(keys)) * _INCREMENT + draw) + copies * _FIRST
            place = torch.arange(math.prod(shape), device=like.device)
            word = _mixed(_mixed(base).unsqueeze(1) + place * _INCREMENT)
            value = ((_shifted(word, 12)).double() + 0.5) * 2.0**-52
            value = value.view(rows, *shape)
        if like.dtype == torch.float64:
            return value.clamp_min(torch.finfo(torch.float64).tiny)
        info = torch.finfo(like.dtype)  # rounding must not reach 1
        return value.to(like.dtype).clamp(info.tiny, 1 - info.eps)

    def normal(self, rows: int, *shape: int, like: Tensor) -> Tensor:
        """Standard normal numbers, as `uniform`.

        Parameters
        ----------
        rows : int
            As many rows.
        like : tensor
            Gives device and type.
        *shape : int
            Of a row.

        Returns
        -------
        [rows, *shape]
        """
        if self.keys is None:
            return torch.randn(rows, *shape, dtype=like.dtype, device=like.device)
        value = self.uniform(rows, *shape, like=like.new_empty(0, dtype=torch.float64))
        return (math.sqrt(2) * torch.erfinv(2 * value - 1)).to(like.dtype)

    def gumbel(self, rows: int, *shape: int, like: Tensor) -> Tensor:
        """Gumbel numbers, as `uniform`.

        Parameters
        ----------
        rows : int
            As many rows.
        like : tensor
            Gives device and type.
        *shape : int
            Of a row.

        Returns
        -------
        [rows, *shape]
        """
        return gumbel(self.uniform(rows, *shape, like=like))


def gumbel(value: Tensor) -> Tensor:
    """Gumbel numbers -ln(-ln u) from uniform ones.

    Parameters
    ----------
    value : [...]
        In (0, 1).

    Returns
    -------
    [...]
    """
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
