import h5py
import pytest

from hypervae.errors import InputError
from hypervae.io import read_list, write_list
from hypervae.io.lists import named_files


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
        (b"\x93NUMPY\xff", "found no text"),
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


def test_an_hdf5_file_stands_for_itself_and_commas_join(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("a.h5", "b.h5", "c,d.h5"):
        with h5py.File(name, "w") as file:
            file.attrs["name"] = name
    write_list("list.txt", ["b.h5"])
    for given, names in {
        "a.h5": ["a.h5"],
        "a.h5,b.h5": ["a.h5", "b.h5"],
        "a.h5, list.txt": ["a.h5", "b.h5"],
        "c,d.h5": ["c,d.h5"],
    }.items():
        assert [str(file) for file in read_list(given)] == names
    with pytest.raises(InputError, match=r"no\.h5: list file: found no such file"):
        read_list("a.h5,no.h5")


def test_a_byte_order_mark_is_no_part_of_the_first_name(tmp_path):
    (tmp_path / "a.h5").touch()
    (tmp_path / "list.txt").write_bytes(b"\xef\xbb\xbf" + bytes(tmp_path / "a.h5") + b"\r\n")
    assert read_list(tmp_path / "list.txt") == [tmp_path / "a.h5"]


def test_more_names_with_commas_than_one_name_may_have_bytes(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    names = [f"{'x' * 40}{number}.h5" for number in range(100)]
    for name in names:
        (tmp_path / name).write_bytes(b"\x89HDF\r\n\x1a\n")
    assert [str(path) for path in read_list(",".join(names))] == names


def test_files_that_must_stay_are_the_list_and_what_it_names(tmp_path):
    for name in ("a.h5", "b.h5"):
        (tmp_path / name).write_bytes(b"\x89HDF\r\n\x1a\n")
    write_list(tmp_path / "list.txt", [tmp_path / "a.h5"])
    assert named_files(tmp_path / "list.txt") == [tmp_path / "list.txt", tmp_path / "a.h5"]
    assert named_files(f"{tmp_path / 'list.txt'},{tmp_path / 'b.h5'}")[-1] == tmp_path / "b.h5"
    assert named_files(tmp_path / "none") == [tmp_path / "none"]
