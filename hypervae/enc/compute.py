"""Spectra of jets, from memory or from shards."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from hypervae.correlators.geometry import pair_bins, pair_count, weights
from hypervae.data.jets import Jets
from hypervae.enc.file import is_spectrum, read_spectrum
from hypervae.enc.powers import exponents, sums_of_powers
from hypervae.enc.spectrum import BEFORE, Settings, Spectrum
from hypervae.enc.variables import VARIABLES
from hypervae.errors import InputError
from hypervae.formats.shard import ShardReader

#: Pairs of particles in memory at once. No result depends on it beyond rounding.
PAIRS_AT_ONCE = 2_000_000


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
    """
    jets = hardest(jets, settings.particles)
    weight = weights(jets, settings.weight, settings.exponent)
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
            size = max(PAIRS_AT_ONCE // max(pair_count(jets.particle_features.shape[1]), 1), 1)
            for start in range(0, len(jets), size):
                part = jets[start : start + size]
                yield Spectrum.of(settings, correlators_of(part, settings, threads))

    return Spectrum.merge(parts())


def hardest(jets: Jets, particles: int) -> Jets:
    """Jets cut to their hardest particles, whose weights are fractions of what is left.

    Parameters
    ----------
    jets : Jets
    particles : int
        0 for all.

    Returns
    -------
    Jets
    """
    if not particles or particles >= jets.particle_features.shape[1]:
        return jets
    features = jets.jet_features.copy()
    features[:, 3] = np.minimum(features[:, 3], particles)
    return Jets(jets.particle_features[:, :particles], features, jet_type=jets.jet_type)


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
        If a file cannot be read, or a spectrum has other settings than the rest.
    """
    merged: Spectrum | None = None
    for path in paths:
        if is_spectrum(path):
            part = read_spectrum(path)
        else:
            with ShardReader(path, jet_type) as reader:
                part = spectrum(reader.chunks(), settings, threads)
        if merged is not None and part.settings != merged.settings:
            raise InputError(
                path, "spectrum", found=str(part.settings), expected=f"{merged.settings}, as before"
            )
        merged = part if merged is None else Spectrum.merge([merged, part])
    return Spectrum.merge([] if merged is None else [merged])
