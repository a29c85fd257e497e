"""One training job, from files to a trained model."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from lightning.fabric import Fabric

from hypervae.config import ModelConfig, TrainStageConfig, decisive
from hypervae.device import choose_precision
from hypervae.errors import InputError
from hypervae.formats.history import write_history
from hypervae.formats.normalization import read_normalization, write_continued
from hypervae.io import software_versions, write_json
from hypervae.io.guarded import guarded
from hypervae.logs import kept_in
from hypervae.model import HyperVAE
from hypervae.model.files import NORMALIZATION, paths_of
from hypervae.model.hyperedges.rules import resolved_modes
from hypervae.model.losses.terms import parts_of_hypergraph
from hypervae.normalization import Normalization
from hypervae.normalization.sources import Source, find_sources
from hypervae.seeds import derive_seed
from hypervae.training.checkpoint import Checkpoints, fingerprint, read_checkpoint
from hypervae.training.extension import SETTINGS, state_of_shorter
from hypervae.training.generation_check import GenerationCheck
from hypervae.training.initial import Initial, read_initial, with_own_acceptance
from hypervae.training.interrupt import Interrupted
from hypervae.training.loader import JetLoader
from hypervae.training.observers.history import HistoryFile
from hypervae.training.observers.interface import Observer, Observers
from hypervae.training.observers.lock import held_run
from hypervae.training.observers.messages import Messages
from hypervae.training.observers.monitor import Monitor
from hypervae.training.observers.progress import ProgressBar
from hypervae.training.observers.tensorboard import TensorBoard
from hypervae.training.prior import fit_prior
from hypervae.training.processes import (
    FAST_IN_BF16,
    is_first,
    limit_memory,
    make_fabric,
    watching_processes,
)
from hypervae.training.stream import JetStream
from hypervae.training.trainer import Loaders, Trainer

HISTORY = "history.csv"
# In the folder of the run, beside its checkpoints and `SETTINGS`: its log over all attempts, and
# what TensorBoard reads. Its history stands there, too, after each epoch.
LOG, TENSORBOARD = "train.log", "tensorboard"

_LOG = logging.getLogger(__name__)


@dataclass(frozen=True)
class TrainingFiles:
    """What a model is trained on.

    Attributes
    ----------
    shards, correlators : sequences of paths
        One correlator file for each shard, in the same order.
    normalization : path-like
        Merged from these correlator files.
    init_from : path-like, optional
        A trained model that the training starts from, see `hypervae.training.initial`.
    """

    shards: Sequence[str | os.PathLike[str]]
    correlators: Sequence[str | os.PathLike[str]]
    normalization: str | os.PathLike[str]
    init_from: str | os.PathLike[str] | None = None


@guarded(
    reads=(
        "files.shards",
        "files.correlators",
        "files.normalization",
        ("files.init_from", paths_of),
    ),
    writes=(("output_dir", paths_of),),
)
def train(
    files: TrainingFiles,
    output_dir: str | os.PathLike[str],
    checkpoint_dir: str | os.PathLike[str],
    config: TrainStageConfig,
    *,
    jet_types: Sequence[str] | None = None,
    resume: str | os.PathLike[str] | None = None,
    observers: Sequence[Observer] = (),
) -> HyperVAE | None:
    """Train a model, or resume a run that was stopped.

    With several devices the first process starts the others, which run the same command.

    Parameters
    ----------
    files : TrainingFiles
    output_dir : path-like
        Gets the weights, config, normalization and ``history.csv`` once training has ended.
    checkpoint_dir : path-like
        Holds a folder for each run; a run of the same config, code and inputs resumes by itself.
    config : TrainStageConfig
    jet_types : sequence of str, optional
        Order of the model's types; sorted when left out.
    resume : path-like, optional
        A checkpoint to resume by hand, whatever run it belongs to.
    observers : sequence of Observer
        Called after those of the run itself, in every process.

    Returns
    -------
    HyperVAE or None
        The trained model; None in all processes but the first.

    Raises
    ------
    InputError
        If files do not fit together, or a result cannot be written.
    HyperVAEError
        If another process is training this run or writes this model, or there are too few GPUs.
    LockLost
        If another process has taken over, which saw no sign of life of this one.
    Interrupted
        See `Trainer.fit`.
    """
    output_dir = Path(output_dir)
    _check_output(output_dir)
    data = _read(files, config, jet_types)
    config = data.config
    fabric = make_fabric(config, fast_in_bf16=config.model.decoder in FAST_IN_BF16)
    decided = _decided(config, data, fabric.device.type)

    def name_of(settings: Mapping[str, Any]) -> str:
        return fingerprint(settings, data.merged, data.types)

    checkpoints = Checkpoints(checkpoint_dir, name_of(decided), make=False)
    folder = checkpoints.directory
    with held_run(checkpoints, output_dir) if is_first(fabric) else nullcontext() as watch:
        fabric.launch()
        if fabric.is_global_zero:
            checkpoints.clean()
            write_json(folder / SETTINGS, {"config": decided, "jet_types": data.types})
        model = _new_model(fabric, data, config)
        loaders = _loaders(data, config, model.config)
        kept = kept_in(folder / LOG) if fabric.is_global_zero else nullcontext()
        with loaders.training, kept, watching_processes(fabric):
            if data.initial is None:  # else it has the tables of its weights
                model.fit_decoder(loaders.training.once(config.batch_size))
            own = _observers(fabric, loaders, config, folder)
            watching = Observers([*own, *([watch] if watch else []), *observers])
            trainer = Trainer(fabric, model, loaders, config, checkpoints, watching)
            _resume(trainer, resume, lambda: state_of_shorter(folder, config, decided, name_of))
            try:
                trainer.fit()
            except Interrupted:
                if fabric.is_global_zero:
                    raise
                return None  # the first process speaks, and exits, for all
            if not fabric.is_global_zero:
                return None
            trained = trainer.optimization.model
            fitted = fit_prior(trained, loaders.training, config, watching)
            about = {"precision": decided["precision"], **asdict(fitted)}
            _write(output_dir, trainer, _normalization_file(files, data, folder), config, about)
    return trained


@dataclass(frozen=True)
class _Data:
    """The inputs of a run, read and checked.

    Attributes
    ----------
    config : TrainStageConfig
        With what weights that the training starts from decide.
    merged : Normalization
        Of the jets.
    sources : list of Source
    types : list of str
        In the model's order.
    initial : Initial, optional
    """

    config: TrainStageConfig
    merged: Normalization
    sources: list[Source]
    types: list[str]
    initial: Initial | None

    @property
    def normalization(self) -> Normalization:
        """That of the model."""
        return self.initial.normalization if self.initial else self.merged


def _decided(config: TrainStageConfig, data: _Data, device: str) -> dict[str, Any]:
    """The config with what ``auto`` stands for, which depends on the device."""
    model = resolved_modes(config.model, data.merged, device)
    return {
        **decisive(config),
        **({"init_from": data.initial.digest} if data.initial else {}),
        "model": decisive(model),
        "precision": choose_precision(
            config.precision, device, fast_in_bf16=config.model.decoder in FAST_IN_BF16
        ),
    }


def _new_model(fabric: Fabric, data: _Data, config: TrainStageConfig) -> HyperVAE:
    """A model with the weights that training starts from."""
    limit_memory(fabric, config.execution.max_memory_gb)
    torch.manual_seed(derive_seed(config.seed, "weights"))
    model = HyperVAE(data.normalization, data.types, config.model, fabric.device.type)
    if data.initial:
        model.load_state_dict(with_own_acceptance(data.initial.model.state_dict(), model))
    model.gradient_checkpointing(config.execution.gradient_checkpointing)
    return model


def _observers(
    fabric: Fabric, loaders: Loaders, config: TrainStageConfig, folder: Path
) -> list[Observer]:
    """What watches a run: the monitor in every process, the rest in the first alone."""
    first = fabric.is_global_zero
    observers: list[Observer] = []
    if config.monitor_every:
        check = None
        if first:
            most = config.monitor_jets
            jets = loaders.validation.jets(most)
            check = GenerationCheck(jets, max(most // len(jets), 1), config.seed)
        floors = config.monitor == "floors"
        observers.append(Monitor(fabric, check, config.monitor_every, floors))
    if first:
        observers += [
            TensorBoard(folder / TENSORBOARD),
            HistoryFile(folder / HISTORY),
            ProgressBar(),
            Messages(),
        ]
    return observers


def _write(
    output_dir: Path,
    trainer: Trainer,
    normalization: str | os.PathLike[str],
    config: TrainStageConfig,
    more: dict[str, Any],
) -> None:
    """Write the trained model, `more` of what is to be known about it, and its history."""
    best, history = trainer.state.best, trainer.state.history
    about = {
        "config": {key: value for key, value in config.to_dict().items() if key != "model"},
        "fingerprint": trainer.checkpoints.fingerprint,
        "best_epoch": best.epoch + 1,
        "validation_loss": best.loss,
        **more,
        "training_jets": trainer.training.n_jets,
        "versions": software_versions(("torch", "lgatr", "lightning")),
    }
    write_history(output_dir / HISTORY, history)
    trainer.optimization.model.save(output_dir, normalization, about)
    _LOG.info(
        "%s: the weights of epoch %d, the best of %d", output_dir, best.epoch + 1, len(history)
    )


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


def _read(files: TrainingFiles, config: TrainStageConfig, jet_types: Sequence[str] | None) -> _Data:
    """Check that the files and settings fit together; the types are in the model's order."""
    merged = read_normalization(files.normalization)
    split = config.split
    if split != merged.settings.split:
        raise InputError(
            files.normalization,
            "split",
            found=str(merged.settings.split),
            expected=f"{split}, with which jets would be split here",
        )
    sources = find_sources(files.shards, files.correlators, merged, files.normalization)
    present = sorted({source.jet_type for source in sources})
    types = list(jet_types or present)
    if sorted(types) != present:
        raise InputError(
            files.normalization, "jet types", found=", ".join(present), expected=", ".join(types)
        )
    if files.init_from is None:
        return _Data(config, merged, sources, types, None)
    initial = read_initial(files.init_from, config.model, merged, types)
    if len(types) > 1:
        types = list(initial.model.jet_types)  # the order that its weights know
    config = config.replace(model=initial.config.to_dict())
    return _Data(config, merged, sources, types, initial)


