"""What the net pins, computed through the library: the only file here that follows its interface.

Each function takes plain names and returns plain arrays or numbers. When the library's interface
moves, the calls below move along and the stored values stay.
"""

from __future__ import annotations

import functools
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import torch
from lightning.fabric import Fabric

from hypervae.config import resolve_section
from hypervae.correlators.compute import compute_correlators
from hypervae.data.jets import Jets
from hypervae.evaluation.evaluate import evaluate
from hypervae.export.decoded import DecodedHypergraphs
from hypervae.formats.correlators import CorrelatorReader
from hypervae.formats.normalization import read_normalization
from hypervae.formats.shard_writer import write_shard
from hypervae.generation.files import TypedReader
from hypervae.generation.generate import generate_jets
from hypervae.model import HyperVAE
from hypervae.model.sampling import Sampler
from hypervae.model.sampling_config import SamplingConfig
from hypervae.normalization import Normalization
from hypervae.normalization.merge import merge_normalization
from hypervae.reconstruction.reconstruct import figures, reconstruct
from hypervae.training.loader import Step
from hypervae.training.step import Optimization
from tests.unit.evaluation.jets import stretched, top_jets

TYPES = ("q", "t")  # labels alone: all jets are top jets
SLOTS, JETS = 10, 40
SPLIT = {"seed": 1, "fractions": [0.6, 0.2, 0.2]}
CORRELATORS = {
    "bins": 10,
    "range": [1e-3, 1.0],
    "hyperedges": {"orders": [3, 4], "max_particles": 8},
    "split": SPLIT,
}
MODEL = {
    "latent_dim": 4,
    "blocks": 1,
    "vector_channels": 4,
    "scalar_channels": 8,
    "heads": 2,
    "edge_width": 8,
    "hyperedge_width": 8,
    "hidden": 16,
    "hyperedge_encoder": "binned",
    "hyperedge_decoder": "binned",
    "hyperedge_samples": 20,
    "hyperedge_chunk": 16,
    "hyperedge_window": 8,
}
# SGD: where a gradient vanishes but for rounding, Adam's step would have the sign of the rounding.
TRAIN = {
    "seed": 3,
    "epochs": 2,
    "batch_size": 16,
    "optimizer": "sgd",
    "learning_rate": 0.05,
    "split": SPLIT,
    "execution": {"device": "cpu"},
}
EVALUATE = {
    "w1_samples": 100,
    "w1_batches": 2,
    "seed": 5,
    "split": {"seed": 1, "fractions": [0.5, 0.0, 0.5]},
}


