"""``hypervae export``."""

from __future__ import annotations

from pathlib import Path

import click

from hypervae.cli.shape import MODEL_FOLDER, OUTPUT_FILE, Command, one_input
from hypervae.errors import ConfigError
from hypervae.limits import allow_addresses

FORMATS = {".pt": "PyG graphs", ".parquet": "an awkward array", ".root": "a ROOT tree"}
# Those that take most addresses, as `hypervae.limits` has them.
_ADDRESSES = {".pt": "PyG graphs", ".parquet": "parquet"}


@click.command(
    "export",
    cls=Command,
    example="hypervae export --input tops.h5 --output tops.parquet",
)
@one_input("Shard, generated jets or JetNet file (HDF5).")
@click.option(
    "--output",
    type=OUTPUT_FILE,
    required=True,
    help="File to write: PyG graphs (.pt), awkward array (.parquet) or ROOT tree (.root).",
)
@click.option("--jet-type", help="Type of the jets, for shards that do not name it.")
@click.option(
    "--decoded",
    is_flag=True,
    help="Edges and hyperedges of PyG graphs as the model decoded them, not recomputed from the "
    "particles; needs --model.",
)
@click.option("--model", type=MODEL_FOLDER, help="The model that made the jets, for --decoded.")
@click.option(
    "--device",
    type=click.Choice(["auto", "cpu", "cuda"]),
    default="auto",
    show_default=True,
    help="Where --decoded generates the jets again.",
)
def command(
    source: Path,
    output: Path,
    jet_type: str | None,
    decoded: bool,
    model: Path | None,
    device: str,
) -> None:
    """Export a shard or generated jets to PyG graphs, awkward parquet or a ROOT tree."""
    suffix = output.suffix.lower()
    if suffix not in FORMATS:
        raise ConfigError(f"--output: found {output}, expected a name in {', '.join(FORMATS)}")
    if decoded != (model is not None):
        raise ConfigError("--decoded and --model: found one alone, expected both or neither")
    if decoded and suffix != ".pt":
        raise ConfigError(f"--decoded: found {output}, expected PyG graphs (.pt)")
    if suffix in _ADDRESSES:
        allow_addresses(_ADDRESSES[suffix])
    if suffix == ".pt":
        from hypervae.export.graphs import export_graphs

        hypergraph = None
        if model is not None:
            from hypervae.device import choose_device
            from hypervae.export.decoded import DecodedHypergraphs

            hypergraph = DecodedHypergraphs(model, choose_device(device))
        count = export_graphs(source, output, jet_type, hypergraph)
    else:
        from hypervae.export import tables

        write = tables.export_root if suffix == ".root" else tables.export_parquet
        count = write(source, output, jet_type)
    click.echo(f"{output}: {count} jets, {FORMATS[suffix]}")
