"""Means and widths of simulated jets beside those of real JetNet (30 particles).

``python -m benchmarks.jetnet_agreement`` prints one line of JSON and exits with 1 where a mean of
pT, mass or multiplicity is more than 5 %, or a width of pT or mass more than 10 %, off. The width
of the multiplicity, which is that of a distribution cut off at 30, is reported only.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

from benchmarks.simulation import simulate
from hypervae.data.shard import ShardReader

#: (mean, width) in the whole JetNet30 files; pT and mass in GeV.
JETNET = {
    "g": {"pt": (1133.0, 197.0), "mass": (95.9, 47.8), "num_particles": (29.89, 0.97)},
    "q": {"pt": (1019.0, 91.0), "mass": (58.9, 35.3), "num_particles": (27.40, 4.38)},
    "t": {"pt": (995.0, 90.0), "mass": (145.4, 36.8), "num_particles": (29.94, 0.60)},
}
COLUMNS = {"pt": 0, "mass": 2, "num_particles": 3}


def moments(values: np.ndarray) -> dict[str, float]:
    """Mean and width with their statistical errors (that of the width from the fourth moment)."""
    mean, width = values.mean(), values.std(ddof=1)
    fourth = ((values - mean) ** 4).mean()
    width_error = np.sqrt(max(fourth - width**4, 0.0) / len(values)) / (2 * width) if width else 0.0
    return {
        "mean": mean,
        "mean_error": width / np.sqrt(len(values)),
        "width": width,
        "width_error": width_error,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--jets", type=int, default=4000, help="jets of each type")
    parser.add_argument("--cores", type=int, default=2)
    parser.add_argument("--jet-types", nargs="+", default=["g", "q", "t"])
    options = parser.parse_args()
    result: dict[str, dict] = {}
    good = True
    with tempfile.TemporaryDirectory() as name, ThreadPoolExecutor(options.cores) as pool:
        directory = Path(name)
        list(pool.map(lambda kind: simulate(kind, 0, options.jets, directory), options.jet_types))
        for kind in options.jet_types:
            with ShardReader(directory / f"{kind}-0.h5") as reader:
                features = reader.read().jet_features.astype(np.float64)
            result[kind] = {}
            for column, index in COLUMNS.items():
                found = moments(features[:, index])
                if kind in JETNET:
                    mean, width = JETNET[kind][column]
                    found |= {"jetnet_mean": mean, "jetnet_width": width}
                    found |= {
                        "mean_ratio": found["mean"] / mean,
                        "width_ratio": found["width"] / width,
                    }
                    good &= abs(found["mean_ratio"] - 1) <= 0.05
                    good &= column == "num_particles" or abs(found["width_ratio"] - 1) <= 0.10
                result[kind][column] = {key: round(float(x), 4) for key, x in found.items()}
    print(json.dumps({"jets_per_type": options.jets, "within_bars": bool(good), "types": result}))
    sys.exit(0 if good else 1)


if __name__ == "__main__":
    main()
