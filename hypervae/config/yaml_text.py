"""YAML as people mean it: what YAML would change or lose in silence is refused by name.

Of keys that stand twice YAML keeps one; ``010`` is eight to it, ``1:30`` ninety, ``on`` and ``~``
are no text. Anchors can make of a few lines more than fits into memory.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from hypervae.errors import ConfigError, InputError, one_line
from hypervae.io.regular import check_regular, has_content

if TYPE_CHECKING:
    import yaml

#: What a config may hold: characters, and values once aliases are written out; and how deep.
MOST_CHARACTERS, MOST_VALUES, DEEPEST = 2**24, 200_000, 40
#: Brackets that are open at once, those within texts too.
MOST_OPENED = 500
_INT, _FLOAT = "tag:yaml.org,2002:int", "tag:yaml.org,2002:float"
_MERGE, _TEXT = "tag:yaml.org,2002:merge", "tag:yaml.org,2002:str"
_OCTAL = re.compile(r"[-+]?0[0-7_]+")


def read_yaml(text: str, name: str) -> Any:
    """Read a text in YAML or JSON.

    Parameters
    ----------
    text : str
    name : str
        Of where it comes from, for messages: a file, or an option.

    Returns
    -------
    object
        None for an empty text.

    Raises
    ------
    ConfigError
        If it is none; on a key that stands twice, or is no text to YAML and would be another one;
        on numbers that YAML reads as others than they look; and on anchors that hold themselves, or
        that stand for too much.
    """
    if len(text) > MOST_CHARACTERS:
        raise ConfigError(
            f"{name}: found {len(text)} characters, expected at most {MOST_CHARACTERS}"
        )
    if text.lstrip().startswith("{"):
        try:
            return json.loads(text, object_pairs_hook=lambda pairs: _unlike(pairs, name))
        except ValueError:
            pass  # YAML's mappings begin with a brace, too
        except RecursionError:
            raise _too_deep(name) from None
    if _opened(text) > MOST_OPENED:
        raise _too_deep(name)
    import yaml  # here, since the workflow hands over JSON

    loader = None
    try:
        loader = yaml.SafeLoader(text)
        node = loader.get_single_node()
        if node is None:
            return None
        _Judge(loader, name).see(node, (), ())
        return loader.construct_document(node)
    except RecursionError:
        raise _too_deep(name) from None
    except (yaml.YAMLError, ValueError, OverflowError, AttributeError) as error:
        # (what has a type's form but is none: a date with 40 days, an exponent of a number)
        found = f"what is not valid YAML or JSON: {one_line(str(error))}"
        raise ConfigError(f"{name}: found {found}, expected a text in YAML") from error
    finally:
        if loader is not None:
            loader.dispose()


def read_yaml_file(path: str | os.PathLike[str], name: str = "") -> Any:
    """Read a file in YAML or JSON.

    Parameters
    ----------
    path : path-like
    name : str, optional
        Stands in messages; by default the path.

    Returns
    -------
    object

    Raises
    ------
    ConfigError
        As `read_yaml`; and if there is no such file, it cannot be read, or it is none of text.
    """
    name = name or os.fspath(path)
    try:
        check_regular(path, "YAML or JSON", empty=True)
        text = ""
        if has_content(path):
            with open(path, encoding="utf-8-sig") as file:
                text = file.read(MOST_CHARACTERS + 1)
    except InputError as error:
        raise ConfigError(f"{name}: found {error.found}, expected {error.expected}") from None
    except UnicodeDecodeError as error:
        raise ConfigError(f"{name}: found no text ({error}), expected UTF-8") from None
    except OSError as error:
        found = f"no way to read it ({error.strerror})"
        raise ConfigError(f"{name}: found {found}, expected YAML or JSON") from error
    return read_yaml(text, name)


def _too_deep(name: str) -> ConfigError:
    return ConfigError(f"{name}: found keys within keys without end, expected at most {DEEPEST}")


def _opened(text: str) -> int:
    """Brackets that are open at once, seen without reading: YAML's parser is slow to find out."""
    depth = deepest = 0
    for bracket in re.findall(r"[\[\]{}]", text):
        depth = depth + 1 if bracket in "[{" else max(depth - 1, 0)
        deepest = max(deepest, depth)
    return deepest


def _unlike(pairs: Iterable[tuple[str, Any]], name: str) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in pairs:
        if key in found:
            raise ConfigError(f"{name}: {key}: found twice, expected each key once")
        found[key] = value
    return found


class _Judge:
    """Walks through a document before anything is made of it."""

    def __init__(self, loader: yaml.SafeLoader, name: str):
        self._loader, self._name, self._values = loader, name, 0

    def see(self, node: Any, path: tuple[str, ...], above: tuple[int, ...]) -> None:
        """Look at a node and all below; `above` are the identities of those around it."""
        self._values += 1
        if self._values > MOST_VALUES:
            raise ConfigError(
                f"{self._name}: found more than {MOST_VALUES} values, with aliases written out"
            )
        if id(node) in above:
            self._refuse(node, path, "an anchor that holds itself", "values")
        if len(above) > DEEPEST:
            self._refuse(node, path[:3], "keys within keys", f"at most {DEEPEST} deep")
        if node.id == "scalar":
            self._see_value(node, path)
        elif node.id == "sequence":
            for place, inner in enumerate(node.value):
                self.see(inner, (*path, str(place)), (*above, id(node)))
        else:
            self._see_mapping(node, path, (*above, id(node)))

    def _see_mapping(self, node: Any, path: tuple[str, ...], above: tuple[int, ...]) -> None:
        seen: dict[str, int] = {}
        for key, value in node.value:
            if key.id != "scalar":
                self._refuse(key, path, "a key that is a list or a mapping", "a name")
            name = key.value
            if name in seen:
                found = f"twice, in line {seen[name]} and in line {key.start_mark.line + 1}"
                self._refuse(None, (*path, name), found, "each key once")
            seen[name] = key.start_mark.line + 1
            if key.tag not in (_TEXT, _MERGE):
                read = self._loader.construct_object(key, deep=True)
                if str(read) != name:
                    self._refuse(
                        key, (*path, name), f"a key that YAML reads as {read!r}", f'"{name}"'
                    )
            self.see(value, path if key.tag == _MERGE else (*path, name), above)

    def _see_value(self, node: yaml.ScalarNode, path: tuple[str, ...]) -> None:
        is_number = node.tag in (_INT, _FLOAT)
        if is_number and (":" in node.value or _OCTAL.fullmatch(node.value)):
            read = self._loader.construct_object(node)
            found = f"{node.value}, which YAML reads as {read!r}"
            self._refuse(node, path, found, "a decimal number, or a text in quotes")

    def _refuse(self, node: Any, path: tuple[str, ...], found: str, expected: str) -> None:
        line = "" if node is None else f" in line {node.start_mark.line + 1}"
        place = ".".join(path) or "(top level)"
        raise ConfigError(
            one_line(f"{self._name}: {place}: found {found}{line}, expected {expected}")
        )
