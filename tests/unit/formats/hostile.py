"""Files of each kind that the workflow writes, and changes that make each entry something else."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import h5py
import numpy as np

LARGE = 10**9


def entries(path: Path) -> tuple[list[str], list[tuple[str, str]]]:
    """Names of all datasets and groups of a file, and all of its attributes."""
    names: list[str] = []
    with h5py.File(path) as file:
        file.visit(names.append)
        attributes = [("/", name) for name in file.attrs]
        for name in names:
            attributes += [(name, attribute) for attribute in file[name].attrs]
    return names, attributes


def _replaced(file: h5py.File, name: str, values) -> None:
    """Other values under a name; attributes stay."""
    kept = dict(file[name].attrs)
    del file[name]
    file[name] = values
    for key, value in kept.items():
        file[name].attrs[key] = value


def _created(file: h5py.File, name: str, **options) -> None:
    kept = dict(file[name].attrs)
    del file[name]
    made = file.create_dataset(name, **options)
    for key, value in kept.items():
        made.attrs[key] = value


COMPOUND = np.zeros(3, dtype=[("a", "<f4"), ("b", "<i8")])


def _linked(file: h5py.File, name: str, link) -> None:
    del file[name]
    file[name] = link


def _virtual(file: h5py.File, name: str) -> None:
    shape = getattr(file[name], "shape", None) or (3,)
    layout = h5py.VirtualLayout(shape=shape, dtype=np.float32)
    layout[...] = h5py.VirtualSource("pipe", "x", shape=shape)
    del file[name]
    file.create_virtual_dataset(name, layout)


def _outside(file: h5py.File, name: str) -> None:
    shape = getattr(file[name], "shape", None) or (3,)
    size = int(np.prod(shape)) * 4
    _created(file, name, shape=shape, dtype="<f4", external=[("pipe", 0, max(size, 4))])


def _reference(file: h5py.File, name: str) -> None:
    values = np.array([file.ref] * 3, dtype=h5py.ref_dtype)
    _created(file, name, data=values, dtype=h5py.ref_dtype)


def _hollow(file: h5py.File, name: str, axis: int) -> None:
    """As many rows, or columns, as take two kilobytes to declare."""
    old = file[name]
    if not isinstance(old, h5py.Dataset) or not old.shape or old.dtype.kind == "O":
        old = np.zeros((3, 4), np.float32)
    shape = list(old.shape)
    shape[min(axis, len(shape) - 1)] = LARGE
    chunks = tuple(min(length, 8) or 1 for length in shape)
    _created(file, name, shape=shape, dtype=old.dtype, chunks=chunks, fillvalue=1)


def _as(dtype: str) -> Callable[[h5py.File, str], None]:
    def change(file, name):
        old = file[name]
        if isinstance(old, h5py.Dataset) and old.dtype.kind != "O":
            with np.errstate(all="ignore"):
                _replaced(file, name, old[()].astype(dtype))
        else:
            _replaced(file, name, np.zeros(3, dtype))

    return change


def _filled(value) -> Callable[[h5py.File, str], None]:
    def change(file, name):
        old = file[name]
        shape = getattr(old, "shape", None) or (3,)
        _replaced(file, name, np.full(shape, value))

    return change


def _reshaped(change) -> Callable[[h5py.File, str], None]:
    def reshape(file, name):
        old = file[name]
        values = old[()] if isinstance(old, h5py.Dataset) else np.zeros((3, 4))
        _replaced(file, name, change(values))

    return reshape


#: Changes of a dataset or group.
CHANGES: dict[str, Callable[[h5py.File, str], None]] = {
    "missing": lambda file, name: file.__delitem__(name),
    "a group": lambda file, name: (file.__delitem__(name), file.create_group(name)),
    "a type": lambda file, name: _linked(file, name, np.dtype("<f4")),
    "a number": lambda file, name: _replaced(file, name, 3.0),
    "a text": lambda file, name: _replaced(file, name, "text"),
    "texts": lambda file, name: _replaced(file, name, np.array([b"a", b"\xff"])),
    "a compound": lambda file, name: _replaced(file, name, COMPOUND),
    "empty": lambda file, name: _replaced(file, name, h5py.Empty("f4")),
    "references": _reference,
    "opaque": lambda file, name: _replaced(file, name, np.zeros(3, "V5")),
    "lists": lambda file, name: _created(file, name, shape=(3,), dtype=h5py.vlen_dtype("f4")),
    "an enum": lambda file, name: _created(
        file, name, shape=(3,), dtype=h5py.enum_dtype({"a": 0}, "i4")
    ),
    "arrays within": lambda file, name: _created(file, name, shape=(3,), dtype="(4,)f4"),
    "complex": _as("c8"),
    "truth values": _as("?"),
    "float16": _as("f2"),
    "longdouble": _as("g"),
    "int64": _as("i8"),
    "uint64": _as("u8"),
    "NaN": _filled(np.nan),
    "infinite": _filled(-np.inf),
    "1e300": _filled(1e300),
    "-1": _filled(-1),
    "large": _filled(2**64 - 1),
    "zero": _filled(0),
    "a row more": _reshaped(lambda v: np.concatenate([v, v[:1]]) if np.ndim(v) else v),
    "no rows": _reshaped(lambda v: v[:0] if np.ndim(v) else v),
    "an axis more": _reshaped(lambda v: np.asarray(v)[..., None]),
    "flat": _reshaped(lambda v: np.asarray(v).reshape(-1)),
    "turned": _reshaped(lambda v: np.asarray(v).T),
    "1e9 rows": lambda file, name: _hollow(file, name, 0),
    "1e9 columns": lambda file, name: _hollow(file, name, 1),
    "external link": lambda file, name: _linked(file, name, h5py.ExternalLink("pipe", "/x")),
    "dangling link": lambda file, name: _linked(file, name, h5py.SoftLink("/nothing/there")),
    "link to itself": lambda file, name: _linked(file, name, h5py.SoftLink(f"/{name}")),
    "link to the file": lambda file, name: _linked(file, name, h5py.SoftLink("/")),
    "virtual": _virtual,
    "outside": _outside,
}

_DEEP = "[" * 100_000
#: Other values of an attribute; None for none.
VALUES = {
    "missing": None,
    "an array": np.arange(3),
    "a number": 3.5,
    "a large number": 1e300,
    "NaN": np.nan,
    "-1": -1,
    "2^64 - 1": np.uint64(2**64 - 1),
    "a text": "text",
    "no text": "",
    "another script": "\u202eqx\x07\n\nnew line",
    "bytes": np.bytes_(b"\xff\xfe"),
    "texts": np.array(["a", "b"], dtype=h5py.string_dtype()),
    "empty": h5py.Empty("f4"),
    "a compound": COMPOUND[0],
    "an array of 32 kB": np.zeros(2**12),
    "a truth value": True,
    "complex": 1j,
    "JSON null": "null",
    "JSON number": "1",
    "JSON {}": "{}",
    "JSON []": "[]",
    "JSON of lists": "[[1], {}]",
    "JSON of numbers": json.dumps({"types": 3, "metrics": [], "sizes": {}, "bins": 1e999}),
    "deep JSON": _DEEP,
}


def mutants(path: Path, folder: Path, only: list[str]) -> Iterator[tuple[str, Path]]:
    """Each entry of a file as something else, a file at a time; all, or those of some words."""
    whole, place = path.read_bytes(), folder / f"mutant-{path.name}"
    names, attributes = entries(path)
    for name in names:
        for kind, change in CHANGES.items():
            if only and not any(word in kind for word in only):
                continue
            place.write_bytes(whole)
            with h5py.File(place, "r+") as file:
                change(file, name)
            yield f"{name}: {kind}", place
    for owner, name in () if only else attributes:
        for kind, value in VALUES.items():
            place.write_bytes(whole)
            with h5py.File(place, "r+") as file:
                del file[owner].attrs[name]
                if value is not None:
                    file[owner].attrs[name] = value
            yield f"{owner} {name}: {kind}", place


def flipped(path: Path, folder: Path, count: int) -> Iterator[tuple[str, Path]]:
    """A file with some bytes that are others."""
    whole, place = path.read_bytes(), folder / f"flipped-{path.name}"
    generator = np.random.default_rng(len(whole))
    for number in range(count):
        content = bytearray(whole)
        end = len(whole) if number % 2 else min(len(whole), 8192)
        for spot in generator.integers(8, end, size=1 + number % 7):
            content[spot] = generator.integers(256)
        place.write_bytes(content)
        yield f"flip {number}", place


def in_latest_form(path: Path, place: Path) -> None:
    """The same content, as the latest HDF5 would write it: other headers, attributes in a heap."""
    with h5py.File(path) as old, h5py.File(place, "w", libver="latest") as new:
        for name, value in old.attrs.items():
            new.attrs[name] = value
        for name in old:
            old.copy(name, new)


def _of_texts(whole: bytes) -> list[int]:
    """The bytes that say how long texts are and where: in collections, and of who refers there."""
    spots, start = [], whole.find(b"GCOL")
    while start >= 0:
        spots += range(start, start + 16)
        end = start + int.from_bytes(whole[start + 8 : start + 16], "little")
        at = start + 16
        while at + 16 <= end:
            spots += range(at, at + 16)
            index, size = whole[at], int.from_bytes(whole[at + 8 : at + 16], "little")
            at += 16 + -(-size // 8) * 8 if index else max(size, 1)
        place = whole.find(start.to_bytes(8, "little"))
        while place >= 0:
            spots += range(place - 4, place + 12)
            place = whole.find(start.to_bytes(8, "little"), place + 1)
        start = whole.find(b"GCOL", start + 1)
    return spots


def _of_metadata(path: Path, whole: bytes) -> np.ndarray:
    """The bytes that are no data, without long runs of zeros."""
    structure = np.ones(len(whole), bool)

    def leave_out(_, item) -> None:
        if not isinstance(item, h5py.Dataset) or item.dtype.kind == "O":
            return
        if item.chunks is None:
            start = item.id.get_offset()
            if start is not None:
                structure[start : start + item.id.get_storage_size()] = False
            return
        for number in range(item.id.get_num_chunks()):
            chunk = item.id.get_chunk_info(number)
            structure[chunk.byte_offset : chunk.byte_offset + chunk.size] = False

    with h5py.File(path) as file:
        file.visititems(leave_out)
    near = np.convolve(np.frombuffer(whole, np.uint8) != 0, np.ones(33), "same") > 0
    return np.flatnonzero(structure & near)


def damaged(path: Path, folder: Path, count: int) -> Iterator[tuple[str, Path]]:
    """A file with one byte of what is no data as another: half of them say where texts are."""
    whole, place = path.read_bytes(), folder / f"damaged-{path.name}"
    generator = np.random.default_rng(len(whole))
    texts, others = _of_texts(whole), _of_metadata(path, whole)
    for number in range(count):
        spot = int(generator.choice(others if number % 2 or not texts else texts))
        old = whole[spot]
        new = int(generator.choice([old ^ 0x80, old ^ 0x40, 0x7F, 0xFF, 0, (old + 1) % 256]))
        content = bytearray(whole)
        content[spot] = new
        place.write_bytes(content)
        yield f"byte {spot}: {new}", place
