"""Some sets of particles (hyperedges) per jet, drawn uniformly and without replacement."""

from __future__ import annotations

from typing import Any, NamedTuple

import numba
import numpy as np
from numpy.typing import NDArray

from hypervae.correlators.bits import trailing_zeros
from hypervae.correlators.sets import set_counts
from hypervae.seeds import SPLITMIX_INCREMENT, splitmix64

_STEP = np.uint64(SPLITMIX_INCREMENT)
_mix = numba.njit(cache=True, nogil=True)(splitmix64)


class SampledSets(NamedTuple):
    """Sets drawn of each of n jets, at most S; in rising order of their numbers.

    Attributes
    ----------
    size : [n] int64
        Sets drawn: S, or all where a jet has fewer.
    total : [n] int64
        Sets that it has.
    order : [n, S] int64
        Index of the order.
    number : [n, S] int64
        Colexicographic number among the sets of that order, see `sets.set_members`.
    rl_bin : [n, S]
        R_L bin.
    log_weight : [n, S] float64
        ln w, the sum of the members'.
    """

    size: NDArray[np.int64]
    total: NDArray[np.int64]
    order: NDArray[np.int64]
    number: NDArray[np.int64]
    rl_bin: NDArray[np.unsignedinteger]
    log_weight: NDArray[np.float64]


@numba.njit(cache=True, nogil=True)
def _draw(
    total: int, n_sets: int, key: np.uint64, chosen: NDArray[Any]
) -> None:  # pragma: no cover - compiled
    """Set `n_sets` of the first `total` bits of a row of words, every subset equally likely.

    Floyd's algorithm (Bentley and Floyd, CACM 30 (1987) 754).
    """
    one = np.uint64(1)
    state = _mix(key)
    for last in range(total - n_sets, total):
        state += _STEP
        # 53 random bits: the number of sets is far below
        place = int((_mix(state) >> np.uint64(11)) * 2.0**-53 * (last + 1))
        bit = one << np.uint64(place & 63)
        if chosen[place >> 6] & bit:
            place = last
            bit = one << np.uint64(place & 63)
        chosen[place >> 6] |= bit


@numba.njit(cache=True, nogil=True)
def _sample(
    logs: NDArray[Any],
    multiplicity: NDArray[Any],
    pair_bins: NDArray[Any],
    orders: NDArray[Any],
    numbers: NDArray[Any],
    n_sets: int,
    keys: NDArray[Any],
    total: NDArray[Any],
    order: NDArray[Any],
    number: NDArray[Any],
    rl_bin: NDArray[Any],
    out: NDArray[Any],
) -> None:
    # pragma: no cover - compiled
    one = np.uint64(1)
    chosen = np.zeros((total.max() >> 6) + 1, dtype=np.uint64)
    members = np.zeros(8, dtype=np.int64)
    for jet in range(multiplicity.size):
        n = multiplicity[jet]
        words = (total[jet] >> 6) + 1
        chosen[:words] = np.uint64(0)
        _draw(total[jet], min(n_sets, total[jet]), keys[jet], chosen)
        row, before, place = 0, 0, 0
        for word in range(words):
            rest = chosen[word]
            while rest:
                position = word * 64 + np.int64(trailing_zeros(rest))
                rest &= rest - one
                while position >= before + numbers[n, orders[row]]:
                    before += numbers[n, orders[row]]
                    row += 1
                # members of a colexicographic number: the last is the largest that fits
                left, member, log_weight, farthest = position - before, n, 0.0, pair_bins[jet, 0]
                for k in range(orders[row], 0, -1):
                    member -= 1
                    while numbers[member, k] > left:
                        member -= 1
                    left -= numbers[member, k]
                    log_weight += logs[jet, member]
                    members[k - 1] = member
                    if k == orders[row] - 1:
                        larger = members[k]
                        farthest = pair_bins[jet, larger * (larger - 1) // 2 + member]
                    elif k < orders[row] - 1:
                        for other in range(k, orders[row]):
                            larger = members[other]
                            one_bin = pair_bins[jet, larger * (larger - 1) // 2 + member]
                            farthest = max(farthest, one_bin)
                order[jet, place] = row
                number[jet, place] = position - before
                rl_bin[jet, place] = farthest
                out[jet, place] = log_weight
                place += 1


def sample_sets(
    pair_bins: NDArray[np.unsignedinteger],
    multiplicity: NDArray[np.int64],
    log_weight: NDArray[np.float64],
    orders: list[int],
    n_sets: int,
    keys: NDArray[np.uint64],
) -> SampledSets:
    """Draw sets of each jet, uniformly among those of all orders and without replacement.

    What is drawn of a jet depends on its key and its number of particles alone.

    Parameters
    ----------
    pair_bins : [n, P (P - 1) / 2]
        Pair bins.
    multiplicity : [n] int64
        Sets are formed of the first so many particles.
    log_weight : [n, P] float64
        Logarithms of the particles' weights.
    orders : list of int
        Set sizes between 3 and 6.
    n_sets : int
        Sets per jet; all of them where there are fewer.
    keys : [n] uint64
        Seed of each jet.

    Returns
    -------
    SampledSets
    """
    numbers = set_counts(max(int(multiplicity.max(initial=0)), 6), max(orders, default=2))
    total = numbers[multiplicity][:, orders].sum(axis=1)
    size = np.minimum(total, n_sets)
    shape = (len(multiplicity), int(size.max(initial=0)))
    order, number = np.zeros((2, *shape), dtype=np.int64)
    rl_bin, out = np.zeros(shape, dtype=pair_bins.dtype), np.zeros(shape)
    if shape[1]:
        rows = np.asarray(orders, dtype=np.int64)
        keys, multiplicity = (
            np.asarray(keys, dtype=np.uint64),
            multiplicity.astype(np.int64, copy=False),
        )
        results = (total, order, number, rl_bin, out)
        _sample(log_weight, multiplicity, pair_bins, rows, numbers, n_sets, keys, *results)
    return SampledSets(size, total, order, number, rl_bin, out)


def content_keys(features: NDArray[np.floating], mask: NDArray[np.bool_]) -> NDArray[np.uint64]:
    """A key for each jet from its particles alone, whatever their order and the padding.

    Parameters
    ----------
    features : [n, P, C]
    mask : [n, P] bool

    Returns
    -------
    [n] uint64
    """
    bits = np.ascontiguousarray(features, dtype=np.float32).view(np.uint32).astype(np.uint64)
    word = np.zeros(mask.shape, dtype=np.uint64)
    for column in range(bits.shape[-1]):
        word = (word ^ bits[..., column]) * _STEP
        word ^= word >> np.uint64(29)
    keys: NDArray[np.uint64] = (word * mask).sum(axis=1, dtype=np.uint64)
    return keys
