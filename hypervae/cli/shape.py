"""The shape of every subcommand: its options in sections, an example, what old names mean."""

from __future__ import annotations

import functools
import os
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import click

from hypervae.arguments import FIGURE_SUFFIXES, HDF5_SUFFIXES
from hypervae.errors import ConfigError
from hypervae.io.lists import named_files
from hypervae.io.lock import locked
from hypervae.io.targets import check_once, check_targets, keeping
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
        """See `click.Command.parse_args`; an option that takes one value is given once."""
        present = [self._present(word) for word in args]
        try:
            if not ctx.resilient_parsing:
                self._check_once(ctx, present)
            return super().parse_args(ctx, present)
        except click.UsageError as error:
            error.ctx = error.ctx or ctx  # click's parser knows none
            raise

    def _present(self, word: str) -> str:
        name, equals, value = word.partition("=")
        return self.renamed.get(name, name) + equals + value

    def _check_once(self, ctx: click.Context, words: list[str]) -> None:
        try:
            _, _, order = self.make_parser(ctx).parse_args(list(words))
        except click.NoSuchOption:
            for word in words:
                if word.startswith("-") and os.path.exists(word):
                    found = f"found {word}, which looks like an option"
                    raise ConfigError(f"{found}; expected ./{word} for the file") from None
            raise
        for parameter, count in Counter(order).items():
            single = isinstance(parameter, click.Option) and not parameter.multiple
            if single and count > 1 and not parameter.is_eager:
                several = isinstance(parameter.type, InputPath) and parameter.type.is_list
                more = "; several files: with commas between, or a list file" if several else ""
                name = "/".join([*parameter.opts, *parameter.secondary_opts])
                raise ConfigError(f"{name}: found {count} times, expected once{more}")

    def invoke(self, ctx: click.Context) -> Any:
        """See `click.Command.invoke`; what is read stays, what is written is written by one."""
        inputs: list[tuple[str, Path]] = []
        outputs: list[tuple[str, Path]] = []
        together: dict[object, tuple[str, list[Path]]] = {}
        locks: tuple[list[Path], list[Path]] = ([], [])
        for parameter, value in _given(self.params, ctx):
            option, kind = _name_of(parameter), parameter.type
            if isinstance(kind, InputPath | NamesFiles):
                files = list(kind.files(value))
                inputs += ((option, path) for path in files)
                if kind.once:
                    # what an option and an argument of one type name is one list
                    group = kind if isinstance(kind, NamesFiles) else parameter
                    together.setdefault(group, (option, []))[1].extend(files)
            elif isinstance(kind, OutputFile):
                outputs.append((option, value))
                locks[0].append(value)
            elif isinstance(kind, OutputFolder):
                outputs += ((option, path) for path in kind.files(value))
                if kind.locked:
                    locks[1].append(value)
        check_targets(inputs, outputs)  # first what would be lost, then what would be wrong
        for option, files in together.values():
            check_once(option, files)
        # Where the result is a file, what is printed is a log.
        writes = any(
            isinstance(one.type, OutputFile | OutputFolder) for one, _ in _given(self.params, ctx)
        )
        output = lenient_output() if writes else nullcontext()
        with output, keeping(inputs), locked(*locks):
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


def _given(
    parameters: Iterable[click.Parameter], ctx: click.Context
) -> Iterator[tuple[click.Parameter, Any]]:
    """Parameters with their values, each of several by itself."""
    for parameter in parameters:
        value = ctx.params.get(parameter.name or "")
        for one in value if isinstance(value, tuple) else (value,):
            if one is not None:
                yield parameter, one


def _name_of(parameter: click.Parameter) -> str:
    """As the command line calls it; an argument without a name stands for ``--input``."""
    if isinstance(parameter, click.Option):
        return parameter.opts[0]
    return parameter.human_readable_name or "--input"


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


