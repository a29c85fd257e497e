"""Batches without a hypergraph, which are prepared many at once."""

import pytest
import torch

from tests.unit.training.test_loader import any_blocks, assert_same, batches_of

SIZES = {"jets_per_step": 12, "batch_size": 6}


@any_blocks
@pytest.mark.parametrize("workers", [0, 1])
def test_batches_without_a_hypergraph_are_those_with_one(make_loader, workers):
    """However many jets were prepared at once, wherever one begins."""
    loader = make_loader(decoder="hierarchical", hypergraph=(), workers=workers)
    with loader:
        found = batches_of(loader.steps(0, **SIZES))
        later = batches_of(loader.steps(0, first_step=8, **SIZES))
    assert loader.n_jets > 128  # prepared at once; some batches lie on both sides
    assert_same(later, found[16:])
    expected = batches_of(make_loader(decoder="hierarchical").steps(0, **SIZES))
    for batch, other in zip(found, expected, strict=True):
        for name in ("momenta", "coordinates", "jet", "jet_type", "key"):
            assert torch.equal(getattr(batch, name), getattr(other, name)), name
        assert_same([batch.particle_targets], [other.particle_targets])
