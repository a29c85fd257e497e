"""Quantities whose means over jets are kept, against sums over the cells one by one."""

import math

import numpy as np
import pytest
import torch

from hypervae.scaffold.analysis import analyse
from hypervae.scaffold.coordinates import Layout
from hypervae.scaffold.moments import NUMBER, correlator, moments
from tests.unit.scaffold.test_scaffold import back, made_jets


def scaffolds(second_axes=True):
    layout = Layout(3, second_axes)
    return back(analyse(*made_jets(), layout), layout)[0]


def spread(pairs, first, last, knots):
    """Weights at knots, those between two of them by linear interpolation."""
    places = np.linspace(first, last, knots)
    found = np.zeros(knots)
    for value, weight in pairs:
        at = math.log10(max(value, 1e-12))
        for knot in range(knots):
            unit = np.zeros(knots)
            unit[knot] = 1.0
            found[knot] += weight * np.interp(at, places, unit)
    return found.tolist()


@pytest.mark.parametrize("second_axes", [True, False])
def test_moments_are_sums_over_cells(second_axes):
    scaffold = scaffolds(second_axes)
    found = moments(scaffold, scaffold.distances)
    assert found.shape == (len(scaffold.share), NUMBER)
    for jet in range(20):
        z, axes = scaffold.share[jet].tolist(), scaffold.axes[jet].tolist()
        width, n = scaffold.width[jet].tolist(), scaffold.multiplicities[jet].tolist()
        cells = range(len(z))
        far = [[math.dist(axes[i], axes[j]) for j in cells] for i in cells]
        mass = sum(z[i] * z[j] * far[i][j] ** 2 for i in cells for j in cells)
        wanted = [mass, mass**2, math.log(max(mass, 1e-9))]
        wanted.append(sum(z[i] * z[j] * far[i][j] for i in cells for j in cells))
        wanted.append(sum(z[i] * sum(z[j] * far[i][j] for j in cells) ** 3 for i in cells))
        wanted += [sum(n), sum(n) ** 2]
        pairs = [(far[i][j], 2 * z[i] * z[j]) for i in cells for j in cells if i < j]
        wanted += spread(pairs, -2.25, -0.25, 9)
        within = [(1.4 * width[i], z[i] ** 2 * (1 - 1 / max(n[i], 1))) for i in cells]
        wanted += spread(within, -2.25, -0.25, 9)
        for side in (0, 1):
            wanted += spread([(abs(axes[i][side]), n[i]) for i in cells], -2.0, -0.2, 7)
        wanted += spread([(z[i] / max(n[i], 1), n[i]) for i in cells], -3.0, -0.2, 8)
        torch.testing.assert_close(found[jet], torch.tensor(wanted).to(found), rtol=1e-4, atol=1e-6)


def test_the_correlator_is_all_pairs_and_continuous():
    """Its sum is that of the shares squared less what is one particle; it moves with lengths."""
    scaffold = scaffolds()
    share, counts = scaffold.share, scaffold.multiplicities.clamp_min(1)
    wanted = share.sum(1).square() - (share.square() / counts).sum(1)
    torch.testing.assert_close(correlator(scaffold, scaffold.distances).sum(1), wanted)
    before = correlator(scaffold, scaffold.distances)
    scaffold.axes, scaffold.width = scaffold.axes * 1.001, scaffold.width * 1.001
    moved = (correlator(scaffold, scaffold.distances) - before).abs()
    assert 0 < float(moved.max()) < 0.01
