import numpy as np
import pytest
import torch

from hypervae.model.losses import edge_consistency
from hypervae.model.losses.edge_consistency import EdgeConsistency
from hypervae.model.losses.histogram import feature_distance
from tests.unit.chain import SLOTS, small_jets
from tests.unit.model.hyperedges.test_consistency import decoded_of


@pytest.fixture
def jets():
    return small_jets(40, seed=6)


def test_edges_of_the_particles_themselves_are_consistent(jets, normalization):
    term = EdgeConsistency(normalization)
    seen = {}

    def remember(decoded, recomputed, weights, bins):
        seen["edges"] = recomputed
        return feature_distance(decoded, recomputed, weights, bins)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(edge_consistency, "feature_distance", remember)
        apart = term(decoded_of(jets, normalization))
    several = torch.from_numpy(jets.multiplicity > 1)
    assert (apart[several] > 0).all()
    assert (apart[~several] == 0).all()  # no pairs
    own = decoded_of(jets, normalization, edges=seen["edges"])
    torch.testing.assert_close(term(own), torch.zeros(len(jets), dtype=torch.float64))
    # in any order of the pairs, as distributions are compared
    full = jets.multiplicity == SLOTS
    assert full.any()
    turned = decoded_of(jets, normalization, edges=seen["edges"].flip(1))
    torch.testing.assert_close(term(turned)[full], torch.zeros(full.sum(), dtype=torch.float64))


def test_recomputed_edges_are_those_of_the_batch(jets, normalization):
    """Up to the look-up of ln E2C by bin, which is interpolated here."""
    from hypervae.correlators.features import pair_features

    edges = np.zeros((len(jets), SLOTS * (SLOTS - 1) // 2, 5))
    edges[..., 1:] = pair_features(jets)
    scaled = torch.from_numpy(normalization.edge.forward(edges))
    decoded = decoded_of(jets, normalization, edges=scaled)
    term = EdgeConsistency(normalization)
    term.ln_e2c.zero_()
    torch.testing.assert_close(
        term(decoded), torch.zeros(len(jets), dtype=torch.float64), atol=1e-9, rtol=0
    )


def test_edges_follow_the_particles(jets, normalization):
    edges = torch.randn(len(jets), SLOTS * (SLOTS - 1) // 2, 5, dtype=torch.float64)
    decoded = decoded_of(jets, normalization, edges=edges.requires_grad_())
    decoded.log_coordinates.requires_grad_()
    EdgeConsistency(normalization)(decoded).sum().backward()
    assert edges.grad.any()
    assert decoded.log_coordinates.grad is None
