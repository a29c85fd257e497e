import math
from itertools import combinations

import numpy as np
import pytest
import torch

from hypervae.correlators.features import EDGE_FEATURES
from hypervae.correlators.geometry import pair_bins, pair_indices
from hypervae.formats.correlators import CorrelatorReader
from hypervae.formats.shard import ShardReader
from hypervae.kinematics import four_momenta
from hypervae.model import make_batch
from hypervae.model.hyperedges.registry import HYPEREDGE_MODES
from tests.unit.chain import small_jets


def hardest(jets, normalization):
    return np.minimum(jets.multiplicity, normalization.settings.hyperedges.max_particles)


@pytest.mark.parametrize("tokens", HYPEREDGE_MODES)
def test_shapes(normalization, tokens):
    jets = small_jets(9)
    batch = make_batch(jets, normalization, encoder=tokens, type_index=1)
    slots, orders = jets.particle_features.shape[1], len(normalization.hyperedge_orders)
    pairs, size = slots * (slots - 1) // 2, normalization.binning.size
    assert len(batch) == 9
    assert batch.momenta.shape == (9, slots, 4)
    assert batch.coordinates.shape == (9, slots, 3)
    assert batch.mask.shape == (9, slots)
    assert batch.edges.shape == (9, pairs, len(EDGE_FEATURES))
    assert batch.edge_mask.shape == (9, pairs)
    assert batch.jet.shape == (9, 3)
    assert batch.jet_type.tolist() == [1] * 9
    assert batch.hyperedges.shape[2] == len(normalization.hyperedge.names) + 1
    assert batch.hyperedges.shape[:2] == batch.hyperedge_count.shape
    assert batch.hyperedge_count.shape == batch.hyperedge_order.shape
    targets = batch.hyperedge_targets
    assert targets.fraction.shape == targets.log_weight.shape == (9, orders, size)
    for value in batch.tensors():
        assert len(value) == 9
        assert value.dtype in (torch.float32, torch.bool, torch.int64)
        assert torch.isfinite(value).all()


@pytest.mark.parametrize("tokens", HYPEREDGE_MODES)
def test_every_set_is_counted_once(normalization, tokens):
    jets = small_jets(20)
    batch = make_batch(jets, normalization, encoder=tokens)
    for index, order in enumerate(normalization.hyperedge_orders):
        count = (batch.hyperedge_count * (batch.hyperedge_order == index)).sum(1)
        expected = [math.comb(int(n), order) for n in hardest(jets, normalization)]
        assert count.tolist() == expected
        present = batch.hyperedge_targets.fraction[:, index].sum(1)
        torch.testing.assert_close(present, torch.tensor(expected).gt(0).float())


def test_momenta_are_divided_by_one_scale(normalization):
    jets = small_jets(5)
    batch = make_batch(jets, normalization, dtype=torch.float64)
    momenta = four_momenta(jets.particle_features, jets.jet_features)
    np.testing.assert_allclose(batch.momenta * normalization.momentum_scale, momenta, rtol=1e-12)
    squared = batch.momenta[..., 0] ** 2 - (batch.momenta[..., 1:] ** 2).sum(-1)
    assert squared.abs().max() < 1e-12 * batch.momenta[..., 0].max() ** 2


def test_jet_features_are_scaled_logarithms(normalization):
    jets = small_jets(5)
    pt, eta, mass = jets.jet_features[:, :3].astype(float).T
    values = np.stack([np.log(pt), eta, np.log(np.maximum(mass, 1.0))], axis=1)
    expected = (values - normalization.jet.offset) / normalization.jet.scale
    batch = make_batch(jets, normalization, dtype=torch.float64)
    np.testing.assert_allclose(batch.jet, expected, rtol=1e-9)


def test_edges_by_hand(normalization):
    jets = small_jets(6, seed=4)
    batch = make_batch(jets, normalization)
    edges = normalization.binning.edges
    first, second = pair_indices(jets.particle_features.shape[1])
    for jet in range(len(jets)):
        particles = jets.particle_features[jet].astype(np.float64)
        jet_pt = float(jets.jet_features[jet, 0])
        for pair, (i, j) in enumerate(zip(first, second, strict=True)):
            if j >= jets.multiplicity[jet]:
                assert not batch.edge_mask[jet, pair]
                assert (batch.edges[jet, pair] == 0).all()
                continue
            assert batch.edge_mask[jet, pair]
            eta, phi = particles[i, :2] - particles[j, :2]
            pt_i, pt_j = particles[i, 2] * jet_pt, particles[j, 2] * jet_pt
            delta = math.hypot(eta, phi)
            code = np.searchsorted(edges, delta, side="right")
            values = [
                normalization.ln_e2c[code],
                math.log(delta),
                math.log(min(pt_i, pt_j) * delta),
                math.log(min(pt_i, pt_j) / (pt_i + pt_j)),
                math.log(2 * pt_i * pt_j * (math.cosh(eta) - math.cos(phi))),
            ]
            expected = (values - normalization.edge.offset) / normalization.edge.scale
            np.testing.assert_allclose(batch.edges[jet, pair], expected, atol=2e-4)


