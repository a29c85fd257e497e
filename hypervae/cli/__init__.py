"""The command line: ``hypervae SUBCOMMAND`` or ``python -m hypervae SUBCOMMAND``.

Subcommands are loaded on use, so that ``hypervae correlators`` does not wait for torch.
"""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from importlib import import_module
from typing import NoReturn

import click

from hypervae import __version__
from hypervae.cli.noise import leave_out_noise
from hypervae.cli.stopping import ending_cleanly
from hypervae.digest import command_module
from hypervae.errors import DiskFull, HyperVAEError
from hypervae.extras import how_to_install
from hypervae.logs import show_on_terminal

# A command counts by itself (`hypervae.digest`), with what it imports from outside of here.
DECIDES_RESULTS_OF = ()

SUBCOMMANDS = {
    "simulate": "Simulate one shard of jets with Pythia 8 and FastJet.",
    "download": "Download one JetNet file, or take a pre-staged one, and check it.",
    "split": "Cut one shard out of a JetNet file.",
    "import": "Turn your own HDF5 or PyG graphs into a shard.",
    "correlators": "Compute energy correlators and pair bins of one shard.",
    "enc": "Energy correlators of jets, of any order, with covariances.",
    "normalize": "Merge correlators into a model's normalization.",
    "train": "Train one model.",
    "adopt": "Take a trained model as it is for a run.",
    "generate": "Generate jets with a trained model.",
    "evaluate": "Compare generated with held-out jets.",
    "equivariance": "Measure the equivariance of a trained model.",
    "reconstruct": "Encode held-out jets with a trained model, and decode them again.",
    "plot": "Draw the figures.",
    "sweep": "Train trials of a model with other values of some keys, and rank them.",
    "export": "Export jets to PyG graphs, awkward parquet or ROOT.",
    "validate": "Check files and say what is in them.",
    "doctor": "Show versions, hardware and what fits; test the installation.",
}


class _LazyGroup(click.Group):
    """A group whose subcommands are imported when called; their summaries are known without."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(SUBCOMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in SUBCOMMANDS:
            return None
        return import_module(f"hypervae.cli.commands.{command_module(cmd_name)}").command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(SUBCOMMANDS.items()))


@click.group(cls=_LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="hypervae")
def cli() -> None:
    """From particle jets to a Lorentz-equivariant hypergraph VAE, step by step."""


def _end_at_once(text: str) -> NoReturn:
    """Leave without what is done at exit: HDF5 would write once more what it could not, and crash.

    Python, too, would try again to write what it has printed.
    """
    for write in (
        lambda: click.echo(f"hypervae: error: {text}", err=True),
        sys.stdout.flush,
        sys.stderr.flush,
    ):
        with suppress(OSError, ValueError):  # the disk of the log is full, or it is closed
            write()
    os._exit(1)


def main() -> None:
    """Run the command line; what the user can mend is one message and exit status 1."""
    # without a search of all installed packages for plugins of pydantic, at the start of each job
    os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")
    os.environ["MPLBACKEND"] = (
        "Agg"  # a notebook's choice, which jobs started from it inherit, draws nothing here
    )
    show_on_terminal()
    leave_out_noise()
    try:
        with ending_cleanly():
            cli(standalone_mode=True)
    except DiskFull as error:
        _end_at_once(str(error))
    except HyperVAEError as error:
        click.echo(f"hypervae: error: {error}", err=True)
        sys.exit(1)
    except OSError as error:
        names = [os.fspath(name) for name in (error.filename, error.filename2) if name is not None]
        what = " ".join(str(error.strerror or error).split())
        _end_at_once(": ".join([what, *map(str, names)]))
    except MemoryError as error:
        details = f" ({error})" if str(error) else ""
        click.echo(f"hypervae: error: not enough memory{details}", err=True)
        sys.exit(1)
    except ModuleNotFoundError as error:
        command = next((word for word in sys.argv[1:] if word in SUBCOMMANDS), "")
        install = how_to_install(error.name or "", command)
        if install is None:
            raise  # not an optional package: a fault of ours, or of the installation
        text = f"{command} needs {error.name}, which is not installed: {install}"
        click.echo(f"hypervae: error: {text}", err=True)
        sys.exit(1)
