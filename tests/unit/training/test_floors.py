import numpy as np
import pytest

from hypervae.data.jets import Jets
from hypervae.errors import HyperVAEError
from hypervae.training.floors import METRICS, Floors
from tests.unit.toys import toy_jets


@pytest.fixture(scope="module")
def floors():
    return Floors(toy_jets(400, 1), seed=3)


def test_jets_of_the_truth_are_at_one_whatever_their_number(floors):
    found = floors(toy_jets(400, 2))
    assert list(found) == [*METRICS, "mean"]
    assert all(0.5 < value < 2 for value in found.values())
    assert found["mean"] == pytest.approx(np.mean([found[name] for name in METRICS]))
    few = Floors(toy_jets(60, 1), seed=3)
    assert 0.5 < few(toy_jets(40, 2))["mean"] < 2


def test_a_worse_sample_is_farther(floors):
    truth = toy_jets(400, 2)
    found = []
    for factor in (1.0, 1.3, 2.0):
        features = truth.particle_features.copy()
        features[..., :2] *= factor
        found.append(floors(Jets(features, truth.jet_features))["mean"])
    assert found[0] < found[1] < found[2]
    assert found[2] > 3


def test_a_single_metric_is_a_ratio_of_distances_of_equal_samples(floors):
    """A shift of etarel by d moves W1 by d, once it is larger than all widths."""
    truth = toy_jets(400, 2)
    features = truth.particle_features.copy()
    features[..., 0] += 10.0 * truth.mask
    shifted = floors(Jets(features, truth.jet_features))
    expected = 10.0 / floors.floors["etarel"]
    assert 3 * shifted["w1p"] == pytest.approx(expected, rel=0.02)


def test_the_same_seed_gives_the_same_floors(floors):
    again, other = Floors(toy_jets(400, 1), seed=3), Floors(toy_jets(400, 1), seed=4)
    assert again.floors == floors.floors
    assert other.floors != floors.floors


def test_too_few_jets_are_refused():
    with pytest.raises(HyperVAEError, match="found 3 validation jets of type g, expected at least"):
        Floors(toy_jets(3, 1, "g"), seed=3)


@pytest.mark.parametrize("broken", ["not finite", "empty"])
def test_unusable_jets_are_infinitely_far(floors, broken):
    jets = toy_jets(400, 2)
    jets.particle_features[3] = np.nan if broken == "not finite" else 0.0
    assert set(floors(jets).values()) == {np.inf}
