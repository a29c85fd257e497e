"""Correlators of samples: analytic cases, errors and distances."""

import numpy as np
import pytest

from hypervae.data.jets import concatenate
from hypervae.evaluation.correlators import (
    BINNING,
    ORDERS,
    CorrelatorSums,
    compare_correlators,
    correlator_sums,
)
from tests.unit.evaluation.jets import pairs, stretched, top_jets
from tests.unit.toys import toy_jets


def compare(a, b, replicas=30):
    generator = np.random.default_rng(1)
    return compare_correlators(
        correlator_sums(a), correlator_sums(b), generator=generator, replicas=replicas
    )


def test_two_particles():
    share, angle = 0.3, 0.2
    mean = correlator_sums(pairs(angle, share)).means().mean
    np.testing.assert_allclose(mean.sum(axis=1), 1.0)
    place = np.searchsorted(BINNING.edges, angle)
    for row, order in enumerate(ORDERS):
        expected = 1 - share**order - (1 - share) ** order
        assert mean[row, place] == pytest.approx(expected, rel=1e-6)
        assert mean[row, 0] == pytest.approx(1 - expected, rel=1e-6)
    ratio, error = correlator_sums(pairs(angle, share)).means().ratios()
    assert ratio[1, place] == pytest.approx(1.5)
    assert error[1, place] == pytest.approx(0.0, abs=1e-7)
    assert np.isnan(ratio[1, place + 1])


def test_errors_of_a_bin_that_one_jet_feeds_are_nan_and_of_two_are_not():
    alone = concatenate([pairs(0.2, 0.3, 1), pairs(0.02, 0.3, 1), pairs(0.02, 0.4, 1)])
    ratio, error = correlator_sums(alone).means().ratios()
    wide, narrow = np.digitize([0.2, 0.02], BINNING.edges)
    assert np.isfinite(ratio[1, [wide, narrow]]).all()
    assert np.isnan(error[1, wide])
    assert np.isfinite(error[1, narrow])


def test_blocks_and_chunks_do_not_matter():
    jets = toy_jets(90)
    whole = correlator_sums(jets)
    assert len(whole.jets) == 90
    parts = correlator_sums(jets, blocks=7, chunk=25)
    np.testing.assert_array_equal(np.sort(parts.jets), [12] * 1 + [13] * 6)
    np.testing.assert_allclose(parts.means().mean, whole.means().mean, rtol=1e-12)
    for one, other in zip(parts.means().ratios(), whole.means().ratios(), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-9)


def test_errors_are_the_spread_between_samples():
    sums = [correlator_sums(toy_jets(200, seed)) for seed in range(60)]
    for name in ("mean", "ratio"):
        found = [
            (means.mean, means.error) if name == "mean" else means.ratios()
            for means in map(CorrelatorSums.means, sums)
        ]
        values, errors = (np.array(part)[:, :, 35:45] for part in zip(*found, strict=True))
        # E2C over E2C is 1 without an error.
        rows = slice(0, None) if name == "mean" else slice(1, None)
        quotient = errors[:, rows].mean(axis=0) / values[:, rows].std(axis=0, ddof=1)
        assert np.median(quotient) == pytest.approx(1.0, abs=0.1)


def test_bootstrap_errors_are_the_spread_between_samples():
    found = [
        compare(toy_jets(200, 2 * seed), toy_jets(200, 2 * seed + 1, "q")) for seed in range(40)
    ]
    for name in found[0]:
        spread = np.std([one[name].value for one in found])
        assert np.mean([one[name].error for one in found]) == pytest.approx(spread, rel=0.4), name


def test_the_same_sample_twice_gives_zero():
    jets = toy_jets(100)
    assert all(measured.value == 0.0 for measured in compare(jets, jets).values())


def test_a_factor_of_the_angles_is_a_shift_in_ln_r():
    jets = top_jets()[:500]
    found = compare(stretched(jets, 1.1), jets)
    for order in ORDERS:
        assert found[f"w1_e{order}c"].value == pytest.approx(np.log(1.1), rel=0.05)
        assert found[f"deviation_e{order}c"].value > 0.02


def test_the_fraction_of_soft_jets_is_a_deviation_and_no_shift():
    # Jets of one particle have no pairs: half as much of everything, at the same places.
    full, single = pairs(0.2, 0.3, 50), pairs(0.2, 0.3, 50)
    single.particle_features[:, 1:] = 0
    found = compare(concatenate([full, single]), full)
    assert found["w1_e2c"].value == pytest.approx(0.0, abs=1e-12)
    assert found["deviation_e2c"].value == pytest.approx(0.5)
    assert found["deviation_e3c_e2c"].value == pytest.approx(0.0, abs=1e-12)
    alone = compare(single, full)
    assert all(np.isfinite(measured).all() for measured in alone.values())
    assert alone["deviation_e2c"].value == pytest.approx(1.0)


def test_the_reference_weights_the_deviation_of_the_ratio():
    def sums(e2c, e3c):
        total = np.zeros((1, len(ORDERS), BINNING.size))
        total[0, 0, 10:12], total[0, 1, 10:12] = e2c, e3c
        return CorrelatorSums(np.ones(1), total, total**2, total * total[:, :1])

    # E3C/E2C is half as much again in one bin, with half of the reference's E2C, a quarter of ours.
    found = compare_correlators(
        sums([1.0, 3.0], [1.5, 3.0]),
        sums([2.0, 2.0], [2.0, 2.0]),
        generator=np.random.default_rng(1),
        replicas=2,
    )
    assert found["deviation_e3c_e2c"].value == pytest.approx(0.25)


def test_deviation_of_the_ratio():
    # E3C/E2C of two particles is 3/2 whatever the share; of an equilateral triangle it is 4/3.
    triangle = pairs(0.2, 0.3, 20)
    triangle.particle_features[:, 0] = (0.0, 0.0, 1 / 3, 1)
    triangle.particle_features[:, 1] = (0.2, 0.0, 1 / 3, 1)
    triangle.particle_features[:, 2] = (0.1, 0.1 * np.sqrt(3), 1 / 3, 1)
    found = compare(triangle, pairs(0.2 * (1 - 1e-4), 0.3))
    # 27 triples: 3 in contact, 18 of two particles, 6 of three; of 9 pairs 6 apart.
    assert found["deviation_e3c_e2c"].value == pytest.approx(
        1 - (24 / 27) / (6 / 9) / 1.5, rel=1e-3
    )
