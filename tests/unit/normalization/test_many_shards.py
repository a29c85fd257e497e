"""More shards than names fit on a command line, really merged."""

from hashlib import sha256

import h5py
import numpy as np
import pytest
from click.testing import CliRunner

from hypervae.cli import cli
from hypervae.config import resolve_section
from hypervae.correlators import compute, geometry
from hypervae.correlators.binning import Binning
from hypervae.correlators.sums import SUMMED_ARRAYS
from hypervae.data.jets import Jets
from hypervae.formats.normalization import read_normalization
from hypervae.formats.shard_writer import write_shard
from hypervae.io import write_list
from tests.unit.correlators.test_kernel import REFERENCE
from tests.unit.toys import toy_jets

SHARDS, JETS = 3000, 2
CONFIG = resolve_section(
    "correlators",
    {"bins": 40, "hyperedges": {"max_particles": 8}, "split": {"fractions": [1, 0, 0]}},
)


def simulated_jets():
    """The reference's 5,000 simulated gluon jets, the first 1,000 once more with another pT."""
    with np.load(REFERENCE) as file:
        ptrel, eta, phi = np.moveaxis(file["jets"][:, :10], -1, 0)
        mask = file["mask"][:, :10].astype(bool)
    particles = np.stack([eta * mask, phi * mask, ptrel * mask, mask], axis=-1)
    count = mask.sum(axis=1)
    jet = np.stack([np.full(5000, 1100.0), 0 * count, 90 + count, count], axis=1)
    again = jet[:1000] * [0.9, 1, 1, 1]
    return Jets(
        np.concatenate([particles, particles[:1000]]).astype(np.float32),
        np.concatenate([jet, again]).astype(np.float32),
        jet_type="g",
    )


def write_correlators(path, jets):
    write_shard(path.with_suffix(".shard.h5"), jets, source="toys")
    compute.compute_correlators(path.with_suffix(".shard.h5"), path, CONFIG)
    return path


def tiny_files(folder, jets):
    """One correlator file for each two jets.

    Files of the same shape differ in some stretches of bytes only, so that all are made from one:
    HDF5 takes twelve milliseconds to make one from nothing.
    """
    template = write_correlators(folder / "template.h5", jets[:JETS])
    with h5py.File(template) as file:
        places = {
            f"{group}/{name}": (file[f"{group}/{name}"].id.get_offset(), file[f"{group}/{name}"])
            for group in ("train", "all")
            for name in (*SUMMED_ARRAYS, "moments")
        }
        places = {name: (place, data.dtype, data.shape) for name, (place, data) in places.items()}
        content = file.attrs["content"].encode()
    blank = template.read_bytes()
    assert blank.count(content) == 1
    codes = geometry.pair_bins(jets, Binning.of(CONFIG))
    for first in range(0, len(jets), JETS):
        rows = slice(first, first + JETS)
        sums = compute.jet_sums(jets[rows], codes[rows], CONFIG)
        values = {name: getattr(sums, name) for name in SUMMED_ARRAYS}
        values["moments"] = np.array([one.to_array() for one in sums.moments.values()])
        image = bytearray(blank.replace(content, sha256(b"%d" % first).hexdigest().encode()))
        for name, (place, dtype, shape) in places.items():
            value = np.ascontiguousarray(values[name.partition("/")[2]], dtype=dtype)
            assert value.shape == shape
            image[place : place + value.nbytes] = value.tobytes()
        path = folder / f"{first:05d}.h5"
        path.write_bytes(image)
        yield path


def normalize(folder, files, name):
    write_list(folder / f"{name}.txt", files)
    arguments = ["--correlators", folder / f"{name}.txt", "--output", folder / f"{name}.h5"]
    done = CliRunner().invoke(cli, ["normalize", *map(str, arguments)], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return read_normalization(folder / f"{name}.h5")


def assert_equal(one, two):
    assert one.n_jets == two.n_jets
    np.testing.assert_array_equal(one.multiplicity, two.multiplicity)
    np.testing.assert_allclose(one.ln_e2c, two.ln_e2c, rtol=0, atol=1e-12)
    np.testing.assert_allclose(one.ln_ratio, two.ln_ratio, rtol=0, atol=1e-12)
    assert one.momentum_scale == pytest.approx(two.momentum_scale, rel=1e-12)
    for name in ("edge", "hyperedge", "jet", "particle"):
        here, there = getattr(one, name), getattr(two, name)
        precision = 1e-12 * there.scale
        assert np.all(np.abs(here.offset - there.offset) <= precision), name
        assert np.all(np.abs(here.scale - there.scale) <= precision), name


@pytest.mark.slow
def test_three_thousand_tiny_shards_are_as_good_as_one(tmp_path):
    jets = simulated_jets()
    files = list(tiny_files(tmp_path, jets))
    assert len(files) == SHARDS
    many = normalize(tmp_path, files, "many")
    assert len(many.contents) == SHARDS
    one = normalize(tmp_path, [write_correlators(tmp_path / "whole.h5", jets)], "one")
    assert_equal(many, one)


def test_files_made_from_one_are_as_if_computed(tmp_path):
    """The short cut of this module itself."""
    jets = toy_jets(6, max_particles=10)
    made = normalize(tmp_path, list(tiny_files(tmp_path, jets)), "made")
    files = [write_correlators(tmp_path / f"{k}.h5", jets[k : k + 2]) for k in (0, 2, 4)]
    assert_equal(made, normalize(tmp_path, files, "computed"))
