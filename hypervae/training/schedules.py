"""What changes during training, as functions of progress in [0, 1]."""

from __future__ import annotations

import math


def learning_rate_factor(progress: float, warmup: float, schedule: str = "cosine") -> float:
    """Linear rise over the fraction `warmup`, then ``cosine`` or ``constant``.

    The cosine is half of one, down to a hundredth (Loshchilov, Hutter, arXiv:1608.03983).
    """
    if progress < warmup:
        return max(progress / warmup, 1e-3)
    if schedule == "constant":
        return 1.0
    rest = (progress - warmup) / max(1 - warmup, 1e-9)
    return 0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * min(rest, 1.0)))


def kl_factor(progress: float, warmup: float, schedule: str = "linear", cycles: int = 4) -> float:
    """Annealing of the KL weight: a linear rise to 1, then 1.

    ``linear`` rises once, over the fraction `warmup` of the training (Bowman et al.,
    arXiv:1511.06349); ``cyclical`` starts `cycles` times from 0 and each time rises over the
    fraction `warmup` of the cycle (Fu et al., arXiv:1903.10145; their R is `warmup`).
    """
    if schedule == "cyclical" and progress < 1:
        progress = (progress * cycles) % 1.0
    return 1.0 if warmup <= 0 else min(progress / warmup, 1.0)


def temperature(progress: float, first: float, last: float) -> float:
    """Geometric descent of the Gumbel-softmax temperature (Jang et al., arXiv:1611.01144)."""
    return first * (last / first) ** min(progress, 1.0)
