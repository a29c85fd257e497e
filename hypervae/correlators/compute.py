"""From a shard to its correlator file: everything about a shard that the later stages need.

Its layout stands in `hypervae.formats.correlators`.
"""

from __future__ import annotations

import hashlib
import os

import numpy as np
from numpy.typing import NDArray

from hypervae.config import CorrelatorsStageConfig
from hypervae.correlators import features, geometry, kernel, sets
from hypervae.correlators.binning import Binning
from hypervae.correlators.geometry import PAIRS_AT_ONCE
from hypervae.correlators.histograms import set_histograms
from hypervae.correlators.moments import Moments
from hypervae.correlators.sums import JetSums
from hypervae.data.jets import Jets
from hypervae.data.split import TRAIN, split_of
from hypervae.formats.correlators import CorrelatorWriter
from hypervae.formats.shard import ShardReader
from hypervae.io.guarded import guarded
from hypervae.progress import Progress

# Rough means, which the moments are taken about.
_SHIFTS = {
    "ln_delta": -2.5,
    "ln_kt": 0.5,
    "ln_z": -1.5,
    "ln_m2": 1.0,
    "ln_pt": 6.9,
    "eta": 0.0,
    "ln_mass": 4.4,
    "etarel": 0.0,
    "phirel": 0.0,
    "ln_ptrel": -4.5,
    "pt": 0.0,
}
_LN_WEIGHT_SHIFT = -4.5  # for each member of a set


def jet_sums(
    jets: Jets,
    pair_bins: NDArray[np.unsignedinteger],
    config: CorrelatorsStageConfig,
    *,
    threads: int = 1,
    device: str = "cpu",
) -> JetSums:
    """Sums over a batch of jets.

    Parameters
    ----------
    jets : Jets
    pair_bins : [n, pairs]
        As `geometry.pair_bins`.
    config : CorrelatorsStageConfig
    threads : int
        Threads that share the jets' correlators.
    device : str
        Where correlators are computed: ``cpu`` (compiled) or a torch device.

    Returns
    -------
    JetSums
    """
    binning = Binning.of(config)
    multiplicity = jets.multiplicity
    weight = geometry.weights(jets, config.weight, config.exponent)
    arguments = (weight, multiplicity, pair_bins, list(config.orders), binning.size)
    if device == "cpu":
        enc, squares, cross = kernel.correlate(*arguments, threads=threads)
    else:
        from hypervae.correlators.torch_kernel import correlate_torch

        enc, squares, cross = correlate_torch(*arguments, device=device)

    slots = jets.particle_features.shape[1]
    _, j = geometry.pair_indices(slots)
    present = j < multiplicity[:, None]
    pair_values = features.pair_features(jets)
    moments = {
        name: Moments.of(pair_values[..., column][present], _SHIFTS[name])
        for column, name in enumerate(features.PAIR_FEATURES)
    }

    orders = list(config.hyperedges.orders)
    hardest = np.minimum(multiplicity, config.hyperedges.max_particles)
    log_weight = np.log(np.where(jets.mask, weight, 1.0))
    set_counts, _ = set_histograms(log_weight, hardest, pair_bins, orders, binning.size)
    for order in orders:
        shift = _LN_WEIGHT_SHIFT * order
        sums = sets.log_weight_sums(log_weight, hardest, order, shift)
        moments[f"ln_w{order}"] = Moments(shift, *sums)

    for column, name in enumerate(features.JET_TARGETS):
        moments[name] = Moments.of(features.jet_targets(jets)[:, column], _SHIFTS[name])
    particles = jets.particle_features[jets.mask].astype(np.float64)
    pt = (jets.particle_features[..., 2] * jets.jet_features[:, None, 0])[jets.mask]
    for name, values in (
        ("etarel", particles[:, 0]),
        ("phirel", particles[:, 1]),
        ("ln_ptrel", np.log(particles[:, 2])),
        ("pt", pt),
    ):
        moments[name] = Moments.of(values, _SHIFTS[name])
    return JetSums(
        len(jets),
        enc[0],
        squares[0],
        cross[0],
        np.bincount(pair_bins[present], minlength=binning.size).astype(np.float64),
        set_counts.sum(axis=0, dtype=np.float64),
        np.bincount(multiplicity, minlength=slots + 1),
        moments,
    )


@guarded(reads=("shard",), writes=("output",))
def compute_correlators(
    shard: str | os.PathLike[str],
    output: str | os.PathLike[str],
    config: CorrelatorsStageConfig,
    *,
    jet_type: str | None = None,
    threads: int = 1,
    device: str = "cpu",
) -> None:
    """Compute the correlator file of a shard.

    Parameters
    ----------
    shard, output : path-like
    config : CorrelatorsStageConfig
    jet_type : str, optional
        For shards that do not name theirs.
    threads, device
        As for `jet_sums`; neither changes a result beyond rounding.

    Raises
    ------
    InputError
        As `ShardReader`; nothing is written then.
    """
    binning = Binning.of(config)
    parts: dict[str, list[JetSums]] = {"train": [], "rest": []}
    # one digest a dataset, so that the size of the batches does not matter
    particle_digest, jet_digest = hashlib.sha256(), hashlib.sha256()
    with (
        ShardReader(shard, jet_type) as reader,
        Progress(reader.n_jets, f"correlators of {reader.path.name}", "jets") as progress,
        CorrelatorWriter(
            output,
            n_jets=reader.n_jets,
            max_particles=reader.max_particles,
            jet_type=reader.jet_type,
            config=config,
        ) as writer,
    ):
        batch = geometry.jets_at_once(reader.max_particles, PAIRS_AT_ONCE)
        row = 0
        for jets in reader.chunks(batch):
            particle_digest.update(jets.particle_features.tobytes())
            jet_digest.update(jets.jet_features.tobytes())
            pair_bins = geometry.pair_bins(jets, binning, threads)
            writer.append(pair_bins)
            train = split_of(jets, config.split, row) == TRAIN
            for name, chosen in (("train", train), ("rest", ~train)):
                if chosen.any():
                    sums = jet_sums(
                        jets[chosen], pair_bins[chosen], config, threads=threads, device=device
                    )
                    parts[name].append(sums)
            row += len(jets)
            progress.update(len(jets))
        if parts["train"]:
            writer.write_sums("train", JetSums.merge(parts["train"]))
        writer.write_sums("all", JetSums.merge(parts["train"] + parts["rest"]))
        content = hashlib.sha256(particle_digest.digest() + jet_digest.digest())
        writer.content = content.hexdigest()
