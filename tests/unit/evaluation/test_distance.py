"""Distances of observables between whole samples, against analytic cases."""

import numpy as np
import pytest
from scipy.stats import norm, wasserstein_distance

from hypervae.evaluation import distance
from hypervae.evaluation.distance import bin_counts, bin_edges, difference
from hypervae.observables import OBSERVABLES, JetSample, ObservableValues, compute_observables
from tests.unit.toys import toy_jets


def sample_of(jet_values, multiplicity=None, particle_values=None):
    """A sample with the same values for every observable of a kind."""
    n = len(jet_values)
    multiplicity = np.ones(n, dtype=int) if multiplicity is None else np.asarray(multiplicity)
    particles = jet_values if particle_values is None else particle_values
    values = {
        name: np.asarray(particles if about.per_particle else jet_values, dtype=float)
        for name, about in OBSERVABLES.items()
    }
    return ObservableValues(values, multiplicity)


def compare(a, b, name="mass", replicas=20, edges=None):
    edges = np.linspace(-3, 3, 31) if edges is None else edges
    generator = np.random.default_rng(0)
    return difference(a, b, name, edges, generator=generator, replicas=replicas)


def w1(a, b, name="mass", replicas=20):
    return compare(a, b, name, replicas).w1


class TestWasserstein:
    def test_a_shift_moves_the_distance_by_itself(self):
        values = np.random.default_rng(1).normal(size=500)
        assert w1(sample_of(values), sample_of(values + 0.25)).value == pytest.approx(0.25)

    def test_two_points_against_their_mean(self):
        # Half of the mass moves by 1 in each direction.
        assert w1(sample_of([0.0, 2.0]), sample_of([1.0, 1.0])).value == pytest.approx(1.0)

    def test_two_gaussians(self):
        # W1 of N(0, 1) and N(0, 2) is the difference of their mean absolute values.
        generator = np.random.default_rng(2)
        a, b = generator.normal(0, 1, 40_000), generator.normal(0, 2, 40_000)
        found = w1(sample_of(a), sample_of(b))
        assert found.value == pytest.approx(np.sqrt(2 / np.pi), abs=4 * found.error)

    def test_agrees_with_scipy_for_samples_of_different_size_and_with_ties(self):
        generator = np.random.default_rng(3)
        a, b = generator.integers(0, 20, 300) / 7, generator.normal(1, 1, 211)
        found = w1(sample_of(a), sample_of(b)).value
        assert found == pytest.approx(wasserstein_distance(a, b), rel=1e-12)

    def test_replicas_agree_with_resampled_values(self):
        # Three particles in one jet, one in the other: drawn weights act on jets.
        a = sample_of([0.0, 1.0], [3, 1], [0.0, 0.5, 1.0, 2.0])
        b = sample_of([0.5, 0.7], [1, 2], [0.2, 0.4, 3.0])
        edges = np.array([0.3, 1.5])
        columns = [part for side in (a, b) for part in (side.values["ptrel"], side.jet_of("ptrel"))]
        pair = distance.SortedPair(*columns, edges)
        area, _ = pair(np.array([2.0, 0.0]), np.array([0.0, 2.0]))
        assert area == pytest.approx(wasserstein_distance([0.0, 0.5, 1.0], [0.4, 3.0]))

    @pytest.mark.parametrize("name", OBSERVABLES)
    def test_the_same_sample_twice_gives_zero_and_full_overlap(self, name):
        jets = toy_jets(200)
        sample = compute_observables(JetSample(jets))
        found = compare(sample, sample, name, edges=bin_edges(name, [sample]))
        assert found.w1.value == 0.0
        assert found.overlap.value == pytest.approx(1.0, abs=1e-12)

    def test_bootstrap_error_is_the_spread_between_samples(self):
        generator = np.random.default_rng(4)
        draws = [
            (sample_of(generator.normal(0, 1, 400)), sample_of(generator.normal(1, 1, 400)))
            for _ in range(60)
        ]
        found = [compare(a, b, replicas=40) for a, b in draws]
        for kind in ("w1", "overlap"):
            measured = [getattr(one, kind) for one in found]
            spread = np.std([one.value for one in measured])
            assert np.mean([one.error for one in measured]) == pytest.approx(spread, rel=0.3)

    def test_particles_of_a_jet_are_not_independent(self):
        # 20 equal particles a jet are worth one: the error must not shrink by sqrt(20).
        values = np.random.default_rng(5).normal(size=300)
        alone = w1(sample_of(values), sample_of(values + 1), "ptrel")
        twenty = np.repeat(values, 20)
        many = [sample_of(values, np.full(300, 20), twenty + shift) for shift in (0, 1)]
        together = w1(*many, "ptrel")
        assert together.value == pytest.approx(alone.value)
        assert together.error == pytest.approx(alone.error, rel=1e-6)


class TestOverlap:
    def test_two_gaussians(self):
        # The densities of N(0, 1) and N(d, 1) share 2 Phi(-d / 2).
        generator = np.random.default_rng(6)
        a, b = generator.normal(0, 1, 40_000), generator.normal(1.5, 1, 40_000)
        found = compare(sample_of(a), sample_of(b), edges=np.linspace(-2, 3.5, 51)).overlap
        # Where the densities cross, at 0.75, is an edge.
        assert found.value == pytest.approx(2 * norm.cdf(-0.75), abs=4 * found.error)

    def test_disjoint_samples_share_nothing_and_the_tails_count(self):
        edges = np.array([0.0, 1.0])
        assert compare(sample_of([0.2] * 5), sample_of([7.0] * 5), edges=edges).overlap.value == 0
        # Three quarters above the range on one side, half on the other.
        a, b = sample_of([0.5, 2.0, 3.0, 4.0]), sample_of([0.5, 0.6, 5.0, 6.0])
        assert compare(a, b, edges=edges).overlap.value == pytest.approx(0.25 + 0.5)

    def test_agrees_with_histograms(self):
        generator = np.random.default_rng(7)
        a, b = generator.integers(0, 9, 400).astype(float), generator.normal(4, 2, 300)
        edges = np.arange(1.0, 8.0)
        shares = [bin_counts(side, edges) / len(side) for side in (a, b)]
        found = compare(sample_of(a), sample_of(b), edges=edges).overlap.value
        assert found == pytest.approx(np.minimum(*shares).sum(), rel=1e-12)


class TestBins:
    def test_of_the_real_values_but_their_tails(self):
        values = np.append(np.linspace(0, 1, 10_001), 1e6)
        edges = bin_edges("mass", [sample_of(values), sample_of(values)])
        assert len(edges) == distance.BINS + 1
        np.testing.assert_allclose(edges[[0, -1]], [1e-3, 0.999], atol=2e-3)
        np.testing.assert_allclose(np.diff(edges), np.diff(edges)[0])

    def test_logarithmic_and_whole_numbers(self):
        sample = sample_of(np.array([2.0, 5.0, 30.0]), None, np.geomspace(1e-4, 1, 3))
        assert np.ptp(np.diff(np.log(bin_edges("ptrel", [sample])))) < 1e-9
        np.testing.assert_array_equal(bin_edges("multiplicity", [sample]), np.arange(1.5, 31))

    def test_of_a_constant(self):
        edges = bin_edges("mass", [sample_of([3.0] * 4)])
        assert (np.diff(edges) > 0).all()
        assert bin_counts(np.full(4, 3.0), edges).max() == 4
