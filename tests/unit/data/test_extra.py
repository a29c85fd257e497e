"""Further columns of particles survive whatever becomes of their jets."""

import awkward as ak
import h5py
import numpy as np
import pytest
from click.testing import CliRunner

from hypervae.cli import cli
from hypervae.data.importing import import_shard
from hypervae.data.jetnet_split import split_file
from hypervae.data.jets import Jets, concatenate, sort_particles
from hypervae.data.layouts import Layout
from hypervae.data.slots import fit_slots
from hypervae.errors import ArgumentError, ConfigError, InputError
from hypervae.formats.shard import ShardReader
from hypervae.formats.shard_writer import write_shard
from tests.unit.toys import toy_jets


def tagged(n=40, particles=12, seed=3):
    """Jets each particle of which carries its own ptrel as a column, and a charge."""
    jets = toy_jets(n, max_particles=particles, seed=seed)
    charge = np.random.default_rng(seed).integers(-1, 2, jets.mask.shape) * jets.mask
    jets.jet_type = "g"
    jets.extra = {
        "charge": charge.astype(np.float32),
        "tag": jets.particle_features[..., 2].copy(),
    }
    return jets


def holds(jets, names=("charge", "tag")):
    """Whether each particle still has its own column."""
    assert tuple(jets.extra) == names
    for column in jets.extra.values():
        assert column.shape == jets.mask.shape
        assert column.dtype == np.float32
        assert not column[~jets.mask].any()
    if "tag" in names:
        assert np.array_equal(jets.extra["tag"], jets.particle_features[..., 2] * jets.mask)
    return True


def test_jets_in_memory():
    jets = tagged()
    generator = np.random.default_rng(1)
    order = np.argsort(generator.random(jets.mask.shape), axis=1)
    shuffled = Jets(
        np.take_along_axis(jets.particle_features, order[..., None], axis=1),
        jets.jet_features,
        jet_type="g",
        extra={k: np.take_along_axis(v, order, axis=1) for k, v in jets.extra.items()},
    )
    assert holds(sort_particles(shuffled))
    for part in (jets[3], jets[5:9], jets[[1, 2]], jets[jets.multiplicity > 4]):
        assert holds(part)
    assert holds(fit_slots(shuffled, 5))
    assert holds(fit_slots(jets, 40))
    assert np.array_equal(fit_slots(jets, 5).extra["charge"], jets.extra["charge"][:, :5])
    assert holds(concatenate([jets, tagged(seed=5)]))
    other = tagged(seed=5)
    other.extra.pop("tag")
    assert holds(concatenate([jets, other]), ("charge",))
    assert concatenate([jets, toy_jets(3, max_particles=12)]).extra == {}
    records = jets.to_awkward().particles
    assert ak.all(records.tag == records.ptrel)


def test_jets_of_arrays():
    particles = [[[0.0, 0.0, 0.2], [0.1, 0.1, 0.7], [0, 0, 0]]]
    made = Jets.from_arrays(particles, [[900, 0, 50]], extra={"charge": [[1, -1, 7]]})
    assert made.extra["charge"].tolist() == [[-1, 1, 0]]
    for extra, message in (
        ({"charge": [[1, 2]]}, "charge"),
        ({"px": [[1, 2, 3]]}, "px"),
        ({"a b": [[1, 2, 3]]}, "words"),
    ):
        with pytest.raises(ArgumentError, match=message):
            Jets.from_arrays(particles, [[900, 0, 50]], extra=extra)
    with pytest.raises(ArgumentError, match="extra charge: found inf"):
        Jets.from_arrays(particles, [[900, 0, 50]], extra={"charge": [[1, np.inf, 0]]})


def test_shards_split_import_and_export(tmp_path):
    jets = tagged()
    path = tmp_path / "a.h5"
    write_shard(path, jets, source="test")
    with h5py.File(path) as file:
        assert file["particle_extra"].shape == (40, 12, 2)
        assert file["particle_extra"].attrs["names"] == '["charge", "tag"]'
    assert holds(Jets.load(path))
    read = Jets.load(path)
    assert np.array_equal(read.extra["charge"], jets.extra["charge"])
    split_file(path, tmp_path / "s.h5", "g", 1, 3, 7)
    assert holds(Jets.load(tmp_path / "s.h5"))
    import_shard(path, tmp_path / "i.h5", "g", 6, Layout.of("", extra="charge"))
    assert holds(Jets.load(tmp_path / "i.h5"))
    run = CliRunner().invoke(cli, ["validate", str(path)])
    assert "further columns of particles: charge, tag" in run.output
    for suffix, names in (("parquet", ("charge",)),):
        out = tmp_path / f"e.{suffix}"
        done = CliRunner().invoke(cli, ["export", "--input", str(path), "--output", str(out)])
        assert done.exit_code == 0, done.output
        import_shard(out, tmp_path / "back.h5", "g", 12)
        back = Jets.load(tmp_path / "back.h5")
        assert holds(back, names)
        assert np.array_equal(back.extra["charge"], jets.extra["charge"])
        import_shard(out, tmp_path / "both.h5", "g", 5, Layout.of("", extra="tag,charge"))
        assert holds(Jets.load(tmp_path / "both.h5"), ("tag", "charge"))
        with pytest.raises(InputError, match=r"e\.parquet: extra flavour: .*charge, tag"):
            import_shard(out, tmp_path / "x.h5", "g", 5, Layout.of("", extra="flavour"))
        assert not (tmp_path / "x.h5").exists()


