"""One training job, from files to a trained model."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch

from hypervae.device import choose_device
from hypervae.errors import InputError
from hypervae.io import software_versions
from hypervae.model import HyperVAE
from hypervae.normalization import Normalization
from hypervae.normalization.sources import find_sources
from hypervae.seeds import derive_seed
from hypervae.training.checkpoint import Checkpoints, fingerprint, read_checkpoint
from hypervae.training.history import write_history
from hypervae.training.loader import JetLoader
from hypervae.training.lock import RunLock
from hypervae.training.prior import fit_prior
from hypervae.training.trainer import Trainer

HISTORY = "history.csv"


def train(
    shards: Sequence[str | os.PathLike[str]],
    correlators: Sequence[str | os.PathLike[str]],
    normalization: str | os.PathLike[str],
    output_dir: str | os.PathLike[str],
    checkpoint_dir: str | os.PathLike[str],
    config: Mapping[str, Any],
    *,
    jet_types: Sequence[str] | None = None,
    resume: str | os.PathLike[str] | None = None,
) -> HyperVAE:
    """Train a model, or go on with a run that was stopped.

    Parameters
    ----------
    shards, correlators : sequences of paths
        One correlator file for each shard, in the same order.
    normalization : path-like
        Merged from these correlator files.
    output_dir : path-like
        Gets the weights, config, normalization and ``history.csv`` once training has ended.
    checkpoint_dir : path-like
        Holds a folder for each run; a run of the same config, code and inputs goes on by itself.
    config : mapping
        The resolved ``train`` section with ``model`` and ``split``.
    jet_types : sequence of str, optional
        Order of the model's types; sorted when left out.
    resume : path-like, optional
        A checkpoint to go on from by hand, whatever run it belongs to.

    Raises
    ------
    InputError
        If files do not fit together, or a split has no jets.
    HyperVAEError
        If another process is training this run.
    Interrupted
        See `Trainer.fit`.
    """
    merged = Normalization.read(normalization)
    if config["split"] != merged.settings["split"]:
        raise InputError(
            normalization,
            "split",
            found=str(merged.settings["split"]),
            expected=f"{config['split']}, with which jets would be split here",
        )
    sources = find_sources(shards, correlators, merged, normalization)
    present = sorted({source.jet_type for source in sources})
    types = list(jet_types or present)
    if sorted(types) != present:
        raise InputError(
            normalization, "jet types", found=", ".join(present), expected=", ".join(types)
        )
    section = {key: value for key, value in config.items() if key not in ("model", "split")}
    torch.manual_seed(derive_seed(config["seed"], "weights"))
    device = choose_device(section["execution"]["device"])
    model = HyperVAE(merged, types, config["model"], device)
    model.gradient_checkpointing(section["execution"]["gradient_checkpointing"])
    loaders = {
        split: JetLoader(
            sources,
            merged,
            jet_types=types,
            split=split,
            split_config=config["split"],
            batch_size=config["batch_size"],
            model=model.config,
            seed=config["seed"],
        )
        for split in ("train", "validation")
    }
    for split, loader in loaders.items():
        if loader.n_jets == 0:
            raise InputError(
                shards[0], "split", found=f"no {split} jets in any shard", expected="some"
            )
    # what `auto` stands for depends on the device, and decides the result
    decided = {**config, "model": model.config.to_dict()}
    name = fingerprint(decided, merged, types)
    checkpoints = Checkpoints(checkpoint_dir, name)
    trainer = Trainer(model, loaders["train"], loaders["validation"], section, checkpoints)
    with RunLock(checkpoints.directory):
        checkpoints.clean()
        _resume(trainer, checkpoints, resume)
        trainer.fit()
        prior_error = fit_prior(trainer.model.module, loaders["train"], section)
        output_dir = Path(output_dir)
        trained = trainer.model.module
        training = {
            "config": {key: value for key, value in config.items() if key != "model"},
            "fingerprint": name,
            "best_epoch": trainer.best["epoch"] + 1,
            "validation_loss": trainer.best["loss"],
            "prior_error": prior_error,
            "training_jets": loaders["train"].n_jets,
            "versions": software_versions(("torch", "lgatr", "lightning")),
        }
        write_history(output_dir / HISTORY, trainer.history)
        trained.save(output_dir, normalization, training)
    return trained


def _resume(
    trainer: Trainer, checkpoints: Checkpoints, resume: str | os.PathLike[str] | None
) -> None:
    """Go on from a checkpoint, if there is one."""
    state = read_checkpoint(resume) if resume is not None else checkpoints.load()
    if state is None:
        return
    try:
        trainer.restore(state)
    except (KeyError, TypeError, ValueError, RuntimeError) as error:
        raise InputError(
            resume or checkpoints.directory,
            "checkpoint",
            found=f"the state of another model ({type(error).__name__})",
            expected="that of a run with the same model section and jet types",
        ) from error
    trainer.say(f"resuming after epoch {trainer.epoch}, step {trainer.step_in_epoch}")
