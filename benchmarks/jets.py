"""Jets for benchmarks: the gluon jets of the reference file, as shards."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from hypervae.data.jets import Jets

REFERENCE = Path(__file__).resolve().parents[1] / "tests/data/eec_reference_gluon.npz"


def gluon_jets(particles: int = 30, copies: int = 1) -> Jets:
    """Simulated gluon jets with 1 TeV, cut to the hardest `particles`.

    Parameters
    ----------
    particles : int
        At most 30.
    copies : int
        Each jet is taken so many times, its phi turned by a little each time.
    """
    with np.load(REFERENCE) as file:
        ptrel, etarel, phirel = np.moveaxis(file["jets"][:, :particles], -1, 0)
        mask = file["mask"][:, :particles].astype(np.float64)
    turns = [1e-3 * turn for turn in range(copies)]
    features = np.concatenate(
        [np.stack([etarel, (phirel + turn) * mask, ptrel, mask], axis=-1) for turn in turns]
    )
    count = features[..., 3].sum(axis=1)
    jets = np.stack([np.full_like(count, value) for value in (1000.0, 0.3, 95.0)], axis=1)
    return Jets(
        features.astype(np.float32),
        np.concatenate([jets, count[:, None]], axis=1).astype(np.float32),
        jet_type="g",
    )


def wide_jets(particles: int, n: int) -> Jets:
    """Jets of many particles: those of several gluon jets together, softened and sorted."""
    base = gluon_jets()
    together = -(-particles // 30)
    parts = (
        base.particle_features[: n * together].reshape(n, together * 30, 4)[:, :particles].copy()
    )
    parts[..., 2] /= together
    order = np.argsort(-parts[..., 2] * parts[..., 3], axis=1, kind="stable")
    parts = np.take_along_axis(parts, order[..., None], axis=1)
    jets = base.jet_features[:n].copy()
    jets[:, 3] = parts[..., 3].sum(axis=1)
    return Jets(parts, jets, jet_type="g")
