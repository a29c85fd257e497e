"""Texts of any form of HDF5 are read; those that are damaged are refused at once, or elsewhere."""

import subprocess
import sys
import time

import h5py
import numpy as np
import pytest

from hypervae.errors import InputError
from hypervae.io import heap
from hypervae.io.hdf5 import reading_h5
from hypervae.io.trial import try_texts

#: Reads a text, whatever comes of it; the memory of the process and of its children [kB]. What the
#: system counts of a process by itself begins with the memory of the one that started it.
READ = """
import contextlib, pathlib, resource, sys
from hypervae.errors import InputError
from hypervae.io.hdf5 import reading_h5
with contextlib.suppress(InputError), reading_h5(sys.argv[1]) as entries:
    entries.text("kind")
lines = pathlib.Path("/proc/self/status").read_text().splitlines()
own = next(int(line.split()[1]) for line in lines if line.startswith("VmHWM:"))
print(max(own, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss))
"""
TEXTS = {"kind": "spectrum", "empty": "", "greek": "γγ → tt̄", "long": "x" * 200_000}


def written(path, latest=False, chunked=False, **options):
    with h5py.File(path, "w", libver="latest" if latest else "earliest", **options) as file:
        for number in range(12):  # more than a header of the latest form holds
            file.attrs[f"number {number}"] = number
        for name, text in TEXTS.items():
            file.attrs[name] = text
        file.create_group("below").attrs["kind"] = "within"
        more = {"chunks": (2,), "compression": "gzip"} if chunked else {}
        file.create_dataset("texts", data=[*TEXTS.values()], dtype=h5py.string_dtype(), **more)
    return path


def read(path):
    with reading_h5(path) as entries:
        texts = {name: entries.text(name) for name in TEXTS}
        assert entries.group("below").text("kind") == "within"
        assert entries.dataset("texts", (None,), kinds="O").texts() == [*TEXTS.values()]
    return texts


@pytest.fixture
def trials(monkeypatch):
    """What is tried in a process of its own."""
    found = []

    def watched(path, owner, names):
        found.append((owner, names[0]))
        return try_texts(path, owner, names)

    monkeypatch.setattr(heap, "try_texts", watched)
    return found


@pytest.mark.parametrize("userblock", [0, 1024])
def test_texts_are_read_at_once(tmp_path, trials, userblock):
    assert read(written(tmp_path / "a.h5", userblock_size=userblock)) == TEXTS
    assert trials == []


def test_those_in_other_places_are_tried_first(tmp_path, trials):
    assert read(written(tmp_path / "a.h5", latest=True, chunked=True)) == TEXTS
    assert trials == [("/", "kind"), ("/texts", None)]  # all attributes in one


def changed(path, before, after):
    content = bytearray(path.read_bytes())
    assert content.count(before) == 1
    start = content.index(before)
    content[start : start + len(before)] = after
    path.write_bytes(content)


def size_of(text, changed_to):
    """The size of a text in the heap, and another one, with what stands about it."""
    data = text.encode() + bytes(-len(text.encode()) % 8)
    old, new = (size.to_bytes(8, "little") + data for size in (len(text.encode()), changed_to))
    return old, new


@pytest.mark.parametrize("latest", [False, True])
@pytest.mark.parametrize("size", [0, 2**31, 2**63])
def test_a_damaged_heap_is_refused(tmp_path, latest, size):
    path = tmp_path / "a.h5"
    with h5py.File(path, "w", libver="latest" if latest else "earliest") as file:
        for number in range(9):
            file.attrs[f"number {number}"] = number
        file.attrs["kind"] = "a text alone"
    changed(path, *size_of("a text alone", size))
    start = time.monotonic()
    with pytest.raises(InputError, match="attribute kind: found unreadable data"):  # noqa: SIM117
        with reading_h5(path) as entries:
            entries.text("kind")
    assert time.monotonic() - start < 5
    # in a process of its own: this one's children were many
    done = subprocess.run(
        [sys.executable, "-c", READ, str(path)], capture_output=True, text=True, check=True
    )
    assert int(done.stdout) < 300_000


def test_a_length_is_compared_with_what_is_stored(tmp_path, trials):
    path = tmp_path / "a.h5"
    with h5py.File(path, "w") as file:
        file["texts"] = np.array(["one", "two of them"], dtype=h5py.string_dtype())
        start = file["texts"].id.get_offset()
    content = bytearray(path.read_bytes())
    content[start + 16 + 3] = 0x7F
    path.write_bytes(content)
    with pytest.raises(InputError) as caught, reading_h5(path) as entries:
        entries.dataset("texts", (None,), kinds="O").texts()
    assert "texts: found unreadable data (a text of 2130706443 bytes, of which 11" in str(
        caught.value
    )
    assert trials == []


def test_a_trial_ends_by_its_limits(tmp_path, monkeypatch):
    path = written(tmp_path / "a.h5")
    free = tmp_path / "free.h5"
    content = bytearray(path.read_bytes())
    # the free space of each collection has no length: HDF5 goes in a circle
    start = content.find(b"GCOL")
    while start >= 0:
        at, end = start + 16, start + int.from_bytes(content[start + 8 : start + 16], "little")
        while at + 16 <= end and content[at]:
            at += 16 + -(-int.from_bytes(content[at + 8 : at + 16], "little") // 8) * 8
        if at + 16 <= end:
            content[at + 8 : at + 16] = bytes(8)
        start = content.find(b"GCOL", start + 1)
    free.write_bytes(content)
    assert try_texts(free, "/", ["kind", "long"])["kind"] in (
        "HDF5 does not come to an end within 1 s",
        "",  # of another HDF5
    )
    assert "no such" in try_texts(tmp_path / "b.h5", "/", ["kind"])["kind"].lower()
