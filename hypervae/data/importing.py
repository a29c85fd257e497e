"""Turn the user's own files into shards: HDF5 in the shard layout, or PyG graphs (``.pt``).

Graphs are read as the reference implementation (fijicist/hyperVAE) writes them, ``torch.save`` of
``{"graphs": [Data, ...], "metadata": {...}}`` or of a plain list of ``Data``. Read are, of a graph:

``x`` [particles, 4]
    (E, px, py, pz) in GeV. E is not used: particles are massless here.
``y`` [4], optional
    (type, ln pt [GeV], eta, ln mass [GeV]) of the full jet; type is JetNet's index (g 0, q 1, t 2,
    w 3, z 4). Graphs of other types than the one asked for are left out. Without ``y`` the jet
    features are those of the summed particles, hence not of the full jet.
``particle_norm_stats``, ``jet_norm_stats``, optional (in ``metadata``, else on the graph)
    Per column ("E", "px", "py", "pz"; "pt", "eta", "mass") either method "zscore" with mean and std
    or "minmax" with min and max; ``x`` and ``y`` are taken back with them.

All else (edges, hyperedges, line graphs) is computed anew from the particles. Files are loaded with
``weights_only``: a pickle that needs anything but tensors and PyG's ``Data`` is refused.
"""

from __future__ import annotations

import os
import pickle
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from hypervae.data.jets import JET_TYPES, Jets, check_jet_type, check_jets
from hypervae.data.slots import fit_slots
from hypervae.errors import InputError
from hypervae.formats.shard import ShardReader, ShardWriter
from hypervae.kinematics import wrap_phi
from hypervae.progress import Progress

# Jets converted at once.
BATCH = 5_000
GRAPH_SUFFIXES = (".pt", ".pth")
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


def import_shard(
    source: str | os.PathLike[str],
    path: str | os.PathLike[str],
    jet_type: str,
    max_particles: int,
) -> Imported:
    """Write the jets of one HDF5 or PyG file as a shard.

    Parameters
    ----------
    source : path-like
        HDF5 in the shard layout, or PyG graphs (``.pt``, ``.pth``).
    path : path-like
        The shard to write.
    jet_type : str
        The type of the jets; a file that says otherwise is refused.
    max_particles : int
        The hardest particles kept.

    Returns
    -------
    Imported

    Raises
    ------
    InputError
        If the file is unreadable, lacks a column, or holds values that no jet has.
    """
    check_jet_type(jet_type)
    source = Path(source)
    if source.suffix.lower() in GRAPH_SUFFIXES and not (source.is_file() and h5py.is_hdf5(source)):
        return _import_graphs(source, path, jet_type, max_particles)
    return _import_h5(source, path, jet_type, max_particles)


def _import_h5(
    source: Path, path: str | os.PathLike[str], jet_type: str, max_particles: int
) -> Imported:
    with (
        ShardReader(source, jet_type) as reader,
        _writer(path, source, jet_type, max_particles, "hdf5") as writer,
        Progress(reader.n_jets, f"import {source.name}", "jets") as progress,
    ):
        for jets in reader.chunks(BATCH):
            writer.append(fit_slots(jets, max_particles))
            progress.update(len(jets))
        notes = []
        if reader.max_particles > max_particles:
            notes.append(
                f"kept the hardest {max_particles} of up to {reader.max_particles} particles"
            )
        return Imported(writer.n_jets, notes)


def _writer(
    path: str | os.PathLike[str], source: Path, jet_type: str, max_particles: int, file_format: str
) -> ShardWriter:
    return ShardWriter(
        path,
        max_particles,
        jet_type=jet_type,
        source=f"files ({file_format})",
        settings={"file": source.name},
    )


