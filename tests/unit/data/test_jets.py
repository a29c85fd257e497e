import numpy as np
import pytest

from hypervae.data.jet_checks import check_jets
from hypervae.data.jet_types import JET_TYPES
from hypervae.data.jets import Jets, concatenate, sort_particles
from hypervae.data.slots import fit_slots
from hypervae.errors import InputError


def make_jets(n=6, slots=5, seed=0, **columns):
    """Random valid jets with 1 to `slots` particles, sorted by falling pT."""
    random = np.random.default_rng(seed)
    count = random.integers(1, slots + 1, n)
    mask = np.arange(slots) < count[:, None]
    ptrel = -np.sort(-random.uniform(0.01, 0.3, (n, slots)), axis=1)
    ptrel /= np.maximum((ptrel * mask).sum(axis=1, keepdims=True), 1.0)
    angles = random.normal(0, 0.1, (2, n, slots))
    particles = np.stack([*angles, ptrel, mask], axis=-1) * mask[..., None]
    pt, eta, mass = random.uniform(800, 1200, n), random.normal(0, 1, n), random.uniform(20, 200, n)
    jets = np.stack([pt, eta, mass, count], axis=-1)
    return Jets(particles.astype(np.float32), jets.astype(np.float32), **columns)


def test_jet_types_have_jetnets_indices():
    assert JET_TYPES == {"g": 0, "q": 1, "t": 2, "w": 3, "z": 4}


def test_valid_jets_pass():
    check_jets(make_jets(100), "a.h5")


def test_the_tails_of_real_jetnet_pass():
    jets = make_jets(4)
    jets.particle_features[0, 0, :2] = -1.62, 0.52
    jets.particle_features[1, 0, :2] = 1.0, -0.52
    jets.jet_features[:2, 0] = 209.0, 3026.0
    jets.jet_features[2, 2] = -0.05  # a massless jet's rounding
    check_jets(jets, "a.h5")


def broken(change):
    jets = make_jets(6)
    jets.particle_features[2] = [[0.1, 0, 0.5, 1], [0, 0.1, 0.2, 1], *[[0, 0, 0, 0]] * 3]
    change(jets)
    return jets


@pytest.mark.parametrize(
    ("change", "field", "found", "expected"),
    [
        (lambda j: j.particle_features.__setitem__((2, 1, 0), np.nan), "etarel", "nan", "finite"),
        (lambda j: j.particle_features.__setitem__((2, 1, 1), np.inf), "phirel", "inf", "finite"),
        (lambda j: j.jet_features.__setitem__((2, 1), np.nan), "jet_features eta", "nan", "finite"),
        (lambda j: j.particle_features.__setitem__((2, 1, 2), -0.2), "ptrel", "-0.2", "ptrel >= 0"),
        (lambda j: j.particle_features.__setitem__((2, 1, 3), 0.5), "mask", "0.5", "0 or 1"),
        (lambda j: j.particle_features.__setitem__((2, 2, 3), 1), "mask", "0.0", "mask is 1"),
        (lambda j: j.particle_features.__setitem__((2, 1, 3), 0), "mask", "0.2", "mask is 0"),
        (lambda j: j.particle_features.__setitem__(2, 0), "mask", "0", "at least one particle"),
        (lambda j: j.jet_features.__setitem__((2, 0), -5), "jet_features pt", "-5", "pt > 0"),
        (lambda j: j.jet_features.__setitem__((2, 2), -2), "jet_features mass", "-2", "mass >= 0"),
    ],
)
def test_bad_values_are_named_with_file_field_and_row(change, field, found, expected):
    with pytest.raises(InputError) as caught:
        check_jets(broken(change), "some/file.h5", first_row=10)
    message = str(caught.value)
    assert message.startswith("some/file.h5: ")
    assert field in caught.value.field
    assert found in caught.value.found
    assert "row 12" in caught.value.found
    assert expected in caught.value.expected


def test_a_wrong_split_is_refused():
    jets = make_jets(3, split=np.array([0, 3, 1], np.uint8))
    with pytest.raises(InputError, match=r"a\.h5: split: found 3 at row 1"):
        check_jets(jets, "a.h5")


def test_a_jet_with_one_particle_passes_and_survives_sorting_and_slots():
    jets = make_jets(1)
    jets.particle_features[0] = 0
    jets.particle_features[0, 3] = [0.01, -0.02, 0.9, 1]  # not in the first slot
    jets.jet_features[0, 3] = 1
    check_jets(jets, "a.h5")
    fitted = fit_slots(jets, 2)
    np.testing.assert_allclose(fitted.particle_features[0, 0], [0.01, -0.02, 0.9, 1], rtol=1e-6)
    assert fitted.multiplicity.tolist() == [1]


def test_particles_are_sorted_by_pt_with_the_absent_last():
    jets = make_jets(50)
    shuffled = jets[np.arange(50)]
    random = np.random.default_rng(1)
    order = random.permuted(np.tile(np.arange(5), (50, 1)), axis=1)
    shuffled.particle_features = np.take_along_axis(
        jets.particle_features, order[..., None], axis=1
    )
    np.testing.assert_array_equal(
        sort_particles(shuffled).particle_features, jets.particle_features
    )


def test_slots_keep_the_hardest_and_count_them():
    jets = make_jets(50)
    fitted = fit_slots(jets, 3)
    np.testing.assert_array_equal(fitted.particle_features, jets.particle_features[:, :3])
    np.testing.assert_array_equal(fitted.jet_features[:, 3], np.minimum(jets.jet_features[:, 3], 3))
    np.testing.assert_array_equal(fitted.jet_features[:, :3], jets.jet_features[:, :3])
    assert jets.jet_features[:, 3].max() == 5  # the argument is left alone


def test_slots_are_added_empty():
    fitted = fit_slots(make_jets(5), 8)
    assert fitted.particle_features.shape == (5, 8, 4)
    assert not fitted.particle_features[:, 5:].any()
    check_jets(fitted, "a.h5")


def test_joining_keeps_a_column_that_all_have_and_drops_others():
    one = make_jets(2, event_id=np.array([1, 2]), split=np.zeros(2, np.uint8), jet_type="g")
    two = make_jets(3, event_id=np.array([3, 4, 5]), jet_type="g")
    joined = concatenate([one, two])
    assert joined.event_id.tolist() == [1, 2, 3, 4, 5]
    assert joined.split is None
    assert joined.jet_type == "g"
    assert len(joined) == 5
