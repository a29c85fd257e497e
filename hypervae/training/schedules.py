"""What changes during training, as functions of progress in [0, 1]."""

from __future__ import annotations

import math
from collections.abc import Callable


def learning_rate_factor(progress: float, warmup: float, schedule: str = "cosine") -> float:
    """Linear rise over the fraction `warmup`, then a schedule of `LEARNING_RATES`.

    Parameters
    ----------
    progress : float
        Share of the training that is done.
    warmup : float
    schedule : str

    Returns
    -------
    float
        In [0, 1], to be multiplied with the peak learning rate.
    """
    if progress < warmup:
        return max(progress / warmup, 1e-3)
    rest = (progress - warmup) / max(1 - warmup, 1e-9)
    return LEARNING_RATES[schedule](min(rest, 1.0))


def _cosine(rest: float) -> float:
    return 0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * rest))


def _linear(rest: float) -> float:
    return 1.0 - rest


def _constant(rest: float) -> float:
    return 1.0


#: Choices of ``train.schedule``: what follows the warm-up, over the rest of the training. The
#: cosine is half of one, down to a hundredth (Loshchilov, Hutter, arXiv:1608.03983); linear ends
#: at 0.
LEARNING_RATES: dict[str, Callable[[float], float]] = {
    "cosine": _cosine,
    "linear": _linear,
    "constant": _constant,
}


def kl_factor(progress: float, warmup: float, schedule: str = "linear", cycles: int = 4) -> float:
    """Annealing of the KL weight: a linear rise to 1, then 1.

    ``linear`` rises once, over the fraction `warmup` of the training (Bowman et al.,
    arXiv:1511.06349); ``cyclical`` starts `cycles` times from 0 and each time rises over the
    fraction `warmup` of the cycle (Fu et al., arXiv:1903.10145; their R is `warmup`).

    Parameters
    ----------
    progress : float
        Share of the training that is done.
    warmup : float
    schedule : {"linear", "cyclical"}
    cycles : int

    Returns
    -------
    float
        In [0, 1].
    """
    if schedule == "cyclical" and progress < 1:
        progress = (progress * cycles) % 1.0
    return 1.0 if warmup <= 0 else min(progress / warmup, 1.0)


def temperature(progress: float, first: float, last: float) -> float:
    """Geometric descent of the Gumbel-softmax temperature (Jang et al., arXiv:1611.01144).

    Parameters
    ----------
    progress : float
        Share of the training that is done.
    first, last : float

    Returns
    -------
    float
    """
    return first * (last / first) ** min(progress, 1.0)
