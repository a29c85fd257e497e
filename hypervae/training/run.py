"""One training job, from files to a trained model."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import torch

from hypervae.config import ModelConfig
from hypervae.device import choose_precision
from hypervae.errors import ConfigError, InputError
from hypervae.formats.history import write_history
from hypervae.io import software_versions, write_json
from hypervae.model import HyperVAE
from hypervae.model.hyperedges.rules import resolved_modes
from hypervae.normalization import Normalization
from hypervae.normalization.sources import Source, find_sources
from hypervae.seeds import derive_seed
from hypervae.training.checkpoint import Checkpoints, fingerprint, read_checkpoint
from hypervae.training.interrupt import Interrupted
from hypervae.training.loader import JetLoader
from hypervae.training.lock import RunLock
from hypervae.training.prior import fit_prior
from hypervae.training.processes import is_first, limit_memory, make_fabric
from hypervae.training.progress import RunLog
from hypervae.training.trainer import Trainer

HISTORY = "history.csv"
# In the folder of the run, beside its checkpoints: what it is, and its log over all attempts.
SETTINGS, LOG = "run.json", "train.log"


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
) -> HyperVAE | None:
    """Train a model, or go on with a run that was stopped.

    With several devices the first process starts the others, which run the same command.

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

    Returns
    -------
    HyperVAE or None
        The trained model; None in all processes but the first.

    Raises
    ------
    InputError
        If files do not fit together, or a split has no jets.
    HyperVAEError
        If another process is training this run, or there are too few GPUs.
    Interrupted
        See `Trainer.fit`.
    """
    _check_output(Path(output_dir))
    merged, sources, types = _inputs(shards, correlators, normalization, config, jet_types)
    section = {key: value for key, value in config.items() if key not in ("model", "split")}
    fabric = make_fabric(section)
    device = fabric.device.type
    model_config = resolved_modes(ModelConfig.of(config["model"]), merged, device)
    # what `auto` stands for depends on the device, and decides the result
    decided = {
        **config,
        "model": model_config.to_dict(),
        "precision": choose_precision(config["precision"], device),
    }
    name = fingerprint(decided, merged, types)
    checkpoints = Checkpoints(checkpoint_dir, name)
    with RunLock(checkpoints.directory) if is_first(fabric) else nullcontext():
        fabric.launch()
        if fabric.is_global_zero:
            checkpoints.clean()
            write_json(checkpoints.directory / SETTINGS, {"config": decided, "jet_types": types})
        limit_memory(fabric, section["execution"]["max_memory_gb"])
        torch.manual_seed(derive_seed(config["seed"], "weights"))
        model = HyperVAE(merged, types, config["model"], device)
        model.gradient_checkpointing(section["execution"]["gradient_checkpointing"])
        training, validation = _loaders(sources, merged, types, config, model.config)
        with training:
            log = RunLog(checkpoints.directory / LOG)
            trainer = Trainer(fabric, model, training, validation, section, checkpoints, log)
            _resume(trainer, checkpoints, resume)
            try:
                trainer.fit()
            except Interrupted:
                if fabric.is_global_zero:
                    raise
                return None  # the first process speaks, and exits, for all
            if not fabric.is_global_zero:
                return None
            trained = trainer.optimization.model
            prior_error = fit_prior(trained, training, section)
        about = {
            "config": {key: value for key, value in config.items() if key != "model"},
            "fingerprint": name,
            "best_epoch": trainer.best["epoch"] + 1,
            "validation_loss": trainer.best["loss"],
            "prior_error": prior_error,
            "training_jets": training.n_jets,
            "versions": software_versions(("torch", "lgatr", "lightning")),
        }
        output_dir = Path(output_dir)
        write_history(output_dir / HISTORY, trainer.history)
        trained.save(output_dir, normalization, about)
        best, last = about["best_epoch"], len(trainer.history)
        trainer.say(f"{output_dir}: the weights of epoch {best}, the best of {last}")
    return trained


def _check_output(folder: Path) -> None:
    """Find out now, not after the training, that its result cannot be written."""
    place = folder
    while not place.exists() and place != place.parent:
        place = place.parent
    if not place.is_dir() or not os.access(place, os.W_OK | os.X_OK):
        raise InputError(
            folder,
            "output directory",
            found=f"{place} is no directory that can be written to",
            expected="one",
        )


def _inputs(
    shards: Sequence[str | os.PathLike[str]],
    correlators: Sequence[str | os.PathLike[str]],
    normalization: str | os.PathLike[str],
    config: Mapping[str, Any],
    jet_types: Sequence[str] | None,
) -> tuple[Normalization, list[Source], list[str]]:
    """Check that the files fit together; returns the model's types in their order, too."""
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
    if config["monitor"] == "w1m" and not config["monitor_every"]:
        raise ConfigError(
            "train.monitor_every: found 0, expected at least 1 with train.monitor: w1m"
        )
    return merged, sources, types


def _loaders(
    sources: Sequence[Source],
    merged: Normalization,
    types: Sequence[str],
    config: Mapping[str, Any],
    model: ModelConfig,
) -> tuple[JetLoader, JetLoader]:
    """Loaders of the training and the validation split; the short one has no workers."""
    training, validation = (
        JetLoader(
            sources,
            merged,
            jet_types=types,
            split=split,
            split_config=config["split"],
            model=model,
            seed=config["seed"],
            workers=workers,
        )
        for split, workers in (("train", config["execution"]["workers"]), ("validation", 0))
    )
    for loader in (training, validation):
        if loader.n_jets == 0:
            raise InputError(
                sources[0].shard,
                "split",
                found=f"no {loader.split} jets in any shard",
                expected="some",
            )
    return training, validation


def _resume(
    trainer: Trainer, checkpoints: Checkpoints, resume: str | os.PathLike[str] | None
) -> None:
    """Go on from a checkpoint, if there is one."""
    state = checkpoints.load()
    if resume is not None:
        # a resubmitted job has the same option: it goes on from its own work since then
        origin = str(Path(resume).resolve())
        if state is None or state["resumed_from"] != origin:
            state = read_checkpoint(resume)
        state["resumed_from"] = origin
    if state is None:
        return
    try:
        trainer.restore(state)
    except (KeyError, TypeError, ValueError, RuntimeError) as error:
        raise InputError(
            resume or checkpoints.directory,
            "checkpoint",
            found=f"the state of another model or optimizer ({type(error).__name__})",
            expected="that of a run with the same model section, optimizer and jet types",
        ) from error
    if trainer.epoch >= trainer.config["epochs"]:
        trainer.say(f"all {trainer.epoch} epochs were trained before")
    else:
        trainer.say(f"resuming after epoch {trainer.epoch}, step {trainer.step_in_epoch}")
