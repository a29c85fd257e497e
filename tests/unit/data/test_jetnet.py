import errno
import hashlib

import h5py
import numpy as np
import pytest
from click.testing import CliRunner

from hypervae.cli import cli
from hypervae.config import SplitConfig, resolve_section
from hypervae.data import download, jetnet, jetnet_split
from hypervae.data.jetnet import file_name, get_file
from hypervae.data.jetnet_split import split_file
from hypervae.data.jets import concatenate
from hypervae.data.split import split_of
from hypervae.errors import HyperVAEError, InputError
from hypervae.formats.shard import ShardReader
from tests.unit.data.server import Record, serve
from tests.unit.data.test_jets import make_jets


def write_jetnet(path, n=400, slots=30, seed=0):
    """A file as JetNet's: bare, in float64, here with the softest particle first."""
    jets = make_jets(n, slots, seed)
    with h5py.File(path, "w") as file:
        file["particle_features"] = jets.particle_features.astype(np.float64)[:, ::-1]
        file["jet_features"] = jets.jet_features.astype(np.float64)
    return jets


@pytest.fixture(scope="module")
def content(tmp_path_factory):
    path = tmp_path_factory.mktemp("jetnet") / "w.hdf5"
    write_jetnet(path)
    return path.read_bytes()


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    monkeypatch.setattr(download, "BACKOFF", 0.01)
    monkeypatch.setattr(download, "LONGEST_WAIT", 0.05)
    monkeypatch.setattr(download, "BLOCK", 20_000)
    monkeypatch.setenv("no_proxy", "*")


@pytest.fixture
def record(content):
    with serve(Record({"w.hdf5": content, "other.txt": b"hello"})) as record:
        yield record


def settings(record, **keys):
    return resolve_section("download", {"record": record.address, **keys})


def names(directory):
    return sorted(file.name for file in directory.iterdir())


def test_file_names():
    assert file_name("g", 30) == "g.hdf5"
    assert file_name("t", 150) == "t150.hdf5"
    assert "6975118" in jetnet.RECORDS[30]
    assert "6975117" in jetnet.RECORDS[150]


def test_a_download_is_checked_and_named(record, content, tmp_path):
    message = get_file(tmp_path / "w.hdf5", "w", settings(record))
    assert (tmp_path / "w.hdf5").read_bytes() == content
    assert hashlib.md5(content).hexdigest() in message
    assert names(tmp_path) == ["w.hdf5"]
    assert record.requests == [None]


def test_a_broken_transfer_goes_on_where_it_broke(record, content, tmp_path, caplog):
    record.faults = ["break", "break"]
    get_file(tmp_path / "w.hdf5", "w", settings(record))
    assert (tmp_path / "w.hdf5").read_bytes() == content
    half = len(content) // 2
    later = half + (len(content) - half) // 2
    assert record.requests == [None, f"bytes={half}-", f"bytes={later}-"]
    assert f"the connection broke at {half} of {len(content)} bytes" in caplog.text


def test_a_later_run_goes_on_from_what_an_earlier_one_left(record, content, tmp_path):
    record.faults = ["break", "break"]
    with pytest.raises(HyperVAEError, match="gave up after 1 attempts"):
        get_file(tmp_path / "w.hdf5", "w", settings(record, retries=0))
    assert names(tmp_path) == ["w.hdf5.part"]
    record.faults = []
    get_file(tmp_path / "w.hdf5", "w", settings(record))
    assert (tmp_path / "w.hdf5").read_bytes() == content
    assert record.requests[-1] == f"bytes={len(content) // 2}-"
    assert names(tmp_path) == ["w.hdf5"]


def test_a_server_that_ignores_ranges_sends_all_again(record, content, tmp_path):
    record.ranges, record.faults = False, ["break"]
    get_file(tmp_path / "w.hdf5", "w", settings(record))
    assert (tmp_path / "w.hdf5").read_bytes() == content
    assert len(record.requests) == 2


def test_a_server_that_tells_no_length_is_believed_the_records_size(record, content, tmp_path):
    record.lengths, record.faults = False, ["break"]
    get_file(tmp_path / "w.hdf5", "w", settings(record))
    assert (tmp_path / "w.hdf5").read_bytes() == content


@pytest.mark.parametrize("left", [b"x" * 1000, b"x" * 10_000_000])
def test_another_files_remains_are_thrown_away(record, content, tmp_path, left):
    (tmp_path / "w.hdf5.part").write_bytes(left)
    get_file(tmp_path / "w.hdf5", "w", settings(record))
    assert (tmp_path / "w.hdf5").read_bytes() == content


def test_a_busy_server_is_asked_again(record, content, tmp_path, caplog):
    record.faults = [503, 429, 500]
    get_file(tmp_path / "w.hdf5", "w", settings(record))
    assert (tmp_path / "w.hdf5").read_bytes() == content
    assert "HTTP 503" in caplog.text


