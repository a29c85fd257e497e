"""The vectorized NumPy implementation, which benchmarks compare with, against the definition."""

import numpy as np
import pytest

from hypervae.correlators import geometry, kernel
from hypervae.correlators.binning import Binning
from tests.unit.correlators.reference import correlate_numpy, correlate_one
from tests.unit.toys import toy_jets

BINNING = Binning(30, 1e-3, 1.0)


@pytest.mark.parametrize("order", [2, 3, 4, 5])
def test_vectorized_numpy_is_the_definition(order):
    jets = toy_jets(5, max_particles=7)
    jets.particle_features[0, 3:] = 0
    weight, pair_bins = geometry.weights(jets), geometry.pair_bins(jets, BINNING)
    counts = jets.multiplicity
    wanted = sum(
        correlate_one(weight[jet, :n], pair_bins[jet], order, BINNING.size)
        for jet, n in enumerate(counts)
    )
    found = correlate_numpy(weight, counts, pair_bins, order, BINNING.size)
    np.testing.assert_allclose(found, wanted, atol=1e-14)


@pytest.mark.parametrize("order", [2, 3, 4])
def test_the_kernel_is_vectorized_numpy_on_full_jets(order):
    jets = toy_jets(3, max_particles=30)
    weight, pair_bins = geometry.weights(jets), geometry.pair_bins(jets, BINNING)
    wanted = correlate_numpy(weight, jets.multiplicity, pair_bins, order, BINNING.size)
    total, _, _ = kernel.correlate(weight, jets.multiplicity, pair_bins, [order], BINNING.size)
    np.testing.assert_allclose(total[0, 0], wanted, atol=3e-14)
