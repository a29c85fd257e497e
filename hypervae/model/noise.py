"""Random numbers that belong to a jet: the same whatever batch, step or process it is in.

A generator that is read batch by batch gives a jet other numbers when the batch size, the
accumulation or the number of processes changes. Here number k of stream s of a jet is a hash of
(seed, jet, s, k), as counter-based generators do it (Salmon et al., SC 2011); the hash is
SplitMix64's finalizer (Steele, Lea, Flood, OOPSLA 2014).
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

# SplitMix64's constants as signed 64-bit integers: torch's integers wrap around like unsigned ones.
_STEP = 0x9E3779B97F4A7C15 - 2**64
_FIRST = 0xBF58476D1CE4E5B9 - 2**64
_SECOND = 0x94D049BB133111EB - 2**64


def _shifted(word: Tensor, bits: int) -> Tensor:
    """Logical shift to the right, which torch has for no signed type."""
    return (word >> bits) & ((1 << (64 - bits)) - 1)


def mixed(word: Tensor) -> Tensor:
    """SplitMix64's finalizer: a bijection of 64-bit integers without visible structure."""
    word = (word ^ _shifted(word, 30)) * _FIRST
    word = (word ^ _shifted(word, 27)) * _SECOND
    return word ^ _shifted(word, 31)


class JetNoise:
    """Random numbers for the jets of a batch.

    Parameters
    ----------
    keys : [B] int64
        One number a jet, of its own in the whole sample.
    seed : int
        E.g. of the epoch; see `hypervae.seeds.derive_seed`.
    """

    def __init__(self, keys: Tensor, seed: int):
        self.keys = mixed(keys * _STEP + mixed(torch.tensor(_signed(seed), device=keys.device)))
        self.stream = 0

    def uniform(self, *shape: int, dtype: torch.dtype = torch.float32) -> Tensor:
        """[B, *shape] numbers in (0, 1), from the next stream.

        The numbers of a jet in [B, n, c] do not depend on n: padding changes none.
        """
        self.stream += 1
        count = math.prod(shape)
        place = torch.arange(count, device=self.keys.device)
        base = mixed(self.keys + _signed(self.stream * _FIRST))
        word = mixed(base.unsqueeze(1) + place * _STEP)
        # 52 bits and a half: never 0 nor 1 in double precision
        value = (_shifted(word, 12).double() + 0.5) * 2.0**-52
        if dtype != torch.float64:  # rounding must not reach 1
            value = value.to(dtype).clamp(torch.finfo(dtype).tiny, 1 - torch.finfo(dtype).eps)
        return value.view(len(self.keys), *shape)

    def normal(self, *shape: int, dtype: torch.dtype = torch.float32) -> Tensor:
        """[B, *shape] standard normal numbers, from the next stream."""
        uniform = self.uniform(*shape, dtype=torch.float64)
        return (math.sqrt(2) * torch.erfinv(2 * uniform - 1)).to(dtype)

    def gumbel(self, *shape: int, dtype: torch.dtype = torch.float32) -> Tensor:
        """[B, *shape] Gumbel numbers, -ln(-ln u), from the next stream."""
        return (-(-self.uniform(*shape, dtype=torch.float64).log()).log()).to(dtype)


def _signed(seed: int) -> int:
    """A 64-bit number as a signed one."""
    seed %= 2**64
    return seed - 2**64 if seed >= 2**63 else seed
