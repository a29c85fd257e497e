"""A digest of the code of a stage, so that the workflow sees when results no longer fit the code.

The digest covers the modules of HyperVAE that a subcommand imports, directly or through others, by
their syntax trees: comments, docstrings and formatting do not count. Object references
(``"hypervae.module:attribute"``) in registries count as imports.

A module, or a package for all that it holds, may say of which subcommands it decides results: the
digests of others leave it out, with what it imports. So say those that show, report or check:

    DECIDES_RESULTS_OF = ()

Standard library only, since the Snakefile calls it.
"""

from __future__ import annotations

import ast
import functools
import hashlib
import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

_ROOT = Path(__file__).resolve().parent
_NAME = "hypervae"
# What `hypervae.registry` imports by name.
_OBJECT_REFERENCE = re.compile(rf"({_NAME}(?:\.\w+)+):\w+")

#: What a module calls the tuple of subcommands of which it decides results.
DECLARATION = "DECIDES_RESULTS_OF"
DECIDES_RESULTS_OF = ()


class ModuleSource(NamedTuple):
    """What counts of a module.

    Attributes
    ----------
    syntax : str
        Its syntax tree as text, without docstrings.
    imports : tuple of str
        Modules of HyperVAE that it imports.
    decides : tuple of str, optional
        Subcommands of which it decides results; all where it does not say.
    """

    syntax: str
    imports: tuple[str, ...]
    decides: tuple[str, ...] | None


def code_digest(subcommand: str, package: Path = _ROOT) -> str:
    """Digest of the code behind a subcommand.

    Parameters
    ----------
    subcommand : str
        As on the command line, e.g. ``"correlators"``.
    package : Path
        The folder of the package ``hypervae``.

    Returns
    -------
    str
        16 hexadecimal digits.
    """
    digest = hashlib.sha256()
    for module in sorted(import_closure(subcommand, package)):
        digest.update(f"{module}\0{_source(module, package).syntax}\0".encode())
    return digest.hexdigest()[:16]


def module_digests(subcommand: str, package: Path = _ROOT) -> dict[str, str]:
    """Digests of the single modules behind a subcommand, which say what changed in its code.

    Parameters
    ----------
    subcommand, package
        See `code_digest`.

    Returns
    -------
    dict of str to str
        8 hexadecimal digits by the full name of a module.
    """
    return {
        module: hashlib.sha256(_source(module, package).syntax.encode()).hexdigest()[:8]
        for module in sorted(import_closure(subcommand, package))
    }


def command_module(subcommand: str) -> str:
    """Name of the module that holds a subcommand (``import`` is a keyword of Python).

    Parameters
    ----------
    subcommand : str
        As on the command line.

    Returns
    -------
    str
    """
    return f"{subcommand}_" if subcommand == "import" else subcommand


def import_closure(subcommand: str, package: Path = _ROOT) -> frozenset[str]:
    """The modules of HyperVAE that decide the results of a subcommand, its own included.

    Parameters
    ----------
    subcommand, package
        See `code_digest`.

    Returns
    -------
    frozenset of str
        Full names, e.g. ``"hypervae.correlators.compute"``.
    """
    entry = f"{_NAME}.cli.commands.{command_module(subcommand)}"
    included = {_NAME: False}  # the library's own package holds its version alone
    waiting = [entry]
    while waiting:
        name = waiting.pop()
        if name in included:
            continue
        holder = name.rpartition(".")[0]
        if holder not in included:  # importing a module runs its package first
            waiting += [name, holder]
            continue
        source = _source(name, package)
        decides = source.decides is None or subcommand in source.decides
        included[name] = name == entry or (decides and (holder == _NAME or included[holder]))
        if included[name]:
            waiting += source.imports
    return frozenset(name for name, counted in included.items() if counted)


def _file_of(module: str, package: Path) -> Path:
    place = package.joinpath(*module.split(".")[1:])
    return place / "__init__.py" if place.is_dir() else place.with_suffix(".py")


def _source(module: str, package: Path) -> ModuleSource:
    file = _file_of(module, package)
    status = file.stat()
    return _parsed(file, package, status.st_mtime_ns, status.st_size)


@functools.cache
def _parsed(file: Path, package: Path, mtime: int, size: int) -> ModuleSource:
    tree = ast.parse(file.read_text(encoding="utf-8"), str(file))
    imports = tuple(
        name
        for name in dict.fromkeys(_imports(tree, file.parent.relative_to(package.parent).parts))
        if name.startswith(f"{_NAME}.") and _file_of(name, package).is_file()
    )
    decides = _declared(tree)
    for node in ast.walk(tree):
        body = getattr(node, "body", None)
        if isinstance(body, list) and body and _is_docstring(body[0]):
            body[:1] = [] if len(body) > 1 else [ast.Pass()]
    return ModuleSource(ast.dump(tree), imports, decides)


def _declared(tree: ast.Module) -> tuple[str, ...] | None:
    for node in tree.body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == DECLARATION:
            return tuple(ast.literal_eval(node.value))
    return None


def _is_docstring(node: ast.AST) -> bool:
    value = getattr(node, "value", None)
    return (
        isinstance(node, ast.Expr)
        and isinstance(value, ast.Constant)
        and isinstance(value.value, str)
    )


def _imports(tree: ast.AST, package: tuple[str, ...]) -> Iterator[str]:
    """Names of everything imported, in functions and registries too, not under TYPE_CHECKING."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.If) and getattr(node.test, "id", "") == "TYPE_CHECKING":
            continue
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else ()
            origin = ".".join([*base, *([node.module] if node.module else [])])
            yield origin
            yield from (f"{origin}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            if reference := _OBJECT_REFERENCE.fullmatch(node.value):
                yield reference[1]
        else:
            yield from _imports(node, package)