def test_a_server_that_stays_busy_ends_in_an_error(record, tmp_path):
    record.faults = [503] * 5
    with pytest.raises(HyperVAEError, match=r"HTTP 503.*gave up after 3 attempts"):
        get_file(tmp_path / "w.hdf5", "w", settings(record, retries=2))
    assert len(record.requests) == 3


@pytest.mark.parametrize("status", [403, 404])
def test_a_refusal_is_not_tried_again(record, tmp_path, status):
    record.faults = [status] * 5
    with pytest.raises(HyperVAEError, match=rf"w\.hdf5/content: found HTTP {status}"):
        get_file(tmp_path / "w.hdf5", "w", settings(record))
    assert len(record.requests) == 1
    assert names(tmp_path) == []


def test_a_server_that_is_not_there(record, tmp_path):
    address = "http://127.0.0.1:9/record"
    with pytest.raises(HyperVAEError, match=r"127\.0\.0\.1:9/record: .*gave up after 2 attempts"):
        get_file(tmp_path / "w.hdf5", "w", settings(record, retries=1).replace(record=address))


def test_a_wrong_checksum_is_refused_with_found_and_expected(record, content, tmp_path):
    record.checksums["w.hdf5"] = "md5:" + "0" * 32
    with pytest.raises(InputError) as caught:
        get_file(tmp_path / "w.hdf5", "w", settings(record))
    assert caught.value.field == "MD5"
    assert caught.value.found == hashlib.md5(content).hexdigest()
    assert caught.value.expected == "0" * 32
    assert names(tmp_path) == []


def test_what_cannot_be_checked_is_said(record, tmp_path):
    record.checksums["w.hdf5"] = None
    message = get_file(tmp_path / "w.hdf5", "w", settings(record))
    assert "MD5 not checked" in message


def test_jetnets_own_record_must_agree_with_the_known_checksum(record, tmp_path, monkeypatch):
    monkeypatch.setitem(jetnet.RECORDS, 30, record.address)
    monkeypatch.setitem(jetnet.MD5, "w.hdf5", "1" * 32)
    with pytest.raises(InputError, match=f"checksum: found .*expected {'1' * 32}"):
        get_file(tmp_path / "w.hdf5", "w", resolve_section("download", {}))
    record.checksums["w.hdf5"] = None
    with pytest.raises(InputError, match=f"MD5: found .*expected {'1' * 32}"):
        get_file(tmp_path / "w.hdf5", "w", resolve_section("download", {}))


def test_a_record_without_the_file(record, tmp_path):
    with pytest.raises(HyperVAEError, match=r"found other\.txt, w\.hdf5, expected z\.hdf5"):
        get_file(tmp_path / "z.hdf5", "z", settings(record))


def test_an_address_that_is_no_record(record, tmp_path):
    with pytest.raises(HyperVAEError, match="found HTTP 404"):
        get_file(tmp_path / "w.hdf5", "w", settings(record).replace(record=record.url + "/nothing"))
    with pytest.raises(HyperVAEError, match="expected https"):
        get_file(tmp_path / "w.hdf5", "w", settings(record).replace(record="zenodo"))
    page = f"{record.url}/files/other.txt/content"
    with pytest.raises(HyperVAEError, match="expected a data record's JSON metadata"):
        get_file(tmp_path / "w.hdf5", "w", settings(record).replace(record=page))


def test_a_download_that_is_no_jetnet_file(record, tmp_path):
    record.files["w.hdf5"] = b"<html>" * 1000
    record.checksums["w.hdf5"] = None
    with pytest.raises(InputError, match="expected a whole HDF5 file"):
        get_file(tmp_path / "w.hdf5", "w", settings(record))
    assert names(tmp_path) == []


