"""A digest of the code of a stage, so that the workflow sees when results no longer fit the code.

The digest covers the modules of HyperVAE that a subcommand imports, directly or through others, by
their syntax trees: comments, docstrings and formatting do not count. Object references
(``"hypervae.module:attribute"``) in registries count as imports. Standard library only, since the
Snakefile calls it.
"""

from __future__ import annotations

import ast
import functools
import hashlib
import re
from collections.abc import Iterator
from pathlib import Path

_ROOT = Path(__file__).resolve().parent
_NAME = "hypervae"
# What `hypervae.registry` imports by name.
_OBJECT_REFERENCE = re.compile(rf"({_NAME}(?:\.\w+)+):\w+")

_FIGURES = f"{_NAME}.plotting"
# Modules and packages that decide what HyperVAE says and shows and not what it computes: the config
# they read is compared by itself. Figures count where they are what a stage computes.
_NOT_COUNTED = (
    "hypervae.cli.options",
    "hypervae.config",
    "hypervae.digest",
    "hypervae.errors",
    "hypervae.logs",
    _FIGURES,
    "hypervae.progress",
    "hypervae.registry",
    "hypervae.training.observers.messages",
    "hypervae.training.observers.progress",
    "hypervae.training.observers.tensorboard",
)
# Packages that hold nothing of their own.
_EMPTY = (_NAME, f"{_NAME}.cli")


def code_digest(subcommand: str) -> str:
    """Digest of the code behind a subcommand.

    Parameters
    ----------
    subcommand : str
        As on the command line, e.g. ``"correlators"``.

    Returns
    -------
    str
        16 hexadecimal digits.
    """
    digest = hashlib.sha256()
    for module in sorted(import_closure(f"{_NAME}.cli.commands.{command_module(subcommand)}")):
        digest.update(f"{module}\0{_syntax(_file_of(module))[0]}\0".encode())
    return digest.hexdigest()[:16]


def command_module(subcommand: str) -> str:
    """Name of the module that holds a subcommand (``import`` is a keyword of Python)."""
    return f"{subcommand}_" if subcommand == "import" else subcommand


def import_closure(module: str) -> frozenset[str]:
    """The modules of HyperVAE that a module needs, itself included.

    Parameters
    ----------
    module : str
        For the command of the figures, their code counts too.
    """
    left_out = set(_NOT_COUNTED)
    if module == f"{_NAME}.cli.commands.plot":
        left_out.remove(_FIGURES)
    seen: set[str] = set()
    waiting = [module]
    while waiting:
        name = waiting.pop()
        if name in seen or name in _EMPTY or any(_within(name, place) for place in left_out):
            continue
        seen.add(name)
        waiting += _syntax(_file_of(name))[1]
        waiting.append(name.rpartition(".")[0])  # importing a module runs its package too
    return frozenset(seen)


def _within(name: str, place: str) -> bool:
    """Whether a module is a place itself or lies in it, where that is a package."""
    return name == place or name.startswith(f"{place}.")


def _file_of(module: str) -> Path:
    place = _ROOT.joinpath(*module.split(".")[1:])
    return place / "__init__.py" if place.is_dir() else place.with_suffix(".py")


def _is_module(name: str) -> bool:
    return (name == _NAME or name.startswith(_NAME + ".")) and _file_of(name).is_file()


def _syntax(file: Path) -> tuple[str, list[str]]:
    status = file.stat()
    return _parsed(file, status.st_mtime_ns, status.st_size)


@functools.cache
def _parsed(file: Path, mtime: int, size: int) -> tuple[str, list[str]]:
    """The syntax tree of a file as text, and the modules that it imports."""
    tree = ast.parse(file.read_text(encoding="utf-8"), str(file))
    here = file.parent.relative_to(_ROOT.parent).parts
    imports = [name for name in _imports(tree, here) if _is_module(name)]
    for node in ast.walk(tree):
        body = getattr(node, "body", None)
        if isinstance(body, list) and body and _is_docstring(body[0]):
            body[:1] = [] if len(body) > 1 else [ast.Pass()]
    return ast.dump(tree), imports


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
