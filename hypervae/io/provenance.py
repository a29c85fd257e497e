"""Provenance: which versions made a file."""

from __future__ import annotations

import platform
from collections.abc import Iterable
from importlib import metadata

from hypervae import __version__


def software_versions(packages: Iterable[str] = ()) -> dict[str, str]:
    """Versions of HyperVAE, Python and the given packages (those that are installed).

    Parameters
    ----------
    packages : iterable of str
        As package indexes call them.

    Returns
    -------
    dict of str to str
        By package.
    """
    versions = {"hypervae": __version__, "python": platform.python_version()}
    for package in packages:
        try:
            versions[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            continue
    return versions
