"""The distance that a correlator is a function of: what each set of particles counts at."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from hypervae.correlators.cliques import projected
from hypervae.enc.discs import about_particles

#: Name to function: (weights, multiplicity, pair_bins, orders, size, threads) to the correlators of
#: each jet [n, orders, size], with R = 0 and underflow in the first bin.
VARIABLES: dict[str, Callable[..., NDArray[np.float64]]] = {
    "R_L": projected,
    "R_1": about_particles,
}
