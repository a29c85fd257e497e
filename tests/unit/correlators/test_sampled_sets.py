import math

import numpy as np
import pytest

from hypervae.correlators import geometry, sets
from hypervae.correlators.sampled_sets import content_keys, sample_sets
from tests.unit.correlators.jets import BINNING
from tests.unit.toys import toy_jets


def arrays(jets):
    log_weight = np.log(np.where(jets.mask, geometry.weights(jets), 1.0))
    return geometry.pair_bins(jets, BINNING), jets.multiplicity, log_weight


def few_and_many():
    """Jets of 1, 2, 3, 5 and more particles."""
    jets = toy_jets(12, seed=1, max_particles=14)
    for jet, keep in enumerate([1, 2, 3, 5]):
        jets.particle_features[jet, keep:] = 0.0
    return jets


@pytest.mark.parametrize("orders", [[3], [3, 4], [4, 6], [3, 4, 5, 6]])
@pytest.mark.parametrize("samples", [1, 40, 10_000])
def test_samples_are_sets_of_their_jet_each_at_most_once(orders, samples):
    pair_bins, counts, log_weight = arrays(few_and_many())
    keys = np.arange(len(counts), dtype=np.uint64)
    drawn = sample_sets(pair_bins, counts, log_weight, orders, samples, keys)
    for jet, n in enumerate(counts):
        total = sum(math.comb(n, order) for order in orders)
        assert drawn.total[jet] == total
        assert drawn.size[jet] == min(total, samples)
        here = slice(0, drawn.size[jet])
        order, number = drawn.order[jet, here], drawn.number[jet, here]
        assert len(set(zip(order.tolist(), number.tolist(), strict=True))) == drawn.size[jet]
        for row, size in enumerate(orders):
            chosen = order == row
            bins = sets.set_bins(pair_bins[jet], n, size)[number[chosen]]
            np.testing.assert_array_equal(drawn.rl_bin[jet, here][chosen], bins)
            ln_w = log_weight[jet][sets.set_members(n, size)].sum(axis=1)[number[chosen]]
            np.testing.assert_allclose(drawn.log_weight[jet, here][chosen], ln_w, rtol=1e-12)


def test_every_set_and_every_pair_of_sets_is_equally_likely():
    jets = toy_jets(1, seed=2, max_particles=5)
    assert jets.multiplicity[0] == 5
    repeats, samples, total = 20_000, 4, 15  # 10 sets of 3 and 5 sets of 4
    pair_bins, counts, log_weight = (np.repeat(array, repeats, axis=0) for array in arrays(jets))
    keys = np.arange(repeats, dtype=np.uint64)
    drawn = sample_sets(pair_bins, counts, log_weight, [3, 4], samples, keys)
    chosen = np.zeros((repeats, total))
    np.put_along_axis(chosen, 10 * drawn.order + drawn.number, 1.0, axis=1)
    both = chosen.T @ chosen / repeats
    one, two = samples / total, samples * (samples - 1) / (total * (total - 1))
    expected = np.where(np.eye(total, dtype=bool), one, two)
    error = np.sqrt(expected * (1 - expected) / repeats)
    pulls = (both - expected) / error
    assert np.abs(pulls).max() < 5
    assert 0.6 < (pulls**2).mean() < 1.4


def test_a_draw_depends_on_the_key_alone():
    jets = toy_jets(6, seed=3, max_particles=12)
    pair_bins, counts, log_weight = arrays(jets)
    keys = np.array([5, 5, 7, 8, 9, 10], dtype=np.uint64)
    together = sample_sets(pair_bins, counts, log_weight, [3, 4], 30, keys)
    for jet in range(6):
        row = slice(jet, jet + 1)
        alone = sample_sets(pair_bins[row], counts[row], log_weight[row], [3, 4], 30, keys[row])
        for one, other in zip(alone, together, strict=True):
            np.testing.assert_array_equal(one[0], other[jet])
    counts = np.full(6, counts.min())
    drawn = sample_sets(pair_bins, counts, log_weight, [3, 4], 30, keys)
    np.testing.assert_array_equal(drawn.number[0], drawn.number[1])
    assert (drawn.number[0] != drawn.number[2]).any()


def test_jets_without_sets():
    jets = toy_jets(2, max_particles=2)
    keys = np.zeros(2, dtype=np.uint64)
    drawn = sample_sets(*arrays(jets), [3, 4], 10, keys)
    assert drawn.size.tolist() == drawn.total.tolist() == [0, 0]
    assert drawn.number.shape == (2, 0)


def test_content_keys_tell_jets_apart_and_nothing_else():
    jets = toy_jets(500, seed=4)
    features, mask = jets.particle_features[..., :3], jets.mask
    keys = content_keys(features, mask)
    assert len(set(keys.tolist())) == 500
    order = np.random.default_rng(0).permutation(features.shape[1])
    np.testing.assert_array_equal(content_keys(features[:, order], mask[:, order]), keys)
    padded = np.pad(features, [(0, 0), (0, 4), (0, 0)], constant_values=2.0)
    np.testing.assert_array_equal(content_keys(padded, np.pad(mask, [(0, 0), (0, 4)])), keys)
    changed = features.copy()
    changed[:, 0, 0] += 1e-3
    assert (content_keys(changed, mask) != keys).all()
