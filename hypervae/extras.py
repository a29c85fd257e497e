"""Packages that only some commands need, and what to install where one is missing.

The extras are those of pyproject.toml (a test holds both to be the same).
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from importlib.util import find_spec
from types import ModuleType

from hypervae.errors import MissingPackageError

DECIDES_RESULTS_OF = ()

#: Of each extra, the modules that HyperVAE imports. Small ones first: of those that have a module,
#: the first is named.
EXTRAS: Mapping[str, tuple[str, ...]] = {
    "plot": ("matplotlib", "mplhep"),
    "simulate": ("awkward", "fastjet", "pythia8mc"),
    "evaluate": ("awkward", "fastjet", "ot"),
    "export": ("awkward", "pyarrow", "torch_geometric", "uproot"),
    "analysis": ("awkward", "hist", "matplotlib", "mplhep", "vector"),
    "train": ("awkward", "fastjet", "lightning", "matplotlib", "mplhep", "tensorboard"),
    "workflow": ("snakemake", "snakemake_executor_plugin_slurm", "submitit"),
    "sweep": (
        "cmaes",
        "optuna",
        "submitit",
        "snakemake",
        "snakemake_executor_plugin_slurm",
        "awkward",
        "fastjet",
        "lightning",
        "matplotlib",
        "mplhep",
        "ot",
        "tensorboard",
    ),
}
#: Packages in no extra, and how they are installed. Of jetnet, only data files are read; what it
#: asks for cannot be installed everywhere.
ALONE: Mapping[str, str] = {"jetnet": "pip install --no-deps jetnet"}


def how_to_install(module: str, command: str = "") -> str | None:
    """The command line that installs an optional module.

    Parameters
    ----------
    module : str
        As imported.
    command : str, optional
        The subcommand that needs it: where there is an extra of this name with the module, that
        one; ``doctor`` needs all.

    Returns
    -------
    str or None
        None where HyperVAE does not know the module as an optional one.
    """
    if module in ALONE:
        return ALONE[module]
    having = [extra for extra, modules in EXTRAS.items() if module in modules]
    if not having:
        return None
    if command == "doctor":
        having = ["all"]
    return f"pip install 'hypervae[{command if command in having else having[0]}]'"


def require(*modules: str) -> None:
    """Fail at once, before a long computation, where a module is missing.

    Parameters
    ----------
    *modules : str
        As imported.

    Raises
    ------
    ModuleNotFoundError
        As their import would.
    """
    for module in modules:
        if missing(module):
            raise ModuleNotFoundError(f"No module named {module!r}", name=module)


def missing(module: str) -> bool:
    """Whether a module cannot be found; it is not imported.

    Parameters
    ----------
    module : str
        Its name.

    Returns
    -------
    bool
    """
    try:
        return find_spec(module) is None
    except ValueError:  # None stands in sys.modules
        return True


def optional(module: str, what: str, extra: str = "") -> ModuleType:
    """Import a package that only some functions need.

    Parameters
    ----------
    module : str
        As imported.
    what : str
        What needs it, for the message.
    extra : str, optional
        The extra to name where several have the module.

    Returns
    -------
    module

    Raises
    ------
    MissingPackageError
        With the command line that installs it.
    """
    try:
        return import_module(module)
    except ModuleNotFoundError as error:
        name = error.name or module
        install = how_to_install(name, extra)
        if install is None:
            raise
        raise MissingPackageError(what, name, install) from error
