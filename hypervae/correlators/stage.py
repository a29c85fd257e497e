"""From a shard to its correlator file: everything about a shard that the later stages need.

The file holds the R_L bin of every pair (which gives that of every set: the largest of its pairs'),
and sums over jets that merge by addition: correlators and their squares, counts of pairs and of
sets per bin, and moments of the features, for the training split and for all jets.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from hypervae.correlators import features, geometry, kernel, sets
from hypervae.correlators.binning import Binning
from hypervae.correlators.histograms import set_histograms
from hypervae.correlators.moments import Moments
from hypervae.data.jets import Jets
from hypervae.data.shard import SCHEMA_VERSION, ShardReader
from hypervae.data.split import TRAIN, split_of
from hypervae.io import atomic_h5, software_versions
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
_PAIRS_AT_ONCE = 2_000_000  # bounds the memory: 64 MB of features


def binning_of(config: Mapping[str, Any]) -> Binning:
    """The R_L bins of a correlators section."""
    return Binning(config["bins"], *config["range"])


@dataclass
class Sums:
    """Sums over jets of one split of one shard (or of many, merged).

    ``enc``, ``enc_squares`` and ``enc_cross`` (ENC E2C) are [orders, size], ``pairs`` [size],
    ``sets`` [set orders, size], ``multiplicity`` [P + 1], with size = bins + 2.
    """

    n_jets: int
    enc: NDArray[np.float64]
    enc_squares: NDArray[np.float64]
    enc_cross: NDArray[np.float64]
    pairs: NDArray[np.float64]
    sets: NDArray[np.float64]
    multiplicity: NDArray[np.int64]
    moments: dict[str, Moments] = field(default_factory=dict)

    @classmethod
    def merge(cls, parts: Iterable[Sums]) -> Sums:
        """The sums over the union of jets."""
        parts = list(parts)
        first, rest = parts[0], parts[1:]
        merged = cls(
            first.n_jets,
            *(getattr(first, name).copy() for name in _ARRAYS),
        )
        for part in rest:
            merged.n_jets += part.n_jets
            for name in _ARRAYS:
                getattr(merged, name).__iadd__(getattr(part, name))
        merged.moments = {
            name: Moments.merge(part.moments[name] for part in parts) for name in first.moments
        }
        return merged

    def write(self, group: h5py.Group) -> None:
        """Store in a group of an HDF5 file."""
        group.attrs["n_jets"] = self.n_jets
        for name in _ARRAYS:
            group[name] = getattr(self, name)
        # one table: thousands of files are merged, and opening a dataset costs more than reading it
        group["moments"] = np.array([moments.to_array() for moments in self.moments.values()])
        group["moments"].attrs["names"] = json.dumps(list(self.moments))

    @classmethod
    def read(cls, group: h5py.Group) -> Sums:
        """Sums from a group that `write` made."""
        names = json.loads(group["moments"].attrs["names"])
        moments = dict(zip(names, map(Moments.from_array, group["moments"][()]), strict=True))
        return cls(int(group.attrs["n_jets"]), *(group[name][()] for name in _ARRAYS), moments)


_ARRAYS = ("enc", "enc_squares", "enc_cross", "pairs", "sets", "multiplicity")


def jet_sums(
    jets: Jets,
    codes: NDArray[np.unsignedinteger],
    config: Mapping[str, Any],
    *,
    threads: int = 1,
    device: str = "cpu",
) -> Sums:
    """Sums over a batch of jets.

    Parameters
    ----------
    jets : Jets
    codes : [n, pairs]
        As `geometry.pair_bins`.
    config : mapping
        The correlators section with ``hyperedges``.
    threads : int
        Threads that share the jets' correlators.
    device : str
        Where correlators are computed: ``cpu`` (compiled) or a torch device.
    """
    binning = binning_of(config)
    counts = jets.multiplicity
    weight = geometry.weights(jets, config["weight"], config["exponent"])
    arguments = (weight, counts, codes, config["orders"], binning.size)
    if device == "cpu":
        enc, squares, cross = kernel.correlate(*arguments, threads=threads)
    else:
        from hypervae.correlators.torch_kernel import correlate_torch

        enc, squares, cross = correlate_torch(*arguments, device=device)

    slots = jets.particle_features.shape[1]
    _, j = geometry.pair_indices(slots)
    present = j < counts[:, None]
    pair_values = features.pair_features(jets)
    moments = {
        name: Moments.of(pair_values[..., column][present], _SHIFTS[name])
        for column, name in enumerate(features.PAIR_FEATURES)
    }

    orders = config["hyperedges"]["orders"]
    hardest = np.minimum(counts, config["hyperedges"]["max_particles"])
    log_weight = np.log(np.where(jets.mask, weight, 1.0))
    set_counts, _ = set_histograms(log_weight, hardest, codes, orders, binning.size)
    for order in orders:
        shift = _LN_WEIGHT_SHIFT * order
        values = sets.log_weight_sums(log_weight, hardest, order, shift)
        moments[f"ln_w{order}"] = Moments(shift, *values)

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
    return Sums(
        len(jets),
        enc[0],
        squares[0],
        cross[0],
        np.bincount(codes[present], minlength=binning.size).astype(np.float64),
        set_counts.sum(axis=0, dtype=np.float64),
        np.bincount(counts, minlength=slots + 1),
        moments,
    )


def compute_correlators(
    shard: str | os.PathLike[str],
    output: str | os.PathLike[str],
    config: Mapping[str, Any],
    *,
    jet_type: str | None = None,
    threads: int = 1,
    device: str = "cpu",
) -> None:
    """Compute the correlator file of a shard.

    Parameters
    ----------
    shard, output : path-like
    config : mapping
        The resolved ``correlators`` section with ``hyperedges`` and ``split``.
    jet_type : str, optional
        For shards that do not name theirs.
    threads, device
        As for `jet_sums`; neither changes a result beyond rounding.

    Raises
    ------
    InputError
        As `ShardReader`; nothing is written then.
    """
    binning = binning_of(config)
    parts: dict[str, list[Sums]] = {"train": [], "rest": []}
    # one digest a dataset, so that the size of the batches does not matter
    particle_digest, jet_digest = hashlib.sha256(), hashlib.sha256()
    with (
        ShardReader(shard, jet_type) as reader,
        Progress(reader.n_jets, f"correlators of {reader.path.name}", "jets") as progress,
        atomic_h5(output) as file,
    ):
        pairs = geometry.pair_count(reader.max_particles)
        batch = int(np.clip(_PAIRS_AT_ONCE // max(pairs, 1), 1, 10_000))
        stored = file.create_dataset(
            "pair_bins",
            shape=(reader.n_jets, pairs),
            dtype=binning.dtype,
            # (a shard with a single particle slot has no pairs, and so nothing to cut into chunks)
            chunks=(min(reader.n_jets, max(1, 500_000 // pairs)), pairs) if pairs else None,
        )
        row = 0
        for jets in reader.chunks(batch):
            particle_digest.update(jets.particle_features.tobytes())
            jet_digest.update(jets.jet_features.tobytes())
            codes = geometry.pair_bins(jets, binning, threads)
            stored[row : row + len(jets)] = codes
            train = split_of(jets, **config["split"], first_row=row) == TRAIN
            for name, chosen in (("train", train), ("rest", ~train)):
                if chosen.any():
                    sums = jet_sums(
                        jets[chosen], codes[chosen], config, threads=threads, device=device
                    )
                    parts[name].append(sums)
            row += len(jets)
            progress.update(len(jets))
        if parts["train"]:
            Sums.merge(parts["train"]).write(file.create_group("train"))
        Sums.merge(parts["train"] + parts["rest"]).write(file.create_group("all"))
        file["edges"] = binning.edges
        file.attrs.update(
            {
                "kind": "correlators",
                "schema_version": SCHEMA_VERSION,
                "jet_type": reader.jet_type or "",
                "n_jets": reader.n_jets,
                "max_particles": reader.max_particles,
                "content": hashlib.sha256(
                    particle_digest.digest() + jet_digest.digest()
                ).hexdigest(),
                "settings": json.dumps(dict(config), sort_keys=True),
                "versions": json.dumps(software_versions(("numpy", "numba")), sort_keys=True),
            }
        )