def _import_graphs(
    source: Path, path: str | os.PathLike[str], jet_type: str, max_particles: int
) -> Imported:
    graphs, metadata = load_graphs(source)
    rows, others = _of_type(source, graphs, metadata, jet_type)
    at_zero = _jets_at_zero(source, graphs, metadata, rows)
    summed = 0
    with (
        _writer(path, source, jet_type, max_particles, "pyg") as writer,
        Progress(len(rows), f"import {source.name}", "jets") as progress,
    ):
        for start in range(0, len(rows), BATCH):
            batch = rows[start : start + BATCH]
            parts = [_read_graph(source, row, graphs[row], metadata) for row in batch]
            summed += sum(jet is None for _, jet in parts)
            jets = to_jets(parts, at_zero)
            jets.event_id = np.asarray(batch, dtype=np.int64)
            check_jets(jets, source, start)
            writer.append(fit_slots(jets, max_particles))
            progress.update(len(batch))
    notes = []
    if others:
        notes.append(f"left out {others} graphs of other jet types")
    if summed:
        notes.append(f"{summed} graphs have no jet features (y): taken from the summed particles")
    return Imported(len(rows), notes)


def load_graphs(source: Path) -> tuple[Sequence[Any], Mapping[str, Any]]:
    """Load a list of PyG graphs and their metadata, without running code from the file.

    Parameters
    ----------
    source : Path
        A ``.pt`` file.

    Returns
    -------
    graphs : sequence
    metadata : mapping

    Raises
    ------
    InputError
        If the file is missing, damaged, needs other classes, or holds no list of graphs.
    """
    import torch
    from torch_geometric.data import Data
    from torch_geometric.data.data import DataEdgeAttr, DataTensorAttr
    from torch_geometric.data.storage import GlobalStorage

    wanted = "a list of torch_geometric Data"
    if not source.is_file():
        raise InputError(source, "file", found="no such file", expected=wanted)
    if source.stat().st_size == 0:
        raise InputError(source, "file", found="an empty file", expected=wanted)
    try:
        with torch.serialization.safe_globals([Data, DataEdgeAttr, DataTensorAttr, GlobalStorage]):
            # Mapped: edges and hyperedges, most of such a file, are never read.
            content = torch.load(
                source, map_location="cpu", weights_only=True, mmap=zipfile.is_zipfile(source)
            )
    except pickle.UnpicklingError as error:
        raise InputError(
            source,
            "pickle",
            found=_refusal(str(error)),
            expected="tensors and torch_geometric Data only: other classes could run code",
        ) from error
    except MemoryError:
        raise  # says nothing about the file
    except Exception as error:
        # Any other error: torch runs a damaged pickle until something in it does not fit.
        first = " ".join(str(error).strip().splitlines()[:1]) or type(error).__name__
        raise InputError(
            source, "file", found=f"unreadable content ({first})", expected=wanted
        ) from error
    graphs: Any = content
    metadata: Any = {}
    if isinstance(content, Mapping):
        graphs, metadata = content.get("graphs"), content.get("metadata") or {}
    if isinstance(graphs, Data):
        graphs = [graphs]
    if not isinstance(graphs, (list, tuple)) or not all(isinstance(g, Data) for g in graphs):
        keys = f" with keys {', '.join(map(str, content))}" if isinstance(content, Mapping) else ""
        found = f"{type(content).__name__}{keys}"
        raise InputError(source, "graphs", found=found, expected=wanted)
    if not graphs:
        raise InputError(source, "graphs", found="an empty list", expected="at least one graph")
    return graphs, metadata


def _refusal(message: str) -> str:
    """The class that torch will not load, out of its long message."""
    for line in message.splitlines():
        if "GLOBAL " in line:
            return f"the class {line.split('GLOBAL ')[1].split()[0]}"
    return f"content that is refused ({message.strip().splitlines()[0]})"


