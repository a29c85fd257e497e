"""The user's own files, one shard each: ``hypervae import``, `data.importing`."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

from hypervae.errors import ConfigError

if TYPE_CHECKING:
    from hypervae.config import SourceConfig


def shard_files(source: SourceConfig) -> dict[str, str]:
    """The file behind each shard, by the name that the shard gets.

    Parameters
    ----------
    source : SourceConfig

    Returns
    -------
    dict of str to str

    Raises
    ------
    ConfigError
        If two files have the same name.
    """
    files: dict[str, str] = {}
    for path in source.paths:
        name = re.sub(r"[^A-Za-z0-9_-]", "_", Path(path).stem)
        if name in files:
            raise ConfigError(
                f"paths: found {path} and {files[name]}, expected files whose names differ"
            )
        files[name] = path
    return files


def file_names(source: SourceConfig) -> list[str]:
    """Names of the shards.

    Parameters
    ----------
    source : SourceConfig

    Returns
    -------
    list of str
    """
    return sorted(shard_files(source))


def missing_files(source: SourceConfig) -> str:
    """The key that must name files, where it names none.

    Parameters
    ----------
    source : SourceConfig

    Returns
    -------
    str
        Empty if it does.
    """
    return "" if source.paths else "paths"
