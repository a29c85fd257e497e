import json
import shutil

import h5py
import numpy as np
import pytest

from hypervae.data.jets import Jets, concatenate
from hypervae.errors import InputError
from hypervae.formats.shard import ShardReader
from hypervae.formats.shard_writer import ShardWriter, write_shard
from tests.unit.data.test_jets import make_jets


@pytest.fixture
def shard(tmp_path):
    path = tmp_path / "g-0.h5"
    jets = make_jets(250, event_id=np.arange(250), jet_type="g")
    write_shard(path, jets, source="test", seed=4, settings={"b": 1, "a": [2.0]})
    return path


def edit(path, name, data):
    with h5py.File(path, "a") as file:
        del file[name]
        if data is not None:
            file[name] = data


def read_all(path):
    with ShardReader(path) as reader:
        return reader.read()


def refused(path):
    with pytest.raises(InputError) as caught:
        read_all(path)
    assert str(caught.value).startswith(f"{path}: ")
    return caught.value


def test_what_is_written_is_read(shard):
    jets = make_jets(250, event_id=np.arange(250), jet_type="g")
    with ShardReader(shard) as reader:
        assert (reader.n_jets, reader.max_particles, reader.jet_type) == (250, 5, "g")
        assert reader.attributes["source"] == "test"
        assert reader.attributes["seed"] == 4
        assert json.loads(reader.attributes["settings"]) == {"a": [2.0], "b": 1}
        assert "hypervae" in json.loads(reader.attributes["versions"])
        whole = reader.read()
        chunks = concatenate(list(reader.chunks(64)))
    for read in (whole, chunks):
        np.testing.assert_array_equal(read.particle_features, jets.particle_features)
        np.testing.assert_array_equal(read.jet_features, jets.jet_features)
        np.testing.assert_array_equal(read.event_id, jets.event_id)
        assert read.split is None


def test_batches_of_any_size_give_the_same_file(tmp_path):
    jets = make_jets(2500, event_id=np.arange(2500))
    for name, size in (("a.h5", 2500), ("b.h5", 700)):
        with ShardWriter(tmp_path / name, 5, jet_type="q", source="test") as writer:
            for start in range(0, 2500, size):
                writer.append(jets[start : start + size])
    a, b = read_all(tmp_path / "a.h5"), read_all(tmp_path / "b.h5")
    np.testing.assert_array_equal(a.particle_features, b.particle_features)
    np.testing.assert_array_equal(a.event_id, b.event_id)


def test_a_bare_jetnet_file_is_a_shard(tmp_path):
    path = tmp_path / "g.hdf5"
    jets = make_jets(20)
    with h5py.File(path, "w") as file:
        file["particle_features"] = jets.particle_features.astype(np.float64)[:, ::-1]
        file["jet_features"] = jets.jet_features.astype(np.float64)
    with ShardReader(path, "g") as reader:
        read = reader.read()
    assert read.jet_type == "g"
    assert read.particle_features.dtype == np.float32
    np.testing.assert_array_equal(read.particle_features, jets.particle_features)  # sorted again


def test_the_tails_of_real_jetnet_pass(tmp_path):
    jets = make_jets(4)
    jets.particle_features[0, 0, :2] = -1.62, 0.52
    jets.particle_features[1, 0, :2] = 1.0, -0.52
    jets.jet_features[:2, 0] = 209.0, 3026.0
    write_shard(tmp_path / "a.h5", jets, jet_type="g", source="test")
    np.testing.assert_array_equal(read_all(tmp_path / "a.h5").jet_features, jets.jet_features)


def test_a_missing_file(tmp_path):
    assert "no such file" in refused(tmp_path / "none.h5").found


def test_an_empty_file(tmp_path):
    (tmp_path / "empty.h5").touch()
    assert "empty file" in refused(tmp_path / "empty.h5").found


def test_a_file_that_is_no_hdf5(tmp_path):
    (tmp_path / "text.h5").write_text("etarel,phirel\n" * 100)
    assert "unreadable" in refused(tmp_path / "text.h5").found


@pytest.mark.parametrize("kept", [0.1, 0.5, 0.95])
def test_a_truncated_file(shard, tmp_path, kept):
    content = shard.read_bytes()
    path = tmp_path / "short.h5"
    path.write_bytes(content[: int(len(content) * kept)])
    error = refused(path)
    assert "whole HDF5 file" in error.expected


def test_damaged_inner_parts_of_a_whole_file_are_named(shard, tmp_path):
    """HDF5 opens such files: it finds bad links, attributes and data only when it comes there."""
    whole = shard.read_bytes()
    path = tmp_path / "damaged.h5"
    rng = np.random.default_rng(1)
    refused = []
    for _ in range(200):
        content = bytearray(whole)
        # the links and attributes stand in the first kilobytes
        for place in rng.integers(64, 4096, size=10):
            content[place] = rng.integers(256)
        path.write_bytes(content)
        try:
            with ShardReader(path) as reader:
                reader.read()
        except InputError as error:
            refused.append(str(error))
    assert sum("unreadable data" in text for text in refused) > 10
    assert all(text.startswith(str(path)) for text in refused)


def test_damaged_data_inside_a_whole_file(shard, tmp_path):
    path = tmp_path / "damaged.h5"
    shutil.copy(shard, path)
    with h5py.File(path, "a") as file:
        features = file["particle_features"][:]
        del file["particle_features"]
        file.create_dataset("particle_features", data=features, fletcher32=True, chunks=(250, 5, 4))
        offset = file["particle_features"].id.get_chunk_info(0).byte_offset
    with open(path, "r+b") as handle:
        handle.seek(offset + 100)
        handle.write(b"\xff\x13")
    assert "rows 0 to 250" in refused(path).field


