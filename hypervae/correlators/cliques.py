"""Projected correlators of any real order in R_L, exactly, without a sum over all sets.

The nu-correlator (Chen, Moult, Zhang, Zhu, arXiv:2004.11381; Budhraja, Chen, Waalewijn,
arXiv:2409.12235) counts a set S of particles at the distance of its farthest pair, with the weight

    W(S) = sum over T in S of (-1)^(|S| - |T|) (sum_{t in T} w_t)^nu,

which for nu = N is that of all ordered N-tuples whose members are S. By that definition the weights
of all sets within a set add up to its (sum w)^nu, and so nothing is to be summed where all sets
count. Add the pairs of a jet to a graph, nearest first. The sets whose farthest pair is (i, j) are
{i, j} with the cliques of their common neighbours V. With

    g(A) = f(A + i + j) - f(A + i) - f(A + j) + f(A),    f(A) = (sum_{t in A} w_t)^nu,

they weigh G(V) = g(V) if V is itself a clique; if not, for any v of V, with N its neighbours in V,

    G(V) = G(V - v) + G(N + v) - G(N),

for a clique holds v, and lies in N + v but not in N, or it does not. The common neighbours of two
particles are nearly a clique as they lie in a lens no longer than R_L: in jets of 30 particles a
pair takes two terms on average, in place of 2^28 sets.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numba
import numpy as np
from numpy.typing import NDArray

from hypervae.correlators.bits import population_count, trailing_zeros
from hypervae.correlators.geometry import in_parallel
from hypervae.correlators.pair_order import pair_members, sorted_pairs
from hypervae.correlators.powers import exponents, power
from hypervae.correlators.subset_sums import SUMS, WORD, fill_sums, sum_of_word
from hypervae.errors import ArgumentError

#: Terms of a jet after which it is given up: seconds of work. Jets of 30 particles take some 700,
#: those of 60 some 10,000, and of 130 some 300,000.
MOST_TERMS = 10_000_000


@numba.njit(cache=True, nogil=True)
def _prepare_pair(
    wi: float,
    wj: float,
    binomials: NDArray[Any],
    coefficients: NDArray[Any],
) -> None:  # pragma: no cover - compiled
    """Of each whole order n the polynomial that g is of the weight x within A.

    With d_m = (wi + wj)^m - wi^m - wj^m, which comes without differences from
    d_m = (wi + wj) d_(m-1) + wi wj (wi^(m-2) + wj^(m-2)), g = sum_m binomial(n, m) d_m x^(n-m).
    """
    d, pi, pj = 0.0, wi * wj, wi * wj
    for m in range(2, binomials.shape[1]):
        d = (wi + wj) * d + pi + pj
        pi *= wi
        pj *= wj
        for row in range(binomials.shape[0]):
            coefficients[row, m] = binomials[row, m] * d


@numba.njit(cache=True, nogil=True)
def _add_clique(
    inner: float,
    wi: float,
    wj: float,
    sign: float,
    exponent: NDArray[Any],
    whole: NDArray[Any],
    coefficients: NDArray[Any],
    out: NDArray[Any],
) -> None:
    # pragma: no cover - compiled
    """Add g of a clique whose weights add up to `inner`."""
    for row in range(exponent.size):
        n = whole[row]
        if n < 0:
            e = exponent[row]
            value = power(inner + wi + wj, e, n) - power(inner + wi, e, n)
            value += power(inner, e, n) - power(inner + wj, e, n)
        else:
            value = 0.0
            for m in range(2, n + 1):
                value = value * inner + coefficients[row, m]
        out[row] += sign * value


@numba.njit(cache=True, nogil=True)
def _least_linked(
    sets: NDArray[Any], row: int, neighbours: NDArray[Any]
) -> int:  # pragma: no cover - compiled
    """The member of a row with the most others that are not its neighbours, -1 of a clique."""
    found: Any = -1
    most: Any = 1  # each is none of its own neighbours
    words = sets.shape[1]
    for word in range(words):
        rest = sets[row, word]
        while rest:
            k: Any = word * WORD + np.int64(trailing_zeros(rest))
            rest &= rest - np.uint64(1)
            apart: Any = 0
            for other in range(words):
                apart += np.int64(population_count(sets[row, other] & ~neighbours[k, other]))
            if apart > most:
                found, most = k, apart
    return found  # type: ignore[no-any-return]


@numba.njit(cache=True, nogil=True)
def _add_pair(
    i: int,
    j: int,
    weight: NDArray[Any],
    sums: NDArray[Any],
    neighbours: NDArray[Any],
    exponent: NDArray[Any],
    whole: NDArray[Any],
    binomials: NDArray[Any],
    coefficients: NDArray[Any],
    stack: NDArray[Any],
    sign: NDArray[Any],
    out: NDArray[Any],
    most: int,
) -> int:
    # pragma: no cover - compiled
    """Add the weights of all sets whose farthest pair is (i, j); the stack is scratch.

    Returns how many terms that took; after `most` of them it ends early.
    """
    words = stack.shape[1]
    wi, wj = weight[i], weight[j]
    _prepare_pair(wi, wj, binomials, coefficients)
    for word in range(words):
        stack[0, word] = neighbours[i, word] & neighbours[j, word]
    sign[0] = 1.0
    top, terms = 1, 0
    while top and terms < most:
        top -= 1
        v = _least_linked(stack, top, neighbours)
        if v < 0:
            terms += 1
            inner = 0.0
            for word in range(words):
                inner += sum_of_word(stack[top, word], sums, word)
            _add_clique(inner, wi, wj, sign[top], exponent, whole, coefficients, out)
            continue
        own, bit = v // WORD, np.uint64(1) << np.uint64(v % WORD)
        for word in range(words):
            members = stack[top, word]
            linked = members & neighbours[v, word]
            stack[top + 1, word] = stack[top + 2, word] = linked
            stack[top, word] = members
        stack[top, own] &= ~bit
        stack[top + 1, own] |= bit
        sign[top + 1], sign[top + 2] = sign[top], -sign[top]
        top += 3
    return terms


@numba.njit(cache=True, nogil=True)
def _walk(
    weights: NDArray[Any],
    multiplicity: NDArray[Any],
    pair_bins: NDArray[Any],
    exponent: NDArray[Any],
    whole: NDArray[Any],
    binomials: NDArray[Any],
    most_terms: int,
    out: NDArray[Any],
) -> int:
    # pragma: no cover - compiled
    """Fill `out` [n, bins, orders]; the first jet that takes too many terms ends it, -1 if none."""
    slots, size = weights.shape[1], out.shape[1]
    words = (slots + WORD - 1) // WORD
    most = max(slots * (slots - 1) // 2, 1)
    starts = np.zeros(size + 1, dtype=np.int64)
    order = np.zeros(most, dtype=np.int64)
    first, second = np.zeros(most, dtype=np.int64), np.zeros(most, dtype=np.int64)
    pair_members(slots, first, second)
    neighbours = np.zeros((slots, words), dtype=np.uint64)
    # two sets wait at each depth, and each depth has a member less
    stack, sign = np.zeros((2 * slots + 3, words), dtype=np.uint64), np.zeros(2 * slots + 3)
    coefficients = np.zeros_like(binomials)
    weight, sums = np.zeros(words * WORD), np.zeros(words * SUMS)
    for jet in range(weights.shape[0]):
        n = multiplicity[jet]
        weight[:slots] = weights[jet]
        weight[n:] = 0.0
        fill_sums(weight, n, sums)
        for k in range(n):
            for row in range(exponent.size):
                out[jet, 0, row] += power(weight[k], exponent[row], whole[row])
        pairs = n * (n - 1) // 2
        sorted_pairs(pair_bins[jet], pairs, starts, order)
        neighbours[:] = np.uint64(0)
        left = most_terms
        for place in range(pairs):
            pair = order[place]
            i, j = first[pair], second[pair]
            here = out[jet, pair_bins[jet, pair]]
            left -= _add_pair(
                i,
                j,
                weight,
                sums,
                neighbours,
                exponent,
                whole,
                binomials,
                coefficients,
                stack,
                sign,
                here,
                left,
            )
            if left <= 0:
                return jet
            neighbours[i, j // WORD] |= np.uint64(1) << np.uint64(j % WORD)
            neighbours[j, i // WORD] |= np.uint64(1) << np.uint64(i % WORD)
    return -1


def projected(
    weights: NDArray[np.float64],
    multiplicity: NDArray[np.int64],
    pair_bins: NDArray[np.unsignedinteger],
    orders: Sequence[float],
    size: int,
    threads: int = 1,
    most_terms: int = MOST_TERMS,
) -> NDArray[np.float64]:
    """Projected correlators of each jet, of any real order.

    Whole orders together take little longer than one; each further real one takes half as long as
    the first. Rounding is some 1e-15 of the jet's total.

    Parameters
    ----------
    weights : [n, P] float64
        As `hypervae.correlators.geometry.weights`.
    multiplicity : [n] int64
        Particles of each jet, which come first.
    pair_bins : [n, P (P - 1) / 2]
        As `hypervae.correlators.geometry.pair_bins`.
    orders : sequence of float
        Positive.
    size : int
        Bins with underflow and overflow.
    threads : int
        They share the jets.
    most_terms : int
        Of a jet.

    Returns
    -------
    [n, orders, size] float64
        The first bin holds the contact terms and the sets below the range, the last those above it.
        Each jet's bins add up to (sum of its weights)^nu.

    Raises
    ------
    ArgumentError
        If a jet takes more terms: its particles are spread in a way that no jet's are, or are too
        many.
    """
    exponent, whole = exponents(orders)
    binomials = np.array(
        [[math.comb(max(n, 0), m) for m in range(max(whole.max(), 0) + 1)] for n in whole.tolist()],
        dtype=np.float64,
    )
    out = np.zeros((len(weights), size, len(exponent)))
    counts = multiplicity.astype(np.int64, copy=False)

    def run(part: slice) -> int:
        arrays = (weights[part], counts[part], pair_bins[part])
        jet: int = _walk(*arrays, exponent, whole, binomials, most_terms, out[part])
        return jet if jet < 0 else jet + part.start

    hard = [jet for jet in in_parallel(run, len(weights), threads) if jet >= 0]
    if hard:
        raise ArgumentError(
            "R_L",
            found=f"jet {hard[0]} with {counts[hard[0]]} particles, which takes more than "
            f"{most_terms:,} terms",
            expected="jets that take fewer: cut them to their hardest particles, or take R_1",
        )
    return out.transpose(0, 2, 1)
