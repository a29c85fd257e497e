"""Metrics of pairs of observables."""

import dataclasses

import numpy as np
import pytest

from hypervae.evaluation.metrics import GROUPS
from hypervae.evaluation.pairs import compare_pairs
from hypervae.observables import JetSample, compute_observables
from tests.unit.evaluation.jets import top_jets

REPLICAS = 5


def values_of(jets):
    return compute_observables(JetSample(jets))


def compare(sample, reference, replicas=REPLICAS):
    return compare_pairs(
        values_of(sample),
        values_of(reference),
        generator=np.random.default_rng(1),
        replicas=replicas,
    )


@pytest.fixture(scope="module")
def jets():
    return top_jets()[:600]


def changed(jets, particles=None, features=None):
    return dataclasses.replace(
        jets,
        particle_features=jets.particle_features if particles is None else particles,
        jet_features=jets.jet_features if features is None else features,
    )


def test_the_same_sample_twice_gives_zero(jets):
    found = compare(jets, jets)
    assert set(found) == set(GROUPS["pairs"].metrics)
    assert all(measured.value == 0 for measured in found.values())


def test_features_of_other_jets_keep_the_marginals_and_are_seen(jets):
    # Particles of one jet with the mass and pT of another: no marginal of either moves.
    found = compare(changed(jets, features=np.roll(jets.jet_features, 1, axis=0)), jets)
    assert found["w1_mass_ratio"].value > 0.05
    assert found["w1_mass_ratio"].value > 5 * found["w1_mass_ratio"].error
    assert found["sliced_w1_mass_pt"].value == pytest.approx(0, abs=1e-9)
    assert found["w1_sum_ptrel"].value == 0


def test_mass_against_pt_is_seen_with_both_marginals_kept(jets):
    features = jets.jet_features.copy()
    features[:, 0] = np.sort(features[:, 0])
    features[:, 2] = np.sort(features[:, 2])
    found = compare(changed(jets, features=features), jets)["sliced_w1_mass_pt"]
    assert found.value > 0.1
    assert found.value > 3 * found.error


def test_the_mass_ratio_of_a_scaled_mass_is_its_shift(jets):
    features = jets.jet_features.copy()
    features[:, 2] *= 2
    sample = values_of(jets)
    expected = (sample.values["mass_kept"] / sample.values["jet_mass"]).mean() / 2
    found = compare(changed(jets, features=features), jets)["w1_mass_ratio"]
    assert found.value == pytest.approx(expected, rel=1e-5)


def test_the_sum_of_ptrel_of_scaled_particles_is_its_shift(jets):
    particles = jets.particle_features.copy()
    particles[..., 2] *= 0.9
    found = compare(changed(jets, particles), jets)["w1_sum_ptrel"]
    expected = 0.1 * values_of(jets).values["ptrel"].sum() / len(jets)
    assert found.value == pytest.approx(expected, rel=1e-5)


def test_mass_at_multiplicity_sees_what_the_mass_alone_does_not(jets):
    few = changed(jets, jets.particle_features.copy())
    few.particle_features[::2, 12:] = 0
    one, other = values_of(few), values_of(few)
    # The masses of jets of few particles go to those of many, and the other way round.
    swapped = np.empty_like(other.values["mass"])
    swapped[::2], swapped[1::2] = other.values["mass"][1::2], other.values["mass"][::2]
    other.values["mass"] = swapped
    found = compare_pairs(one, other, generator=np.random.default_rng(1), replicas=REPLICAS)
    apart = found["w1_mass_at_multiplicity"]
    assert apart.value > 3 * apart.error > 0


def test_jets_of_one_particle_are_counted(jets):
    particles = jets.particle_features.copy()
    particles[:60, 1:] = 0
    particles[:60, 0, 2] = 0.99
    found = compare(changed(jets, particles), jets, replicas=100)["single_particle"]
    assert found.value == pytest.approx(0.1)
    assert found.error == pytest.approx(np.sqrt(0.1 * 0.9 / 600), rel=0.3)
