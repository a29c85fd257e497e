"""The shape of every subcommand: its options in sections, an example, what old names mean."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import click

from hypervae.arguments import FIGURE_SUFFIXES, HDF5_SUFFIXES
from hypervae.io.lock import locked
from hypervae.logs import lenient_output

DECIDES_RESULTS_OF = ()

#: The section of a command's own options; those of config keys stand in sections of their own.
OWN = "Options"


class Command(click.Command):
    """A command that shows its options in sections, and an example.

    Parameters
    ----------
    *args, **attributes : object
        As for `click.Command`.
    example : str, optional
        Command lines.
    renamed : mapping of str to str, optional
        Former names of options and their present ones: understood, not shown.
    """

    def __init__(
        self,
        *args: Any,
        example: str = "",
        renamed: Mapping[str, str] | None = None,
        **attributes: Any,
    ):
        super().__init__(*args, **attributes)
        self.example, self.renamed = example, dict(renamed or {})

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """See `click.Command.parse_args`."""
        return super().parse_args(ctx, [self._present(word) for word in args])

    def _present(self, word: str) -> str:
        name, equals, value = word.partition("=")
        return self.renamed.get(name, name) + equals + value

    def invoke(self, ctx: click.Context) -> Any:
        """See `click.Command.invoke`; what is written is this process's alone meanwhile."""
        given = [
            (parameter.type, ctx.params[parameter.name or ""])
            for parameter in self.params
            if ctx.params.get(parameter.name or "") is not None
        ]
        files = [path for kind, path in given if isinstance(kind, OutputFile)]
        folders = [path for kind, path in given if kind is OUTPUT_DIRECTORY]
        # Where the result is a file, what is printed is a log. A training locks its
        # folder itself.
        writes = files or folders or ctx.params.get("output_dir") is not None
        output = lenient_output() if writes else nullcontext()
        with output, locked(files, folders):
            return super().invoke(ctx)

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """See `click.Command.format_options`."""
        sections: dict[str, list[tuple[str, str]]] = {}
        for parameter in self.get_params(ctx):
            record = parameter.get_help_record(ctx)
            if record is not None and record[0].strip():
                sections.setdefault(getattr(parameter, "section", OWN), []).append(record)
        for name, records in sections.items():
            with formatter.section(name):
                formatter.write_dl(records)

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """See `click.Command.format_epilog`."""
        if not self.example:
            return
        with formatter.section("Example" if self.example.count("\n") == 0 else "Examples"):
            for line in self.example.splitlines():
                formatter.write(f"{'':>{formatter.current_indent}}{line}\n")


class KeyOption(click.Option):
    """The option of a key of the config.

    Parameters
    ----------
    *args, **attributes : object
        As for `click.Option`.
    section : str
        Under which help shows it.
    """

    def __init__(self, *args: Any, section: str, **attributes: Any):
        super().__init__(*args, **attributes)
        self.section = section


class OutputFile(click.Path):
    """A file that will be written, in the format of its suffix.

    Parameters
    ----------
    *suffixes : str
        Those of the formats that can be written; any, where the command itself looks at it.
    """

    def __init__(self, *suffixes: str):
        super().__init__(dir_okay=False, writable=True, path_type=Path)
        self.suffixes = suffixes

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """See `click.Path.convert`."""
        path = Path(str(super().convert(value, param, ctx)))
        if self.suffixes and path.suffix.lower() not in self.suffixes:
            names = " or ".join(self.suffixes)
            other = "; hypervae export makes other formats of jets"
            self.fail(
                f"found {path}, expected a name that ends in {names}"
                f"{other if self.suffixes == HDF5_SUFFIXES else ''}",
                param,
                ctx,
            )
        return path


#: What is said of options that take several files.
SHARDS = "one or more shards (HDF5), or a list file of them."
CORRELATORS = "One or more correlator files of the shards, or a list file of them."

#: An existing file; one whose entries are files, or an HDF5 file, or several joined by commas.
INPUT_FILE = click.Path(dir_okay=False, path_type=Path)
FILE_LIST = click.Path(path_type=Path)
#: A folder, and what a trained model is given by.
DIRECTORY = click.Path(file_okay=False, path_type=Path)
MODEL = click.Path(path_type=Path)
#: A folder and files that will be written.
OUTPUT_DIRECTORY = click.Path(file_okay=False, path_type=Path)
OUTPUT_FILE = OutputFile()
HDF5 = OutputFile(*HDF5_SUFFIXES)
FIGURE = OutputFile(*FIGURE_SUFFIXES)
JSON, CSV, HTML, PDF = (OutputFile(f".{suffix}") for suffix in ("json", "csv", "html", "pdf"))


def one_input(help: str) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Give a command ``--input``, which may be named without the option, too.

    Parameters
    ----------
    help : str

    Returns
    -------
    callable
        The decorator; the command is called with ``source``.
    """

    def decorate(function: Callable[..., None]) -> Callable[..., None]:
        @functools.wraps(function)
        def command(source: Path | None, named: Path | None, **options: Any) -> None:
            if (source is None) == (named is None):
                found = "none" if source is None else f"{source} and {named}"
                raise click.UsageError(f"--input: found {found}, expected one file")
            function(source=source or named, **options)

        command = click.argument("named", metavar="", required=False, type=INPUT_FILE)(command)
        return click.option("--input", "source", type=INPUT_FILE, help=f"{help}  [required]")(
            command
        )

    return decorate


def words(option: str, text: str | None) -> list[str] | None:
    """The entries of a list on the command line: ``q,g,t`` or ``[q, g, t]``.

    Parameters
    ----------
    option : str
        Its name, for the message.
    text : str, optional

    Returns
    -------
    list of str, optional
        None where the option was not given.

    Raises
    ------
    click.BadParameter
        If there is no entry.
    """
    if text is None:
        return None
    entries = [word.strip() for word in text.strip().strip("[]").split(",")]
    found = [word for word in entries if word]
    if not found:
        raise click.BadParameter(f"found {text!r}, expected e.g. q,g,t", param_hint=option)
    return found


def wrote(*paths: Path | None) -> None:
    """Say which files a command has written.

    Parameters
    ----------
    *paths : Path, optional
        None is passed over.
    """
    for path in paths:
        if path is not None:
            click.echo(f"wrote {path}")
