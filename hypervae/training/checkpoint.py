"""Checkpoints: written atomically, the one before kept, loaded without unpickling code."""

from __future__ import annotations

import hashlib
import json
import logging
import os
import pickle
import shutil
import zipfile
import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch

from hypervae.digest import code_digest
from hypervae.errors import DiskFull, InputError
from hypervae.io import atomic_path
from hypervae.io.regular import is_zip
from hypervae.normalization import Normalization

LAST, PREVIOUS = "last.ckpt", "previous.ckpt"

_LOG = logging.getLogger(__name__)


def fingerprint(
    config: Mapping[str, Any], normalization: Normalization, jet_types: Sequence[str]
) -> str:
    """Names a training run by all that decides its result: config, code and inputs.

    How the job runs is no part of it, so that it may change between attempts.

    Parameters
    ----------
    config : mapping
        What of the ``train`` section decides results (`hypervae.config.decisive`).
    normalization : Normalization
        Of the model.
    jet_types : sequence of str
        Of the model, in their order.

    Returns
    -------
    str
    """
    content = json.dumps(
        {
            "config": dict(config),
            "code": code_digest("train"),
            "normalization": [normalization.digest, normalization.method],
            "settings": normalization.settings.to_dict(),
            "jet_types": list(jet_types),
        },
        sort_keys=True,
    )
    return hashlib.sha256(content.encode()).hexdigest()[:16]


class Checkpoints:
    """The checkpoints of one run, in a folder named after its fingerprint.

    Parameters
    ----------
    directory : path-like
        The folder that holds the folders of all runs.
    name : str
        The fingerprint.
    make : bool
        Whether the folder is made now.
    """

    def __init__(self, directory: str | os.PathLike[str], name: str, *, make: bool = True):
        self.fingerprint = name
        self.directory = Path(directory) / name
        if make:
            self.make()

    def make(self) -> None:
        """Make the folder.

        Raises
        ------
        InputError
            If it cannot be.
        """
        try:
            self.directory.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise InputError(
                self.directory,
                "checkpoint directory",
                found=f"no way to make it ({error.strerror})",
                expected="one that can be written to (--checkpoint-dir)",
            ) from error

    def clean(self) -> None:
        """Remove what a save that was killed left behind; for the one writer alone."""
        for left in self.directory.glob(".*.ckpt"):
            left.unlink()

    def discard(self) -> None:
        """Remove what was written about a run without a checkpoint; for the one writer alone."""
        if (self.directory / LAST).exists():
            return
        for left in self.directory.glob("[!.]*"):
            if left.is_dir():
                shutil.rmtree(left)
            else:
                left.unlink()

    def save(self, state: Mapping[str, Any], *names: str) -> None:
        """Write the last checkpoint; the one before stays as a fallback.

        Parameters
        ----------
        state : mapping
        names : str
            Further names to keep this one under, ``best`` as ``best.ckpt``.

        Raises
        ------
        InputError
            If it cannot be written (a full disk); the last good ones stay.
        LockLost
            If another process has taken over the run.
        """
        last, previous = self.directory / LAST, self.directory / PREVIOUS
        try:
            with atomic_path(last) as temporary:
                torch.save({**state, "fingerprint": self.fingerprint}, temporary)
                if last.exists():
                    self._keep(last, previous)
            for name in names:
                self._keep(last, self.directory / f"{name}{last.suffix}")
        except (OSError, RuntimeError, DiskFull) as error:  # torch's writer raises the second
            reason = error.__cause__ if isinstance(error, DiskFull) and error.__cause__ else error
            # torch does not say why it fails
            free = shutil.disk_usage(self.directory).free // 10**6
            kept = last if last.exists() else previous
            raise InputError(
                last,
                "checkpoint",
                found=f"no way to write it ({_first_line(reason)}; {free} MB are free there)",
                expected=f"space on a writable disk; {kept} is untouched, and the next attempt "
                "resumes there"
                if kept.exists()
                else "space on a writable disk",
            ) from error

    def _keep(self, last: Path, path: Path) -> None:
        """Another name for the last checkpoint: a link, since it is replaced and never changed."""
        with atomic_path(path) as temporary:
            try:
                os.link(last, temporary)
            except OSError:  # a file system without links
                shutil.copyfile(last, temporary)

    def load(self) -> dict[str, Any] | None:
        """The newest readable checkpoint of this run, or None.

        Returns
        -------
        dict, optional
        """
        for name in (LAST, PREVIOUS):
            path = self.directory / name
            if path.is_file():
                try:
                    return read_checkpoint(path, self.fingerprint)
                except InputError as error:
                    then = "trying the one before" if name == LAST else "no other is left"
                    _LOG.warning("%s; %s", error, then)
        return None


def read_checkpoint(path: str | os.PathLike[str], name: str | None = None) -> dict[str, Any]:
    """Read a checkpoint; only tensors and plain values are loaded, never code.

    Parameters
    ----------
    path : path-like
    name : str, optional
        Of the run that it has to be of; any, by default.

    Returns
    -------
    dict

    Raises
    ------
    InputError
        If the file is missing or damaged, or belongs to a run with another fingerprint than `name`.
    """
    if not os.path.exists(path):
        raise InputError(path, "file", found="no such file", expected="a checkpoint")
    try:
        # torch does not compare the checksums of the archive: a flipped bit would go unseen
        is_zip(path)  # or a disk that fails would be no archive
        with zipfile.ZipFile(path) as archive:
            damaged = archive.testzip()
        if damaged is not None:
            raise zipfile.BadZipFile(f"wrong checksum of {damaged}")
        state = torch.load(path, map_location="cpu", weights_only=True)
    except (
        RuntimeError,
        OSError,
        EOFError,
        ValueError,
        pickle.UnpicklingError,
        zipfile.BadZipFile,
        zlib.error,
    ) as error:
        raise InputError(
            path,
            "checkpoint",
            found=f"unreadable content ({_first_line(error)})",
            expected="a whole checkpoint",
        ) from error
    if not isinstance(state, dict) or "fingerprint" not in state:
        raise InputError(
            path, "checkpoint", found="other content", expected="a checkpoint of hypervae train"
        )
    if name is not None and state["fingerprint"] != name:
        raise InputError(path, "fingerprint", found=state["fingerprint"], expected=name)
    return state


def _first_line(error: BaseException) -> str:
    return str(error).splitlines()[0] if str(error) else type(error).__name__
