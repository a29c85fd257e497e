"""The torch path gives what the compiled one gives; on a CPU here, on a GPU where there is one."""

import numpy as np
import pytest
import torch

from hypervae.correlators import geometry, kernel
from hypervae.correlators.binning import Binning
from hypervae.correlators.torch_kernel import correlate_torch
from tests.unit.toys import toy_jets

BINNING = Binning(60, 1e-3, 1.0)
DEVICES = ["cpu", *(["cuda"] if torch.cuda.is_available() else [])]


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("orders", [[2], [2, 3, 4], [3], [2, 5, 6]])
def test_both_kernels_agree(device, orders, monkeypatch):
    monkeypatch.setattr("hypervae.correlators.torch_kernel.NUMBERS_AT_ONCE", 50_000)
    jets = toy_jets(12, max_particles=9, jet_type="q")
    jets.particle_features[0, 1:] = 0  # one particle
    jets.particle_features[1, 3:] = 0  # fewer than the order
    group = np.arange(12) % 2
    arguments = (
        geometry.weights(jets, exponent=0.7),
        jets.multiplicity,
        geometry.pair_bins(jets, BINNING),
        orders,
        BINNING.size,
        kernel.Groups(group, 2),
    )
    wanted = kernel.correlate(*arguments)
    for name, one, other in zip(
        ("total", "squares", "cross"),
        wanted,
        correlate_torch(*arguments, device=device),
        strict=True,
    ):
        np.testing.assert_allclose(other, one, rtol=1e-11, atol=1e-14, err_msg=name)
