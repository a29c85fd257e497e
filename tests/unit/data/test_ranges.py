"""Values that no jet has, and files in other units or layouts, are refused by all readers alike."""

import re
import warnings
from pathlib import Path

import h5py
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hypervae.checks.files import check_file
from hypervae.config import SplitConfig, resolve_section
from hypervae.correlators.compute import compute_correlators
from hypervae.data.held_out import read_held_out
from hypervae.data.importing import import_shard
from hypervae.data.jet_checks import check_jets
from hypervae.data.jets import Jets
from hypervae.data.ranges import FEWEST, blank_absent, misread
from hypervae.errors import InputError
from hypervae.evaluation.inputs import read_generated, read_real
from hypervae.formats.shard import ShardReader
from hypervae.model.sampling import is_physical
from tests.unit.chain import CORRELATORS
from tests.unit.data.laid_out import jets_of, particles_as, write
from tests.unit.toys import toy_jets

SPLIT = SplitConfig(seed=1, fractions=(0.5, 0.1, 0.4))
READERS = {
    "import": lambda path: import_shard(path, path.with_name("out.h5"), "g", 30),
    "validate": lambda path: check_file(path, "g"),
    "correlators": lambda path: compute_correlators(
        path, path.with_name("out.h5"), resolve_section("correlators", CORRELATORS), jet_type="g"
    ),
    "evaluate": lambda path: read_generated(path, "g", 1000),
    "real": lambda path: read_real([path], "g", SPLIT, 1000),
    "held out": lambda path: read_held_out([path], ["g"], SPLIT, jets=9, max_particles=30),
}


def scaled(particles, features, *, particle=(1, 1, 1, 1), jet=(1, 1, 1, 1)):
    return particles * np.array(particle), features * np.array(jet)


def standardized(values, there):
    rows = values[there]
    return np.where(there[..., None], (values - rows.mean(axis=0)) / rows.std(axis=0), 0.0)


def absolute(columns):
    return lambda jets, phi: (particles_as(jets, phi, columns), jets.jet_features)


def normalized_jets(jets, phi):
    particles = jets.particle_features.astype(np.float64)
    particles[..., :3] = standardized(particles[..., :3], jets.mask)
    return particles, jets.jet_features


def jets_with_phi(jets, phi):
    pt, eta, mass, _ = jets.jet_features.T
    return jets.particle_features, np.stack([pt, eta, phi, mass], axis=1)


#: What is wrong with a file, how it comes about, and what the message says.
MISTAKES = {
    "ptrel doubled": (
        lambda j, _: scaled(j.particle_features, j.jet_features, particle=(1, 1, 2, 1)),
        "ptrel: found a median sum of 1.7",
    ),
    "ptrel in GeV": (
        lambda j, _: scaled(j.particle_features, j.jet_features, particle=(1, 1, 1000, 1)),
        "particle_features ptrel: found",
    ),
    "ptrel in percent": (
        lambda j, _: scaled(j.particle_features, j.jet_features, particle=(1, 1, 100, 1)),
        "particle_features ptrel: found",
    ),
    "particles in TeV, jets in GeV": (
        lambda j, _: scaled(j.particle_features, j.jet_features, particle=(1, 1, 1e-3, 1)),
        "ptrel: found a median of .* hardest particle",
    ),
    "jets in MeV": (
        lambda j, _: scaled(j.particle_features, j.jet_features, jet=(1e3, 1, 1e3, 1)),
        "jet_features pt: found .*--units MeV",
    ),
    "soft jets in MeV": (
        lambda j, _: scaled(j.particle_features, j.jet_features, jet=(30, 1, 30, 1)),
        "jet_features pt: found a median of .*--units MeV",
    ),
    "jets in TeV": (
        lambda j, _: scaled(j.particle_features, j.jet_features, jet=(1e-3, 1, 1e-3, 1)),
        "jet_features pt: found a median of .*--units TeV",
    ),
    "masses in MeV": (
        lambda j, _: scaled(j.particle_features, j.jet_features, jet=(1, 1, 100, 1)),
        "jet_features mass: found a median of",
    ),
    "masses in TeV": (
        lambda j, _: scaled(j.particle_features, j.jet_features, jet=(1, 1, 1e-3, 1)),
        "jet_features mass: found particles with a mass",
    ),
    "degrees": (
        lambda j, _: scaled(j.particle_features, j.jet_features, particle=(1, 180 / np.pi, 1, 1)),
        "phirel: found .*--angles degrees",
    ),
    "absolute eta": (
        absolute(("eta", "phirel", "ptrel", "mask")),
        "etarel: found means .*--layout eta,phirel,ptrel,mask",
    ),
    "absolute phi": (
        absolute(("etarel", "phi", "ptrel", "mask")),
        "phirel: found means .*--layout etarel,phi,ptrel,mask",
    ),
    "absolute angles": (
        absolute(("eta", "phi", "ptrel", "mask")),
        "etarel: found means .*--layout eta,phi,ptrel,mask",
    ),
    "pt eta phi m": (absolute(("pt", "eta", "phi", "m")), "--layout pt,eta,phi,m"),
    "pt eta phi E": (absolute(("pt", "eta", "phi", "E")), "--layout pt,eta,phi,E"),
    "E px py pz": (absolute(("E", "px", "py", "pz")), "--layout E,px,py,pz"),
    "px py pz E": (absolute(("px", "py", "pz", "E")), "--layout px,py,pz,E"),
    "eta phi pt mask": (absolute(("eta", "phi", "pt", "mask")), "--layout eta,phi,pt,mask"),
    "ptrel first": (
        absolute(("ptrel", "etarel", "phirel", "mask")),
        "--layout ptrel,etarel,phirel,mask",
    ),
    "normalized": (normalized_jets, "look normalized"),
    "jets with phi": (jets_with_phi, "jet_features.*look like .pt, eta, phi, mass"),
}


