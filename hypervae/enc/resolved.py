"""Resolved correlators of jets, with the covariance of all bins; they merge by adding."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hypervae.arguments import one_of
from hypervae.correlators.geometry import pair_bins
from hypervae.data.jets import Jets
from hypervae.enc.spectrum import Settings
from hypervae.enc.sums import Sums
from hypervae.enc.triangles import RESOLVED, Shape, Variable, flat_measure, resolved
from hypervae.enc.weights import hardest, weights_of
from hypervae.errors import ArgumentError

#: Numbers of a jet whose covariance still fits into memory: 128 MB.
MOST_NUMBERS = 4_000
#: Numbers in memory at once. No result depends on it beyond rounding.
NUMBERS_AT_ONCE = 4_000_000


@dataclass(frozen=True)
class ResolvedSettings:
    """What a resolved correlator is of; only those with the same settings merge.

    Attributes
    ----------
    projected : Settings
        Of one order: the largest distance, its bins, and the weights.
    shape : Shape
        Bins of x and phi.
    """

    projected: Settings
    shape: Shape

    def __post_init__(self) -> None:
        one_of("variable", self.projected.variable, RESOLVED)
        orders, known = self.projected.orders, self.of.orders
        if len(orders) != 1 or orders[0] not in known:
            raise ArgumentError(
                "orders",
                found=", ".join(f"{order:g}" for order in orders),
                expected=f"one of {', '.join(map(str, known))} to resolve {self.of.names[0]}",
            )
        if min(self.shape.ratios, self.shape.angles) < 1:
            found = f"{self.shape.ratios}, {self.shape.angles}"
            raise ArgumentError("bins of the shape", found=found, expected="at least 1 of each")
        if self.numbers > MOST_NUMBERS:
            raise ArgumentError(
                "bins",
                found=f"{self.numbers:,} numbers a jet ({self.projected.binning.size} of "
                f"{self.of.names[0]} with underflow and overflow, {self.columns} in each)",
                expected=f"at most {MOST_NUMBERS:,}, whose covariance fits into memory",
            )

    @property
    def of(self) -> Variable:
        """The names and ranges of x and phi."""
        return RESOLVED[self.projected.variable]

    @property
    def columns(self) -> int:
        """In each bin of the largest distance: what has no shape, and the cells."""
        return len(self.of.apart) + self.shape.ratios * self.shape.angles

    @property
    def numbers(self) -> int:
        """Of a jet."""
        return self.columns * self.projected.binning.size

    @property
    def ratio_edges(self) -> NDArray[np.float64]:
        """[ratios + 1] edges of x."""
        return np.linspace(0, 1, self.shape.ratios + 1)

    @property
    def angle_edges(self) -> NDArray[np.float64]:
        """[angles + 1] edges of phi."""
        low = -self.of.widest if self.shape.signed else 0.0
        return np.linspace(low, self.of.widest, self.shape.angles + 1)


@dataclass(frozen=True)
class Resolved(Sums[ResolvedSettings]):
    """Sums of resolved correlators over jets.

    `total` is [bins + 2, columns]: of each bin of the largest distance, and of what lies below and
    above the range, what has no shape and then the cells.
    """

    @property
    def cells(self) -> NDArray[np.float64]:
        """[bins, ratios, angles] per jet, within the range."""
        return self._within(self.mean)

    @property
    def cell_errors(self) -> NDArray[np.float64]:
        """[bins, ratios, angles] standard deviations of `cells`."""
        return self._within(self.error)

    @property
    def density(self) -> NDArray[np.float64]:
        """[bins, ratios, angles] per jet and flat phase space (`flat_measure`)."""
        settings = self.settings
        edges = settings.projected.binning.edges
        return self.cells / flat_measure(settings.projected.variable, settings.shape, edges)

    def projected(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """The projected correlator, of which this is the layout, and its covariance.

        Returns
        -------
        value : [bins + 2]
            With underflow, contact terms included, and overflow.
        covariance : [bins + 2, bins + 2]
        """
        return self.mean.sum(axis=1), self.covariance().sum(axis=(1, 3))

    def table(self) -> str:
        """All numbers as CSV: a row a cell, and a row for what has no shape.

        Returns
        -------
        str
            Means per jet with errors, and flat phase space; rows without a shape have NaN as x and
            phi. Below the range stands what is at R = 0, too.
        """
        settings = self.settings
        of, binning = settings.of, settings.projected.binning
        r_edges = np.concatenate([[0.0], binning.edges, [np.inf]])
        x, phi = settings.ratio_edges, settings.angle_edges
        inside = flat_measure(settings.projected.variable, settings.shape, binning.edges)
        measure = np.full(self.total.shape, np.nan)
        measure[1:-1, len(of.apart) :] = inside.reshape(binning.bins, -1)
        names = [f"{name}_{end}" for name in of.names for end in ("low", "high")]
        order = f"E{settings.projected.orders[0]:g}C"
        lines = [",".join([*names, order, f"{order}_error", "flat_measure"])]
        shapes = [(np.nan,) * 4] * len(of.apart)
        shapes += [
            (*x[a : a + 2], *phi[b : b + 2]) for a in range(len(x) - 1) for b in range(len(phi) - 1)
        ]
        mean, error = self.mean, self.error
        for row, column in np.ndindex(*mean.shape):
            numbers = (
                *(r_edges[row], r_edges[row + 1], *shapes[column]),
                *(mean[row, column], error[row, column], measure[row, column]),
            )
            lines.append(",".join(f"{number:.8g}" for number in numbers))
        return "\n".join(lines) + "\n"

    def _within(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        shape = self.settings.shape
        inside = values[1:-1, len(self.settings.of.apart) :]
        return inside.reshape(-1, shape.ratios, shape.angles)


def resolved_of(jets: Jets, settings: ResolvedSettings, threads: int = 1) -> NDArray[np.float64]:
    """Resolved correlators of each jet.

    Parameters
    ----------
    jets : Jets
    settings : ResolvedSettings
    threads : int
        They share the jets.

    Returns
    -------
    [n, bins + 2, columns] float64
    """
    of = settings.projected
    jets = hardest(jets, of.particles)
    features = jets.particle_features.astype(np.float64)
    return resolved(
        of.variable,
        (
            weights_of(jets, of.weight, of.exponent, of.select),
            jets.multiplicity,
            features[..., 0],
            features[..., 1],
        ),
        pair_bins(jets, of.binning, threads),
        int(of.orders[0]),
        settings.shape,
        of.binning.size,
        threads,
    )


def resolve(batches: Iterable[Jets], settings: ResolvedSettings, threads: int = 1) -> Resolved:
    """The resolved correlator of jets, with the covariance of its bins.

    Parameters
    ----------
    batches : iterable of Jets
        Of at least one jet in all.
    settings : ResolvedSettings
    threads : int
        They share the jets.

    Returns
    -------
    Resolved

    Examples
    --------
    >>> from hypervae import HyperVAE
    >>> from hypervae.correlators.binning import Binning
    >>> from hypervae.enc.spectrum import Settings
    >>> jets = HyperVAE.pretrained("t").generate(50, seed=1)
    >>> three = Settings("R_L", (3.0,), Binning(10, 1e-2, 1.0))
    >>> found = resolve([jets], ResolvedSettings(three, Shape(4, 4)))
    >>> found.cells.shape
    (10, 4, 4)
    >>> float(found.mean.sum().round(6))
    1.0
    """
    size = max(NUMBERS_AT_ONCE // settings.numbers, 1)

    def parts() -> Iterable[Resolved]:
        for jets in batches:
            for start in range(0, len(jets), size):
                values = resolved_of(jets[start : start + size], settings, threads)
                yield Resolved.of(settings, values)

    return Resolved.merge(parts())
