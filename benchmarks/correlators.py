"""Speed, memory and size of the correlator stage on gluon jets; prints one line of JSON.

``python -m benchmarks.correlators``. Times are of the process on the CPU, minima over the repeats,
of one thread but for ``threads_speedup`` (which wants an idle machine); compilation is not counted.
``us_per_jet`` of N is the time of orders 2 to N together with the binning of the pairs; ``numpy``
is the vectorized definition in `correlate_numpy`, which the tests use as an oracle too.
``eec_us_per_jet`` of N is E(N)C alone by EnergyEnergyCorrelators 1.1.1 (it takes one order at a
time) in the same bins, null where that is not installed: it compiles itself, with Boost and its
serialization and iostreams libraries. ``eec_difference`` is the largest of its bins' from ours, of
a total of 1, and ``eec_shapes_difference`` that of a cell of E3C in (R_L, xi, phi).
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.arguments import OnceParser
from benchmarks.jets import gluon_jets, wide_jets
from hypervae.config import resolve_section
from hypervae.correlators import geometry, kernel
from hypervae.correlators.binning import Binning
from hypervae.correlators.compute import compute_correlators
from hypervae.data.jets import Jets
from hypervae.enc.compute import correlators_of
from hypervae.enc.resolved import ResolvedSettings, resolve
from hypervae.enc.spectrum import Settings
from hypervae.enc.triangles import Shape
from hypervae.formats.shard_writer import write_shard
from tests.unit.correlators.reference import correlate_numpy

BINNING = Binning(200, 1e-4, 2.0)


def best(
    run: Callable[[], object], repeats: int, clock: Callable[[], float] = time.process_time
) -> float:
    """Shortest time of a call [s], after one that is not counted."""
    run()
    times = []
    for _ in range(repeats):
        start = clock()
        run()
        times.append(clock() - start)
    return min(times)


def correlate(jets: Jets, orders: list[int], threads: int = 1) -> None:
    """Pair bins, weights and correlators of a batch."""
    pair_bins = geometry.pair_bins(jets, BINNING, threads)
    weight = geometry.weights(jets)
    kernel.correlate(weight, jets.multiplicity, pair_bins, orders, BINNING.size, threads=threads)


def toolkit(jets: Jets, wide: Jets, repeats: int) -> dict[str, float]:
    """Times of `hypervae.enc` [us] a jet, binning of the pairs included; `wide` are of 150."""

    def us(some: Jets, variable: str, *orders: float) -> float:
        settings = Settings(variable, orders, BINNING)
        seconds = best(lambda: correlators_of(some, settings), repeats)
        return round(1e6 * seconds / len(some), 1)

    return {
        "R_L_2.5": us(jets, "R_L", 2.5),
        "R_L_2_to_6": us(jets, "R_L", 2, 3, 4, 5, 6),
        "R_1_4": us(jets, "R_1", 4),
        "R_1_4_of_150": us(wide, "R_1", 4),
    }


def particles_of(jets: Jets) -> list[np.ndarray]:
    """(pT, eta, phi) of each jet's particles."""
    return [
        np.ascontiguousarray(row[: int(count), [2, 0, 1]].astype(np.float64))
        for row, count in zip(jets.particle_features, jets.multiplicity, strict=True)
    ]


def with_eec(jets: Jets, order: int, repeats: int) -> tuple[float, float] | None:
    """Time of EnergyEnergyCorrelators [us] a jet, and its largest difference from the kernel.

    None where it is not installed.
    """
    if find_spec("eec") is None:
        return None
    import eec

    rows = particles_of(jets)
    made = []

    def run() -> None:
        made[:] = [
            eec.EECLongestSideLog(
                order, BINNING.bins, BINNING.low, BINNING.high, num_threads=1, print_every=0
            )
        ]
        made[0](rows)

    seconds = best(run, repeats)
    values = np.asarray(made[0].get_hist_errs(0, True)[0]) / len(jets)
    arrays = (geometry.weights(jets), jets.multiplicity, geometry.pair_bins(jets, BINNING))
    own = kernel.correlate(*arrays, [order], BINNING.size)[0][0, 0] / len(jets)
    return 1e6 * seconds / len(jets), float(np.abs(values - own).max())


def shapes_difference(jets: Jets) -> float | None:
    """Largest difference of a cell of E3C in (R_L, xi, phi) from EnergyEnergyCorrelators."""
    if find_spec("eec") is None:
        return None
    import eec

    made = eec.EECTriangleOPELogIdId(
        *(20, 1e-3, 1.0, 8, 0.0, 1.0, 8, 0.0, np.pi / 2), num_threads=1, print_every=0
    )
    made(particles_of(jets))
    values = np.asarray(made.get_hist_errs(0, False)[0]).reshape(20, 8, 8) / len(jets)
    settings = Settings("R_L", (3.0,), Binning(20, 1e-3, 1.0))
    own = resolve([jets], ResolvedSettings(settings, Shape(8, 8)))
    return float(np.abs(values - own.cells).max())


