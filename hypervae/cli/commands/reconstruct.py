"""``hypervae reconstruct``."""

from __future__ import annotations

from pathlib import Path

import click

from hypervae.cli.options import section_options
from hypervae.cli.shape import FILE_LIST, HDF5, MODEL_FOLDER, SHARDS, Command, wrote
from hypervae.config import ReconstructionConfig


@click.command(
    "reconstruct",
    cls=Command,
    example="hypervae reconstruct --model results/models/t --shards tops.h5 --output r.h5",
)
@click.option("--model", type=MODEL_FOLDER, required=True, help="Folder of a trained model.")
@click.option("--shards", type=FILE_LIST, required=True, help=f"Real jets, all splits: {SHARDS}")
@click.option("--output", type=HDF5, required=True, help="Latent vectors and jets (HDF5).")
@click.option("--threads", type=click.IntRange(1), help="CPU threads.  [all]")
@section_options("reconstruct")
def command(
    model: Path, shards: Path, output: Path, threads: int | None, config: ReconstructionConfig
) -> None:
    """Encode held-out jets of each type of a model, and decode them again.

    Writes the posterior of each jet, latent vectors drawn from the prior, and the jets beside their
    reconstructions, which are decoded from the posterior mean.
    """
    import torch

    from hypervae.io import read_list
    from hypervae.reconstruction.from_files import reconstruct_jets

    if threads:
        torch.set_num_threads(threads)
    found = reconstruct_jets(model, read_list(shards), config, output)
    click.echo(f"KL {found['kl']:.3g} nats, {found['active_units']} active latent dimensions")
    for jet_type, about in found["types"].items():
        correlations = ", ".join(
            f"{name} {'none' if value is None else f'{value:.3f}'}"
            for name, value in about["correlation"].items()
        )
        click.echo(
            f"{jet_type}: {about['jets']} jets; W1 of the relative mass {about['w1_mass']:.3g}; "
            f"multiplicity off by {about['multiplicity_mae']:.3g}; correlation {correlations}"
        )
    wrote(output)
