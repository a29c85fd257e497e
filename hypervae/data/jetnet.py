"""The JetNet dataset (arXiv:2106.11535): get its files, check them, cut them into shards.

The 30- and the 150-particle versions are two records on Zenodo, 10.5281/zenodo.6975118 and
10.5281/zenodo.6975117; a file's name is ``{type}.hdf5`` or ``{type}150.hdf5``.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import numpy as np

from hypervae.config import JetNetConfig
from hypervae.data.download import RemoteFile, check_space, download, md5_of, record_file
from hypervae.data.jets import check_jet_type
from hypervae.data.slots import fit_slots
from hypervae.errors import HyperVAEError, InputError
from hypervae.formats.shard import ShardReader, ShardWriter
from hypervae.io import atomic_path

#: Address of each version's metadata, by the number of particles.
RECORDS = {
    30: "https://zenodo.org/api/records/6975118",
    150: "https://zenodo.org/api/records/6975117",
}
#: Known MD5 checksums; the others are taken from the record.
MD5 = {
    "g.hdf5": "4f537329da897a22a59762c9fd8b74da",
    "q.hdf5": "0ede789774bb74d4795c5d19d7ef66c6",
    "t.hdf5": "6c9d0663b352c85f74fcd2553e6872bf",
}
# Rows read at once: 24 MB at 150 particles.
CHUNK = 10_000


def file_name(jet_type: str, particles: int) -> str:
    """Name of a JetNet file.

    Parameters
    ----------
    jet_type : str
    particles : int
        Of a jet, at most: 30 or 150.

    Returns
    -------
    str
    """
    return f"{check_jet_type(jet_type)}{'' if particles == 30 else particles}.hdf5"


def get_file(path: str | os.PathLike[str], jet_type: str, config: JetNetConfig) -> str:
    """Put one JetNet file under `path`: downloaded, or a pre-staged one; checked either way.

    A pre-staged file is hard-linked where that is possible, else copied, and no network is used
    unless the config names a record. A broken download leaves ``{path}.part``, from which the next
    one goes on.

    Parameters
    ----------
    path : path-like
    jet_type : str
    config : JetNetConfig

    Returns
    -------
    str
        What was checked and what could not be, for people.

    Raises
    ------
    InputError
        If the file is missing from the directory, has another MD5, or not JetNet's layout.
    HyperVAEError
        As `hypervae.data.download.download`.
    """
    path, particles = Path(path), config.particles
    name = file_name(jet_type, particles)
    if config.directory:
        staged = Path(config.directory) / name
        if not staged.is_file():
            raise InputError(staged, "file", found="no such file", expected=f"JetNet's {name}")
        record = config.record
        expected = record_file(record, name, config.retries).md5 if record else MD5.get(name)
        checked = _check_md5(staged, expected)
        _check_layout(staged, jet_type, particles)
        _link(staged, path)
        return f"{path}: pre-staged {staged}, {checked}"

    remote = _remote(name, config)
    part = path.with_name(path.name + ".part")
    download(remote, part, config.retries)
    checked = _md5_known(remote.md5)
    try:
        _check_layout(part, jet_type, particles)
    except InputError:
        part.unlink()
        raise
    os.replace(part, path)
    return f"{path}: downloaded from {remote.url}, {checked}"


def _remote(name: str, config: JetNetConfig) -> RemoteFile:
    """Where a file is, and its checksum, which the record and `MD5` must agree on."""
    record = config.record or RECORDS[config.particles]
    try:
        remote = record_file(record, name, config.retries)
    except HyperVAEError as error:
        raise HyperVAEError(
            f"{error}. Where there is no network, fetch {name} elsewhere and give its folder as "
            "data.jetnet.directory"
        ) from error
    known = MD5.get(name)
    if remote.md5 is None:
        return RemoteFile(remote.url, remote.size, known)
    if not config.record and known not in (None, remote.md5):
        raise InputError(f"{record}: {name}", "checksum", found=remote.md5, expected=known)
    return remote


def _md5_known(md5: str | None) -> str:
    return f"MD5 {md5} as expected" if md5 else "MD5 not checked: none is known"


def _check_md5(path: Path, expected: str | None) -> str:
    if expected is not None:
        found = md5_of(path)
        if found != expected:
            raise InputError(path, "MD5", found=found, expected=expected)
    return _md5_known(expected)


def _check_layout(path: Path, jet_type: str, particles: int) -> None:
    with ShardReader(path, jet_type) as reader:
        if reader.max_particles != particles:
            raise InputError(
                path,
                "particle_features",
                found=f"{reader.max_particles} particles a jet",
                expected=f"{particles} (data.jetnet.particles)",
            )


def _link(source: Path, path: Path) -> None:
    """Hard-link `source` to `path`, or copy it where links cannot be made."""
    if path.exists() and path.samefile(source):
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        # Resolved, since a link to a symbolic link would break when that one goes.
        os.link(source.resolve(), temporary)
        os.replace(temporary, path)
    except OSError:
        check_space(path, source.stat().st_size)
        with atomic_path(path) as copy:
            shutil.copyfile(source, copy)


def split_file(
    source: str | os.PathLike[str],
    path: str | os.PathLike[str],
    jet_type: str,
    shard: int,
    shards: int,
    max_particles: int,
) -> int:
    """Cut one of `shards` shards out of a JetNet file.

    Shard i of k holds the rows [n i / k, n (i + 1) / k), rounded down. A jet's event_id is its row
    in the file (or the file's own), so that its split does not depend on the number of shards.

    Parameters
    ----------
    source : path-like
        A file in JetNet's layout.
    path : path-like
        The shard to write.
    jet_type : str
    shard, shards : int
        Index and number of shards.
    max_particles : int
        The hardest particles kept.

    Returns
    -------
    int
        Number of jets written.

    Raises
    ------
    InputError
        As `hypervae.formats.shard.ShardReader`, or if the file has fewer jets than `shards`.
    HyperVAEError
        If the index is not below the number.
    """
    if not 0 <= shard < shards:
        raise HyperVAEError(f"shard: found {shard}, expected 0 to {shards - 1} of {shards} shards")
    with ShardReader(source, jet_type) as reader:
        n = reader.n_jets
        if n < shards:
            raise InputError(
                source,
                "jets",
                found=f"{n} jets",
                expected=f"at least one for each of {shards} shards",
            )
        start, stop = n * shard // shards, n * (shard + 1) // shards
        settings = {"file": Path(source).name, "rows": [start, stop], "shards": shards}
        with ShardWriter(
            path, max_particles, jet_type=jet_type, source="jetnet", settings=settings
        ) as writer:
            for row in range(start, stop, CHUNK):
                jets = fit_slots(reader.read(row, min(row + CHUNK, stop)), max_particles)
                if jets.event_id is None:
                    jets.event_id = np.arange(row, row + len(jets), dtype=np.int64)
                writer.append(jets)
    return stop - start
