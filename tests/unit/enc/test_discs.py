import numpy as np
import pytest

from hypervae.correlators.cliques import projected
from hypervae.enc.discs import about_particles
from tests.unit.enc.jets import BINNING, about_each, arrays_of, bin_of, clustered_jets


@pytest.mark.parametrize("order", [1, 2, 3, 4])
def test_it_is_the_sum_over_all_tuples(order):
    arrays = arrays_of(clustered_jets(10, 6))
    found = about_particles(*arrays, [order], BINNING.size)[:, 0]
    for jet, (weight, n, bins) in enumerate(zip(*arrays, strict=True)):
        wanted = about_each(weight[:n], bins, order, BINNING.size)
        assert np.abs(found[jet] - wanted).max() < 1e-14


@pytest.mark.parametrize("order", [0.5, 1.5, 2.5, 6.3])
def test_real_orders_are_powers_of_what_lies_within(order):
    arrays = arrays_of(clustered_jets(10, 30))
    found = about_particles(*arrays, [order], BINNING.size)[:, 0].cumsum(axis=1)
    for jet, (weight, n, bins) in enumerate(zip(*arrays, strict=True)):
        for last in (0, 10, 20, BINNING.size - 1):
            wanted = 0.0
            for s in range(n):
                inside = sum(weight[t] for t in range(n) if bin_of(bins, s, t) <= last)
                wanted += weight[s] * inside ** (order - 1)
            assert found[jet, last] == pytest.approx(wanted, rel=1e-12)


def test_two_points_have_one_distance():
    arrays = arrays_of(clustered_jets(30, 30))
    in_r1 = about_particles(*arrays, [2], BINNING.size)
    assert np.abs(in_r1 - projected(*arrays, [2], BINNING.size)).max() < 1e-14


def test_jets_of_150_particles_and_threads():
    arrays = arrays_of(clustered_jets(8, 150))
    found = about_particles(*arrays, [4, 2.5], BINNING.size, threads=3)
    assert found.sum(axis=2) == pytest.approx(1.0, abs=1e-13)
    assert np.array_equal(found, about_particles(*arrays, [4, 2.5], BINNING.size))