def beside(jets: Jets, repeats: int) -> dict[str, Any]:
    """What is printed of `with_eec`."""
    found = {str(n): with_eec(jets, n, repeats) for n in (2, 3, 4)}
    return {
        "eec_us_per_jet": {n: one and round(one[0], 1) for n, one in found.items()},
        "eec_difference": {n: one and float(f"{one[1]:.1e}") for n, one in found.items()},
        "eec_shapes_difference": shapes_difference(jets[:100]),
    }


def stage(particles: int, folder: Path) -> tuple[float, float]:
    """Jets per second of the whole stage (shard to closed file), and bytes per jet of its file."""
    shard, output = folder / f"{particles}.h5", folder / f"{particles}-correlators.h5"
    jets = gluon_jets(particles, copies=2)
    write_shard(shard, jets, source="benchmark")
    config = resolve_section("correlators", {})
    seconds = best(lambda: compute_correlators(shard, output, config), 3)
    return len(jets) / seconds, output.stat().st_size / len(jets)


def peak_of_stage(folder: Path, copies: int) -> float:
    """Peak resident memory [MB] of the command on one shard of 5,000 jets times `copies`."""
    shard = folder / "large.h5"
    write_shard(shard, gluon_jets(copies=copies), source="benchmark")
    command = [sys.executable, "-m", "hypervae", "correlators", "--input", str(shard)]
    process = subprocess.Popen(
        [*command, "--output", str(folder / "large-correlators.h5")],
        stderr=subprocess.DEVNULL,
    )
    _, status, usage = os.wait4(process.pid, 0)
    if os.waitstatus_to_exitcode(status):
        raise SystemExit("hypervae correlators failed")
    return usage.ru_maxrss / 1024


def main() -> None:
    parser = OnceParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--jets", type=int, default=5000, help="jets of a repeat, at most 5,000")
    options = parser.parse_args()
    jets = gluon_jets()[: options.jets]
    wide = wide_jets(150, 500)
    per_jet = {
        str(order): 1e6
        * best(lambda order=order: correlate(jets, list(range(2, order + 1))), options.repeats)
        / len(jets)
        for order in (2, 3, 4, 6)
    }
    per_wide = {
        str(order): 1e6
        * best(lambda order=order: correlate(wide, list(range(2, order + 1))), options.repeats)
        / len(wide)
        for order in (2, 3)
    }
    eec = beside(jets[:1000], options.repeats)
    few = jets[:20]
    pair_bins, weight = geometry.pair_bins(few, BINNING), geometry.weights(few)
    counts = few.multiplicity
    slow = best(lambda: correlate_numpy(weight, counts, pair_bins, 4, BINNING.size), 2)
    numpy_us = 1e6 * slow / len(few)
    threads = len(os.sched_getaffinity(0))
    many = gluon_jets(copies=2)
    # in turns, since machines drift
    turns = [
        [
            best(lambda n=n: correlate(many, [2, 3, 4], n), 1, time.perf_counter)
            for n in (1, threads)
        ]
        for _ in range(2 * options.repeats)
    ]
    alone, shared = (min(times) for times in zip(*turns, strict=True))
    with tempfile.TemporaryDirectory() as name:
        rate, bytes_30 = stage(30, Path(name))
        _, bytes_26 = stage(26, Path(name))
        peak = peak_of_stage(Path(name), copies=20)
    sets = 27405  # of four among 30 particles
    print(
        json.dumps(
            {
                "us_per_jet": {order: round(value, 2) for order, value in per_jet.items()},
                "us_per_jet_150": {order: round(value, 1) for order, value in per_wide.items()},
                **eec,
                "us_per_jet_toolkit": toolkit(jets[:1000], wide, options.repeats),
                "ns_per_set_n4": round(1e3 * per_jet["4"] / sets, 3),
                "numpy_us_per_jet_n4": round(numpy_us, 1),
                "speedup_vs_numpy_n4": round(numpy_us / per_jet["4"], 1),
                "threads": threads,
                "threads_speedup": round(alone / shared, 2),
                "stage_jets_per_s": round(rate),
                "bytes_per_jet_26": round(bytes_26, 1),
                "bytes_per_jet_30": round(bytes_30, 1),
                "peak_rss_mb": round(peak, 1),
            }
        )
    )


if __name__ == "__main__":
    main()
