"""The JetNet dataset (arXiv:2106.11535): get its files and check them.

The 30- and the 150-particle versions are two records on Zenodo, 10.5281/zenodo.6975118 and
10.5281/zenodo.6975117; a file's name is ``{type}.hdf5`` or ``{type}150.hdf5``.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from hypervae.config import JetNetConfig
from hypervae.data.download import RemoteFile, check_space, download, md5_of, record_file
from hypervae.data.jet_types import check_jet_type
from hypervae.data.jetnet_layout import check_layout
from hypervae.errors import HyperVAEError, InputError
from hypervae.io import atomic_path
from hypervae.io.targets import check_targets, short, target

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

    A pre-staged file is copied, and no network is used unless the config names a record. A broken
    download leaves ``{path}.part``, from which the next one goes on.

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
    ConfigError
        If the pre-staged file itself is what would be written.
    """
    path, particles = Path(path), config.particles
    name = file_name(jet_type, particles)
    if config.directory:
        staged = Path(config.directory) / name
        check_targets([("data.jetnet.directory", staged)], [("--output", path)])
        if not staged.is_file():
            raise InputError(staged, "file", found="no such file", expected=f"JetNet's {name}")
        record = config.record
        expected = record_file(record, name, config.retries).md5 if record else MD5.get(name)
        checked = _check_md5(staged, expected)
        check_layout(staged, jet_type, particles)
        _copy(staged, path)
        return f"{path}: pre-staged {staged}, {checked}"

    remote = _remote(name, config)
    path = target(path)
    part = path.with_name(short(path.name) + ".part")
    download(remote, part, config.retries)
    checked = _md5_known(remote.md5)
    try:
        check_layout(part, jet_type, particles)
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


def _copy(source: Path, path: Path) -> None:
    """A file of its own: what is done to it later changes nothing of the pre-staged one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    check_space(path, source.stat().st_size)
    with atomic_path(path) as copy:
        shutil.copyfile(source, copy)