def brute_force(jets, normalization):
    """For each jet and set: order, R_L bin and ln w."""
    for jet, n in enumerate(hardest(jets, normalization)):
        particles = jets.particle_features[jet].astype(np.float64)
        weights = particles[:, 2] / particles[:, 2].sum()
        rows = []
        for index, order in enumerate(normalization.hyperedge_orders):
            for members in combinations(range(n), order):
                farthest = max(
                    math.hypot(*(particles[a, :2] - particles[b, :2]))
                    for a, b in combinations(members, 2)
                )
                code = int(np.searchsorted(normalization.binning.edges, farthest, side="right"))
                ln_w = sum(math.log(weights[member]) for member in members)
                rows.append((index, code, ln_w))
        yield rows


def test_histograms_equal_brute_force(normalization):
    jets = small_jets(8, seed=2)
    batch = make_batch(jets, normalization, encoder="binned")
    for jet, rows in enumerate(brute_force(jets, normalization)):
        bins = {}
        for index, code, ln_w in rows:
            bins.setdefault((index, code), []).append(ln_w)
        here = batch.hyperedge_count[jet] > 0
        assert int(here.sum()) == len(bins)
        counts = sorted(len(values) for values in bins.values())
        assert sorted(batch.hyperedge_count[jet][here].tolist()) == counts
        total = {o: math.comb(int(hardest(jets, normalization)[jet]), o) for o in (3, 4)}
        for (index, code), values in bins.items():
            order = normalization.hyperedge_orders[index]
            fraction = float(batch.hyperedge_targets.fraction[jet, index, code])
            assert fraction == pytest.approx(len(values) / total[order], rel=1e-5)
            scaler = normalization.hyperedge
            mean = (np.mean(values) - scaler.offset[-1]) / scaler.scale[-1]
            assert float(batch.hyperedge_targets.log_weight[jet, index, code]) == pytest.approx(
                mean, abs=1e-4
            )


@pytest.mark.parametrize("tokens", HYPEREDGE_MODES)
def test_stored_and_recomputed_bins_give_the_same_batch(chain, normalization, tokens):
    with ShardReader(chain.shards[1]) as shard, CorrelatorReader(chain.correlators[1]) as file:
        jets, stored_bins = shard.read(), file.pair_bins()
    np.testing.assert_array_equal(stored_bins, pair_bins(jets, normalization.binning))
    stored = make_batch(jets, normalization, pair_bins=stored_bins, encoder=tokens)
    fresh = make_batch(jets, normalization, encoder=tokens)
    for one, other in zip(stored.tensors(), fresh.tensors(), strict=True):
        assert torch.equal(one, other)


@pytest.mark.parametrize("tokens", HYPEREDGE_MODES)
def test_a_batch_of_one_particle_jets_has_no_tokens(normalization, tokens):
    jets = small_jets(40)[np.array([0])]
    assert jets.multiplicity.tolist() == [1]
    batch = make_batch(jets, normalization, encoder=tokens)
    assert batch.hyperedges.shape[1] == 0
    assert not batch.edge_mask.any()
    assert all(torch.isfinite(value).all() for value in batch.tensors())


def test_coincident_particles_are_finite(normalization):
    jets = small_jets(10)
    jets.particle_features[..., :2] = 0.0
    batch = make_batch(jets, normalization)
    assert torch.isfinite(batch.edges).all()
    assert torch.isfinite(batch.hyperedges).all()


@pytest.mark.parametrize("size", [1, 4, 9, 100])
def test_parts_of_a_batch(normalization, size):
    batch = make_batch(small_jets(9), normalization)
    parts = batch.split(size)
    assert [len(part) for part in parts] == [min(size, 9 - i) for i in range(0, 9, size)]
    for whole, *some in zip(batch.tensors(), *(part.tensors() for part in parts), strict=True):
        assert torch.equal(torch.cat(some), whole)


def test_every_field_of_a_batch_is_pinned(normalization, monkeypatch):
    # stands in for page-locked memory, which needs a GPU
    monkeypatch.setattr(torch.Tensor, "pin_memory", lambda tensor: tensor.unsqueeze(0))
    batch = make_batch(small_jets(3), normalization)
    for pinned, tensor in zip(batch.pin_memory().tensors(), batch.tensors(), strict=True):
        assert torch.equal(pinned[0], tensor)
