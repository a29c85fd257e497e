"""``hypervae generate``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from hypervae.cli.options import section_options
from hypervae.cli.shape import HDF5, MODEL_FOLDER, Command
from hypervae.config import GenerateConfig
from hypervae.errors import ConfigError


@click.command(
    "generate",
    cls=Command,
    example=(
        "hypervae generate --pretrained t --output tops.h5 --jets 10000\n"
        "hypervae generate --model results/models/all --output mix.h5 --mix q=0.5,g=0.5"
    ),
)
@click.option("--model", type=MODEL_FOLDER, help="Folder of a trained model.")
@click.option(
    "--pretrained", metavar="TYPE", help="Instead: the weights that come along, of g, q, t, w or z."
)
@click.option("--output", type=HDF5, required=True, help="Shard to write (HDF5).")
@click.option("--jet-type", help="Jet type, where the model knows several.")
@click.option(
    "--mix",
    metavar="TYPES",
    help="Jet types with their shares instead, e.g. q=0.5,g=0.5, in one file.",
)
@click.option("--threads", type=click.IntRange(1), help="CPU threads.  [all]")
@section_options("generate")
def command(
    model: Path | None,
    pretrained: str | None,
    output: Path,
    jet_type: str | None,
    mix: str | None,
    threads: int | None,
    config: GenerateConfig,
) -> None:
    """Generate jets in physical units, in the layout of a shard."""
    import torch

    from hypervae.generation.generate import generate_jets
    from hypervae.model.pretrained import pretrained_folder

    if (model is None) == (pretrained is None):
        raise ConfigError("found --model and --pretrained, or neither; expected one of them")
    folder = model or pretrained_folder(str(pretrained))
    if mix is not None:
        config = config.replace(mix=_shares(mix))
    if threads:
        torch.set_num_threads(threads)
    redrawn = generate_jets(folder, output, config, jet_type=jet_type)
    click.echo(f"{output}: {config.jets} jets, {redrawn} of them drawn again (not physical)")


def _shares(mix: str) -> Any:
    """``q=0.5,g=0.5``, or the same as YAML with or without braces."""
    import yaml

    text = mix.strip()
    if text.startswith("{") and text.endswith("}"):
        text = text[1:-1]
    wrong = ConfigError(f"--mix: found {mix!r}, expected e.g. q=0.5,g=0.5")
    try:
        shares = yaml.safe_load("{" + text.replace("=", ": ").replace(":", ": ") + "}")
    except yaml.YAMLError as error:
        raise wrong from error
    if None in shares.values():
        raise wrong
    return shares