class NamesFiles(click.ParamType):
    """A text that may name files that are read.

    Parameters
    ----------
    name : str
        Of the type, as in the help.
    files : callable
        The files that a value names.
    """

    def __init__(self, name: str, files: Callable[[str], Iterable[Path]]):
        self.name, self.files = name, files
        self.once = True  # a file that is given again says nothing more


class _NamedPath(click.Path):
    """A path that has a name: an empty word, as of a variable that is not set, is no folder."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """See `click.Path.convert`."""
        if not str(value):
            self.fail("found an empty name, expected a path", param, ctx)
        return super().convert(value, param, ctx)


class InputPath(_NamedPath):
    """A file or a folder that is read.

    Parameters
    ----------
    files : callable, optional
        Files that are read where a path is given; the path itself, by default.
    is_list : bool
        Whether several files can be given.
    stays : bool
        Whether it must stay as it is; else the command itself may write it again.
    once : bool, optional
        Whether each of several files is given once; so for lists, by default. Not where each has
        a meaning of its own.
    **attributes : object
        As for `click.Path`.
    """

    def __init__(
        self,
        files: Callable[[Path], Iterable[Path]] | None = None,
        *,
        is_list: bool = False,
        stays: bool = True,
        once: bool | None = None,
        **attributes: Any,
    ):
        super().__init__(path_type=Path, **attributes)
        self.once = is_list if once is None else once
        self._files, self.is_list, self.stays = files, is_list, stays

    def files(self, path: Path) -> Iterable[Path]:
        """The files that must stay as they are.

        Parameters
        ----------
        path : Path
            As it was given.

        Returns
        -------
        iterable of Path
        """
        if not self.stays:
            return []
        return [path] if self._files is None else self._files(path)


class OutputFolder(_NamedPath):
    """A folder that files will be written into.

    Parameters
    ----------
    files : callable
        Those of its files that are known before.
    locked : bool
        Whether no other process may write there; else the command looks after that.
    """

    def __init__(
        self, files: Callable[[Path], Iterable[Path]] = lambda folder: (), *, locked: bool = True
    ):
        super().__init__(file_okay=False, path_type=Path)
        self.files, self.locked = files, locked


class OutputFile(_NamedPath):
    """A file that will be written, in the format of its suffix.

    Parameters
    ----------
    *suffixes : str
        Those of the formats that can be written; any, where the command itself looks at it.
    """

    def __init__(self, *suffixes: str):
        super().__init__(path_type=Path)  # what stands there is looked at before anything is done
        self.suffixes = suffixes

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """See `click.Path.convert`; a suffix decides the format."""
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


def _model_files(place: Path) -> list[Path]:
    from hypervae.workflow.models import model_files  # here, since help needs no config

    return [Path(file) for file in model_files(str(place))]


#: What is said of options that take several files.
SHARDS = "one or more shards (HDF5), or a list file of them."
CORRELATORS = "One or more correlator files of the shards, or a list file of them."

#: An existing file; one whose entries are files, or an HDF5 file, or several joined by commas.
INPUT_FILE = InputPath(dir_okay=False)
FILE_LIST = InputPath(named_files, is_list=True)
#: The same, where the first is another thing than the second, and may be the same file.
FILE_PAIR = InputPath(named_files, is_list=True, once=False)
#: A trained model's folder; the same, or weights beside its other files; another folder.
MODEL_FOLDER = InputPath(_model_files, file_okay=False)
MODEL = InputPath(_model_files)
FOLDER = InputPath(file_okay=False)
#: A checkpoint, which its run replaces.
CHECKPOINT = InputPath(dir_okay=False, stays=False)
#: Folders and files that will be written. A training and a sweep lock theirs themselves.
OUTPUT_DIRECTORY = OutputFolder()
MODEL_OUTPUT = OutputFolder(_model_files)
OWN_OUTPUT = OutputFolder(locked=False)
TRAINING_OUTPUT = OutputFolder(_model_files, locked=False)
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
