import pytest

from hypervae.errors import InputError
from hypervae.io import read_list, write_list


def test_what_is_written_is_read(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    files = [tmp_path / "b b.h5", tmp_path / "a.h5"]
    for file in files:
        file.touch()
    write_list("list.txt", files)
    assert read_list("list.txt") == files
    (tmp_path / "list.txt").write_text("# a comment\n\n  a.h5  \nb b.h5")
    assert [str(file) for file in read_list("list.txt")] == ["a.h5", "b b.h5"]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "no such file"),
        ("", "found no paths, expected one path a line"),
        ("# nothing\n", "no paths"),
        ("nowhere.h5\n", r"found nowhere\.h5, which is missing"),
        (b"\x89HDF\r\n\x1a\n\xff", "found no text"),
    ],
)
def test_a_wrong_list_is_named(tmp_path, monkeypatch, content, message):
    monkeypatch.chdir(tmp_path)
    if isinstance(content, bytes):
        (tmp_path / "list.txt").write_bytes(content)
    elif content is not None:
        (tmp_path / "list.txt").write_text(content)
    with pytest.raises(InputError, match=rf"list\.txt: list file: .*{message}"):
        read_list("list.txt")
