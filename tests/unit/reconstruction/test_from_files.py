"""The command: its file, and what it refuses."""

import json

import h5py
import numpy as np
import pytest
import torch
from click.testing import CliRunner

from hypervae.cli import cli
from hypervae.config import SplitConfig
from hypervae.data.held_out import read_held_out
from hypervae.errors import InputError
from hypervae.formats.shard_writer import write_shard
from hypervae.kinematics import relative_mass
from hypervae.model import HyperVAE
from tests.unit.chain import MODEL, SLOTS, SPLIT, small_jets


@pytest.fixture(scope="module")
def folder(chain, normalization, tmp_path_factory):
    """A model of gluon and quark jets, ``gq``, one of quark jets, ``q``, and a list of shards."""
    folder = tmp_path_factory.mktemp("reconstruct")
    torch.manual_seed(3)
    HyperVAE(normalization, ["g", "q"], MODEL).save(folder / "gq", chain.normalization)
    HyperVAE(normalization, ["q"], MODEL).save(folder / "q", chain.normalization)
    (folder / "list.txt").write_text("".join(f"{path}\n" for path in chain.shards))
    return folder


def run(folder, output, *options, model="gq", shards="list.txt"):
    arguments = ["reconstruct", "--model", folder / model, "--shards", folder / shards]
    arguments += ["--output", output, "--threads", 1, *options]
    return CliRunner().invoke(cli, [str(a) for a in arguments])


def test_the_file_holds_what_the_layout_says(folder, chain, tmp_path):
    output = tmp_path / "new" / "out.h5"
    done = run(folder, output, "--jets", 7, "--seed", 5)
    assert done.exit_code == 0, done.output + str(done.exception)
    assert [path.name for path in output.parent.iterdir()] == ["out.h5"]
    truth = read_held_out(chain.shards, "gq", SplitConfig.of(SPLIT), jets=7, max_particles=SLOTS)
    with h5py.File(output) as file:
        about = dict(file.attrs)
        held = {name: file[name][()] for name in names_in(file)}
    assert set(held) == {
        "jet_type",
        *(f"latent/{name}" for name in ("mean", "width", "posterior", "prior", "kl", "active")),
        *(
            f"{side}/{name}"
            for side in ("true", "reconstructed")
            for name in ("particle_features", "jet_features", "mass", "jet_pt", "multiplicity")
        ),
    }
    np.testing.assert_array_equal(held["jet_type"], [0] * 7 + [1] * 7)
    for number, jets in enumerate(truth.values()):
        rows = held["jet_type"] == number
        np.testing.assert_array_equal(held["true/particle_features"][rows], jets.particle_features)
        np.testing.assert_array_equal(held["true/jet_features"][rows], jets.jet_features)
    for name in ("mean", "width", "posterior", "prior"):
        assert held[f"latent/{name}"].shape == (14, MODEL["latent_dim"])
    assert (held["latent/width"] > 0).all()
    assert held["latent/kl"].shape == held["latent/active"].shape == (MODEL["latent_dim"],)
    for side in ("true", "reconstructed"):
        particles = held[f"{side}/particle_features"]
        np.testing.assert_allclose(held[f"{side}/mass"], relative_mass(particles))
        np.testing.assert_array_equal(held[f"{side}/multiplicity"], particles[..., 3].sum(axis=1))
        np.testing.assert_array_equal(held[f"{side}/jet_pt"], held[f"{side}/jet_features"][:, 0])

    assert about["model"] == "gq"
    assert about["seed"] == 5
    assert {"hypervae", "torch", "python"} <= set(json.loads(about["versions"]))
    numbers = json.loads(about["figures"])
    assert numbers["kl"] == pytest.approx(held["latent/kl"].sum())
    assert [numbers["types"][kind]["jets"] for kind in "gq"] == [7, 7]
    for line in ("g: 7 jets; W1 of the relative mass", "q: 7 jets", "active latent dimensions"):
        assert line in done.output


def names_in(file):
    names = []
    file.visititems(
        lambda name, item: names.append(name) if isinstance(item, h5py.Dataset) else None
    )
    return names


def test_the_same_jets_and_seed_give_the_same_file(folder, tmp_path):
    for name, seed in (("1.h5", 1), ("2.h5", 1), ("3.h5", 2)):
        assert run(folder, tmp_path / name, "--jets", 4, "--seed", seed).exit_code == 0
    one, two, three = ((tmp_path / f"{k}.h5").read_bytes() for k in (1, 2, 3))
    assert one == two
    assert one != three


def refused(folder, tmp_path, **options):
    output = tmp_path / "out.h5"
    output.write_text("old")
    done = run(folder, output, **options)
    assert isinstance(done.exception, InputError), done.output + str(done.exception)
    assert output.read_text() == "old"
    assert list(tmp_path.glob(".out*")) == []
    return str(done.exception)


def test_a_missing_model_is_refused(folder, tmp_path):
    assert "nowhere/config.json: model: found no such file" in refused(
        folder, tmp_path, model="nowhere"
    )


def test_shards_of_another_type_are_refused(folder, tmp_path):
    message = refused(folder, tmp_path, model="q")
    assert "g0.h5: jet_type: found 'g', expected 'q'" in message


def test_no_test_jets_are_refused(folder, tmp_path):
    jets = small_jets(20, jet_type="q")
    jets.split = np.zeros(20, dtype=np.uint8)
    jets.split[4] = 2
    write_shard(tmp_path / "shard.h5", jets, source="toy")
    (tmp_path / "list.txt").write_text(f"{tmp_path / 'shard.h5'}\n")
    message = refused(folder, tmp_path, model="q", shards=tmp_path / "list.txt")
    assert "shard.h5: test jets of type q: found 1, expected at least 2" in message
