"""Energy correlators of jets in memory."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hypervae.arguments import described, numbers, whole_number
from hypervae.config import CorrelatorsConfig
from hypervae.correlators.binning import Binning
from hypervae.correlators.geometry import PAIRS_AT_ONCE, jets_at_once, pair_bins, weights
from hypervae.correlators.kernel import correlate
from hypervae.correlators.means import CorrelatorMeans
from hypervae.data.jet_checks import check_jets
from hypervae.data.jets import Jets, sort_particles
from hypervae.data.views import counted
from hypervae.errors import ArgumentError
from hypervae.extras import optional
from hypervae.formats.correlator_curves import Correlators

if TYPE_CHECKING:
    from hist import Hist
    from matplotlib.figure import Figure


@dataclass(frozen=True, repr=False)
class EnergyCorrelators:
    """Projected energy correlators ENC(R_L) of a sample of jets, with statistical errors.

    Parameters
    ----------
    edges : [bins + 1] float64
        Of R_L, logarithmic.
    means : CorrelatorMeans
        ENC per jet [orders, bins + 2], with underflow (contact terms and pairs below the range)
        and overflow.
    jets : str
        What the jets are, e.g. ``"1,000 t jets"``.
    """

    edges: NDArray[np.float64]
    means: CorrelatorMeans
    jets: str

    @property
    def orders(self) -> tuple[int, ...]:
        """The orders N."""
        return self.means.orders

    @property
    def n_jets(self) -> int:
        """Number of jets."""
        return int(self.means.n_jets)

    def mean(self, order: int) -> NDArray[np.float64]:
        """ENC per jet, within the range.

        Parameters
        ----------
        order : int

        Returns
        -------
        [bins] float64
        """
        return self.means.mean[self._row(order), 1:-1]

    def error(self, order: int) -> NDArray[np.float64]:
        """Statistical error of `mean`.

        Parameters
        ----------
        order : int

        Returns
        -------
        [bins] float64
        """
        return self.means.error[self._row(order), 1:-1]

    def ratio(self, order: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """ENC over E2C and its error, in which the two are known to fluctuate together.

        Parameters
        ----------
        order : int

        Returns
        -------
        value, error : [bins] float64
            NaN where one of the two is 0, and the error where a single jet feeds the bin.
        """
        ratio, error = self.means.ratios()
        return ratio[self._row(order), 1:-1], error[self._row(order), 1:-1]

    @property
    def histograms(self) -> dict[int, Hist]:
        """By order, ENC per jet with its variance, underflow and overflow: ``hist`` objects."""
        variance = self.means.variance
        return {
            order: self._histogram(self.means.mean[row], variance[row], f"E{order}C")
            for row, order in enumerate(self.orders)
        }

    @property
    def ratios(self) -> dict[int, Hist]:
        """By order above 2, ENC over E2C with its variance: ``hist`` objects."""
        value, error = self.means.ratios()
        return {
            order: self._histogram(value[row], error[row] ** 2, f"E{order}C/E2C")
            for row, order in enumerate(self.orders)
            if order != 2
        }

    def plot(
        self,
        path: str | os.PathLike[str] | None = None,
        *,
        reference: EnergyCorrelators | None = None,
        title: str = "",
    ) -> Figure:
        """Draw all orders with their ratios to E2C, or beside those of other jets.

        Parameters
        ----------
        path : path-like, optional
            Where to write the figure too: PNG, PDF or SVG, by its suffix.
        reference : EnergyCorrelators, optional
            Of other jets, in the same bins: the lower panel then shows the ratio to them.
        title : str

        Returns
        -------
        matplotlib.figure.Figure

        Raises
        ------
        ArgumentError
            If the reference has other orders or bins, or the path another suffix.
        MissingPackageError
            Without matplotlib (``pip install 'hypervae[plot]'``).
        """
        optional("matplotlib", "EnergyCorrelators.plot", "plot")
        from hypervae.plotting.own_correlators import draw_own_correlators

        if reference is not None and not self._same_bins(reference):
            raise ArgumentError(
                "reference",
                found=f"orders {list(reference.orders)}, {len(reference.edges) - 1} bins",
                expected=f"the same as here: {list(self.orders)}, {len(self.edges) - 1} bins",
            )
        other = None if reference is None else reference._curves()
        return draw_own_correlators(self._curves(), other, path, title)

    def table(self) -> str:
        """All numbers as CSV: means per jet with errors, and ratios to E2C.

        Returns
        -------
        str
            As `hypervae.formats.correlator_curves.Correlators.table`: below the range, contact
            terms included; the bins; above the range.
        """
        return self._curves().table()

    def __repr__(self) -> str:
        low, high = self.edges[[0, -1]]
        orders = ", ".join(f"E{order}C" for order in self.orders)
        return (
            f"<EnergyCorrelators: {orders} of {self.jets}, {len(self.edges) - 1} bins of R_L "
            f"from {low:g} to {high:g}>"
        )

    def _row(self, order: int) -> int:
        order = whole_number("order", order)
        if order not in self.orders:
            known = ", ".join(map(str, self.orders))
            raise ArgumentError("order", found=str(order), expected=f"one of {known}")
        return self.orders.index(order)

    def _same_bins(self, other: EnergyCorrelators) -> bool:
        return self.orders == other.orders and np.array_equal(self.edges, other.edges)

    def _curves(self) -> Correlators:
        return Correlators(self.edges, self.means, self.n_jets, self.jets.partition(" ")[2])

    def _histogram(
        self, values: NDArray[np.float64], variances: NDArray[np.float64], label: str
    ) -> Hist:
        hist = optional("hist", "EnergyCorrelators.histograms", "analysis")
        axis = hist.axis.Variable(self.edges, name="R_L", label="$R_L$")
        made = hist.Hist(axis, storage=hist.storage.Weight(), name=label, label=label)
        made.view(flow=True).value = values
        made.view(flow=True).variance = variances
        return made


def energy_correlators(
    jets: Jets | ArrayLike | str | os.PathLike[str],
    *,
    orders: int | Iterable[int] = (2, 3, 4),
    bins: int = 50,
    range: tuple[float, float] = (1e-3, 1.0),
    weight: str = "pt",
    exponent: float = 1.0,
    threads: int = 1,
) -> EnergyCorrelators:
    """Projected N-point energy correlators of jets, to all orders exactly, with errors.

    ENC(R_L) sums the product of the weights of N particles over all sets of N, at the largest
    distance R_L between two of them (arXiv:2004.11381). Weights are fractions of the kept
    particles' pT, so that each jet's ENC sums to 1.

    Parameters
    ----------
    jets : Jets, array-like [n, P, 3] or [n, P, 4], or path-like
        Arrays hold (eta, phi [rad], pt) of each particle, relative to the jet or not, and a mask;
        without one, particles are where pt is not 0. A path is that of a shard.
    orders : int or iterable of int
        2 to 6. E2C always comes along, since ratios are to it.
    bins : int
        Logarithmic bins of R_L.
    range : (low, high)
        Of R_L.
    weight : {"pt", "energy"}
        Fractions of what; energies need the jets' eta, and so `Jets` or absolute eta.
    exponent : float
        Power of each weight, above 0.
    threads : int
        CPU threads.

    Returns
    -------
    EnergyCorrelators

    Raises
    ------
    ArgumentError
        If the jets are none, or of the wrong shape.
    ConfigError
        If orders, bins, range, weight or exponent are of the wrong type or range.
    InputError
        If a file's jets are none.

    Examples
    --------
    >>> import hypervae
    >>> from hypervae import HyperVAE
    >>> jets = HyperVAE.pretrained("t").generate(100)
    >>> found = hypervae.energy_correlators(jets, orders=[2, 3], bins=20)
    >>> found
    <EnergyCorrelators: E2C, E3C of 100 t jets, 20 bins of R_L from 0.001 to 1>
    >>> value, error = found.ratio(3)
    >>> value.shape
    (20,)
    """
    threads = whole_number("threads", threads, at_least=1)
    config = _settings(orders, bins, range, weight, exponent)
    sample = _jets_of(jets)
    binning, rows = Binning.of(config), list(config.orders)
    sums = np.zeros((3, len(rows), binning.size))
    batch = jets_at_once(sample.particle_features.shape[1], PAIRS_AT_ONCE)
    start = 0
    while start < len(sample):
        part = sample[start : start + batch]
        start += batch
        sums += np.stack(
            correlate(
                weights(part, config.weight, config.exponent),
                part.multiplicity,
                pair_bins(part, binning, threads),
                rows,
                binning.size,
                threads=threads,
            )
        )[:, 0]
    means = CorrelatorMeans.of_sums(tuple(rows), sums[0], sums[1], sums[2], len(sample))
    return EnergyCorrelators(binning.edges, means, counted(sample))


def _settings(orders: Any, bins: Any, span: Any, weight: Any, exponent: Any) -> CorrelatorsConfig:
    if isinstance(orders, str) or not isinstance(orders, Iterable):
        orders = [orders]
    listed = [whole_number("orders", order, at_least=2) for order in orders]
    span = [float(end) for end in numbers("range", span, (2,))]
    return CorrelatorsConfig.of(
        {
            "orders": sorted({2, *listed}),
            "bins": whole_number("bins", bins, at_least=1),
            "range": span,
            "weight": weight,
            "exponent": exponent,
        }
    )


def _jets_of(jets: Any) -> Jets:
    """Jets of whatever was handed in, checked and sorted."""
    if isinstance(jets, str | os.PathLike):
        jets = Jets.load(jets)
    if not isinstance(jets, Jets):
        if _depth(jets) != 3:
            expected = "Jets, particles of shape [n, P, 3] or [n, P, 4], or the path of a shard"
            raise ArgumentError("jets", found=described(jets), expected=expected)
        return _jets_of_particles(jets)
    if len(jets) == 0:
        raise ArgumentError("jets", found="no jets", expected="at least one")
    check_jets(jets, "jets")
    return sort_particles(jets)


def _depth(values: Any) -> int:
    """Dimensions of what is array-like; 0 of all else."""
    try:
        return np.ndim(values)
    except ValueError:  # rows of unequal lengths
        return 0


def _jets_of_particles(particles: ArrayLike) -> Jets:
    """Jets of particles alone: neither axis nor pT of the jet enters."""
    array = numbers("jets", particles, (None, None, (3, 4)))
    if len(array) == 0:
        raise ArgumentError("jets", found="no jets", expected="at least one")
    pt = array[..., 2] * (array[..., 3] > 0.5 if array.shape[2] == 4 else 1)
    total = pt.sum(axis=1)
    if (array[..., 2] < 0).any() or (total <= 0).any():
        row = int(np.argmax((array[..., 2] < 0).any(axis=1) | (total <= 0)))
        raise ArgumentError(
            "jets",
            found=f"pt from {array[row, :, 2].min():g}, in all {total[row]:g}, in jet {row}",
            expected="pt of 0 or more, and of at least one particle in each jet",
        )
    made = np.stack([array[..., 0], array[..., 1], pt / total[:, None], pt > 0], axis=-1)
    features = np.zeros((len(array), 4), dtype=np.float32)
    features[:, 0], features[:, 3] = 1.0, (pt > 0).sum(axis=1)
    made *= made[..., 3:]
    return sort_particles(Jets(made.astype(np.float32), features))
