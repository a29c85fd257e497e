"""``python -m hypervae.workflow.config_files [arguments of snakemake]``: read the configs first.

Snakemake reads them before it comes to the Snakefile, so that none of our code can say what is
wrong with them: it ends in a traceback of its own, or reads without end.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence

from hypervae.config.yaml_text import read_yaml_file
from hypervae.errors import ConfigError, HyperVAEError

DECIDES_RESULTS_OF = ()  # see `hypervae.digest`

_OPTION = "--configfile"


def given_configs(arguments: Sequence[str]) -> list[str]:
    """The config files among arguments of Snakemake.

    Parameters
    ----------
    arguments : sequence of str

    Returns
    -------
    list of str
    """
    found: list[str] = []
    several = False
    for word in arguments:
        name, equals, value = word.partition("=")
        if name in (_OPTION, f"{_OPTION}s"):
            several = not equals
            found += [value] if equals else []
        elif word.startswith("-"):
            several = False
        elif several:
            found.append(word)
    return found


def check_configs(arguments: Sequence[str]) -> None:
    """Find out that Snakemake can read the config files that it is given.

    Parameters
    ----------
    arguments : sequence of str
        Of Snakemake.

    Raises
    ------
    ConfigError
        If one is no file, none of text in UTF-8, no YAML, too much of it, or no keys with values.
    """
    for path in given_configs(arguments):
        content = read_yaml_file(path)
        if not isinstance(content, dict):
            found = "nothing" if content is None else f"a {type(content).__name__}"
            raise ConfigError(f"{path}: found {found}, expected keys with values")


def refused(arguments: Sequence[str]) -> bool:
    """Check the config files, and say in one line what is wrong.

    Parameters
    ----------
    arguments : sequence of str
        Of Snakemake.

    Returns
    -------
    bool
        Whether something is.
    """
    try:
        check_configs(arguments)
    except HyperVAEError as error:
        print(f"hypervae: error: {error}", file=sys.stderr)
        return True
    return False


if __name__ == "__main__":
    sys.exit(refused(sys.argv[1:]))