def test_too_little_room_is_found_before_and_during(record, content, tmp_path, monkeypatch):
    usage = download.shutil.disk_usage(tmp_path)
    monkeypatch.setattr(download.shutil, "disk_usage", lambda _: usage._replace(free=1000))
    with pytest.raises(HyperVAEError, match="disk full: found 0 MB free"):
        get_file(tmp_path / "w.hdf5", "w", settings(record))
    monkeypatch.undo()

    def full(_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(download.os, "fsync", full)
    monkeypatch.setenv("no_proxy", "*")
    with pytest.raises(HyperVAEError, match="disk full"):
        get_file(tmp_path / "w.hdf5", "w", settings(record))


def test_a_staged_file_is_copied_and_needs_no_network(content, tmp_path):
    staged, out = tmp_path / "staged", tmp_path / "out" / "w.hdf5"
    staged.mkdir()
    (staged / "w.hdf5").write_bytes(content)
    config = resolve_section("download", {"directory": str(staged)})
    message = get_file(out, "w", config)
    assert "MD5 not checked" in message
    get_file(out, "w", config)  # again, over its own output
    with open(staged / "w.hdf5", "r+b") as file:
        file.write(b"edited")
    assert out.read_bytes() == content


def test_a_staged_symbolic_link_gives_a_real_file(content, tmp_path):
    (tmp_path / "real.hdf5").write_bytes(content)
    (tmp_path / "w.hdf5").symlink_to(tmp_path / "real.hdf5")
    get_file(tmp_path / "out.hdf5", "w", resolve_section("download", {"directory": str(tmp_path)}))
    assert not (tmp_path / "out.hdf5").is_symlink()


def test_a_staged_file_with_another_checksum_is_refused(content, tmp_path):
    (tmp_path / "g.hdf5").write_bytes(content)
    config = resolve_section("download", {"directory": str(tmp_path)})
    with pytest.raises(InputError) as caught:
        get_file(tmp_path / "out.hdf5", "g", config)
    assert caught.value.found == hashlib.md5(content).hexdigest()
    assert caught.value.expected == "4f537329da897a22a59762c9fd8b74da"
    assert not (tmp_path / "out.hdf5").exists()


def test_a_staged_file_is_checked_against_a_record_that_is_named(record, content, tmp_path):
    (tmp_path / "w.hdf5").write_bytes(content)
    config = settings(record, directory=str(tmp_path))
    assert "as expected" in get_file(tmp_path / "out.hdf5", "w", config)
    record.checksums["w.hdf5"] = "md5:" + "2" * 32
    with pytest.raises(InputError, match="2" * 32):
        get_file(tmp_path / "out.hdf5", "w", config)


def test_a_staged_file_that_is_missing_or_of_the_other_version(content, tmp_path):
    config = resolve_section("download", {"directory": str(tmp_path)})
    with pytest.raises(InputError, match=r"w\.hdf5: file: found no such file"):
        get_file(tmp_path / "out.hdf5", "w", config)
    (tmp_path / "w150.hdf5").write_bytes(content)
    with pytest.raises(InputError, match=r"found 30 particles a jet, expected 150"):
        get_file(tmp_path / "out.hdf5", "w", config.replace(particles=150))


def test_the_shards_hold_every_jet_once(tmp_path):
    jets = write_jetnet(tmp_path / "g.hdf5", n=103)
    shards = []
    for shard in range(4):
        split_file(tmp_path / "g.hdf5", tmp_path / f"{shard}.h5", "g", shard, 4, 30)
        with ShardReader(tmp_path / f"{shard}.h5") as reader:
            assert reader.jet_type == "g"
            assert reader.attributes["source"] == "jetnet"
            shards.append(reader.read())
    assert [len(shard) for shard in shards] == [25, 26, 26, 26]
    together = concatenate(shards)
    np.testing.assert_array_equal(together.particle_features, jets.particle_features)  # sorted
    np.testing.assert_array_equal(together.jet_features, jets.jet_features)
    np.testing.assert_array_equal(together.event_id, np.arange(103))


def test_splits_do_not_depend_on_the_number_of_shards(tmp_path, monkeypatch):
    monkeypatch.setattr(jetnet_split, "CHUNK", 20)
    write_jetnet(tmp_path / "g.hdf5", n=200)
    splits = []
    for shards in (1, 7):
        parts = []
        for shard in range(shards):
            split_file(tmp_path / "g.hdf5", tmp_path / "s.h5", "g", shard, shards, 30)
            with ShardReader(tmp_path / "s.h5") as reader:
                parts.append(split_of(reader.read(), SplitConfig()))
        splits.append(np.concatenate(parts))
    np.testing.assert_array_equal(*splits)


def test_a_shard_keeps_the_hardest_particles(tmp_path):
    jets = write_jetnet(tmp_path / "g.hdf5", n=50)
    split_file(tmp_path / "g.hdf5", tmp_path / "s.h5", "g", 0, 1, 12)
    with ShardReader(tmp_path / "s.h5") as reader:
        read = reader.read()
    np.testing.assert_array_equal(read.particle_features, jets.particle_features[:, :12])
    np.testing.assert_array_equal(read.jet_features[:, 3], np.minimum(jets.jet_features[:, 3], 12))


def test_wrong_shard_numbers_are_refused(tmp_path):
    write_jetnet(tmp_path / "g.hdf5", n=5)
    with pytest.raises(HyperVAEError, match="shard: found 4, expected 0 to 3"):
        split_file(tmp_path / "g.hdf5", tmp_path / "s.h5", "g", 4, 4, 30)
    with pytest.raises(InputError, match="found 5 jets, expected at least one for each of 6"):
        split_file(tmp_path / "g.hdf5", tmp_path / "s.h5", "g", 0, 6, 30)


def test_the_commands(record, tmp_path):
    raw, shard = tmp_path / "w.hdf5", tmp_path / "w-1.h5"
    run = CliRunner().invoke
    result = run(
        cli, ["download", "--jet-type", "w", "--output", str(raw), "--record", record.address]
    )
    assert result.exit_code == 0, result.output
    assert "as expected" in result.output
    options = [
        "--jet-type",
        "w",
        "--shard-index",
        "1",
        "--shard-count",
        "3",
        "--output",
        str(shard),
    ]
    result = run(cli, ["split", "--input", str(raw), *options])
    assert result.exit_code == 0, result.output
    with ShardReader(shard) as reader:
        assert reader.read().event_id.tolist() == list(range(133, 266))
