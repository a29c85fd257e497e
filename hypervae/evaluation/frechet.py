"""FPD and KPD: Fréchet and kernel physics distance (Kansal et al., arXiv:2211.10295).

Both compare 36 EFPs (`hypervae.observables.efp`), each divided by its largest value in the
reference sample.

Both are estimates from finite samples. FPD of finite samples is biased upwards, about as 1 / size;
the extrapolation fits a line to batches drawn *with replacement from the one sample at hand*, so
that it removes the bias of the batches' size against the sample and not that of the sample against
the distribution: at a few thousand jets it stays too high, by an amount that its error, the fit's,
does not hold. The truth floor, of as many jets, has the same bias: compare with it, and with
published figures only at 50,000 jets a side, where the numbers are jetnet's. KPD is unbiased within
a batch of distinct jets; batches drawn with replacement hold some jets twice, which adds a bias of
the same kind, small at batches of a tenth of the sample.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import sqrtm
from scipy.optimize import curve_fit
from scipy.stats import iqr

from hypervae.evaluation.distance import MetricValue

#: Jets that the protocol asks for, and its sizes for so many.
JETS = 50_000
FPD_SMALLEST, FPD_SIZES, FPD_BATCHES = 20_000, 10, 20
KPD_BATCH, KPD_BATCHES = 5_000, 10
#: Jets below which a covariance of 36 features is singular in the smallest batch.
FEWEST = 100


def fpd_sizes(jets: int) -> tuple[int, int]:
    """The smallest and the largest batch that FPD extrapolates over: 20,000 and 50,000.

    Of fewer jets than 50,000 the same fractions, since batches larger than the sample repeat jets.

    Parameters
    ----------
    jets : int
        Of the smaller sample.

    Returns
    -------
    smallest, largest : int
    """
    jets = min(jets, JETS)
    return round(FPD_SMALLEST / JETS * jets), jets


def kpd_size(jets: int) -> int:
    """Jets of a batch of KPD: 5,000, of fewer jets than 50,000 the same fraction.

    Parameters
    ----------
    jets : int
        Of the smaller sample.

    Returns
    -------
    int
    """
    return round(KPD_BATCH / JETS * min(jets, JETS))


def fpd(
    features: NDArray[np.float64],
    reference: NDArray[np.float64],
    *,
    seed: int,
    sizes: tuple[int, int] | None = None,
) -> MetricValue:
    """Fréchet distance of two Gaussians fitted to the features, extrapolated to infinite batches.

    The bias of the sample itself stays in the value, and out of the error (see the module). The
    same draws and the same numbers as jetnet's ``fpd``: the mean over 20 batches of each of 10
    sizes against 1 / size; the intercept is the value, never below 0, and its error that of the
    fit.

    Parameters
    ----------
    features, reference : [n, F]
    seed : int
    sizes : (int, int), optional
        Smallest and largest batch; else `fpd_sizes` of the smaller sample.

    Returns
    -------
    MetricValue
    """
    smallest, largest = sizes or fpd_sizes(min(len(features), len(reference)))
    samples = _scaled(reference, features)
    batches = (1 / np.linspace(1 / smallest, 1 / largest, FPD_SIZES)).astype("int32")
    generator = np.random.default_rng(seed)

    def distance(size: int) -> float:
        moments = []
        for sample in samples:
            rows = sample[generator.choice(len(sample), size=size)]
            moments += [rows.mean(axis=0), np.cov(rows, rowvar=False)]
        return frechet_distance(*moments)

    means = [np.mean([distance(size) for _ in range(FPD_BATCHES)]) for size in batches]
    bounds = ([0, 0], [np.inf, np.inf])
    line, covariance = curve_fit(_line, 1 / batches, means, bounds=bounds)
    return MetricValue(float(line[0]), float(np.sqrt(covariance[0, 0])))


def _line(x: NDArray[np.float64], intercept: float, slope: float) -> NDArray[np.float64]:
    return intercept + slope * x


def frechet_distance(
    mean: NDArray[np.float64],
    covariance: NDArray[np.float64],
    other_mean: NDArray[np.float64],
    other_covariance: NDArray[np.float64],
) -> float:
    """Fréchet distance of two Gaussians: |mu - mu'|^2 + Tr(C + C' - 2 sqrt(C C')).

    Parameters
    ----------
    mean, other_mean : [F]
    covariance, other_covariance : [F, F]

    Returns
    -------
    float
    """
    root = sqrtm(covariance @ other_covariance)
    if not np.isfinite(root).all():
        # The product is singular. As elsewhere in the field, so that values stay comparable.
        offset = 1e-6 * np.eye(len(covariance))
        root = sqrtm((covariance + offset) @ (other_covariance + offset))
    # An imaginary part is rounding: the product of two covariances has no negative eigenvalues.
    shift, overlap = mean - other_mean, 2 * np.trace(root.real)
    return float(shift @ shift + np.trace(covariance) + np.trace(other_covariance) - overlap)


def _scaled(
    reference: NDArray[np.float64], features: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Both samples in units of the largest value of each feature in the reference."""
    largest = np.abs(reference).max(axis=0)
    largest[largest == 0] = 1.0
    return reference / largest, features / largest


def kpd(
    features: NDArray[np.float64],
    reference: NDArray[np.float64],
    *,
    seed: int,
    size: int | None = None,
) -> MetricValue:
    """Kernel distance: unbiased squared MMD with the kernel (x.y / F + 1)^4.

    The median over 10 batches, and half of the width of their central 67 % as the error. The same
    draws and the same numbers as jetnet's ``kpd``, which compiles for 4 s in each process and takes
    2.4 s a batch; here 0.3 s.

    Parameters
    ----------
    features, reference : [n, F]
    seed : int
    size : int, optional
        Jets of a batch; else `kpd_size` of the smaller sample.

    Returns
    -------
    MetricValue
    """
    size = size or kpd_size(min(len(features), len(reference)))
    x, y = _scaled(reference, features)
    values = []
    for batch in range(KPD_BATCHES):
        generator = np.random.default_rng(seed + 1000 * batch)
        rows_x = generator.choice(len(x), size=size)
        rows_y = generator.choice(len(y), size=size)
        values.append(_mmd(x[rows_x], y[rows_y]))
    return MetricValue(float(np.median(values)), float(iqr(values, rng=(16.275, 83.725)) / 2))


def _mmd(x: NDArray[np.float64], y: NDArray[np.float64]) -> float:
    """Unbiased quadratic estimate of the squared MMD of two equally large samples."""
    n = len(x)
    within = 0.0
    for side in (x, y):
        of_itself = ((side**2).mean(axis=1) + 1.0) ** 4
        within += (_kernel_sum(side, side) - of_itself.sum()) / (n * (n - 1))
    return within - 2 * _kernel_sum(x, y) / n**2


def _kernel_sum(x: NDArray[np.float64], y: NDArray[np.float64], rows: int = 500) -> float:
    """Sum of the kernel over all pairs, a block of rows at a time."""
    total = 0.0
    for start in range(0, len(x), rows):
        kernel = x[start : start + rows] @ y.T
        kernel /= x.shape[1]
        kernel += 1.0
        np.square(kernel, out=kernel)
        total += float(np.vdot(kernel, kernel))
    return total