def _column(source: Path, row: int, graph: Any, name: str) -> NDArray[np.float64] | None:
    value = graph.get(name) if name in graph else None
    if value is None:
        return None
    try:
        return np.asarray(value, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise InputError(
            source, f"graph {row}: {name}", found=type(value).__name__, expected="numbers"
        ) from error


def _restored(
    source: Path,
    row: int,
    values: NDArray[np.float64],
    stats: Mapping[str, Any] | None,
    columns: Sequence[str],
    key: str,
) -> NDArray[np.float64]:
    """Undo a normalization, column by column."""
    if not stats:
        return values
    restored = values.copy()
    for index, column in enumerate(columns):
        try:
            stat = stats[column]
            if stat["method"] == "zscore":
                restored[..., index] = values[..., index] * float(stat["std"]) + float(stat["mean"])
            elif stat["method"] == "minmax":
                low, high = float(stat["min"]), float(stat["max"])
                restored[..., index] = values[..., index] * (high - low) + low
            else:
                raise KeyError("method")
        except (KeyError, TypeError) as error:
            raise InputError(
                source,
                f"graph {row}: {key}",
                found=f"{stats!r:.200}",
                expected=f"'{column}' with method zscore (mean, std) or minmax (min, max)",
            ) from error
    return restored


def _of_type(
    source: Path, graphs: Sequence[Any], metadata: Mapping[str, Any], jet_type: str
) -> tuple[list[int], int]:
    """Rows of the graphs of one jet type, and how many others there are."""
    rows, seen = [], set()
    names = {index: name for name, index in JET_TYPES.items()}
    for row, graph in enumerate(graphs):
        label = _label(source, row, graph)
        found = None if label is None else names.get(round(float(label[0])), f"index {label[0]:g}")
        if found in (None, jet_type):
            rows.append(row)
        else:
            seen.add(found)
    if not rows:
        raise InputError(
            source,
            "y (jet type)",
            found=f"only {', '.join(sorted(seen))}",
            expected=f"{jet_type} ({JET_TYPES[jet_type]})",
        )
    return rows, len(graphs) - len(rows)


def _label(source: Path, row: int, graph: Any) -> NDArray[np.float64] | None:
    y = _column(source, row, graph, "y")
    if y is None or y.size == 0:
        return None
    y = y.reshape(-1)
    if y.size != 4:
        raise InputError(
            source,
            f"graph {row}: y",
            found=f"{y.size} numbers",
            expected="type, ln pt, eta, ln mass",
        )
    if not np.isfinite(y).all():
        raise InputError(source, f"graph {row}: y", found=str(y), expected="finite numbers")
    return y


def _read_graph(
    source: Path, row: int, graph: Any, metadata: Mapping[str, Any]
) -> tuple[NDArray[np.float64], NDArray[np.float64] | None]:
    """Momenta [particles, 3] (px, py, pz) of a graph, and (pt, eta, mass) of its jet or None."""

    def stats(key: str) -> Mapping[str, Any] | None:
        return metadata.get(key) or (graph.get(key) if key in graph else None)

    x = _column(source, row, graph, "x")
    if x is None or x.ndim != 2 or x.shape[1] != 4 or len(x) == 0:
        found = "none" if x is None else f"shape {x.shape}"
        raise InputError(
            source, f"graph {row}: x", found=found, expected="[particles, 4], E px py pz"
        )
    if not np.isfinite(x).all():
        raise InputError(
            source, f"graph {row}: x", found="NaN or infinity", expected="finite numbers"
        )
    key = "particle_norm_stats"
    x = _restored(source, row, x, stats(key), ("E", "px", "py", "pz"), key)
    momenta = x[:, 1:]
    momenta = momenta[np.hypot(momenta[:, 0], momenta[:, 1]) > 0]  # padding
    if len(momenta) == 0:
        raise InputError(
            source, f"graph {row}: x", found="no particle with pT > 0", expected="at least one"
        )
    label = _label(source, row, graph)
    if label is None:
        return momenta, None
    key = "jet_norm_stats"
    ln_pt, eta, ln_mass = _restored(source, row, label[1:], stats(key), ("pt", "eta", "mass"), key)
    return momenta, np.array([np.exp(ln_pt), eta, np.exp(ln_mass)])


def _jets_at_zero(
    source: Path, graphs: Sequence[Any], metadata: Mapping[str, Any], rows: Sequence[int]
) -> bool:
    """Whether the jets of a file lie at phi = 0, seen from the sums of the first hundred."""
    sums = [_read_graph(source, row, graphs[row], metadata)[0].sum(axis=0) for row in rows[:100]]
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
