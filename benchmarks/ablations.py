"""What each part of the recipe is worth: the same budget without it; one line of JSON.

``python -m benchmarks.ablations --type t --seed 1 --cpu-seconds 120 --data D`` trains the default
recipe and each variant of it in `VARIANTS` within the budget, on the shards of
`benchmarks.quality`, and scores their jets as it does: of each variant the metrics in floors, the
``jets_seen`` and the ``cpu_seconds``, and ``emd``, [mean, error] of the energy mover's distance of
test jets from what the model makes of vectors drawn from their posteriors (of ptrel, R = 1;
arXiv:1902.02346), and ``nats``, what the learned dimensions of these say (their KL divergence from
the standard normal): near 0 they say nothing. ``--variants default adamw`` takes some of them. The
canonical frame is not among them: the scaffold's coordinates are numbers of it.
"""

from __future__ import annotations

import argparse
import copy
import hashlib
import json
import os
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
import yaml
from numpy.typing import NDArray

from benchmarks import quality
from benchmarks.arguments import OnceParser
from benchmarks.budget import fit
from benchmarks.floors import SHARD, TRAINING_SHARDS
from benchmarks.quality import data_folder, read, simulated
from benchmarks.recipe import RECIPE
from benchmarks.simulation import PARTICLES
from hypervae.data.jets import Jets
from hypervae.evaluation.coverage import emd
from hypervae.formats.shard_writer import write_shard
from hypervae.io import write_json
from hypervae.model import HyperVAE
from hypervae.model.sampling import Sampler
from hypervae.model.sampling_config import SamplingConfig
from hypervae.reconstruction.reconstruct import reconstruct

#: Jets that are rebuilt.
REBUILT = 1000


@dataclass(frozen=True)
class Variant:
    """A recipe that differs from the default one.

    Attributes
    ----------
    model, train : dict
        Values of the sections that are others.
    jets : int
        Training jets.
    evaluations : int
        Of the network, a generated jet.
    anew : bool
        Whether ``model`` and ``train`` are the sections, and not changes of the default's.
    """

    model: dict[str, Any] = field(default_factory=dict)
    train: dict[str, Any] = field(default_factory=dict)
    jets: int = SHARD * len(TRAINING_SHARDS)
    evaluations: int = 10
    anew: bool = False

    def recipe(self) -> dict[str, Any]:
        """The sections ``model`` and ``train``."""
        if self.anew:
            return {"model": self.model, "train": self.train}
        recipe = yaml.safe_load(RECIPE.read_text(encoding="utf-8"))
        return {
            name: merged(recipe[name], changes)
            for name, changes in (("model", self.model), ("train", self.train))
        }


#: An encoder beside the scaffold; its jets are read in each epoch anew, edges and sets included.
FREE = {"latent_dim": 16}
#: With the default's weight of the KL divergence (0.01) they stayed empty (docs/experiments.md).
TELLS = {"loss_weights": {"kl": 1e-4}}
VARIANTS = {
    "default": Variant(),
    "3 evaluations": Variant(evaluations=3),
    "1 evaluation": Variant(evaluations=1),
    "adamw": Variant(train={"optimizer": "adamw", "learning_rate": 3e-3}),
    "trunk slim": Variant({"lgatr": "slim", "hierarchical": {"trunk": "lgatr"}}),
    "trunk full": Variant({"lgatr": "full", "hierarchical": {"trunk": "lgatr"}}),
    "no second axes": Variant({"hierarchical": {"second_axes": False}}),
    "no borders": Variant({"hierarchical": {"borders": False}}),
    "no edge of the jet": Variant({"hierarchical": {"jet_radius": 0.0}}),
    "isotropic edge": Variant({"hierarchical": {"edge": "isotropic"}}),
    "parts first": Variant({"prior_order": "parts_first"}),
    "all draws kept": Variant({"prior_acceptance": 0}),
    "two subjets": Variant({"hierarchical": {"subjets": 2}}),
    "four subjets": Variant({"hierarchical": {"subjets": 4}}),
    "prior normal": Variant({"prior": "normal"}),
    "prior gaussian": Variant({"prior": "gaussian"}),
    "prior flow": Variant({"prior": "flow"}),
    "1,000 jets": Variant(jets=1000),
    "5,000 jets": Variant(jets=5000),
    "z of particles": Variant({**FREE, "encoder_reads": []}),
    "z of particles, edges": Variant({**FREE, "encoder_reads": ["edges"]}),
    "z of particles, hyperedges": Variant({**FREE, "encoder_reads": ["hyperedges"]}),
    "z of all": Variant(dict(FREE)),
    "z of particles that tells": Variant({**FREE, "encoder_reads": []}, TELLS),
    "z of all that tells": Variant(dict(FREE), TELLS),
    "1,000 jets, z of particles": Variant({**FREE, "encoder_reads": []}, jets=1000),
    "1,000 jets, z of all": Variant(dict(FREE), jets=1000),
    "no scaffold, flow": Variant({"decoder": "flow", "prior": "autoregressive"}, anew=True),
    "no scaffold, one shot": Variant({"prior": "autoregressive"}, anew=True),
}


