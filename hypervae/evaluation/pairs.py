"""Pairs of observables: marginals alone can be bent into shape.

A generated jet's full mass, pT and multiplicity belong to its particles. Where a model draws both
apart, each marginal may be right and the pair wrong: these metrics see the pair.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from hypervae.evaluation.distance import REPLICAS, MetricValue, SortedPair, resample
from hypervae.observables import ObservableValues

#: Slices of the multiplicity with as many real jets each, as far as whole numbers allow.
SLICES = 5
#: Directions, over half a turn, of the sliced distance (Bonneel et al., J. Math. Imaging Vis. 51).
DIRECTIONS = 12
#: Share of the jet's pT above which a particle is taken to be the jet.
ALONE = 0.9

Distance = Callable[[NDArray[np.float64], NDArray[np.float64]], float]


def compare_pairs(
    sample: ObservableValues,
    reference: ObservableValues,
    *,
    generator: np.random.Generator,
    replicas: int = REPLICAS,
) -> dict[str, MetricValue]:
    """Distances between whole samples in pairs of observables, with bootstrap errors.

    Parameters
    ----------
    sample, reference : ObservableValues
    generator : numpy.random.Generator
    replicas : int
        Bootstrap replicas, drawn from jets; their standard deviation is the error.

    Returns
    -------
    dict of str to MetricValue
        By the names of the group ``pairs`` (`hypervae.evaluation.metrics.GROUPS`); 0 for the same
        sample twice. The error of ``single_particle`` is one jet's at least: of no such jet a
        bootstrap finds no spread.
    """
    distances = _distances(sample, reference)
    whole = np.ones(len(sample)), np.ones(len(reference))
    drawn = [
        (resample(len(sample), generator), resample(len(reference), generator))
        for _ in range(replicas)
    ]
    found = {
        name: MetricValue(
            float(distance(*whole)),
            float(np.std([distance(*weights) for weights in drawn], ddof=1)),
        )
        for name, distance in distances.items()
    }
    alone = found["single_particle"]
    least = 1 / min(len(sample), len(reference))
    return found | {"single_particle": alone._replace(error=max(alone.error, least))}


def _distances(sample: ObservableValues, reference: ObservableValues) -> dict[str, Distance]:
    """By metric, the distance of two samples whose jets have weights."""
    a, b = _Columns(sample), _Columns(reference)
    return {
        "w1_mass_ratio": _w1(a.mass_ratio, b.mass_ratio),
        "w1_sum_ptrel": _w1(a.sum_ptrel, b.sum_ptrel),
        "w1_mass_at_multiplicity": _sliced_by_multiplicity(a, b),
        "sliced_w1_mass_pt": _sliced(a.mass_pt, b.mass_pt),
        "single_particle": lambda wa, wb: float(
            abs(np.average(a.alone, weights=wa) - np.average(b.alone, weights=wb))
        ),
    }


class _Columns:
    """What is compared of a sample, a value a jet."""

    def __init__(self, sample: ObservableValues):
        values, count = sample.values, sample.multiplicity
        first = np.cumsum(count) - count
        full = values["jet_mass"]
        self.multiplicity, self.mass = count, values["mass"]
        self.mass_ratio = np.divide(
            values["mass_kept"], full, out=np.zeros_like(full), where=full > 0
        )
        self.sum_ptrel = sample.summed("ptrel")
        self.alone = np.maximum.reduceat(values["ptrel"], first) > ALONE
        self.mass_pt = np.column_stack([full, values["jet_pt"]])


def _w1(a: NDArray[np.float64], b: NDArray[np.float64]) -> Distance:
    pair = SortedPair(a, np.arange(len(a)), b, np.arange(len(b)))
    return lambda wa, wb: pair(wa, wb)[0]


def _sliced_by_multiplicity(a: _Columns, b: _Columns) -> Distance:
    """W1 of the mass in slices of the multiplicity, weighted with the reference's jets.

    A slice that a side leaves empty counts with the distance of the whole samples.
    """
    inner = np.quantile(b.multiplicity, np.arange(1, SLICES) / SLICES, method="lower")
    edges = np.unique(inner)
    places = [np.searchsorted(edges, side.multiplicity, side="right") for side in (a, b)]
    whole = _w1(a.mass, b.mass)
    slices: list[tuple[NDArray[np.int64], NDArray[np.int64], Distance | None]] = []
    for place in np.unique(places[1]):
        rows_a, rows_b = (np.flatnonzero(part == place) for part in places)
        if len(rows_a):
            slices.append((rows_a, rows_b, _w1(a.mass[rows_a], b.mass[rows_b])))
        else:
            slices.append((rows_a, rows_b, None))

    def distance(wa: NDArray[np.float64], wb: NDArray[np.float64]) -> float:
        total = 0.0
        for rows_a, rows_b, w1 in slices:
            inside_a, inside_b = wa[rows_a], wb[rows_b]
            filled = inside_a.any() and inside_b.any()
            found = w1(inside_a, inside_b) if w1 is not None and filled else whole(wa, wb)
            total += found * inside_b.sum()
        return float(total / wb.sum())

    return distance


def _sliced(a: NDArray[np.float64], b: NDArray[np.float64]) -> Distance:
    """Mean W1 of the projections of points in the plane onto directions, in widths of `b`."""
    width = b.std(axis=0)
    scale = np.where(width > 0, width, 1.0)
    angles = np.arange(DIRECTIONS) * np.pi / DIRECTIONS
    projections = [np.array([np.cos(angle), np.sin(angle)]) / scale for angle in angles]
    pairs = [_w1(a @ direction, b @ direction) for direction in projections]
    return lambda wa, wb: float(np.mean([pair(wa, wb) for pair in pairs]))
