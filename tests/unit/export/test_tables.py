import awkward as ak
import numpy as np
import pytest
import uproot
from click.testing import CliRunner

from hypervae.cli import cli
from hypervae.data.jet_types import JET_TYPES
from hypervae.errors import ConfigError, InputError
from hypervae.export import tables
from hypervae.export.tables import export_parquet, export_root
from hypervae.formats.shard import ShardReader
from hypervae.formats.shard_writer import write_shard
from hypervae.generation.files import GeneratedWriter
from hypervae.kinematics import four_momenta
from tests.unit.chain import SLOTS, small_jets


@pytest.fixture
def shard(tmp_path, monkeypatch):
    """A shard that is exported in several chunks."""
    monkeypatch.setattr(tables, "CHUNK", 16)
    write_shard(tmp_path / "s.h5", small_jets(50, jet_type="q"), source="toy")
    return tmp_path / "s.h5"


def read(path):
    """The exported columns, and the particles as one record array, of either format."""
    if path.suffix == ".parquet":
        array = ak.from_parquet(path)
        return array, array.particles
    with uproot.open(path) as file:
        assert file["jets"].classname == "TTree"
        array = file["jets"].arrays()
    fields = [name for name in array.fields if name.startswith("particle_")]
    return array, ak.zip({name.removeprefix("particle_"): array[name] for name in fields})


@pytest.mark.parametrize("write", [export_parquet, export_root])
def test_every_jet_and_particle_is_there(shard, tmp_path, write):
    suffix = ".root" if write is export_root else ".parquet"
    assert write(shard, tmp_path / f"out{suffix}") == 50
    array, particles = read(tmp_path / f"out{suffix}")
    with ShardReader(shard) as reader:
        jets = reader.read()
    assert len(array) == 50
    assert set(array.jet_type.tolist()) == {JET_TYPES["q"]}
    for column, name in enumerate(("jet_pt", "jet_eta", "jet_mass", "num_particles")):
        np.testing.assert_array_equal(array[name], jets.jet_features[:, column])
    np.testing.assert_array_equal(ak.num(particles), jets.multiplicity)
    for column, name in enumerate(("etarel", "phirel", "ptrel")):
        flat = ak.to_numpy(ak.flatten(particles[name]))
        np.testing.assert_array_equal(flat, jets.particle_features[jets.mask][:, column])
    momenta = four_momenta(jets.particle_features, jets.jet_features)[jets.mask]
    for column, name in enumerate(("E", "px", "py", "pz")):
        flat = ak.to_numpy(ak.flatten(particles[name]))
        np.testing.assert_allclose(flat, momenta[:, column], rtol=1e-6)


@pytest.mark.parametrize("suffix", [".parquet", ".root"])
def test_a_mix_keeps_its_types(tmp_path, suffix):
    types = np.array([0, 1, 1, 0, 1], dtype=np.uint8)
    with GeneratedWriter(tmp_path / "m.h5", SLOTS, jet_types="gq", source="toy") as writer:
        writer.append(small_jets(5), types)
    output = tmp_path / f"out{suffix}"
    done = CliRunner().invoke(cli, ["export", str(tmp_path / "m.h5"), "--output", str(output)])
    assert done.exit_code == 0, done.output
    assert f"{output}: 5 jets" in done.output
    assert read(output)[0].jet_type.tolist() == types.tolist()


@pytest.mark.parametrize("suffix", [".parquet", ".root"])
def test_a_shard_that_breaks_off_leaves_no_file(shard, tmp_path, suffix):
    import h5py

    with h5py.File(shard, "r+") as file:
        file["particle_features"][40, 0, 0] = np.nan
    write = export_root if suffix == ".root" else export_parquet
    with pytest.raises(InputError, match="row 40"):
        write(shard, tmp_path / f"out{suffix}")
    assert list(tmp_path.iterdir()) == [shard]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--output", "out.csv"], r"--output: found out\.csv, expected a name in \.pt, \.parquet"),
        (["--output", "out.pt", "--decoded"], "--decoded and --model: found one alone"),
        (["--output", "out.pt", "--model", "m"], "--decoded and --model: found one alone"),
        (["--output", "out.root", "--decoded", "--model", "m"], r"expected PyG graphs \(\.pt\)"),
    ],
)
def test_options_that_do_not_go_together_are_named(shard, options, message):
    with pytest.raises(ConfigError, match=message):
        cli.main(["export", str(shard), *options], standalone_mode=False)
