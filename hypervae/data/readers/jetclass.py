"""JetClass: jets of ten classes in ROOT files.

H. Qu, C. Li, S. Qian, arXiv:2202.03772; zenodo.org/record/6619768. Read are, of the tree ``tree``,
one entry a jet:

``part_px``, ``part_py``, ``part_pz``, ``part_energy``
    Lists of numbers [GeV]. The energy is only held against the momenta: particles are massless
    here.
``jet_pt``, ``jet_eta``, ``jet_phi``, ``jet_energy``
    Of the full jet [GeV, rad]; its mass follows from them.
``label_QCD`` and nine others
    1 for the class of the jet, 0 for all others; numbers or truth values.

``part_charge``, and other branches of particles that are asked for
    Kept as further columns (`hypervae.data.extra`), without the ``part_``.

All else (displacements, particle types, ``jet_sdmass``, ``jet_tau*``, ``aux_*``) is not read
unasked.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from hypervae.data.layouts import AZIMUTHS, HIGHEST_AZIMUTH
from hypervae.data.readers.interface import BATCH, Batch, JetFile
from hypervae.data.readers.lists import numbers, padded
from hypervae.data.readers.momenta import jets_from
from hypervae.extras import optional

TREE = "tree"
_FIELDS = {"E": "part_energy", "px": "part_px", "py": "part_py", "pz": "part_pz"}
_JET = ("jet_pt", "jet_eta", "jet_phi", "jet_energy")
# E may be below |p| by this share, of rounding.
_ROUNDING = 1e-3


class JetClassFile(JetFile):
    """Jets of JetClass, read in steps of entries.

    Parameters
    ----------
    path, layout
        As for `JetFile`; the format has its own columns.

    Raises
    ------
    MissingPackageError
        Without uproot or awkward.
    """

    what = "a JetClass file (ROOT)"
    magic = b"root"
    suffixes = (".root",)
    classes = (
        "label_QCD",
        "label_Hbb",
        "label_Hcc",
        "label_Hgg",
        "label_H4q",
        "label_Hqql",
        "label_Zqq",
        "label_Wqq",
        "label_Tbqq",
        "label_Tbl",
    )
    read_as: ClassVar = {"t": "label_Tbqq", "w": "label_Wqq", "z": "label_Zqq"}

    def _open(self, stack: ExitStack) -> None:
        self._unit = self.unit()
        optional("awkward", "reading ROOT files", "export")
        uproot = optional("uproot", "reading ROOT files", "export")
        with open(self.path, "rb") as raw:
            head = raw.read(20)
        # where ROOT's header says that the file ends: 8 bytes of it in versions of large files
        large = int.from_bytes(head[4:8], "big") >= 1_000_000
        end = int.from_bytes(head[12 : 20 if large else 16], "big")
        size = self.path.stat().st_size
        if size < end:
            raise self.error("file", f"{size} bytes", f"{end}, as its header says: it is cut")
        with self.naming_damage():
            file = stack.enter_context(uproot.open(self.path))
            kinds = file.classnames(recursive=False, cycle=False)
        if kinds.get(TREE) != "TTree":
            held = ", ".join(f"{name} ({kind})" for name, kind in kinds.items()) or "nothing"
            raise self.error(TREE, held, f"a TTree called {TREE}")
        with self.naming_damage():
            self._tree: Any = file[TREE]
            branches, self.n_jets = set(self._tree.keys()), self._tree.num_entries
        for name in (*_FIELDS.values(), *_JET, *self.classes):
            if name not in branches:
                raise self.error(name, "no such branch", f"{self.what}, which has it")
        own = {*_FIELDS.values(), "part_eta", "part_phi"}
        further = {n.removeprefix("part_"): n for n in branches if n.startswith("part_")}
        self._extra = self.further({n: f for n, f in further.items() if f not in own})

    def _read(self) -> Iterator[Batch]:
        names = [*_FIELDS.values(), *self._extra.values(), *_JET, *self.classes]
        start = 0
        with self.naming_damage():
            steps = self._tree.iterate(names, step_size=BATCH, library="ak")
        while True:
            with self.naming_damage():
                step = next(steps, None)
            if step is None:
                return
            lists = [*_FIELDS.values(), *self._extra.values()]
            values = padded(self, start, {name: step[name] for name in lists})
            of = dict(zip((*_FIELDS, *self._extra), np.moveaxis(values, -1, 0), strict=True))
            columns = {name: of[name] * self._unit for name in _FIELDS}
            extra = {name: of[name] for name in self._extra}
            jet, phi = self._jets(start, step)
            jets = jets_from(self, start, columns, {**_FIELDS, **self._extra}, jet, phi, extra)
            yield Batch(jets, self._labels(start, step))
            start += len(jets)

    def _jets(self, start: int, step: Any) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """(pt, eta, mass) of the full jets, and their azimuths."""
        read = {name: numbers(self, name, step[name]) for name in _JET}
        for name, column in read.items():
            self.refuse(name, start, ~np.isfinite(column), column, "finite numbers")
        pt, eta, phi, energy = read.values()
        pt, energy = pt * self._unit, energy * self._unit
        self.refuse("jet_pt", start, pt <= 0, pt, "pt > 0 GeV")
        self.refuse("jet_phi", start, np.abs(phi) > HIGHEST_AZIMUTH, phi, AZIMUTHS)
        with np.errstate(all="ignore"):  # what overflows is refused with the other values
            momentum = pt * np.cosh(eta)
            below = energy < momentum * (1 - _ROUNDING)
            self.refuse("jet_energy", start, below, energy, "E >= |p| of the jet, in GeV")
            mass = np.sqrt(np.maximum(energy**2 - momentum**2, 0.0))
        return np.stack([pt, eta, mass], axis=-1), phi

    def _labels(self, start: int, step: Any) -> NDArray[np.int64]:
        labels = np.stack([numbers(self, name, step[name]) for name in self.classes], axis=-1)
        wrong = ~np.isin(labels, (0, 1)).all(axis=1) | (labels.sum(axis=1) != 1)
        if wrong.any():
            row = int(np.flatnonzero(wrong)[0])
            values = ", ".join(f"{value:g}" for value in labels[row])
            raise self.error(
                f"{self.classes[0]} to {self.classes[-1]}",
                f"({values}) at row {start + row}",
                "one 1, and 0 for all other classes",
            )
        return labels.argmax(axis=1).astype(np.int64)
