"""The command line: ``hypervae SUBCOMMAND`` or ``python -m hypervae SUBCOMMAND``.

Subcommands are loaded on use, so that ``hypervae correlators`` does not wait for torch.
"""

from __future__ import annotations

import errno
import os
import sys
from contextlib import suppress
from importlib import import_module
from typing import Any, NoReturn

import click

from hypervae import __version__, limits
from hypervae.cli.kernels import forgive_caches
from hypervae.cli.noise import leave_out_noise, warning_at_the_end
from hypervae.cli.stopping import ending_cleanly
from hypervae.cli.usage import described
from hypervae.digest import command_module
from hypervae.environment import isolate, open_standard_streams, other_libraries
from hypervae.errors import (
    MOST_CHARACTERS,
    HyperVAEError,
    NobodyCame,
    WriteFailed,
    printable,
    shown,
)
from hypervae.extras import how_to_install
from hypervae.io.behind import STANDARD_OUTPUT, file_behind
from hypervae.logs import show_on_terminal
from hypervae.processor_time import TimeIsUp, told_before_killed

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


# What writing to standard output may meet.
_OF_STREAMS = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO)


class _LazyGroup(click.Group):
    """A group whose subcommands are imported when called; their summaries are known without."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(SUBCOMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in SUBCOMMANDS:
            return None
        limits.allow_addresses(cmd_name)
        command = import_module(f"hypervae.cli.commands.{command_module(cmd_name)}").command
        limits.hold_addresses()
        return command

    def main(self, *args: Any, **extra: Any) -> Any:
        """See `click.Command.main`; a mistake of the command line is one line."""
        run: Any = super().main
        if not extra.pop("standalone_mode", True):
            return run(*args, standalone_mode=False, **extra)
        try:
            status = run(*args, standalone_mode=False, **extra)
        except click.exceptions.NoArgsIsHelpError as error:
            error.show()
            sys.exit(error.exit_code)
        except click.ClickException as error:
            _say(described(error))
            sys.exit(error.exit_code)
        except click.Abort:
            click.echo("Aborted!", err=True)
            sys.exit(1)
        sys.exit(status if isinstance(status, int) else 0)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(SUBCOMMANDS.items()))


@click.group(cls=_LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="hypervae")
def cli() -> None:
    """From particle jets to a Lorentz-equivariant hypergraph VAE, step by step."""


def _say(text: str) -> None:
    """Print what is wrong; names that were given may hold line ends, and be of any length."""
    for word in sorted(sys.argv[1:], key=len, reverse=True):
        if not word.isprintable():
            for part in (word, *word.split("/")):
                if part and not part.isprintable():
                    text = text.replace(part, printable(part))
        if len(word) > MOST_CHARACTERS:
            for part in (" ".join(word.split()), " ".join(word.partition("=")[2].split())):
                text = text.replace(part, shown(part)) if part else text
    for word in set(text.split()):
        text = text.replace(word, shown(word)) if len(word) > MOST_CHARACTERS else text
    click.echo(f"hypervae: error: {text}", err=True)


def _end_at_once(text: str) -> NoReturn:
    """Leave without what is done at exit: HDF5 would write once more what it could not, and crash.

    Python, too, would try again to write what it has printed.
    """
    for write in (
        lambda: _say(text),
        sys.stdout.flush,
        sys.stderr.flush,
    ):
        with suppress(OSError, ValueError):  # the disk of the log is full, or it is closed
            write()
    os._exit(1)


def _check_folder() -> None:
    """Relative paths lead nowhere, and libraries crash, where the current folder was removed."""
    try:
        os.getcwd()
    except OSError as error:
        found = f"none ({error.strerror}; was it removed?)"
        raise HyperVAEError(f"current folder: found {found}, expected one to work in") from error


def main() -> None:
    """Run the command line; what the user can mend is one message and exit status 1."""
    open_standard_streams()
    isolate()
    show_on_terminal()
    leave_out_noise()
    forgive_caches()
    try:
        _check_folder()
        limits.allow_files(limits.FILES, "a command")
        with warning_at_the_end(), told_before_killed(), ending_cleanly():
            cli(standalone_mode=True)
    except (WriteFailed, NobodyCame, TimeIsUp) as error:
        _end_at_once(str(error))
    except HyperVAEError as error:
        _say(limits.starved(error) or str(error))
        sys.exit(1)
    except (OSError, ImportError, MemoryError, RuntimeError) as error:
        reason = _reason(error)
        if reason is None:
            raise  # a fault of ours, or of the installation
        if isinstance(error, OSError | RuntimeError):  # HDF5 may have left something unwritten
            _end_at_once(reason)
        _say(reason)
        sys.exit(1)
    except Exception as error:
        reason = limits.starved(error)
        if reason is None:
            raise  # a fault of ours
        _end_at_once(reason)


def _reason(error: Exception) -> str | None:
    """What the user or the machine has to do with an error; None for a fault of ours."""
    limit = limits.named(error)
    if limit is not None:
        return limit
    if isinstance(error, ImportError | OSError):
        libraries = other_libraries(error)
        if libraries is not None:
            return libraries
    if isinstance(error, OSError):
        names = [os.fspath(name) for name in (error.filename, error.filename2) if name is not None]
        what = " ".join(str(error.strerror or error).split())
        if not names and (behind := file_behind(error)):
            names = [behind]
        if not names or names[0] == STANDARD_OUTPUT:
            # what is written to files has a name, see `hypervae.io.atomic`
            full = bool(names) or error.errno in _OF_STREAMS
            return f"{what}: {STANDARD_OUTPUT}" if full else what
        given = " and ".join(map(shown, map(str, names)))
        return f"{given}: found no way to use it ({what}), expected one that can be used"
    if isinstance(error, ModuleNotFoundError):
        command = next((word for word in sys.argv[1:] if word in SUBCOMMANDS), "")
        install = how_to_install(error.name or "", command)
        if install is not None:
            return f"{command} needs {error.name}, which is not installed: {install}"
    return limits.starved(error)
