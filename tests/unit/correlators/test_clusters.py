import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hypervae.correlators import geometry, sets
from hypervae.correlators.clusters import cluster_counts, cluster_features
from tests.unit.correlators.jets import BINNING, jet_of, particles
from tests.unit.toys import toy_jets

TABLES = np.random.default_rng(0).normal(size=(BINNING.size, 2))


def arrays(jets):
    log_weight = np.log(np.where(jets.mask, geometry.weights(jets), 1.0))
    return geometry.pair_bins(jets, BINNING), jets.multiplicity, log_weight


def check(pair_bins, counts, log_weight, orders):
    values, count, weight_sum = cluster_features(pair_bins, counts, log_weight, orders, TABLES)
    lengths = cluster_counts(int(counts.max()), orders)
    assert values.shape == (len(counts), sum(lengths), TABLES.shape[1] + 1)
    for jet, n in enumerate(counts):
        start = 0
        for order, length in zip(orders, lengths, strict=True):
            bins, members = sets.set_bins(pair_bins[jet], n, order), sets.set_members(n, order)
            pairs = zip(*geometry.pair_indices(n), strict=True)
            for place, (i, j) in enumerate(itertools.islice(pairs, length)):
                chosen = (members[:, 0] == i) & (members[:, 1] == j)
                assert count[jet, start + place] == chosen.sum() == math.comb(n - 1 - j, order - 2)
                ln_w = log_weight[jet][members[chosen]].sum(axis=1)
                found = values[jet, start + place], weight_sum[jet, start + place]
                if not chosen.any():
                    assert not found[0].any()
                    assert found[1] == 0
                    continue
                np.testing.assert_allclose(found[0][:-1], TABLES[bins[chosen]].mean(axis=0))
                assert found[0][-1] == pytest.approx(ln_w.mean(), rel=1e-10)
                assert found[1] == pytest.approx(np.exp(ln_w).sum(), rel=1e-10)
            start += length


@given(particles(largest=8), st.lists(st.sampled_from([3, 4, 5, 6]), min_size=1, unique=True))
@settings(max_examples=40)
def test_clusters_are_means_over_their_sets(rows, orders):
    check(*arrays(jet_of(rows, slots=len(rows) + 2)), orders)


def test_clusters_of_jets_of_different_size():
    jets = toy_jets(6, seed=1, max_particles=13)
    jets.particle_features[0, 1:] = 0.0
    jets.particle_features[1, 3:] = 0.0
    check(*arrays(jets), [3, 4, 5])


def test_every_set_is_in_one_cluster():
    pair_bins, counts, log_weight = arrays(toy_jets(5))
    _, count, _ = cluster_features(pair_bins, counts, log_weight, [3, 4], TABLES)
    wanted = [math.comb(n, 3) + math.comb(n, 4) for n in counts]
    assert count.sum(axis=1).tolist() == wanted