def made_by(change, tmp_path):
    jets, phi = jets_of(200)
    particles, features = change(jets, phi)
    return write(tmp_path / "mine.h5", particles, features)


@pytest.mark.parametrize("mistake", MISTAKES)
def test_other_units_and_layouts_are_refused_with_the_likely_cause(tmp_path, mistake):
    change, message = MISTAKES[mistake]
    with pytest.raises(InputError) as caught:
        READERS["import"](made_by(change, tmp_path))
    assert re.search(message, str(caught.value)), str(caught.value)
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "out.h5").exists()


@pytest.mark.parametrize("mistake", ["ptrel doubled", "absolute angles", "degrees", "pt eta phi m"])
@pytest.mark.parametrize("reader", READERS)
def test_all_readers_refuse_them(tmp_path, reader, mistake):
    path = made_by(MISTAKES[mistake][0], tmp_path)
    with pytest.raises(InputError, match=r"mine\.h5: "):
        READERS[reader](path)
    assert not (tmp_path / "out.h5").exists()


@pytest.mark.parametrize("reader", READERS)
def test_all_readers_take_jets_as_they_should_be(tmp_path, reader):
    jets, _ = jets_of(300)
    READERS[reader](write(tmp_path / "mine.h5", jets.particle_features, jets.jet_features))


#: A value where none is possible.
OUTLIERS = {
    "etarel -999": (lambda p, j: p.__setitem__((3, 0, 0), -999.0), "etarel: found -999.0 at row 3"),
    "etarel 800": (lambda p, j: p.__setitem__((3, 0, 0), 800.0), "etarel: found 800.0 at row 3"),
    "phirel -999": (lambda p, j: p.__setitem__((3, 0, 1), -999.0), "phirel: found -999.0 at row 3"),
    "ptrel -999": (lambda p, j: p.__setitem__((3, 0, 2), -999.0), "ptrel: found -999.0 at row 3"),
    "ptrel 1e6": (lambda p, j: p.__setitem__((3, 0, 2), 1e6), "ptrel: found 1000000.0 at row 3"),
    "all -999": (lambda p, j: p.__setitem__((3, 0, slice(3)), -999.0), "found -999.0 at row 3"),
    "a jet at eta 800": (lambda p, j: j.__setitem__((3, 1), 800.0), "eta: found 800.0 at row 3"),
    "a jet of -999": (lambda p, j: j.__setitem__(3, -999.0), "found -999.0 at row 3"),
    "a pT of 1e30": (lambda p, j: j.__setitem__((3, 0), 1e30), "pt: found .*at row 3"),
    "a mass of 1e30": (lambda p, j: j.__setitem__((3, 2), 1e30), "mass: found .*at row 3"),
    "1e38 particles": (lambda p, j: j.__setitem__((3, 3), 1e38), "num_particles: .*at row 3"),
    "-5 particles": (
        lambda p, j: j.__setitem__((3, 3), -5.0),
        "num_particles: found -5.0 at row 3",
    ),
    "float64 alone": (lambda p, j: j.__setitem__((3, 2), 1e300), "mass: found inf at row 3"),
}


@pytest.mark.parametrize("outlier", OUTLIERS)
@pytest.mark.parametrize("reader", READERS)
def test_kept_values_out_of_place_are_refused_by_all_readers(tmp_path, reader, outlier):
    change, message = OUTLIERS[outlier]
    jets, _ = jets_of(100)
    particles, features = (
        values.astype(np.float64) for values in (jets.particle_features, jets.jet_features)
    )
    change(particles, features)
    path = write(tmp_path / "mine.h5", particles, features)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        if reader == "evaluate":  # a broken jet is a property of what generated it
            assert sum(READERS[reader](path).broken.values()) == 1
            return
        with pytest.raises(InputError, match=message):
            READERS[reader](path)
    jets = Jets(*(values.astype(np.float32) for values in (particles, np.minimum(features, 1e38))))
    assert is_physical(jets).tolist() == [row != 3 for row in range(100)]


