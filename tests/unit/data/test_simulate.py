import hashlib
import json
import sys

import awkward as ak
import numpy as np
import pytest
from click.testing import CliRunner

from hypervae.config import resolve_section
from hypervae.data import simulate
from hypervae.data.jet_types import JET_TYPES
from hypervae.data.simulate import leading_jets, pythia_seed, pythia_settings, simulate_shard
from hypervae.errors import HyperVAEError
from hypervae.formats.shard import ShardReader
from hypervae.kinematics import four_momenta


@pytest.fixture(scope="module")
def config():
    return resolve_section("simulate", {"seed": 5})


def events(*particles_of_events):
    """Events from (id, status, pt, eta, phi) of massless particles."""
    built = []
    for particles in particles_of_events:
        built.append(
            [
                {
                    "id": kind,
                    "status": status,
                    "p": {
                        "px": pt * np.cos(phi),
                        "py": pt * np.sin(phi),
                        "pz": pt * np.sinh(eta),
                        "e": pt * np.cosh(eta),
                    },
                }
                for kind, status, pt, eta, phi in particles
            ]
        )
    return ak.Array(built)


LEADING = [(211, 1, 600.0, 0.50, 3.13), (22, 83, 300.0, 0.52, -3.13), (-211, 1, 100.0, 0.4, 3.0)]
OTHERS = [(211, 1, 500.0, -0.3, 0.1), (12, 1, 2000.0, 1.0, 1.5), (2, -23, 3000.0, -1.0, -1.5)]


def find(array, **options):
    return leading_jets(
        array, **{"radius": 0.4, "jet_pt": (200.0, 3100.0), "max_particles": 4, **options}
    )


def test_the_leading_jet_of_visible_final_particles_is_taken():
    jets, rows = find(events(OTHERS + LEADING[::-1]))
    assert rows.tolist() == [0]
    assert jets.multiplicity.tolist() == [3]
    pt, eta, mass, count = jets.jet_features[0]
    momenta = np.array([[pt * np.cosh(e), pt * np.cos(p), pt * np.sin(p), pt * np.sinh(e)]
                        for _, _, pt, e, p in LEADING]).sum(axis=0)  # fmt: skip
    assert pt == pytest.approx(np.hypot(momenta[1], momenta[2]), rel=1e-6)
    assert eta == pytest.approx(np.arcsinh(momenta[3] / pt), rel=1e-6)
    assert mass == pytest.approx(np.sqrt(momenta[0] ** 2 - (momenta[1:] ** 2).sum()), rel=1e-4)
    assert count == 3


def test_particles_are_relative_to_the_jet_sorted_and_wrapped():
    jets, _ = find(events(OTHERS + LEADING[::-1]))
    particles = jets.particle_features[0]
    assert np.all(np.diff(particles[:3, 2]) < 0)
    np.testing.assert_allclose(
        particles[:3, 2] * jets.jet_features[0, 0], [600, 300, 100], rtol=1e-5
    )
    np.testing.assert_allclose(
        particles[:3, 0] + jets.jet_features[0, 1], [0.50, 0.52, 0.4], atol=1e-6
    )
    assert np.abs(particles[:, 1]).max() < 0.2  # across phi = pi
    assert not particles[3].any()
    # Massless particles about their own axis: they add up to the jet.
    total = four_momenta(jets.particle_features, jets.jet_features)[0].sum(axis=0)
    assert total[2] == pytest.approx(0.0, abs=0.01)
    assert total[1] == pytest.approx(jets.jet_features[0, 0], rel=1e-5)


def test_only_the_hardest_are_kept_but_the_jet_stays_whole():
    whole, _ = find(events(LEADING))
    jets, _ = find(events(LEADING), max_particles=2)
    np.testing.assert_array_equal(jets.particle_features, whole.particle_features[:, :2])
    assert jets.jet_features[0, :3].tolist() == whole.jet_features[0, :3].tolist()
    assert jets.jet_features[0, 3] == 2