@contextmanager
def undisturbed():
    """One thread, and torch's generator as it was before."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    with torch.random.fork_rng(devices=[]):
        yield
    torch.set_num_threads(threads)


def small_jets(jet_type: str) -> Jets:
    """40 jets of at most 10 particles; the first have 1, 2 and 3."""
    start = JETS * TYPES.index(jet_type)
    jets = top_jets()[start : start + JETS]
    particles = jets.particle_features[:, :SLOTS].copy()
    for row in range(3):
        particles[row, row + 1 :] = 0.0
    features = jets.jet_features.copy()
    features[:, 3] = particles[..., 3].sum(axis=1)
    return Jets(particles, features, jet_type=jet_type)


@functools.cache
def chain() -> tuple[TemporaryDirectory, list[Path], Path]:
    """Shards of both types with their correlators, and the normalization merged from them."""
    made = TemporaryDirectory()
    folder = Path(made.name)
    files = []
    for jet_type in TYPES:
        write_shard(folder / f"{jet_type}.h5", small_jets(jet_type), source="net")
        files.append(folder / f"correlators-{jet_type}.h5")
        settings = resolve_section("correlators", CORRELATORS)
        compute_correlators(folder / f"{jet_type}.h5", files[-1], settings)
    merge_normalization(files, folder / "normalization.h5", resolve_section("normalize", {}))
    return made, files, folder / "normalization.h5"


def correlator_sums() -> dict[str, np.ndarray]:
    """Sums of the first shard, and its pair bins."""
    found = {}
    with CorrelatorReader(chain()[1][0]) as reader:
        found["pair_bins"] = reader.pair_bins().astype(np.int64).sum(axis=1)
        for split in ("train", "all"):
            sums = reader.sums(split)
            found[f"{split}/n_jets"] = sums.n_jets
            for name in ("enc", "enc_squares", "enc_cross", "pairs", "sets", "multiplicity"):
                found[f"{split}/{name}"] = getattr(sums, name)
            for name, moments in sums.moments.items():
                found[f"{split}/{name}"] = moments.to_array()
    return found


def normalization() -> Normalization:
    """The merged normalization."""
    return read_normalization(chain()[2])


def merged() -> dict[str, np.ndarray]:
    """Scales and tables of the merged normalization."""
    read = normalization()
    found = {name: getattr(read, name) for name in ("ln_e2c", "ln_ratio", "multiplicity")}
    found["momentum_scale"] = read.momentum_scale
    for name in ("edge", "hyperedge", "jet", "particle"):
        scaler = getattr(read, name)
        found[f"{name}/offset"], found[f"{name}/scale"] = scaler.offset, scaler.scale
    return found


def model(**settings: object) -> HyperVAE:
    """A model of both types with its initial weights; a learned prior is moved off its start."""
    torch.manual_seed(11)
    made = HyperVAE(normalization(), TYPES, {**MODEL, **settings})
    if settings.get("prior") == "flow":
        torch.manual_seed(12)
        with torch.no_grad():
            made.prior.velocity.out.weight.normal_(0, 0.3)
            made.prior.gaussian.offset.normal_(0, 0.3)
    return made


def training_steps(train: dict | None = None, steps: int = 2, **settings: object):
    """Loss terms and gradient norm of the first steps in double precision, and the model after."""
    with undisturbed():
        config = resolve_section("train", {**TRAIN, **(train or {})})
        subject = model(**settings).double().train()
        batches = [subject.batch(small_jets(jet_type)[:12]) for jet_type in TYPES]
        sizes = [len(batch) for batch in batches]
        fabric = Fabric(accelerator="cpu", devices=1)
        optimization = Optimization(fabric, subject, config)
        found = {}
        for number in range(steps):
            step = Step(batches, sum(sizes), sizes)
            outcome = optimization.step(step, epoch=number, progress=0.2 + 0.3 * number)
            assert not outcome.skipped
            for name, value in outcome.terms.items():
                particle = name in optimization.loss_terms.particle_names
                found[f"{number}/{'particle' if particle else name}"] = value
            found[f"{number}/gradient_norm"] = outcome.gradient_norm
        return found, subject.eval()


@functools.cache
def trained(decoder: str, prior: str) -> HyperVAE:
    """A model after some steps, so that no part of it is at its start."""
    return training_steps(decoder=decoder, prior=prior)[1]


def generated(
    decoder: str,
    prior: str,
    *,
    solver: str = "midpoint",
    evaluations: int = 5,
    temperature: float = 1.0,
) -> dict[str, np.ndarray]:
    """Jets of a mix of both types, in batches, in double precision but for the last rounding."""
    with undisturbed():
        sampler = Sampler(
            trained(decoder, prior),
            seed=7,
            mix={"q": 0.5, "t": 0.5},
            sampling=SamplingConfig(
                temperature=temperature, solver=solver, evaluations=evaluations
            ),
        )
        parts = [sampler.draw(3) for _ in range(2)]
    return {
        "particles": np.concatenate([part.jets.particle_features for part in parts]),
        "jets": np.concatenate([part.jets.jet_features for part in parts]),
        "types": np.concatenate([part.types for part in parts]),
        "redrawn": sum(part.redrawn for part in parts),
    }


def decoded_hyperedges(mode: str) -> dict[str, np.ndarray]:
    """Edges and hyperedges as they are exported beside generated jets; in single precision."""
    with undisturbed(), TemporaryDirectory() as name:
        folder = Path(name)
        model(hyperedge_decoder=mode).save(folder / "model", chain()[2])
        config = resolve_section("generate", {"jets": 2, "seed": 2, "device": "cpu"})
        generate_jets(folder / "model", folder / "jets.h5", config, jet_type="t")
        found = {}
        with TypedReader(folder / "jets.h5") as reader:
            for _, extras in DecodedHypergraphs(folder / "model").batches(reader):
                for row, extra in enumerate(extras):
                    found |= {f"{row}/{name}": value.numpy() for name, value in extra.items()}
    return found


def reconstructed(decoder: str, prior: str) -> dict[str, np.ndarray]:
    """Jets and latent vectors, and the figures of merit."""
    with undisturbed():
        jets = {jet_type: small_jets(jet_type)[:6] for jet_type in TYPES}
        made = reconstruct(trained(decoder, prior), jets, seed=4)
    found = {
        "particles": made.reconstructed.particle_features,
        "jets": made.reconstructed.jet_features,
    }
    for name in ("mean", "width", "posterior", "prior"):
        found[f"latent/{name}"] = getattr(made.latent, name)
    numbers = figures(made)
    found["kl"], found["active_units"] = numbers["kl"], numbers["active_units"]
    for jet_type, about in numbers["types"].items():
        for name in ("w1_mass", "multiplicity_mae"):
            found[f"{jet_type}/{name}"] = about[name]
        for name in ("mass", "jet_pt", "multiplicity"):
            value = about["correlation"][name]
            found[f"{jet_type}/correlation_{name.removeprefix('jet_')}"] = value
    return found


def metrics(group: str, jets: int = 200) -> dict[str, list[float]]:
    """Value, error, floor and its error of each metric of a group: wider jets against jets."""
    with undisturbed(), TemporaryDirectory() as name:
        folder = Path(name)
        pool = top_jets()[200:]
        write_shard(folder / "real.h5", pool[: 2 * jets], source="net")
        made = stretched(pool[2 * jets : 3 * jets], 1.1)
        write_shard(folder / "generated.h5", made, source="net")
        config = resolve_section("evaluate", {**EVALUATE, "metrics": [group]})
        results = evaluate(folder / "generated.h5", [folder / "real.h5"], config).results
    assert not results["unavailable"]
    return {
        name: [about[key] for key in ("value", "error", "floor", "floor_error")]
        for name, about in results["metrics"].items()
    }
