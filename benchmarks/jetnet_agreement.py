"""Simulated jets beside real JetNet (30 particles): means, widths, tails, photons, FPND.

``python -m benchmarks.jetnet_agreement`` prints one line of JSON and exits with 1 where a mean of
pT, mass or multiplicity is more than 3 %, or a width of pT or mass more than 10 %, off. The width
of the multiplicity, which is that of a distribution cut off at 30, is reported only. Real JetNet
is known here by the figures below and by the statistics of FPND in the jetnet package; with
``--jetnet FOLDER`` of its files ({type}.hdf5) the distributions themselves are compared.
"""

from __future__ import annotations

import json
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
from scipy.stats import wasserstein_distance

from benchmarks.arguments import OnceParser
from benchmarks.simulation import simulate
from hypervae.data.jets import Jets, concatenate
from hypervae.evaluation.fpnd import fpnd
from hypervae.formats.shard import ShardReader

#: (mean, width) in the whole JetNet30 files; pT and mass in GeV.
JETNET = {
    "g": {"pt": (1133.0, 197.0), "mass": (95.9, 47.8), "num_particles": (29.89, 0.97)},
    "q": {"pt": (1019.0, 91.0), "mass": (58.9, 35.3), "num_particles": (27.40, 4.38)},
    "t": {"pt": (995.0, 90.0), "mass": (145.4, 36.8), "num_particles": (29.94, 0.60)},
}
COLUMNS = {"pt": 0, "mass": 2, "num_particles": 3}
#: Sum of ptrel of the kept particles; width of etarel; extremes over all of JetNet30's types.
JETNET_SUM = {"g": 0.90, "q": 0.98, "t": 0.91}
JETNET_ETAREL_WIDTH = {"q": 0.0925}
JETNET_EXTREMES = {"etarel": (-1.62, 1.0), "phirel": 0.52}
#: A jet with one particle above this share of its pT is taken to be that particle alone.
ALONE = 0.9
#: Bins of the multiplicity with fewer jets expected are merged into their neighbours.
FEWEST = 10


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


def beside(values: np.ndarray, mean: float, width: float) -> dict[str, float]:
    """Moments beside those of JetNet, and both as one chi2 of two degrees of freedom."""
    found = moments(values)
    pulls = (
        (found["mean"] - mean) / found["mean_error"],
        (found["width"] - width) / found["width_error"],
    )
    return found | {
        "jetnet_mean": mean,
        "jetnet_width": width,
        "mean_ratio": found["mean"] / mean,
        "width_ratio": found["width"] / width,
        "chi2_2": sum(pull**2 for pull in pulls),
    }


def multiplicity_distance(simulated: np.ndarray, real: np.ndarray) -> dict[str, float]:
    """W1 and chi2 (with its degrees of freedom) of two samples of multiplicities."""
    counts = [np.bincount(x, minlength=32).astype(float) for x in (simulated, real)]
    size = [x.sum() for x in counts]
    expected = (counts[0] + counts[1]) / sum(size) * min(size)
    edges, inside = [0], 0.0
    for count, value in enumerate(expected):
        inside += value
        if inside >= FEWEST:
            edges.append(count + 1)
            inside = 0.0
    edges[-1] = len(expected)
    a, b = (np.add.reduceat(x, edges[:-1]) for x in counts)
    chi2 = ((a / size[0] - b / size[1]) ** 2 / (a / size[0] ** 2 + b / size[1] ** 2)).sum()
    return {"w1": wasserstein_distance(simulated, real), "chi2": chi2, "dof": len(a) - 1}


