"""Turn shards into columns: awkward arrays in parquet, or a ROOT TTree."""

from __future__ import annotations

import os
from collections.abc import Iterator

import awkward as ak
import numpy as np
from numpy.typing import NDArray

from hypervae.data.jet_types import JET_FEATURES
from hypervae.data.jets import Jets
from hypervae.generation.files import TypedReader
from hypervae.io import atomic_path
from hypervae.io.guarded import guarded
from hypervae.kinematics import four_momenta
from hypervae.progress import Progress

#: Columns of a particle: momenta in GeV, and JetNet's coordinates.
PARTICLE_COLUMNS = ("E", "px", "py", "pz", "etarel", "phirel", "ptrel")
#: Name of the TTree.
TREE = "jets"

#: Jets in memory at once.
CHUNK = 10_000


@guarded(reads=("shard",), writes=("output",))
def export_parquet(
    shard: str | os.PathLike[str], output: str | os.PathLike[str], jet_type: str | None = None
) -> int:
    """Write a shard as an awkward array in parquet, chunk by chunk.

    A record a jet: ``jet_type`` as JetNet numbers it, ``jet_pt`` [GeV], ``jet_eta``, ``jet_mass``
    [GeV], ``num_particles``, and ``particles``, a list of records of `PARTICLE_COLUMNS` and of the
    shard's further columns of particles.

    Parameters
    ----------
    shard, output : path-like
        HDF5 in the shard layout, of one jet type or mixed, and the file to write.
    jet_type : str, optional
        For shards that do not name theirs.

    Returns
    -------
    int
        Number of jets.

    Raises
    ------
    InputError
        As `TypedReader`.
    """
    with TypedReader(shard, jet_type) as reader, atomic_path(output) as temporary:
        arrays = (
            ak.zip({**jets, "particles": particles}, depth_limit=1)
            for jets, particles in _columns(reader)
        )
        ak.to_parquet_row_groups(arrays, str(temporary))
    return reader.n_jets


@guarded(reads=("shard",), writes=("output",))
def export_root(
    shard: str | os.PathLike[str], output: str | os.PathLike[str], jet_type: str | None = None
) -> int:
    """Write a shard as a ROOT TTree called ``jets``, chunk by chunk.

    An entry a jet, with the columns of `export_parquet`; particles are the branches
    ``particle_E``, ``particle_px`` and so on, arrays of length ``nparticle``. Parameters and errors
    as there.

    Parameters
    ----------
    shard : path-like
        The file to read.
    output : path-like
        The file to write.
    jet_type : str, optional
        Of the jets, where the shard does not say.

    Returns
    -------
    int
        Jets written.
    """
    import uproot

    with (
        TypedReader(shard, jet_type) as reader,
        atomic_path(output) as temporary,
        uproot.recreate(temporary) as file,
    ):
        tree = None
        for jets, particles in _columns(reader):
            columns = {**jets, "particle": particles}
            if tree is None:
                tree = file.mktree(TREE, columns)
            else:
                tree.extend(columns)
    return reader.n_jets


def _columns(reader: TypedReader) -> Iterator[tuple[dict[str, NDArray], ak.Array]]:
    """Columns of the jets, and records of their particles, of one chunk after another."""
    start = 0
    with Progress(reader.n_jets, f"export {reader.path.name}", "jets") as progress:
        for jets in reader.chunks(CHUNK):
            types = reader.types(start, start + len(jets))
            start += len(jets)
            pt, eta, mass, count = np.ascontiguousarray(jets.jet_features.T)
            columns = (pt, eta, mass, count.astype(np.int32))
            names = (*(f"jet_{name}" for name in JET_FEATURES[:3]), JET_FEATURES[3])
            yield {"jet_type": types, **dict(zip(names, columns, strict=True))}, _particles(jets)
            progress.update(len(jets))


def _particles(jets: Jets) -> ak.Array:
    """[jets][particles] records of `PARTICLE_COLUMNS` and of further columns."""
    momenta = four_momenta(jets.particle_features, jets.jet_features)
    values = np.concatenate([momenta, jets.particle_features[..., :3]], axis=-1)
    flat = values[jets.mask].astype(np.float32)
    columns = dict(zip(PARTICLE_COLUMNS, np.ascontiguousarray(flat.T), strict=True))
    columns |= {name: column[jets.mask] for name, column in jets.extra.items()}
    record = ak.zip(columns)
    return ak.unflatten(record, jets.multiplicity)