def test_events_without_a_jet_in_range_are_left_out():
    soft = [(211, 1, 50.0, 0.0, 0.0)]
    hard = [(211, 1, 4000.0, 0.0, 0.0)]
    jets, rows = find(events(soft, LEADING, hard, LEADING, soft))
    assert rows.tolist() == [1, 3]
    assert len(jets) == 2
    jets, rows = find(events(soft, soft))
    assert len(jets) == len(rows) == 0


def test_a_jet_with_one_particle():
    jets, _ = find(events([(22, 1, 900.0, 0.3, 2.0)]))
    np.testing.assert_allclose(jets.particle_features[0, 0], [0, 0, 1, 1], atol=1e-6)
    assert jets.jet_features[0, 2] >= 0


def test_all_jet_types_have_processes():
    assert set(simulate.PROCESSES) == set(JET_TYPES)


def test_seeds_are_in_pythias_range_and_no_two_shards_share_one():
    seeds = [pythia_seed(1, "g", shard) for shard in range(20_000)]
    assert len(set(seeds)) == 20_000
    assert min(seeds) >= 1
    assert max(seeds) <= 900_000_000
    assert pythia_seed(1, "g", 0) != pythia_seed(1, "q", 0) != pythia_seed(2, "q", 0)
    assert 1 <= pythia_seed(2**62, "t", 2**31 - 1) <= 900_000_000


def test_soft_constituents_are_not_kept_but_the_jet_stays_whole():
    soft = [(22, 1, 0.3, 0.5, 3.1)]
    whole, _ = find(events(LEADING + soft))
    jets, _ = find(events(LEADING + soft), min_particle_pt=0.35)
    assert whole.multiplicity.tolist() == [4]
    assert jets.multiplicity.tolist() == jets.jet_features[:, 3].tolist() == [3]
    np.testing.assert_array_equal(jets.particle_features[0, :3], whole.particle_features[0, :3])
    assert jets.jet_features[0, :3].tolist() == whole.jet_features[0, :3].tolist()


def test_jets_without_a_hard_constituent_are_left_out():
    jets, rows = find(events(OTHERS[:1], LEADING), min_particle_pt=550.0)
    assert rows.tolist() == [1]
    assert jets.multiplicity.tolist() == [1]


@pytest.mark.parametrize("radiation", [True, False])
def test_photons_of_decays_stay_without_qed_radiation(config, radiation):
    settings = pythia_settings("t", 0, config.replace(qed_radiation=radiation))
    pythia = simulate.start_pythia(settings, "t")
    state = "on" if radiation else "off"
    assert [line for line in settings if "QED" in line] == [
        f"{switch} = {state}" for switch in simulate.QED_SHOWERS
    ]
    with simulate.captured_stdout():
        assert pythia.next()
    mothers = {
        abs(pythia.event[particle.mother1()].id())
        for particle in (pythia.event[i] for i in range(pythia.event.size()))
        if particle.isFinal() and particle.id() == 22 and particle.pT() > 1
    }
    assert 111 in mothers
    if not radiation:
        assert all(mother > 100 or mother in (11, 13, 15) for mother in mothers)


def test_settings_carry_the_config(config):
    lines = pythia_settings("g", 2, config.replace(energy=14000.0, tune=21))
    assert "Beams:eCM = 14000.0" in lines
    assert "Tune:pp = 21" in lines
    assert "PhaseSpace:pTHatMin = 1000.0" in lines
    assert "PhaseSpace:pTHatMax = 3000.0" in lines


@pytest.fixture(scope="module")
def shards(tmp_path_factory, config):
    directory = tmp_path_factory.mktemp("shards")
    for name, shard, jets in (("a", 3, 30), ("again", 3, 30), ("shorter", 3, 12), ("next", 4, 30)):
        simulate_shard(directory / f"{name}.h5", "q", shard, jets, 30, config)
    return directory


def test_the_same_arguments_give_the_same_bytes(shards):
    digests = [
        hashlib.sha256((shards / f"{name}.h5").read_bytes()).hexdigest()
        for name in ("a", "again", "next")
    ]
    assert digests[0] == digests[1] != digests[2]


