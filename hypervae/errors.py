"""Errors that are the user's to mend: the command line prints their message and exits with 1."""

from __future__ import annotations

from os import PathLike

DECIDES_RESULTS_OF = ()  # see `hypervae.digest`

#: Characters of a part of a message: what a file holds may be of any length.
MOST_CHARACTERS = 700


def one_line(text: str) -> str:
    """A text of anywhere as one line of a length that people read.

    Parameters
    ----------
    text : str

    Returns
    -------
    str
    """
    if len(text) <= MOST_CHARACTERS and text.isprintable():
        return text
    parts = (part.strip() for part in text[: 2 * MOST_CHARACTERS].splitlines())
    line = "; ".join(filter(None, parts))
    plain = printable(line)
    cut = len(text) > 2 * MOST_CHARACTERS or len(plain) > MOST_CHARACTERS
    return plain[:MOST_CHARACTERS] + " ..." * cut


def printable(text: str) -> str:
    """A text, such as a name, with line ends and other control characters as Python writes them.

    Parameters
    ----------
    text : str

    Returns
    -------
    str
    """
    return "".join(c if c.isprintable() else repr(c)[1:-1] for c in text)


def shown(name: str) -> str:
    """A file's name as it is printed: of a very long one, the middle is left out.

    Parameters
    ----------
    name : str

    Returns
    -------
    str
    """
    half = MOST_CHARACTERS // 2
    return printable(name if len(name) <= 2 * half else f"{name[:half]} ... {name[-half:]}")


class HyperVAEError(Exception):
    """Base of every error that a change of input, config or machine can mend."""

    def __reduce__(self) -> tuple[object, ...]:
        """For other processes: pickle would make it from its message alone."""
        return type(self).__new__, (type(self), *self.args), self.__dict__


class NobodyCame(HyperVAEError):
    """Other processes of a run are not there: torch may still ask for them, in a thread."""


class ConfigError(HyperVAEError):
    """A config key is unknown, of the wrong type or out of range."""


class InputError(HyperVAEError):
    """A file does not hold what it should.

    Parameters
    ----------
    file : path-like
        The file.
    field : str
        The dataset, attribute or column that is wrong.
    found, expected : str
        What the file holds there, and what it should hold.
    """

    def __init__(self, file: str | PathLike[str], field: str, *, found: str, expected: str):
        self.file, self.field = str(file), one_line(field)
        self.found, self.expected = one_line(found), one_line(expected)
        name = shown(self.file)
        super().__init__(f"{name}: {self.field}: found {self.found}, expected {self.expected}")


class WriteFailed(InputError):
    """A file could not be written: its library may have left something of it, and crash on that."""


class DiskFull(WriteFailed):
    """A file could not be written for want of space.

    Parameters
    ----------
    file : path-like
        The file.
    reason : str
        What the system says: a full disk, or a quota that is used up.
    """

    def __init__(self, file: str | PathLike[str], reason: str):
        found = f"no way to write it ({reason})"
        super().__init__(file, "output", found=found, expected="space on its disk")


class ArgumentError(HyperVAEError, ValueError):
    """An argument of a function is of the wrong type, shape or range.

    Parameters
    ----------
    argument : str
        Its name.
    found, expected : str
        What was handed in, and what should have been.
    """

    def __init__(self, argument: str, *, found: str, expected: str):
        self.argument, self.found, self.expected = argument, found, expected
        super().__init__(f"{argument}: found {found}, expected {expected}")


class MissingPackageError(HyperVAEError, ModuleNotFoundError):
    """A package that only some functions need is not installed.

    Parameters
    ----------
    what : str
        What needs it.
    module : str
        As imported.
    install : str
        The command line that installs it.
    """

    def __init__(self, what: str, module: str, install: str):
        text = f"{what} needs {module}, which is not installed: {install}"
        super().__init__(text, name=module)
