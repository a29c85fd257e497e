"""Files of the user are known by what they hold."""

import os

import pytest

from hypervae.workflow import given
from hypervae.workflow.given import MISSING, GivenFiles


def test_a_file_replaced_under_its_name_is_seen_even_with_its_date(tmp_path):
    file, known = tmp_path / "t.hdf5", tmp_path / "known.json"
    file.write_bytes(b"one")
    first = GivenFiles(known)
    before = first.digest(str(file))
    first.keep()
    status = file.stat()
    (tmp_path / "new").write_bytes(b"two")
    os.replace(tmp_path / "new", file)
    os.utime(file, ns=(status.st_atime_ns, status.st_mtime_ns))
    assert GivenFiles(known).digest(str(file)) != before
    file.write_bytes(b"one")
    assert GivenFiles(known).digest(str(file)) == before


def test_a_file_is_read_once(tmp_path, monkeypatch):
    file, known = tmp_path / "t.hdf5", tmp_path / "below" / "known.json"
    file.write_bytes(b"one")
    first = GivenFiles(known)
    digest = first.digest(str(file))
    assert not known.exists()  # a dry run writes nothing
    first.keep()

    def refuse(*_):
        raise AssertionError("read again")

    monkeypatch.setattr(given.hashlib, "file_digest", refuse)
    assert GivenFiles(known).digest(str(file)) == first.digest(str(file)) == digest
    os.utime(file)
    with pytest.raises(AssertionError, match="read again"):
        GivenFiles(known).digest(str(file))


def test_a_missing_file_and_damaged_notes_are_no_error(tmp_path):
    (tmp_path / "known.json").write_text("{")
    assert GivenFiles(tmp_path / "known.json").digest(str(tmp_path / "none")) == MISSING