def test_a_shorter_shard_is_the_beginning_of_a_longer_one(shards):
    with ShardReader(shards / "a.h5") as a, ShardReader(shards / "shorter.h5") as b:
        long, short = a.read(), b.read()
    np.testing.assert_array_equal(long.particle_features[:12], short.particle_features)
    np.testing.assert_array_equal(long.event_id[:12], short.event_id)


def test_event_ids_name_the_shard_and_the_event(shards):
    with ShardReader(shards / "a.h5") as a, ShardReader(shards / "next.h5") as b:
        one, two = a.read().event_id, b.read().event_id
    assert set(one >> 32) == {3}
    assert set(two >> 32) == {4}
    assert len(set(one)) == len(one)
    assert np.all(np.diff(one) > 0)


def test_simulated_jets_look_like_jets(shards):
    with ShardReader(shards / "a.h5") as reader:
        jets = reader.read()
        settings = json.loads(reader.attributes["settings"])
        assert reader.attributes["source"] == "pythia"
        assert reader.attributes["seed"] == 5
        assert "pythia8mc" in reader.attributes["versions"]
    assert "HardQCD:qq2qq = on" in settings["pythia"]
    assert settings["radius"] == 0.4
    assert jets.particle_features.shape == (30, 30, 4)
    assert 900 < jets.jet_features[:, 0].mean() < 1100
    np.testing.assert_array_equal(jets.multiplicity, jets.jet_features[:, 3])
    sums = jets.particle_features[..., 2].sum(axis=1)
    assert np.all(sums <= 1.05)
    assert np.median(sums) > 0.85
    assert np.abs(jets.particle_features[..., 1]).max() < 0.6


def test_nothing_is_printed_to_standard_output(tmp_path, config, capfd):
    simulate_shard(tmp_path / "t.h5", "t", 0, 3, 30, config)
    out, err = capfd.readouterr()
    assert out == ""
    assert "3 of 3 jets" in err


def test_what_compiled_code_prints_is_caught(capfd):
    import ctypes

    with simulate.captured_stdout() as lines:
        ctypes.CDLL(None).puts(b"from C")
        ctypes.CDLL(None).fflush(None)
    sys.stdout.flush()
    assert lines == ["from C"]
    assert capfd.readouterr().out == ""


def test_settings_that_pythia_refuses_end_in_its_reason(tmp_path, config, capfd):
    wrong = config.replace(pt_hat={"q": [7000.0, 8000.0]})
    with pytest.raises(HyperVAEError, match=r"q jets: .*vanishing cross sections.*7000"):
        simulate_shard(tmp_path / "q.h5", "q", 0, 3, 30, wrong)
    with pytest.raises(HyperVAEError, match=r"Tune:pp = 99"):
        simulate_shard(tmp_path / "q.h5", "q", 0, 3, 30, config.replace(tune=99))
    assert list(tmp_path.iterdir()) == []
    assert capfd.readouterr().out == ""


def test_a_range_of_pt_without_jets_ends(tmp_path, config, monkeypatch):
    monkeypatch.setattr(simulate, "FRUITLESS", 20)
    monkeypatch.setattr(simulate, "BATCH", 20)
    with pytest.raises(
        HyperVAEError, match=r"found 0 jets with a pT of \[2500.0, 3000.0\] GeV in 20"
    ):
        simulate_shard(tmp_path / "q.h5", "q", 0, 50, 30, config.replace(jet_pt=[2500.0, 3000.0]))
    assert list(tmp_path.iterdir()) == []


def test_the_command(tmp_path):
    from hypervae.cli import cli

    path = tmp_path / "w.h5"
    options = ["--jet-type", "w", "--shard-index", "1", "--jets", "4", "--max-particles", "10"]
    section = '{"seed": 2, "radius": 0.5}'
    result = CliRunner().invoke(
        cli, ["simulate", *options, "--output", str(path), "--config", section]
    )
    assert result.exit_code == 0, result.output
    with ShardReader(path) as reader:
        assert (reader.n_jets, reader.max_particles, reader.jet_type) == (4, 10, "w")
        assert json.loads(reader.attributes["settings"])["radius"] == 0.5
