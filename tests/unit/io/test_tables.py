"""Tables in text: what is none is refused by name, whoever reads it."""

from contextlib import suppress

import pytest

from hypervae.checks.files import check_file
from hypervae.errors import InputError
from hypervae.formats.history import read_history
from hypervae.formats.timings import read_timings
from hypervae.io.tables import read_rows

NO_TABLES = {
    "a cell of 200,000 characters": b"epoch,loss\n1," + b"x" * 200_000 + b"\n",
    "bytes that are no text": b"epoch,loss\n1,\xff\n",
    "UTF-16": "epoch,loss\n1,2\n".encode("utf-16"),
}


@pytest.mark.parametrize("content", NO_TABLES.values(), ids=NO_TABLES)
def test_what_is_no_table_is_refused_by_all(content, tmp_path):
    path = tmp_path / "train" / "t.tsv"
    path.parent.mkdir()
    for name in ("history.csv", "train/t.tsv"):
        (tmp_path / name).write_bytes(content)
    readers = (
        lambda: read_rows(path),
        lambda: read_history(tmp_path / "history.csv"),
        lambda: read_timings(tmp_path, ["t"]),
        lambda: check_file(tmp_path / "history.csv"),
        lambda: check_file(path),
    )
    for read in readers:
        with pytest.raises(InputError) as refused:
            read()
        assert len(str(refused.value).splitlines()) == 1


@pytest.mark.parametrize(
    "content", [b"", b"\n", b"\n\n\n", b",\n", b"a\n\n", b'"', b"a,a\n1,2,3\n4\n"]
)
def test_odd_tables_are_read_or_refused(content, tmp_path):
    for name in ("history.csv", "t.tsv"):
        (tmp_path / name).write_bytes(content)
        for read in (read_rows, read_history, check_file):
            with suppress(InputError):
                read(tmp_path / name)
    assert all(isinstance(cell, str) for row in read_rows(tmp_path / "t.tsv") for cell in row)
