"""``hypervae train``."""

from __future__ import annotations

import os
from pathlib import Path

import click

from hypervae.cli.options import section_options
from hypervae.cli.shape import (
    CHECKPOINT,
    CORRELATORS,
    FILE_LIST,
    INPUT_FILE,
    MODEL,
    OWN_OUTPUT,
    SHARDS,
    TRAINING_OUTPUT,
    Command,
    words,
    wrote,
)
from hypervae.config import TrainStageConfig


@click.command(
    "train",
    cls=Command,
    example="hypervae train --shards tops.h5 --correlators c.h5 --normalization n.h5 "
    "--output-dir model --epochs 50",
)
@click.option("--shards", type=FILE_LIST, required=True, help=f"Jets: {SHARDS}")
@click.option("--correlators", type=FILE_LIST, required=True, help=CORRELATORS)
@click.option("--normalization", type=INPUT_FILE, required=True, help="Merged from these files.")
@click.option("--output-dir", type=TRAINING_OUTPUT, required=True, help="Gets the trained model.")
@click.option(
    "--checkpoint-dir",
    type=OWN_OUTPUT,
    default=Path("checkpoints"),
    show_default=True,
    help="Checkpoints; a stopped run resumes by itself.",
)
@click.option("--jet-types", help="Order of the model's types, e.g. q,g,t.  [sorted]")
@click.option(
    "--init-from",
    type=MODEL,
    help="Start from this trained model: its folder, or its weights (safetensors).",
)
@click.option("--resume", type=CHECKPOINT, help="Resume this checkpoint, whatever its run.")
@click.option(
    "--threads", type=click.IntRange(1), help="CPU threads of all processes together.  [all]"
)
@click.option(
    "--requeue",
    is_flag=True,
    help="In a Slurm job that reaches its time limit or is pre-empted: put it back into the queue.",
)
@section_options("train")
def command(
    shards: Path,
    correlators: Path,
    normalization: Path,
    output_dir: Path,
    checkpoint_dir: Path,
    jet_types: str | None,
    init_from: Path | None,
    resume: Path | None,
    threads: int | None,
    requeue: bool,
    config: TrainStageConfig,
) -> None:
    """Train one model, or resume a run that was stopped."""
    import torch

    from hypervae.io import read_list
    from hypervae.training.interrupt import Interrupted
    from hypervae.training.observers.time_limit import TimeLimit
    from hypervae.training.run import TrainingFiles, train

    if threads:
        execution = config.execution
        own = max(threads // execution.devices - execution.workers, 1)
        torch.set_num_threads(own)
        # Lightning leaves alone what is set, and the other processes inherit it
        os.environ["OMP_NUM_THREADS"] = str(own)
    limit = TimeLimit()
    try:
        trained = train(
            TrainingFiles(read_list(shards), read_list(correlators), normalization, init_from),
            output_dir,
            checkpoint_dir,
            config,
            jet_types=words("--jet-types", jet_types),
            resume=resume,
            observers=[limit],
        )
    except Interrupted:
        if requeue:
            limit.requeue()
        raise
    if trained is not None:  # else another process of the run writes
        wrote(output_dir)
