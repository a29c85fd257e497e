import itertools
import math

import numpy as np
import pytest

from hypervae.correlators.binning import Binning
from hypervae.correlators.cliques import projected
from hypervae.correlators.geometry import pair_bins, weights
from hypervae.data.jets import Jets
from hypervae.enc.compute import spectrum
from hypervae.enc.discs import about_particles
from hypervae.enc.resolved import Resolved, ResolvedSettings, resolve, resolved_of
from hypervae.enc.spectrum import Settings
from hypervae.enc.triangles import RESOLVED, Shape, flat_measure
from hypervae.errors import ArgumentError
from tests.unit.enc.jets import BINNING, bin_of, clustered_jets

CASES = [("R_L", 3), ("R_1", 3), ("R_1", 4), ("R_1", 5)]


def settings_of(variable, order, shape=None, binning=BINNING, **more):
    shape = Shape(4, 3) if shape is None else shape
    return ResolvedSettings(Settings(variable, (float(order),), binning, **more), shape)


def sides(points, members):
    """R_L, xi, phi with the sign of its orientation, of three points, by the definition."""
    pairs = list(itertools.combinations(members, 2))
    by_length = sorted(pairs, key=lambda pair: np.hypot(*(points[pair[0]] - points[pair[1]])))
    short, middle, long = (np.hypot(*(points[i] - points[j])) for i, j in by_length)
    phi = math.asin(math.sqrt(max(1 - (long - middle) ** 2 / short**2, 0.0)))
    (start,) = set(by_length[2]) & set(by_length[1])
    (end,) = set(by_length[2]) - {start}
    (third,) = set(by_length[1]) - {start}
    along, across = points[end] - points[start], points[third] - points[start]
    return long, short / middle, math.copysign(phi, along[0] * across[1] - along[1] * across[0])


def about(points, members):
    """R_1, R_2/R_1, phi, by the definition: of the two others that are farthest from the first."""
    s, *others = members
    far = sorted(others, key=lambda other: -np.hypot(*(points[other] - points[s])))[:2]
    one, two = (points[other] - points[s] for other in far)
    turn = math.atan2(two[1], two[0]) - math.atan2(one[1], one[0])
    turn -= 2 * math.pi * round(turn / (2 * math.pi))
    return far, np.hypot(*two) / np.hypot(*one), turn


def by_tuples(jets, variable, order, shape):
    of, weight, bins = RESOLVED[variable], weights(jets), pair_bins(jets, BINNING)
    low = -of.widest if shape.signed else 0.0
    out = np.zeros((len(jets), BINNING.size, len(of.apart) + shape.ratios * shape.angles))
    for jet, n in enumerate(jets.multiplicity):
        points = jets.particle_features[jet, :n, :2].astype(np.float64)
        for members in itertools.product(range(n), repeat=order):
            value = np.prod([weight[jet, t] for t in members])
            if variable == "R_L":
                code = max(bin_of(bins[jet], i, j) for i, j in itertools.combinations(members, 2))
                column = 0
                if len(set(members)) == 3:
                    _, x, phi = sides(points, members)
                    column = None
            else:
                code = max(bin_of(bins[jet], members[0], other) for other in members)
                others = [other for other in members[1:] if other != members[0]]
                if not others:
                    column = 0
                else:
                    column = None
                    reach = [np.hypot(*(points[o] - points[members[0]])) for o in others]
                    top = [o for o, r in zip(others, reach, strict=True) if r == max(reach)]
                    if len(top) > 1:
                        column = 1
                    elif len(others) == 1:
                        column = 0
                    else:
                        _, x, phi = about(points, (members[0], *others))
            if column is None:
                phi = phi if shape.signed else abs(phi)
                row = min(int(x * shape.ratios), shape.ratios - 1)
                place = int((phi - low) / (of.widest - low) * shape.angles)
                column = len(of.apart) + row * shape.angles + min(place, shape.angles - 1)
            out[jet, code, column] += value
    return out


@pytest.mark.parametrize("signed", [False, True])
@pytest.mark.parametrize(("variable", "order"), CASES)
def test_they_are_sums_over_all_tuples(variable, order, signed):
    shape = Shape(4, 6, signed)
    jets = clustered_jets(8, 5, spread=0.3)
    found = resolved_of(jets, settings_of(variable, order, shape))
    assert np.abs(found - by_tuples(jets, variable, order, shape)).max() < 1e-14


@pytest.mark.parametrize(("variable", "order"), [*CASES, ("R_1", 6)])
@pytest.mark.parametrize("shape", [Shape(1, 1), Shape(5, 7), Shape(3, 4, signed=True)])
def test_over_all_shapes_they_are_the_projected_ones(variable, order, shape):
    jets = clustered_jets(15, 40, spread=0.2)
    found = resolved_of(jets, settings_of(variable, order, shape)).sum(axis=2)
    function = projected if variable == "R_L" else about_particles
    arrays = (weights(jets), jets.multiplicity, pair_bins(jets, BINNING))
    wanted = function(*arrays, [order], BINNING.size)[:, 0]
    assert np.abs(found - wanted).max() < 1e-14


def test_coincident_points_have_no_shape():
    rows = [[0, 0, 0.5], [0, 0, 0.2], [0.1, 0.1, 0.3]]
    jets = Jets.from_arrays([rows], [[1000, 0, 50]], jet_type="g")
    for variable in RESOLVED:
        found = resolved_of(jets, settings_of(variable, 3))[0]
        apart = len(RESOLVED[variable].apart)
        assert not found[:, apart:].any()
        assert found.sum() == pytest.approx(1.0)


