"""Turn the user's own files into shards: HDF5 in the shard layout, PyG graphs, and other formats.

What is read of graphs stands in `hypervae.data.graphs`, and of each other format in its module in
`hypervae.data.readers`. Particles in other columns, units or angles are converted where a
`hypervae.data.layouts.Layout` says so, and refused where it does not. Jets of other types than the
one asked for are left out.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from hypervae.data.columns import CARTESIAN, RELATIVE
from hypervae.data.converted import ConvertedReader
from hypervae.data.extra import described
from hypervae.data.graph_loading import holds_graphs, load_graphs
from hypervae.data.graphs import GraphFile
from hypervae.data.jet_checks import check_jets
from hypervae.data.jet_types import check_jet_type
from hypervae.data.jets import Jets
from hypervae.data.layouts import Layout
from hypervae.data.ranges import misread
from hypervae.data.readers.interface import BATCH, JetFile
from hypervae.data.readers.registry import JET_FILES, format_of
from hypervae.data.slots import fit_slots
from hypervae.errors import InputError
from hypervae.formats.shard import ShardReader
from hypervae.formats.shard_writer import ShardWriter
from hypervae.io.guarded import guarded
from hypervae.kinematics import wrap_phi
from hypervae.progress import Progress

# Jets of the reference implementation sit at phi = 0, and the kept particles' sum within a few
# hundredths of it. In graphs with directions of their own the median |phi| would be about pi / 2.
AT_ZERO = 0.2


@dataclass
class Imported:
    """What an import did, for people.

    Parameters
    ----------
    jets : int
        Jets written.
    notes : list of str
        What was left out or made up.
    """

    jets: int
    notes: list[str]


@guarded(reads=("source",), writes=("path",))
def import_shard(
    source: str | os.PathLike[str],
    path: str | os.PathLike[str],
    jet_type: str,
    max_particles: int,
    layout: Layout | None = None,
    jet_class: str = "",
) -> Imported:
    """Write the jets of one file as a shard.

    Parameters
    ----------
    source : path-like
        HDF5 in the shard layout, PyG graphs, or a format of `hypervae.data.readers`, whatever it is
        called.
    path : path-like
        The shard to write.
    jet_type : str
        The type of the jets; a file that says otherwise is refused.
    max_particles : int
        The hardest particles kept.
    layout : Layout, optional
        Of the particles, where it is not the format's own.
    jet_class : str, optional
        Which of the classes that a file tells apart is read as this type, e.g. ``"label_QCD"``.

    Returns
    -------
    Imported

    Raises
    ------
    InputError
        If the file is unreadable, lacks a column, or holds values that no jet has, or that show
        other units or another layout.
    """
    check_jet_type(jet_type)
    source = Path(source)
    name = format_of(source)
    if name is not None:
        with JET_FILES[name](source, layout) as file:
            return _import_jets(file, name, path, (jet_type, jet_class), max_particles)
    if jet_class:
        raise InputError(
            source, "jet class", found=repr(jet_class), expected="none in HDF5 and PyG graphs"
        )
    if holds_graphs(source):
        if layout is not None and layout.extra:
            wanted = described(layout.extra)
            raise InputError(source, "extra", found=wanted, expected="none in PyG graphs")
        return _import_graphs(GraphJets(source, layout), path, jet_type, max_particles)
    return _import_h5(source, path, jet_type, max_particles, layout)


def _import_h5(
    source: Path,
    path: str | os.PathLike[str],
    jet_type: str,
    max_particles: int,
    layout: Layout | None,
) -> Imported:
    with (
        reader_of(source, jet_type, layout) as reader,
        _writer(path, source, jet_type, max_particles, "hdf5", layout) as writer,
        Progress(reader.n_jets, f"import {source.name}", "jets") as progress,
    ):
        reader.require(() if layout is None else layout.extra)
        for jets in reader.chunks(BATCH):
            writer.append(fit_slots(jets, max_particles))
            progress.update(len(jets))
        notes = []
        if reader.max_particles > max_particles:
            notes.append(
                f"kept the hardest {max_particles} of up to {reader.max_particles} particles"
            )
        return Imported(writer.n_jets, notes)


def _import_jets(
    file: JetFile,
    name: str,
    path: str | os.PathLike[str],
    read_as: tuple[str, str],
    max_particles: int,
) -> Imported:
    """Write the jets of one class; `read_as` is the type, and the class if one is named."""
    jet_type, jet_class = read_as
    wanted = file.class_of(jet_type, jet_class)
    kept = "" if wanted is None else file.classes[wanted]
    counts = np.zeros(len(file.classes), dtype=np.int64)
    read = longest = 0
    with (
        _writer(path, file.path, jet_type, max_particles, name, file.layout, jet_class) as writer,
        Progress(file.n_jets, f"import {file.path.name}", "jets") as progress,
    ):
        for jets, classes in file.batches():
            if classes is None:
                if jet_class:
                    raise file.error("jet class", "no classes", f"{jet_class}, as was asked for")
            elif wanted is None:
                raise file.error(
                    "jet class",
                    f"none for {jet_type}",
                    f"one named (--jet-class), of {', '.join(file.classes)}",
                )
            else:
                counts += np.bincount(classes, minlength=len(counts))
                jets = jets[np.flatnonzero(classes == wanted)]
            if len(jets):
                longest = max(longest, int(jets.multiplicity.max()))
                writer.append(fit_slots(jets, max_particles))
            read += len(jets)
            progress.update(len(jets))
        others = {
            other: int(n)
            for other, n in zip(file.classes, counts, strict=True)
            if n and other != kept
        }
        if read == 0:
            raise file.error("jet class", f"only {', '.join(others)}", kept)
    notes = []
    if others:
        listed = ", ".join(f"{n} {other}" for other, n in others.items())
        notes.append(f"left out jets of other classes ({listed})")
    if longest > max_particles:
        notes.append(f"kept the hardest {max_particles} of up to {longest} particles")
    if file.summed:
        notes.append("no features of full jets: taken from the summed particles")
    return Imported(read, notes)


def reader_of(
    source: str | os.PathLike[str], jet_type: str | None, layout: Layout | None
) -> ShardReader:
    """A reader of HDF5 in the shard layout, or in one that is named.

    Parameters
    ----------
    source : path-like
    jet_type : str, optional
    layout : Layout, optional

    Returns
    -------
    ShardReader
    """
    if layout is None or not layout.converts:
        return ShardReader(source, jet_type)
    return ConvertedReader(source, jet_type, layout.with_columns(RELATIVE))


def _writer(
    path: str | os.PathLike[str],
    source: Path,
    jet_type: str,
    max_particles: int,
    file_format: str,
    layout: Layout | None,
    jet_class: str = "",
) -> ShardWriter:
    settings = {"file": source.name}
    if jet_class:
        settings["jet_class"] = jet_class
    if layout is not None:
        settings |= {
            "layout": ",".join(layout.columns),
            "units": layout.units,
            "angles": layout.angles,
        }
        if layout.extra:
            settings["extra"] = ",".join(layout.extra)
    return ShardWriter(
        path, max_particles, jet_type=jet_type, source=f"files ({file_format})", settings=settings
    )


def _import_graphs(
    graphs: GraphJets, path: str | os.PathLike[str], jet_type: str, max_particles: int
) -> Imported:
    source, layout = graphs.file.source, graphs.layout
    rows, others = graphs.file.rows_of(jet_type)
    with (
        _writer(path, source, jet_type, max_particles, "pyg", layout) as writer,
        Progress(len(rows), f"import {source.name}", "jets") as progress,
    ):
        for jets in graphs.batches(rows):
            writer.append(fit_slots(jets, max_particles))
            progress.update(len(jets))
    notes = []
    if others:
        notes.append(f"left out {others} graphs of other jet types")
    if graphs.summed:
        notes.append(
            f"{graphs.summed} graphs have no jet features (y): taken from the summed particles"
        )
    return Imported(len(rows), notes)


class GraphJets:
    """The jets of PyG graphs, checked as all others.

    Parameters
    ----------
    source : Path
    layout : Layout, optional
        Of the particles, where it is not the format's own.

    Attributes
    ----------
    file : GraphFile
    summed : int
        Graphs so far whose jet is the sum of their particles.

    Raises
    ------
    InputError
        As `hypervae.data.graph_loading.load_graphs`.
    """

    def __init__(self, source: Path, layout: Layout | None = None):
        graphs, metadata = load_graphs(source)
        self.layout = layout
        columns = Layout(CARTESIAN) if layout is None else layout.with_columns(CARTESIAN)
        self.file = GraphFile(source, graphs, metadata, columns)
        self.summed = 0

    def batches(self, rows: Sequence[int]) -> Iterator[Jets]:
        """Read graphs in batches.

        Parameters
        ----------
        rows : sequence of int

        Yields
        ------
        Jets

        Raises
        ------
        InputError
            As `GraphFile.read`, `check_jets` and, of the first batch, `misread`.
        """
        at_zero = self._lie_at_zero(rows)
        for start in range(0, len(rows), BATCH):
            batch = rows[start : start + BATCH]
            parts = [self.file.read(row) for row in batch]
            self.summed += sum(jet is None for _, jet in parts)
            jets = to_jets(parts, at_zero)
            jets.event_id = np.asarray(batch, dtype=np.int64)
            check_jets(jets, self.file.source, start)
            found = misread(jets.particle_features, jets.jet_features) if start == 0 else None
            if found is not None:
                raise InputError(
                    self.file.source,
                    f"graphs: {found.field}",
                    found=found.found,
                    expected=found.expected,
                )
            yield jets

    def _lie_at_zero(self, rows: Sequence[int]) -> bool:
        """Whether the jets lie at phi = 0, seen from the sums of the first hundred."""
        sums = [self.file.read(row)[0].sum(axis=0) for row in rows[:100]]
        return bool(np.median([abs(np.arctan2(s[1], s[0])) for s in sums]) < AT_ZERO)


def to_jets(
    parts: Sequence[tuple[NDArray[np.float64], NDArray[np.float64] | None]], at_zero: bool
) -> Jets:
    """Lay momenta out as jets.

    Parameters
    ----------
    parts : sequence of (momenta [particles, 3], jet [3] or None)
        (px, py, pz) [GeV] of the massless particles; (pt [GeV], eta, mass [GeV]) of the full jet,
        or None to take those of the particles' sum.
    at_zero : bool
        The jets' axes lie at phi = 0; otherwise at the phi of the particles' sum.

    Returns
    -------
    Jets
        Particles in the order given.
    """
    particles = np.zeros((len(parts), max(len(momenta) for momenta, _ in parts), 4), np.float32)
    features = np.zeros((len(parts), 4), np.float32)
    for row, (momenta, jet) in enumerate(parts):
        total = momenta.sum(axis=0)
        if jet is None:
            pt = np.hypot(total[0], total[1])
            energy = np.sqrt((momenta**2).sum(axis=1)).sum()
            mass = np.sqrt(max(energy**2 - (total**2).sum(), 0.0))
            jet = np.array([pt, np.arcsinh(total[2] / pt) if pt > 0 else 0.0, mass])
        phi = 0.0 if at_zero else np.arctan2(total[1], total[0])
        pt = np.hypot(momenta[:, 0], momenta[:, 1])
        here = particles[row, : len(momenta)]
        here[:, 0] = np.arcsinh(momenta[:, 2] / pt) - jet[1]
        here[:, 1] = wrap_phi(np.arctan2(momenta[:, 1], momenta[:, 0]) - phi)
        here[:, 2] = pt / jet[0] if jet[0] > 0 else 0.0
        here[:, 3] = 1.0
        features[row] = [*jet, len(momenta)]
    return Jets(particles, features)
