"""1-Wasserstein distances against analytic cases and against the packages of the field."""

import numpy as np
import pytest
from scipy.stats import wasserstein_distance

from hypervae.data.jets import Jets
from hypervae.evaluation.metrics import JETNET_METRICS, jetnet_w1, seeded_jetnet, wasserstein
from hypervae.evaluation.observables import OBSERVABLES, ObservableSample, observables
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
    return ObservableSample(values, multiplicity)


def distance(a, b, name="mass", replicas=20, seed=0):
    return wasserstein(a, b, name, replicas=replicas, generator=np.random.default_rng(seed))


def stretched(jets, factor):
    """The same jets with all angles times a factor."""
    particles = jets.particle_features.copy()
    particles[..., :2] *= np.float32(factor)
    return Jets(particles, jets.jet_features, jet_type=jets.jet_type)


class TestWasserstein:
    def test_a_shift_moves_the_distance_by_itself(self):
        values = np.random.default_rng(1).normal(size=500)
        assert distance(sample_of(values), sample_of(values + 0.25)).value == pytest.approx(0.25)

    def test_two_points_against_their_mean(self):
        # Half of the mass moves by 1 in each direction.
        assert distance(sample_of([0.0, 2.0]), sample_of([1.0, 1.0])).value == pytest.approx(1.0)

    def test_two_gaussians(self):
        # W1 of N(0, 1) and N(0, 2) is the difference of their mean absolute values.
        generator = np.random.default_rng(2)
        a, b = generator.normal(0, 1, 40_000), generator.normal(0, 2, 40_000)
        found = distance(sample_of(a), sample_of(b))
        assert found.value == pytest.approx(np.sqrt(2 / np.pi), abs=4 * found.error)

    def test_agrees_with_scipy_for_samples_of_different_size_and_with_ties(self):
        generator = np.random.default_rng(3)
        a, b = generator.integers(0, 20, 300) / 7, generator.normal(1, 1, 211)
        found = distance(sample_of(a), sample_of(b)).value
        assert found == pytest.approx(wasserstein_distance(a, b), rel=1e-12)

    @pytest.mark.parametrize("name", OBSERVABLES)
    def test_the_same_sample_twice_gives_zero(self, name):
        sample = observables(toy_jets(200))
        assert distance(sample, sample, name).value == 0.0

    def test_bootstrap_error_is_the_spread_between_samples(self):
        generator = np.random.default_rng(4)
        draws = [
            (sample_of(generator.normal(0, 1, 400)), sample_of(generator.normal(1, 1, 400)))
            for _ in range(60)
        ]
        found = [distance(a, b, replicas=40) for a, b in draws]
        spread = np.std([measured.value for measured in found])
        assert np.mean([measured.error for measured in found]) == pytest.approx(spread, rel=0.3)

    def test_particles_of_a_jet_are_not_independent(self):
        # 20 equal particles a jet are worth one: the error must not shrink by sqrt(20).
        values = np.random.default_rng(5).normal(size=300)
        alone = distance(sample_of(values), sample_of(values + 1), "ptrel")
        twenty = np.repeat(values, 20)
        many = [sample_of(values, np.full(300, 20), twenty + shift) for shift in (0, 1)]
        together = distance(*many, "ptrel")
        assert together.value == pytest.approx(alone.value)
        assert together.error == pytest.approx(alone.error, rel=1e-6)


class TestJetNet:
    @pytest.mark.filterwarnings("ignore:Recommended number of jets")
    def test_agrees_with_jetnet_on_the_same_draws(self):
        from jetnet.evaluation import gen_metrics

        a, b = toy_jets(300, 1), toy_jets(300, 2, "q")
        found = jetnet_w1(a, b, samples=250, batches=3, seed=11)
        arrays = [jets.particle_features[..., :3].astype(np.float64) for jets in (a, b)]
        before, gen_metrics.rng = gen_metrics.rng, np.random.default_rng(11)
        try:
            w1m = gen_metrics.w1m(*arrays, num_eval_samples=250, num_batches=3)
            w1p = gen_metrics.w1p(*arrays, a.mask, b.mask, num_eval_samples=250, num_batches=3)
        finally:
            gen_metrics.rng = before
        expected = dict(zip(JETNET_METRICS, [w1m, *zip(*w1p, strict=True)], strict=True))
        for name, pair in expected.items():
            np.testing.assert_allclose(found[name], pair, rtol=1e-12)

    def test_w1m_is_of_the_kept_particles_mass(self):
        # jetnet's masses, through another package, and our own agree: their W1 over all jets too.
        from jetnet.utils import jet_features

        jets = toy_jets(100)
        theirs = jet_features(jets.particle_features[..., :3].astype(np.float64))["mass"]
        np.testing.assert_allclose(theirs, observables(jets).values["mass"], rtol=1e-6)

    def test_deterministic_and_leaves_the_generator_of_the_package_alone(self):
        from jetnet.evaluation import gen_metrics

        a, b, before = toy_jets(100, 1), toy_jets(100, 2), gen_metrics.rng
        runs = [jetnet_w1(a, b, samples=100, batches=2, seed=seed) for seed in (3, 3, 4)]
        assert runs[0] == runs[1]
        assert runs[0] != runs[2]
        assert gen_metrics.rng is before
        with pytest.raises(ValueError, match="inside"), seeded_jetnet(1):
            raise ValueError("inside")
        assert gen_metrics.rng is before

    def test_angles_move_mass_and_angles_alone(self):
        # One seed: the same jets are drawn each time, so that what stays equal is equal exactly.
        jets = toy_jets(2000)
        same = jetnet_w1(jets, jets, samples=2000, batches=3, seed=1)
        wide = jetnet_w1(stretched(jets, 1.02), jets, samples=2000, batches=3, seed=1)
        assert wide["w1p_ptrel"] == same["w1p_ptrel"]
        for name in ("w1m", "w1p_etarel", "w1p_phirel"):
            assert wide[name].value > same[name].value
        far = jetnet_w1(stretched(jets, 1.5), jets, samples=2000, batches=3, seed=1)
        for name in ("w1m", "w1p_etarel", "w1p_phirel"):
            assert far[name].value > 5 * same[name].value

    def test_one_particle_jets(self):
        jets = toy_jets(50)
        jets.particle_features[:10, 1:] = 0
        found = jetnet_w1(jets, toy_jets(50, 1), samples=50, batches=2, seed=1)
        assert all(np.isfinite(measured).all() for measured in found.values())


def test_two_percent_in_angle_is_seen_without_resampling():
    jets = toy_jets(2000)
    a, b = observables(stretched(jets, 1.02)), observables(jets)
    found = {name: distance(a, b, name).value for name in OBSERVABLES}
    assert found["ptrel"] == found["multiplicity"] == found["jet_pt"] == 0.0
    # The same jets: the distance of |x| distributions scaled by 1.02 is 2 % of their mean |x|.
    for name in ("etarel", "phirel"):
        expected = 0.02 * np.abs(b.values[name]).mean()
        assert found[name] == pytest.approx(expected, rel=1e-4)
    assert found["mass"] == pytest.approx(0.02 * b.values["mass"].mean(), rel=0.01)
