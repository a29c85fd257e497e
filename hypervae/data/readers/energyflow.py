"""EnergyFlow's quark and gluon jets (``QG_jets*.npz``).

P. Komiske, E. Metodiev, J. Thaler, arXiv:1810.05165; zenodo.org/record/3164691 (Pythia) and 3066475
(Herwig). Arrays of a file:

``X`` [jets, particles, 3 or 4]
    (pt [GeV], rapidity, phi [rad], PDG id), absent particles zero. PDG ids are not read. Particles
    are massless here, so that the rapidity is eta.
``y`` [jets], optional
    1 for a quark, 0 for a gluon.

Features of the full jets are not in it: they are those of the summed particles.
"""

from __future__ import annotations

import math
import zipfile
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import IO, ClassVar

import numpy as np
from numpy.typing import NDArray

from hypervae.data.ranges import MOST_PARTICLES
from hypervae.data.readers.interface import BATCH, Batch, JetFile
from hypervae.data.readers.momenta import jets_from
from hypervae.io.regular import is_zip

_FIELDS = {"pt": "X pt", "eta": "X rapidity", "phi": "X phi"}
_X = "[jets, particles, 4] (pt, rapidity, phi, PDG id), or 3 without the id"


class EnergyFlowFile(JetFile):
    """Quark and gluon jets, read in slices without unpacking the whole array.

    Parameters
    ----------
    path, layout
        As for `JetFile`; the format has its own columns.
    """

    what = "an EnergyFlow file (npz with X and y)"
    magic = b"PK"
    suffixes = (".npz",)
    classes = ("gluon", "quark")
    read_as: ClassVar = {"g": "gluon", "q": "quark"}
    summed = True

    @classmethod
    def recognizes(cls, path: Path, head: bytes) -> bool:
        """See `JetFile.recognizes`: a zip archive that holds NumPy's arrays."""
        if not super().recognizes(path, head) or not is_zip(path):
            return False
        try:
            with zipfile.ZipFile(path) as archive:
                return any(name.endswith(".npy") for name in archive.namelist())
        except zipfile.BadZipFile:
            return False

    def _open(self, stack: ExitStack) -> None:
        self._unit = self.unit()
        self.further({})
        with self.naming_damage():
            self._archive = stack.enter_context(zipfile.ZipFile(self.path))
            arrays = [n.removesuffix(".npy") for n in self._archive.namelist()]
        if "X" not in arrays:
            raise self.error("X", f"arrays {', '.join(arrays) or 'none'}", f"X {_X}")
        with self.naming_damage():
            stream = stack.enter_context(self._archive.open("X.npy"))
        shape, self._dtype = self._header(stream, "X")
        if len(shape) != 3 or shape[2] not in (3, 4) or 0 in shape[1:]:
            raise self.error("X", f"shape {list(shape)}", _X)
        if shape[1] > MOST_PARTICLES:
            raise self.error("X", f"{shape[1]} particles", f"at most {MOST_PARTICLES} in a jet")
        self._row, self.n_jets, self._stream = shape[1:], shape[0], stream
        self._y = self._labels() if "y" in arrays else None

    def _header(self, stream: IO[bytes], name: str) -> tuple[tuple[int, ...], np.dtype]:
        """Shape and type of an array, held against the bytes that there are."""
        with self.naming_damage():
            version = np.lib.format.read_magic(stream)
            read = {
                (1, 0): np.lib.format.read_array_header_1_0,
                (2, 0): np.lib.format.read_array_header_2_0,
            }[version]
            shape, fortran, dtype = read(stream)
            left = self._archive.getinfo(f"{name}.npy").file_size - stream.tell()
        if dtype.hasobject:
            raise self.error(name, "Python objects (a pickle, which could run code)", "numbers")
        if dtype.kind not in "fiub":
            raise self.error(name, f"type {dtype}", "numbers")
        if fortran and len(shape) > 1:
            raise self.error(name, "Fortran order", "C order (numpy.ascontiguousarray)")
        if math.prod(shape) * dtype.itemsize > left:
            raise self.error(
                name, f"{left} bytes", f"{math.prod(shape) * dtype.itemsize} for {list(shape)}"
            )
        return shape, dtype

    def _labels(self) -> NDArray[np.int64]:
        with self.naming_damage():
            stream = self._archive.open("y.npy")
        with stream:
            shape, dtype = self._header(stream, "y")
            if shape != (self.n_jets,):
                raise self.error("y", f"shape {list(shape)}", f"[{self.n_jets}], as many as in X")
            y = self._take(stream, "y", dtype, self.n_jets)
        self.refuse("y", 0, ~np.isin(y, (0, 1)), y, "0 (gluon) or 1 (quark)")
        return y.astype(np.int64)

    def _take(self, stream: IO[bytes], name: str, dtype: np.dtype, count: int) -> NDArray:
        """The next numbers of an array."""
        size = count * dtype.itemsize
        with self.naming_damage():
            content = stream.read(size)
        if len(content) < size:
            raise self.error(name, f"an end after {len(content)} bytes", f"{size} more")
        return np.frombuffer(content, dtype=dtype)

    def _read(self) -> Iterator[Batch]:
        particles, width = self._row
        for start in range(0, self.n_jets, BATCH):
            rows = min(BATCH, self.n_jets - start)
            values = self._take(self._stream, "X", self._dtype, rows * particles * width)
            values = values.reshape(rows, particles, width)[..., :3].astype(np.float64)
            values[..., 0] *= self._unit
            columns = dict(zip(_FIELDS, np.moveaxis(values, -1, 0), strict=True))
            jets = jets_from(self, start, columns, _FIELDS)
            yield Batch(jets, None if self._y is None else self._y[start : start + rows])
