"""Time and memory of an evaluation by the field's protocol, floors and errors included.

``python -m benchmarks.evaluation`` prints one line of JSON: minutes and peak resident memory of
``hypervae evaluate`` as a process of its own, start-up and files included, for 50,000 generated
against 50,000 held-out jets, with 50,000 training jets for the truth floors; everything but the
classifier, FPND, Cov and MMD. It exits with 1 above 10 minutes or 6 GB.

The jets are the 5,000 simulated gluon jets of the tests, resampled and smeared before the clock
starts: angles and ptrel by 2 %, the jets' pT, eta and mass by 5 %.
"""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from benchmarks.arguments import OnceParser
from benchmarks.jets import gluon_jets
from hypervae.data.jets import Jets, concatenate, sort_particles
from hypervae.data.split import TEST, TRAIN
from hypervae.evaluation.metrics import GROUPS
from hypervae.formats.shard_writer import write_shard

LEFT_OUT = ("classifier", "fpnd", "coverage")
MOST_MINUTES, MOST_MB = 10.0, 6000.0


def smeared(jets: Jets, n: int, seed: int) -> Jets:
    """`n` jets drawn with replacement, no two alike."""
    generator = np.random.default_rng(seed)
    drawn = jets[generator.integers(len(jets), size=n)]
    particles, features = drawn.particle_features.copy(), drawn.jet_features.copy()
    particles[..., :3] *= generator.normal(1.0, 0.02, particles[..., :3].shape)
    features[:, 0] *= generator.normal(1.0, 0.05, n)
    features[:, 1] += generator.normal(0.0, 0.5, n)
    features[:, 2] *= generator.normal(1.0, 0.05, n)
    return sort_particles(Jets(particles, features, jet_type=jets.jet_type))


def write_inputs(folder: Path, n: int) -> None:
    """Write ``generated.h5`` and ``real.h5``, the latter with `n` test and `n` training jets."""
    jets = gluon_jets()
    write_shard(folder / "generated.h5", smeared(jets, n, 1), source="benchmark")
    real = [smeared(jets, n, 2), smeared(jets, n, 3)]
    for side, part in zip(real, (TEST, TRAIN), strict=True):
        side.split = np.full(n, part, dtype=np.uint8)
    write_shard(folder / "real.h5", concatenate(real), source="benchmark")


def main() -> None:
    parser = OnceParser(description=__doc__.splitlines()[0])
    parser.add_argument("--jets", type=int, default=50_000, help="jets of each of the samples")
    parser.add_argument("--cores", type=int, default=2, help="threads of linear algebra")
    options = parser.parse_args()
    settings = {
        "metrics": [name for name in GROUPS if name not in LEFT_OUT],
        "max_jets": options.jets,
    }
    threads = dict.fromkeys(
        ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS"), str(options.cores)
    )
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_inputs(folder, options.jets)
        paths = {key: folder / f"{key}.h5" for key in ("generated", "real", "arrays")}
        arguments = [f"--{key}={path}" for key, path in paths.items()]
        arguments += [f"--output={folder / 'results.json'}", f"--config={json.dumps(settings)}"]
        start = time.monotonic()
        subprocess.run(
            [sys.executable, "-m", "hypervae", "evaluate", *arguments],
            check=True,
            stdout=subprocess.DEVNULL,
            env=os.environ | threads,
        )
        minutes = (time.monotonic() - start) / 60
        metrics = json.loads((folder / "results.json").read_text())["metrics"]
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
    report = {
        "minutes": round(minutes, 2),
        "peak_rss_mb": round(peak),
        "jets": options.jets,
        "cores": options.cores,
        "metrics": len(metrics),
    }
    print(json.dumps(report))
    sys.exit(0 if minutes <= MOST_MINUTES and peak <= MOST_MB else 1)


if __name__ == "__main__":
    main()