def test_root_has_them(tmp_path):
    uproot = pytest.importorskip("uproot")
    jets = tagged()
    write_shard(tmp_path / "a.h5", jets, source="test")
    words = ["--input", str(tmp_path / "a.h5"), "--output", str(tmp_path / "a.root")]
    done = CliRunner().invoke(cli, ["export", *words])
    assert done.exit_code == 0, done.output
    with uproot.open(tmp_path / "a.root") as file:
        found = file["jets"]["particle_tag"].array()
    assert ak.to_list(found) == [
        list(c[m]) for c, m in zip(jets.extra["tag"], jets.mask, strict=True)
    ]


def test_columns_of_a_layout(tmp_path):
    jets = tagged()
    features = np.concatenate([jets.particle_features, jets.extra["charge"][..., None]], axis=-1)[
        ..., [2, 0, 1, 4, 3]
    ]
    with h5py.File(tmp_path / "own.h5", "w") as file:
        file["particle_features"], file["jet_features"] = features, jets.jet_features
    layout = Layout.of("ptrel,etarel,phirel,charge,mask", extra="charge")
    import_shard(tmp_path / "own.h5", tmp_path / "s.h5", "g", 12, layout)
    found = Jets.load(tmp_path / "s.h5")
    assert np.array_equal(found.extra["charge"], jets.extra["charge"])
    with pytest.raises(ConfigError, match="charge"):
        Layout.of("ptrel,etarel,phirel,charge,mask")
    with pytest.raises(ConfigError, match="extra: found 'pt'"):
        Layout.of("", extra="pt")


@pytest.mark.parametrize(
    ("what", "message"),
    [
        (lambda d: d.attrs.__delitem__("names"), "attribute names of particle_extra"),
        (lambda d: d.attrs.__setitem__("names", '["a"]'), "1 names"),
        (lambda d: d.attrs.__setitem__("names", '["a", "a"]'), "twice"),
        (lambda d: d.attrs.__setitem__("names", '["a", "phi"]'), "phi"),
        (lambda d: d.attrs.__setitem__("names", 3), "names"),
        (
            lambda d: d.__setitem__((2, 0, 1), np.nan),
            r"particle_extra tag.*nan at row 2, particle 0",
        ),
    ],
)
def test_damage_is_named(tmp_path, what, message):
    write_shard(tmp_path / "a.h5", tagged(), source="test")
    with h5py.File(tmp_path / "a.h5", "a") as file:
        what(file["particle_extra"])
    with pytest.raises(InputError, match=message), ShardReader(tmp_path / "a.h5") as reader:
        reader.read()


def test_another_shape_is_named(tmp_path):
    write_shard(tmp_path / "a.h5", tagged(), source="test")
    with h5py.File(tmp_path / "a.h5", "a") as file:
        del file["particle_extra"]
        file["particle_extra"] = np.zeros((40, 11, 1))
    with pytest.raises(InputError, match=r"particle_extra: found shape \(40, 11, 1\)"):
        ShardReader(tmp_path / "a.h5")


def test_fillers_of_absent_particles_are_nothing(tmp_path):
    jets = tagged()
    write_shard(tmp_path / "a.h5", jets, source="test")
    with h5py.File(tmp_path / "a.h5", "a") as file:
        values = file["particle_extra"][()]
        values[~jets.mask] = np.nan
        file["particle_extra"][...] = values
    assert holds(Jets.load(tmp_path / "a.h5"))


def test_simulated_particles_have_their_charges(tmp_path):
    pytest.importorskip("pythia8mc")
    from hypervae.config import SimulationConfig
    from hypervae.data.simulate import simulate_shard

    simulate_shard(tmp_path / "a.h5", "g", 0, 20, 40, SimulationConfig())
    jets = Jets.load(tmp_path / "a.h5")
    charge = jets.extra["charge"]
    assert set(np.unique(charge)) == {-1.0, 0.0, 1.0}
    share = (charge[jets.mask] != 0).mean()
    assert 0.45 < share < 0.75  # charged particles are about 60 % of a jet
    assert not charge[~jets.mask].any()