def test_collinear_splittings_change_nothing():
    jets = clustered_jets(10, 8, spread=0.3)
    split = jets.particle_features[:, [0, *range(8)]].copy()
    split[:, 0, 2] *= 0.4
    split[:, 1, 2] *= 0.6
    features = jets.jet_features.copy()
    features[:, 3] += 1
    other = Jets(split, features, jet_type="t")
    for variable, order in CASES:
        one, two = (resolved_of(j, settings_of(variable, order)) for j in (jets, other))
        assert one[..., len(RESOLVED[variable].apart) :].sum() == pytest.approx(
            two[..., len(RESOLVED[variable].apart) :].sum(), rel=1e-5
        )
        assert np.abs(one.sum(axis=2) - two.sum(axis=2)).max() < 1e-6


@pytest.mark.parametrize("signed", [False, True])
@pytest.mark.parametrize("variable", ["R_L", "R_1"])
def test_the_measure_is_that_of_points_thrown_evenly(variable, signed):
    shape, edges = Shape(4, 4, signed), np.array([0.3, 0.7, 1.0])
    generator = np.random.default_rng(7)
    two, three = generator.uniform(-1, 1, (2, 400_000, 2))
    # all within 1 of the first, as they are where R is below
    near = (np.hypot(*two.T) < 1) & (np.hypot(*three.T) < 1)
    two, three = two[near], three[near]
    if variable == "R_L":
        lengths = [np.hypot(*two.T), np.hypot(*three.T), np.hypot(*(two - three).T)]
        short, middle, long = np.sort(lengths, axis=0)
        phi = np.arcsin(np.sqrt(np.maximum(1 - (long - middle) ** 2 / short**2, 0)))
        sample = np.stack([long, short / middle, phi], axis=1)
        # as many of either orientation
        sample[:, 2] *= generator.choice([-1, 1], len(phi)) if signed else 1
    else:
        radii = np.stack([np.hypot(*two.T), np.hypot(*three.T)])
        turn = np.arctan2(two[:, 1], two[:, 0]) - np.arctan2(three[:, 1], three[:, 0])
        turn -= 2 * np.pi * np.round(turn / (2 * np.pi))
        ratio = radii.min(axis=0) / radii.max(axis=0)
        sample = np.stack([radii.max(axis=0), ratio, turn if signed else abs(turn)], axis=1)
    of = RESOLVED[variable]
    low = -of.widest if signed else 0.0
    bins = (edges, np.linspace(0, 1, 5), np.linspace(low, of.widest, 5))
    counts, _ = np.histogramdd(sample, bins)
    wanted = flat_measure(variable, shape, edges) / math.pi**2 * len(two)
    assert wanted.min() > 100
    pulls = (counts - wanted) / np.sqrt(wanted)
    assert np.abs(pulls).max() < 4.5
    assert (pulls**2).mean() < 1.8


def test_the_measure_in_closed_form():
    edges = np.array([0.0, 1.0])
    lens = 2 * math.pi / 3 - math.sqrt(3) / 2  # where the third point may be
    whole = flat_measure("R_L", Shape(5, 4), edges).sum()
    assert whole == pytest.approx(3 * 2 * math.pi / 4 * lens, rel=1e-10)
    assert flat_measure("R_1", Shape(3, 2), edges).sum() == pytest.approx(math.pi**2, rel=1e-12)
    for variable in RESOLVED:
        both = flat_measure(variable, Shape(3, 4, signed=True), edges)
        half = flat_measure(variable, Shape(3, 2), edges)
        assert both[..., 2:] == pytest.approx(half / 2)
        assert both[..., 1::-1] == pytest.approx(half / 2)


def test_means_covariance_projection_and_table():
    jets = clustered_jets(80, 12, spread=0.3)
    binning = Binning(6, 0.02, 1.0)
    for variable, order in CASES:
        settings = settings_of(variable, order, Shape(3, 2), binning)
        parts = [resolve([jets[:30]], settings), resolve([jets[30:50], jets[50:]], settings)]
        found = Resolved.merge(parts)
        assert found.n_jets == 80
        own = spectrum([jets], settings.projected)
        value, covariance = found.projected()
        assert value[1:-1] == pytest.approx(own.mean[0, 2:-1], abs=1e-15)
        assert value[0] == pytest.approx(own.mean[0, :2].sum(), abs=1e-14)
        wanted = own.covariance()[0, 2:-1, 0, 2:-1]
        assert covariance[1:-1, 1:-1] == pytest.approx(wanted, abs=1e-15)
        assert found.cells.shape == (6, 3, 2)
        assert (found.density * flat_measure(variable, Shape(3, 2), binning.edges)) == (
            pytest.approx(found.cells)
        )
        rows = np.genfromtxt(found.table().splitlines(), delimiter=",", skip_header=1)
        assert rows.shape == (8 * settings.columns, 9)
        assert rows[:, 6].sum() == pytest.approx(1.0, abs=1e-6)
        shaped = rows[np.isfinite(rows[:, 8])]
        assert shaped[:, 6] == pytest.approx(found.cells.ravel(), rel=1e-6)
        assert shaped[:, 7] == pytest.approx(found.cell_errors.ravel(), rel=1e-6)


@pytest.mark.parametrize(
    ("variable", "orders", "shape", "message"),
    [
        ("R_L", (4.0,), Shape(2, 2), "orders: found 4, expected one of 3 to resolve R_L"),
        ("R_L", (2.0, 3.0), Shape(2, 2), "orders"),
        ("R_1", (2.5,), Shape(2, 2), "3, 4, 5, 6 to resolve R_1"),
        ("R_1", (3.0,), Shape(0, 2), "at least 1"),
        ("R_1", (3.0,), Shape(50, 50), "fits into memory"),
    ],
)
def test_what_cannot_be_is_refused(variable, orders, shape, message):
    with pytest.raises(ArgumentError, match=message):
        ResolvedSettings(Settings(variable, orders, BINNING), shape)