def particles(jets: Jets, jet_type: str) -> dict[str, float]:
    """Tails and widths of the particles' coordinates, photon jets and the sum of ptrel."""
    etarel, phirel, ptrel = (jets.particle_features[..., i].astype(float) for i in range(3))
    hardest = ptrel.max(axis=1)
    total = moments(ptrel.sum(axis=1))
    found = {
        "etarel_min": etarel.min(),
        "etarel_max": etarel.max(),
        "etarel_width": etarel[jets.mask].std(),
        "phirel_max": np.abs(phirel).max(),
        "phirel_width": phirel[jets.mask].std(),
        "ptrel_max": hardest.max(),
        "jets_of_one_particle": int((hardest > ALONE).sum()),
        "sum_ptrel": total["mean"],
        "sum_ptrel_error": total["mean_error"],
        "jetnet_sum_ptrel": JETNET_SUM[jet_type],
        "jetnet_etarel": JETNET_EXTREMES["etarel"],
        "jetnet_phirel_max": JETNET_EXTREMES["phirel"],
    }
    if jet_type in JETNET_ETAREL_WIDTH:
        found["jetnet_etarel_width"] = JETNET_ETAREL_WIDTH[jet_type]
    return found


def read(paths: list[Path], jets: int) -> Jets:
    """The first jets of shards."""
    batches = []
    for path in paths:
        with ShardReader(path) as reader:
            batches.append(reader.read())
        if sum(map(len, batches)) >= jets:
            break
    return concatenate(batches)[:jets]


def agreement(jet_type: str, jets: Jets, fpnd_jets: int, jetnet: Path | None) -> dict[str, dict]:
    """All figures of one type."""
    features = jets.jet_features.astype(np.float64)
    result = {
        column: beside(features[:, index], *JETNET[jet_type][column])
        for column, index in COLUMNS.items()
    }
    result["particles"] = particles(jets, jet_type)
    if jetnet is not None:
        with ShardReader(jetnet / f"{jet_type}.hdf5") as reader:
            real = reader.read()
        result["multiplicity"] = multiplicity_distance(jets.multiplicity, real.multiplicity)
        result["jetnet_particles"] = particles(real, jet_type)
    if fpnd_jets:
        value = fpnd(jets[:fpnd_jets], jet_type, seed=1)
        result["fpnd"] = {"value": value.value, "error": value.error, "jets": fpnd_jets}
    return result


def within_bars(result: dict[str, dict]) -> bool:
    """Whether the means agree within 3 % and the widths of pT and mass within 10 %."""
    means = all(abs(result[column]["mean_ratio"] - 1) <= 0.03 for column in COLUMNS)
    return means and all(abs(result[x]["width_ratio"] - 1) <= 0.10 for x in ("pt", "mass"))


def rounded(value: object) -> object:
    """The value with four decimals, lists and mappings of values included."""
    if isinstance(value, dict):
        return {key: rounded(x) for key, x in value.items()}
    if isinstance(value, (list, tuple)):
        return [rounded(x) for x in value]
    return value if isinstance(value, int) else round(float(value), 4)


def main() -> None:
    parser = OnceParser(description=__doc__.splitlines()[0])
    parser.add_argument("--jets", type=int, default=4000, help="jets of each type")
    parser.add_argument("--cores", type=int, default=2)
    parser.add_argument("--jet-types", nargs="+", default=["g", "q", "t"], choices=list(JETNET))
    parser.add_argument("--config", default="{}", help="the section data.simulation, as JSON")
    parser.add_argument("--shards", type=Path, help="folder of simulated {type}/*.h5, in place")
    parser.add_argument("--fpnd", type=int, default=2500, help="jets for FPND; 0: none")
    parser.add_argument("--jetnet", type=Path, help="folder of JetNet's {type}.hdf5")
    options = parser.parse_args()
    result: dict[str, dict] = {}
    with tempfile.TemporaryDirectory() as name, ThreadPoolExecutor(options.cores) as pool:
        folder = Path(name)
        if options.shards is None:
            tasks = [
                pool.submit(simulate, jet_type, 0, options.jets, folder, options.config)
                for jet_type in options.jet_types
            ]
            for task in tasks:
                task.result()
        for jet_type in options.jet_types:
            if options.shards is None:
                paths = [folder / f"{jet_type}-0.h5"]
            else:
                paths = sorted((options.shards / jet_type).glob("*.h5"))
            jets = read(paths, options.jets)
            result[jet_type] = agreement(jet_type, jets, options.fpnd, options.jetnet)
    good = all(map(within_bars, result.values()))
    line = {"jets_per_type": options.jets, "within_bars": good, "types": rounded(result)}
    print(json.dumps(line))
    sys.exit(0 if good else 1)


if __name__ == "__main__":
    main()