@pytest.mark.parametrize("name", ["particle_features", "jet_features"])
def test_a_missing_dataset(shard, name):
    edit(shard, name, None)
    error = refused(shard)
    assert error.field == name
    assert "no such dataset" in error.found


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("particle_features", np.ones((250, 5, 3), np.float32)),
        ("particle_features", np.ones((250, 20), np.float32)),
        ("jet_features", np.ones((250, 3), np.float32)),
        ("jet_features", np.ones((249, 4), np.float32)),
        ("event_id", np.arange(7)),
    ],
)
def test_a_wrong_shape(shard, name, data):
    edit(shard, name, data)
    error = refused(shard)
    assert error.field == name
    assert f"shape {data.shape}" in error.found


def test_text_in_place_of_numbers(shard):
    edit(shard, "jet_features", np.full((250, 4), b"1.0"))
    assert refused(shard).expected == "numbers"


@pytest.mark.parametrize(
    ("place", "value", "field"),
    [
        ((200, 0, 0), np.nan, "particle_features etarel"),
        ((200, 0, 2), -0.1, "particle_features ptrel"),
        ((200, 0, 3), 0.0, "particle_features mask"),
    ],
)
def test_bad_values_are_found_wherever_they_are(shard, place, value, field):
    with h5py.File(shard, "a") as file:
        file["particle_features"][place] = value
    error = refused(shard)
    assert error.field == field
    assert "row 200" in error.found
    with pytest.raises(InputError, match="row 200"), ShardReader(shard) as reader:
        list(reader.chunks(64))


def test_a_shard_without_jets(tmp_path):
    path = tmp_path / "none.h5"
    with h5py.File(path, "w") as file:
        file["particle_features"] = np.zeros((0, 30, 4), np.float32)
        file["jet_features"] = np.zeros((0, 4), np.float32)
    assert "at least one jet" in refused(path).expected


@pytest.mark.parametrize("stored", ["x", b"top"])
def test_an_unknown_jet_type(shard, stored):
    with h5py.File(shard, "a") as file:
        file.attrs["jet_type"] = stored
    error = refused(shard)
    assert error.field == "jet type"
    assert error.expected == "one of g, q, t, w, z"


def test_a_shard_of_another_type_than_asked_for(shard):
    with pytest.raises(InputError, match=r"jet_type: found 'g', expected 't'"):
        ShardReader(shard, "t")


def test_writing_no_jets_leaves_no_file(tmp_path):
    path = tmp_path / "none.h5"
    with pytest.raises(InputError, match=r"none\.h5: jets: found no jets"):
        write_shard(path, make_jets(3)[:0], jet_type="g", source="test")
    assert list(tmp_path.iterdir()) == []


def test_a_failure_leaves_the_old_file_and_no_other(shard):
    before = shard.read_bytes()
    bad = make_jets(10)
    bad.jet_features[3, 0] = np.nan

    def write():
        with ShardWriter(shard, 5, jet_type="g", source="test") as writer:
            writer.append(make_jets(10))
            writer.append(bad)

    with pytest.raises(InputError, match="jet_features pt"):
        write()
    assert shard.read_bytes() == before
    assert list(shard.parent.iterdir()) == [shard]


def test_writing_an_unknown_type_is_refused(tmp_path):
    with pytest.raises(InputError, match="jet type: found 'x'"):
        write_shard(tmp_path / "a.h5", make_jets(2), jet_type="x", source="test")


def test_a_jet_with_one_particle(tmp_path):
    particles = np.zeros((1, 30, 4), np.float32)
    particles[0, 0] = 0.01, 0.0, 1.0, 1.0
    features = np.array([[1000.0, 0.5, 0.0, 1.0]], np.float32)
    write_shard(tmp_path / "a.h5", Jets(particles, features), jet_type="t", source="test")
    assert read_all(tmp_path / "a.h5").multiplicity.tolist() == [1]


def test_the_columns_of_the_split_alone(tmp_path):
    jets = make_jets(30, event_id=np.arange(30) + 5)
    write_shard(tmp_path / "events.h5", jets, jet_type="g", source="test")
    jets.split = np.arange(30, dtype=np.uint8) % 3
    write_shard(tmp_path / "split.h5", jets, jet_type="g", source="test")
    jets.split = jets.event_id = None
    write_shard(tmp_path / "bare.h5", jets, jet_type="g", source="test")
    with ShardReader(tmp_path / "events.h5") as reader:
        event_id, split = reader.split_columns(10, 100)
    assert event_id.tolist() == list(range(15, 35))
    assert split is None
    with ShardReader(tmp_path / "split.h5") as reader:
        event_id, split = reader.split_columns(stop=4)
    assert split.tolist() == [0, 1, 2, 0]
    assert event_id is None
    with ShardReader(tmp_path / "bare.h5") as reader:
        assert reader.split_columns() == (None, None)


def test_a_bad_split_is_found_without_reading_the_jets(tmp_path):
    jets = make_jets(30, split=np.zeros(30, np.uint8))
    write_shard(tmp_path / "s.h5", jets, jet_type="g", source="test")
    with h5py.File(tmp_path / "s.h5", "r+") as file:
        file["split"][12] = 3
    with ShardReader(tmp_path / "s.h5") as reader:
        assert reader.split_columns(0, 12)[1].sum() == 0
        with pytest.raises(InputError, match="split: found 3 at row 12"):
            reader.split_columns(10, 20)