def _normalization_file(files: TrainingFiles, data: _Data, folder: Path) -> str | os.PathLike[str]:
    """The normalization that is saved with the model; a new one is written into a folder."""
    if data.initial is None:
        return files.normalization
    path = folder / NORMALIZATION
    write_continued(path, data.initial.files.normalization, data.normalization)
    return path


def _loaders(data: _Data, config: TrainStageConfig, model: ModelConfig) -> Loaders:
    """Loaders of the training and the validation split; the short one has no workers."""
    hypergraph = parts_of_hypergraph(config, model)
    training, validation = (
        JetLoader(
            JetStream(data.sources, data.types, split, config.split, config.seed),
            data.normalization,
            model,
            workers,
            hypergraph,
            config.execution.kept_gb,
        )
        for split, workers in (("train", config.execution.workers), ("validation", 0))
    )
    for loader in (training, validation):
        if loader.n_jets == 0:
            raise InputError(
                data.sources[0].shard,
                "split",
                found=f"no {loader.split} jets in any shard",
                expected="some",
            )
    return Loaders(training, validation)


def _resume(
    trainer: Trainer,
    resume: str | os.PathLike[str] | None,
    shorter: Callable[[], dict[str, Any] | None],
) -> None:
    """Restore a checkpoint, if there is one: of this run, a named one, or of a shorter run."""
    state = trainer.checkpoints.load()
    if resume is None and state is None:
        state = shorter()
    if resume is not None:
        # a resubmitted job has the same option: it resumes its own work since then
        origin = os.path.realpath(resume)
        if state is None or state["resumed_from"] != origin:
            state = read_checkpoint(resume)
        state["resumed_from"] = origin
    if state is None:
        return
    try:
        trainer.restore(state)
    except (KeyError, TypeError, ValueError, RuntimeError) as error:
        raise InputError(
            resume or trainer.checkpoints.directory,
            "checkpoint",
            found=f"the state of another model or optimizer ({type(error).__name__})",
            expected="that of a run with the same model section, optimizer and jet types",
        ) from error