@settings(deadline=None, max_examples=40, suppress_health_check=[HealthCheck.too_slow])
@given(
    fillers=st.lists(
        st.sampled_from([-999.0, np.nan, np.inf, -np.inf, 1e30, -1.0, 0.0, 999.0, -99.0]),
        min_size=3,
        max_size=3,
    ),
    seed=st.integers(0, 9),
)
def test_what_absent_slots_hold_is_never_computed_with(tmp_path_factory, fillers, seed):
    folder = tmp_path_factory.mktemp("fillers")
    jets, _ = jets_of(30, seed)
    particles = jets.particle_features.copy()
    particles[..., :3] = np.where(jets.mask[..., None], particles[..., :3], fillers)
    path = write(folder / "mine.h5", particles, jets.jet_features)
    with ShardReader(path, "g") as reader:
        read = reader.read()
    np.testing.assert_array_equal(read.particle_features, jets.particle_features)
    found = read_generated(path, "g", 100)
    assert found.broken == {"non_finite": 0, "unphysical": 0}
    np.testing.assert_array_equal(found.jets.particle_features, jets.particle_features)
    READERS["import"](path)
    with h5py.File(folder / "out.h5") as file:
        np.testing.assert_array_equal(file["particle_features"][()], jets.particle_features)


def test_a_masked_slot_that_could_be_a_particle_is_still_refused():
    jets = toy_jets(30)
    jets.particle_features[3, 0, 3] = 0.0
    blanked = Jets(blank_absent(jets.particle_features), jets.jet_features)
    with pytest.raises(InputError, match="ptrel = 0 where mask is 0"):
        check_jets(blanked, "jets")


def test_few_jets_are_judged_by_what_holds_for_each():
    jets, phi = jets_of(FEWEST - 1)
    particles = particles_as(jets, phi, ("eta", "phi", "ptrel", "mask"))
    assert misread(particles, jets.jet_features) is None
    particles[..., 2] *= 2
    assert "median sum" in misread(particles, jets.jet_features).found


def test_real_jets_are_never_refused():
    """Simulated tops, whole and cut to their hardest particles, down to two of them."""
    with np.load(Path(__file__).parents[2] / "data" / "top_jets.npz") as stored:
        particles, features = stored["particles"].astype(np.float32), stored["jets"]
    particles = np.concatenate([particles, particles[..., 2:] > 0], axis=-1)
    for slots in (2, 3, 10, particles.shape[1]):
        cut = particles[:, :slots]
        check_jets(Jets(cut, features), "jets")
        for start in range(0, len(cut) - FEWEST, FEWEST):
            rows = slice(start, start + FEWEST)
            assert misread(cut[rows], features[rows]) is None


def test_a_mean_of_few_jets_can_be_far_in_generated_files_alone(tmp_path):
    """What a model makes is no mistake of its user: its evaluation says how good it is."""
    jets, _ = jets_of(100)
    jets.particle_features[..., 2] *= 2
    path = write(tmp_path / "own.h5", jets.particle_features, jets.jet_features, source="hypervae")
    assert len(read_generated(path, "g", 1000).jets) == 100
    assert check_file(path, "g")


@pytest.mark.parametrize(
    ("column", "values", "found"),
    [
        ("split", np.arange(60) % 3 + 256, "256 at row 0"),  # would become 0 to 2
        ("split", np.full(60, 0.5), "0.5 at row 0"),
        ("split", np.full(60, np.nan), "nan at row 0"),
        ("split", np.full(60, -1), "-1 at row 0"),
        ("event_id", np.r_[np.arange(59.0), np.nan], "nan at row 59"),
        ("event_id", np.r_[np.arange(59.0), 1e300], r"1e\+300 at row 59"),
        ("event_id", np.r_[np.arange(59.0), 0.5], "0.5 at row 59"),
        ("event_id", np.full(60, 2**63, np.uint64), "9223372036854775808 at row 0"),
    ],
)
def test_optional_columns_are_checked_before_they_are_cast(tmp_path, column, values, found):
    jets, _ = jets_of(60)
    path = write(tmp_path / "mine.h5", jets.particle_features, jets.jet_features)
    with h5py.File(path, "a") as file:
        file[column] = values
    with ShardReader(path, "g") as reader:
        with pytest.raises(InputError, match=f"{column}: found {found}"):
            reader.read()
        with pytest.raises(InputError, match=f"{column}: found {found}"):
            reader.split_columns()
