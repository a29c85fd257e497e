"""What correlator files and normalizations share: settings, edges, and sums over jets."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from hypervae.config import CorrelatorsStageConfig
from hypervae.correlators.means import CorrelatorMeans
from hypervae.correlators.moments import Moments
from hypervae.correlators.sums import SUMMED_ARRAYS, JetSums
from hypervae.errors import ConfigError, InputError
from hypervae.formats.edges import read_edges
from hypervae.io.entries import Entries


def read_settings(entries: Entries) -> CorrelatorsStageConfig:
    """The config that a file was computed with.

    Parameters
    ----------
    entries : Entries
        Of the file; the attribute ``settings``.

    Returns
    -------
    CorrelatorsStageConfig

    Raises
    ------
    InputError
        If a key is missing, unknown or out of range: what a file was computed with is not guessed.
    """
    content = entries.json("settings", dict)
    try:
        settings = CorrelatorsStageConfig.of(content)
    except ConfigError as error:
        raise InputError(
            entries.path,
            "attribute settings",
            found=str(error),
            expected="the config of the correlators",
        ) from error
    if settings.to_dict() != content:
        entries.refuse("attribute settings", json.dumps(content), f"all keys of {settings}")
    return settings


def write_sums(group: h5py.Group, sums: JetSums) -> None:
    """Store sums in a group; the inverse of `read_sums`.

    Parameters
    ----------
    group : h5py.Group
        An empty one.
    sums : JetSums
        What to store.
    """
    group.attrs["n_jets"] = sums.n_jets
    for name in SUMMED_ARRAYS:
        group[name] = getattr(sums, name)
    # one table: thousands of files are merged, and opening a dataset costs more than reading it
    group["moments"] = np.array([moments.to_array() for moments in sums.moments.values()])
    group["moments"].attrs["names"] = json.dumps(list(sums.moments))


def read_sums(entries: Entries, settings: CorrelatorsStageConfig, slots: int) -> JetSums:
    """Read sums from a group.

    Parameters
    ----------
    entries : Entries
        Of the group, as `write_sums` leaves it.
    settings : CorrelatorsStageConfig
        The config that they were computed with.
    slots : int
        Particle slots of a jet.

    Returns
    -------
    JetSums

    Raises
    ------
    InputError
        If something is missing, or of another size or type.
    """
    from hypervae.correlators.features import moment_names  # here: drawing needs no compiler

    size = settings.bins + 2
    shapes = {"pairs": (size,), "sets": (len(settings.hyperedges.orders), size)}
    arrays: dict[str, Any] = {
        name: entries.numbers(name, shape)
        for name in SUMMED_ARRAYS
        if name != "multiplicity"
        for shape in [shapes.get(name, (len(settings.orders), size))]
    }
    arrays["multiplicity"] = entries.whole("multiplicity", (slots + 1,))
    names = entries.json("names", list, of="moments")
    wanted = moment_names(settings.hyperedges.orders)
    if sorted(names) != sorted(wanted):
        entries.refuse("attribute names of moments", ", ".join(names), ", ".join(wanted))
    rows = entries.numbers("moments", (len(names), 6))
    moments = dict(zip(names, map(Moments.from_array, rows), strict=True))
    return JetSums(entries.whole_number("n_jets", low=1), **arrays, moments=moments)


def summed_correlators(
    entries: Entries,
) -> tuple[NDArray[np.float64], CorrelatorMeans, int]:
    """Mean correlators of all jets of an open correlator file.

    Parameters
    ----------
    entries : Entries
        Of the file.

    Returns
    -------
    edges : [bins + 1]
    means : CorrelatorMeans
        With underflow (contact terms) and overflow.
    n_jets : int

    Raises
    ------
    InputError
        If an entry is missing or of the wrong size.
    """
    settings = read_settings(entries)
    edges, group = read_edges(entries, settings.bins), entries.group("all")
    shape = (len(settings.orders), settings.bins + 2)
    sums = [group.finite(name, shape) for name in ("enc", "enc_squares", "enc_cross")]
    return means_of(edges, settings.orders, sums, group.whole_number("n_jets", low=1))


def means_of(
    edges: NDArray[np.float64],
    orders: tuple[int, ...],
    sums: Sequence[NDArray[np.float64]],
    n_jets: int,
) -> tuple[NDArray[np.float64], CorrelatorMeans, int]:
    """Mean correlators; as `summed_correlators`.

    Parameters
    ----------
    edges : [bins + 1]
    orders : tuple of int
    sums : 3 of [orders, bins + 2]
        Over jets, of ENC, ENC^2 and ENC E2C; with underflow (contact terms) and overflow.
    n_jets : int

    Returns
    -------
    edges : [bins + 1]
    means : CorrelatorMeans
    n_jets : int
    """
    total, squares, cross = sums
    return edges, CorrelatorMeans.of_sums(orders, total, squares, cross, n_jets), n_jets