def main() -> None:
    """Measure and print."""
    parser = OnceParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--type", default="t", help="jet type")
    parser.add_argument("--variants", nargs="+", choices=VARIANTS, default=list(VARIANTS))
    parser.add_argument("--cpu-seconds", type=float, default=120.0, help="of each training")
    parser.add_argument("--seed", type=int, default=1, help="of the jets and of the trainings")
    parser.add_argument("--particles", type=int, default=PARTICLES, help="of a jet, at most")
    parser.add_argument("--data", type=Path, help="folder that keeps the simulated jets")
    parser.add_argument("--models", type=Path, help="folder that keeps the trained models")
    parser.add_argument("--cores", type=int, default=len(os.sched_getaffinity(0)))
    options = parser.parse_args()
    options.shards = len(TRAINING_SHARDS) + 2
    torch.set_num_threads(options.cores)
    with tempfile.TemporaryDirectory() as name:
        data = data_folder(options, Path(name))
        simulated([options.type], data, options)
        work = options.models or Path(name)
        found = {
            variant: measure(VARIANTS[variant], data / options.type, work, options)
            for variant in options.variants
        }
    print(json.dumps({"type": options.type, "seed": options.seed, **found}))


def measure(
    variant: Variant, data: Path, work: Path, options: argparse.Namespace
) -> dict[str, Any]:
    """Train a variant, where ``work`` has no model of its recipe yet, and score its jets.

    Parameters
    ----------
    variant : Variant
    data : path
        Folder of the simulated shards.
    work : path
        Folder of all trained models.
    options : namespace

    Returns
    -------
    dict
    """
    about = trained(variant, data, work, options)
    folder = Path(about.pop("folder"))
    asked = argparse.Namespace(
        **{"seed": options.seed, "shards": options.shards, "pretrained": False},
        evaluations=variant.evaluations,
    )
    found, made = quality.measure(options.type, data.parent, folder, asked)
    tests = read(data / f"{len(TRAINING_SHARDS)}.h5")[:REBUILT]
    again = rebuilt(folder, tests, variant, options)
    return {**found, **again, "parameters": made["parameters"], **about}


def trained(
    variant: Variant, data: Path, work: Path, options: argparse.Namespace
) -> dict[str, Any]:
    """Folder of a variant's model, jets seen and CPU seconds; a model that is there is taken."""
    asked = [variant.recipe(), variant.jets, options.type, options.seed, options.cpu_seconds]
    name = hashlib.sha256(json.dumps(asked).encode()).hexdigest()[:12]
    own = work / name
    about = own / "about.json"
    if not about.exists():
        own.mkdir(parents=True, exist_ok=True)
        shards = [data / f"{shard}.h5" for shard in TRAINING_SHARDS]
        if variant.jets < SHARD:
            few = read(shards[0])[: variant.jets]
            shards = [own / "sample.h5"]
            write_shard(shards[0], few, source="benchmark")
        shards = shards[: max(variant.jets // SHARD, 1)]
        cpu, seen = fit(shards, own, variant.recipe(), options.cpu_seconds, options.seed)
        write_json(about, {"jets_seen": seen, "cpu_seconds": round(cpu, 1)})
    return {**json.loads(about.read_text(encoding="utf-8")), "folder": str(own / "model")}


def rebuilt(
    folder: Path, jets: Jets, variant: Variant, options: argparse.Namespace
) -> dict[str, Any]:
    """How far jets are from draws of their posteriors: ``emd``, its error, and ``nats``."""
    model = HyperVAE.load(folder)
    sampling = SamplingConfig(evaluations=variant.evaluations)
    found = reconstruct(model, {options.type: jets}, options.seed)
    vectors = torch.from_numpy(found.latent.posterior)
    sampler = Sampler(model, seed=options.seed, mix={options.type: 1.0}, sampling=sampling)
    made = sampler.draw(len(vectors), vectors).jets
    values = [
        emd(one[one[:, 0] > 0], other[other[:, 0] > 0])
        for one, other in zip(momenta(jets), momenta(made), strict=True)
    ]
    mean, error = np.mean(values), np.std(values, ddof=1) / len(values) ** 0.5
    learned = found.latent.kl()[model.decoder.anchored :]
    return {
        "emd": [float(f"{number:.3g}") for number in (mean, error)],
        "nats": round(float(learned.sum()), 3),
    }


def momenta(jets: Jets) -> NDArray[np.float64]:
    """[n, P, 3] (ptrel, etarel, phirel)."""
    return jets.particle_features[..., [2, 0, 1]].astype(np.float64)


def merged(section: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """A section with other values of some keys, also of those of the sections in it."""
    found = copy.deepcopy(dict(section))
    for name, value in changes.items():
        found[name] = merged(found[name], value) if isinstance(value, Mapping) else value
    return found


if __name__ == "__main__":
    main()
