"""Spectra of jets, from memory or from shards."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from hypervae.correlators.geometry import jets_at_once, pair_bins
from hypervae.correlators.powers import exponents, sums_of_powers
from hypervae.data.jets import Jets
from hypervae.enc.file import KIND, RESOLVED_KIND, kind_of, read_resolved, read_spectrum
from hypervae.enc.resolved import Resolved, ResolvedSettings, resolve
from hypervae.enc.spectrum import BEFORE, Settings, Spectrum
from hypervae.enc.sums import Sums
from hypervae.enc.variables import VARIABLES
from hypervae.enc.weights import hardest, needed_columns, weights_of
from hypervae.errors import InputError
from hypervae.formats.shard import ShardReader
from hypervae.io.guarded import guarded

T = TypeVar("T", bound=Sums[Any])


def correlators_of(jets: Jets, settings: Settings, threads: int = 1) -> NDArray[np.float64]:
    """Correlators of each jet.

    Parameters
    ----------
    jets : Jets
    settings : Settings
    threads : int
        They share the jets.

    Returns
    -------
    [n, orders, columns] float64
        R = 0 (the contact terms: all particles of a tuple are one), what lies below the range, the
        bins, what lies above it. They add up to (sum of the jet's weights)^nu.

    Raises
    ------
    ArgumentError
        If the jets lack a further column of particles that the weights are made of.
    """
    jets = hardest(jets, settings.particles)
    weight = weights_of(jets, settings.weight, settings.exponent, settings.select)
    contact = sums_of_powers(weight, *exponents(settings.orders))
    found = VARIABLES[settings.variable](
        weight,
        jets.multiplicity,
        pair_bins(jets, settings.binning, threads),
        settings.orders,
        settings.binning.size,
        threads,
    )
    out = np.empty((len(jets), len(settings.orders), settings.columns))
    out[..., 0] = contact
    out[..., BEFORE - 1 :] = found
    out[..., BEFORE - 1] -= contact
    return out


def spectrum(batches: Iterable[Jets], settings: Settings, threads: int = 1) -> Spectrum:
    """The spectrum of jets, with the covariance of its bins and orders.

    Parameters
    ----------
    batches : iterable of Jets
        Of at least one jet in all.
    settings : Settings
    threads : int
        They share the jets.

    Returns
    -------
    Spectrum

    Examples
    --------
    >>> from hypervae import HyperVAE
    >>> from hypervae.correlators.binning import Binning
    >>> jets = HyperVAE.pretrained("t").generate(200, seed=1)
    >>> found = spectrum([jets], Settings("R_L", (2.0, 2.5), Binning(20, 1e-3, 1.0)))
    >>> found.mean.sum(axis=1).round(6)
    array([1., 1.])
    """

    def parts() -> Iterable[Spectrum]:
        for jets in batches:
            size = jets_at_once(jets.particle_features.shape[1])
            for start in range(0, len(jets), size):
                part = jets[start : start + size]
                yield Spectrum.of(settings, correlators_of(part, settings, threads))

    return Spectrum.merge(parts())


@guarded(reads=("paths",))
def spectrum_of_files(
    paths: Sequence[str | os.PathLike[str]],
    settings: Settings,
    *,
    jet_type: str | None = None,
    threads: int = 1,
) -> Spectrum:
    """The spectrum of the jets of files, and of spectra that were written before.

    Parameters
    ----------
    paths : sequence of path-like
        Shards, generated jets, or spectra (`hypervae.enc.file`).
    settings : Settings
        Of the jets; spectra alone bring their own.
    jet_type : str, optional
        Of files of jets that do not name it.
    threads : int

    Returns
    -------
    Spectrum

    Raises
    ------
    InputError
        If a file cannot be read, lacks a column that the weights are made of, or a spectrum has
        other settings than the rest.
    """

    def of_jets(reader: ShardReader) -> Spectrum:
        reader.require(needed_columns(settings.weight, settings.select))
        return spectrum(reader.chunks(), settings, threads)

    parts = _parts(paths, KIND, read_spectrum, of_jets, jet_type)
    return Spectrum.merge(parts)


@guarded(reads=("paths",))
def resolved_of_files(
    paths: Sequence[str | os.PathLike[str]],
    settings: ResolvedSettings,
    *,
    jet_type: str | None = None,
    threads: int = 1,
) -> Resolved:
    """The resolved correlator of the jets of files, and of what was written before.

    Parameters
    ----------
    paths, settings, jet_type, threads
        As for `spectrum_of_files`.

    Returns
    -------
    Resolved

    Raises
    ------
    InputError
        As `spectrum_of_files`.
    """

    def of_jets(reader: ShardReader) -> Resolved:
        reader.require(needed_columns(settings.projected.weight, settings.projected.select))
        return resolve(reader.chunks(), settings, threads)

    return Resolved.merge(_parts(paths, RESOLVED_KIND, read_resolved, of_jets, jet_type))


def _parts(
    paths: Sequence[str | os.PathLike[str]],
    kind: str,
    read: Callable[[str | os.PathLike[str]], T],
    of_jets: Callable[[ShardReader], T],
    jet_type: str | None,
) -> Iterator[T]:
    """Sums of each file; all have the same settings."""
    first: T | None = None
    for path in paths:
        held = kind_of(path)
        if held is None:
            with ShardReader(path, jet_type) as reader:
                part = of_jets(reader)
        elif held != kind:
            raise InputError(path, "kind", found=repr(held), expected=f"{kind!r}, or jets")
        else:
            part = read(path)
        if first is not None and part.settings != first.settings:
            raise InputError(
                path, "spectrum", found=str(part.settings), expected=f"{first.settings}, as before"
            )
        first = part if first is None else first
        yield part
