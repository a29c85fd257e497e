import h5py
import numpy as np
import pytest

from hypervae.data.jet_types import JET_TYPES
from hypervae.errors import InputError
from hypervae.formats.shard_writer import write_shard
from hypervae.generation.files import GeneratedWriter, TypedReader
from tests.unit.chain import SLOTS, small_jets


@pytest.fixture
def mixed(tmp_path):
    path = tmp_path / "mixed.h5"
    types = np.array([0, 1] * 10, dtype=np.uint8)
    with GeneratedWriter(path, SLOTS, jet_types=["g", "q"], source="toy") as writer:
        for start in (0, 15):
            rows = slice(start, start + 15)
            writer.append(small_jets(20)[rows], types[rows], redrawn=2)
    return path, types


def test_types_are_written_and_read_row_by_row(mixed):
    path, types = mixed
    with TypedReader(path) as reader:
        assert reader.jet_type is None
        assert reader.mixed
        np.testing.assert_array_equal(reader.types(0, 20), types)
        np.testing.assert_array_equal(reader.types(13, 17), types[13:17])
        np.testing.assert_array_equal(
            reader.read().particle_features, small_jets(20).particle_features
        )
        assert reader.attributes["redrawn"] == 4


def test_a_shard_of_one_type_is_read_alike(tmp_path):
    write_shard(tmp_path / "q.h5", small_jets(5, jet_type="q"), source="toy")
    with TypedReader(tmp_path / "q.h5") as reader:
        assert not reader.mixed
        assert reader.types(3, 9).tolist() == [JET_TYPES["q"]] * 2


def test_a_mix_is_not_taken_for_one_type(mixed):
    with pytest.raises(InputError, match=r"mixed\.h5: jet_type: found 'mixed', expected 'q'"):
        TypedReader(mixed[0], "q")


def test_a_mix_without_its_types_or_with_others_is_refused(mixed):
    path, _ = mixed
    with h5py.File(path, "r+") as file:
        file["jet_type"][7] = 9
    with (
        TypedReader(path) as reader,
        pytest.raises(InputError, match=r"jet_type of row 7: found 9"),
    ):
        reader.types(5, 10)
    with h5py.File(path, "r+") as file:
        del file["jet_type"]
    with pytest.raises(InputError, match="jet_type: found no such dataset"):
        TypedReader(path)


def test_types_that_cannot_be_read_are_named(mixed):
    path, types = mixed
    with h5py.File(path, "r+") as file:
        del file["jet_type"]
        stored = file.create_dataset("jet_type", data=types, chunks=(20,), compression="gzip")
        place = stored.id.get_chunk_info(0).byte_offset
    with open(path, "r+b") as file:
        file.seek(place)
        file.write(b"\xff" * 8)
    with (
        TypedReader(path) as reader,
        pytest.raises(InputError, match=r"mixed\.h5: jet_type, rows 5 to 10"),
    ):
        reader.types(5, 10)


def test_a_writer_that_fails_leaves_nothing(tmp_path):
    jets = small_jets(5)
    jets.particle_features[3, 0, 0] = np.nan

    def write():
        with GeneratedWriter(tmp_path / "m.h5", SLOTS, jet_types="gq", source="toy") as writer:
            writer.append(small_jets(5), np.zeros(5, np.uint8))
            writer.append(jets, np.zeros(5, np.uint8))

    with pytest.raises(InputError, match="nan at row 8"):
        write()
    assert list(tmp_path.iterdir()) == []
