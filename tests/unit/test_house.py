"""The shape of the code: sizes of files and functions, numbers of arguments, and docstrings.

Exceptions stand in `EXEMPT` with a reason each, `PRESENT` is what is left to mend: an entry that
is not needed any more fails, too, so that both lists only shrink.
"""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
FOLDERS = ("hypervae", "workflow", "tests", "benchmarks", "website")
LINES, FUNCTION_LINES, ARGUMENTS = 400, 60, 7

#: Place -> why it may stay.
EXEMPT: dict[str, str] = {
    # Numba finds closures over functions that were made anew in no cache, and inlines all of it.
    "hypervae/correlators/kernel.py:_kernel lines": "holds the walk, which is compiled per order",
    "hypervae/correlators/kernel.py:_kernel.walk lines": "one compiled loop over the pairs",
    "hypervae/model/hyperedges/chunked.py:_Chunked.forward arguments": "autograd hands them singly",
    # All but two are keywords with defaults, of which no caller names more than a few.
    "hypervae/model/inputs.py:make_batch arguments": "a config would be made for this call alone",
    "hypervae/observables/efp.py:_connected lines": "one formula of 20 polynomials, a line each",
}
#: Places that break a rule now.
PRESENT: frozenset[str] = frozenset()

FILES = sorted(
    path
    for folder in FOLDERS
    for path in (ROOT / folder).rglob("*")
    if path.suffix in (".py", ".smk", ".yaml", ".sh") or path.name == "Snakefile"
)


def functions(tree, prefix=""):
    """All functions and classes, with their qualified names and the class that they are in."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            name = f"{prefix}{node.name}"
            yield name, node, tree
            yield from functions(node, f"{name}.")
        else:
            yield from functions(node, prefix)


def parameters(node):
    """Names of the arguments, but for self and cls."""
    arguments = node.args
    named = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs]
    names = [argument.arg for argument in named if argument.arg not in ("self", "cls")]
    return names + [extra.arg for extra in (arguments.vararg, arguments.kwarg) if extra]


def is_command(node):
    """Whether click calls it with its options."""
    return any("command" in ast.unparse(decorator) for decorator in node.decorator_list)


def is_fixture_or_test(path, node):
    """Whether pytest gives it its arguments."""
    fixture = any("fixture" in ast.unparse(decorator) for decorator in node.decorator_list)
    return "tests" in path.parts and (fixture or node.name.startswith("test_"))


def is_compiled(node):
    """Whether numba compiles it: arrays are handed one by one there."""
    return any("njit" in ast.unparse(decorator) for decorator in node.decorator_list)


def length(node):
    """Lines of a function's body, without its docstring."""
    first = node.body[0]
    documented = isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant)
    return node.end_lineno - (first.end_lineno if documented else first.lineno - 1)


def size_offences():
    """Files that are too long."""
    for path in FILES:
        lines = len(path.read_text().splitlines())
        if lines > LINES:
            yield f"{path.relative_to(ROOT)}", f"{lines} lines, at most {LINES}"


def function_offences():
    """Functions that are too long or take too many arguments."""
    for path in FILES:
        if path.suffix != ".py":
            continue
        for name, node, _ in functions(ast.parse(path.read_text())):
            if isinstance(node, ast.ClassDef):
                continue
            place = f"{path.relative_to(ROOT)}:{name}"
            if length(node) > FUNCTION_LINES:
                yield f"{place} lines", f"{length(node)} lines, at most {FUNCTION_LINES}"
            handed = is_command(node) or is_compiled(node) or is_fixture_or_test(path, node)
            if len(parameters(node)) > ARGUMENTS and not handed:
                yield f"{place} arguments", f"{len(parameters(node))}, at most {ARGUMENTS}"


def returns_something(node):
    """Whether a call gives something, rather than being an attribute or a block's surroundings."""
    if any("property" in ast.unparse(decorator) for decorator in node.decorator_list):
        return False
    nothing = ("None", "NoReturn", "Never", "Iterator[None]")
    return node.returns is not None and ast.unparse(node.returns) not in nothing


def docstring_offences():
    """Public functions and classes of the package whose docstring is not complete.

    It names each parameter (of a class: those of its constructor) in a section ``Parameters``, and
    has ``Returns`` or ``Yields`` where there is a result. A method that a base class of the package
    documents needs no more than a line; "See `place`" will do where the base is another package's.
    """
    trees = {path: ast.parse(path.read_text()) for path in FILES if is_of_package(path)}
    classes = {
        node.name: node
        for tree in trees.values()
        for node in ast.walk(tree)
        if isinstance(node, ast.ClassDef)
    }
    for path, tree in trees.items():
        for name, node, parent in functions(tree):
            place = f"{path.relative_to(ROOT)}:{name} docstring"
            hidden = any(part.startswith("_") for part in name.split("."))
            inner = not isinstance(parent, ast.Module | ast.ClassDef | ast.If)
            if hidden or inner or is_command(node) or is_setter(node):
                continue
            if isinstance(node, ast.ClassDef):
                missing = undocumented_constructor(node, classes)
                if missing:
                    yield place, f"does not say what {', '.join(missing)} is"
                continue
            found = docstring_offence(node, parent, classes)
            if found:
                yield place, found


def docstring_offence(node, parent, classes):
    """What is wrong with the docstring of a function; nothing if it is complete."""
    text = ast.get_docstring(node) or ""
    if not text:
        return "none"
    if re.match(r"(As|See|The inverse of) `[^`]*`[^.]*\.?$", text.split("\n\n")[0]):
        return None if inherits(parent) else f"refers alone: {text.splitlines()[0]}"
    if any(True for _ in overridden(node.name, parent, classes)):
        return None
    present = sections(text)
    named = documented(present.get("Parameters", ""))
    missing = [name for name in parameters(node) if name not in named]
    if missing:
        return f"does not say what {', '.join(missing)} is"
    if returns_something(node) and not {"Returns", "Yields"} & set(present):
        return "does not say what it returns"
    return None


def undocumented_constructor(node, classes):
    """Parameters of a class that neither it nor the base whose constructor they are of names."""
    own = [part for part in node.body if getattr(part, "name", "") == "__init__"]
    if not own:
        return []
    named = set()
    bases = (parent for parent, _ in overridden("__init__", node, classes))
    for one in (node, *bases):
        present = sections(ast.get_docstring(one) or "")
        named |= documented(present.get("Parameters", "") + present.get("Attributes", ""))
    return [name for name in parameters(own[0]) if name not in named]


def overridden(name, node, classes):
    """Methods of this name in the bases of a class that are the package's, with their classes."""
    for base in getattr(node, "bases", ()):
        parent = classes.get(ast.unparse(base).split("[")[0].rpartition(".")[2])
        if parent is not None and parent is not node:
            yield from ((parent, part) for part in parent.body if getattr(part, "name", "") == name)
            yield from overridden(name, parent, classes)


def sections(text):
    """The sections of a docstring by name."""
    parts = re.split(r"^([A-Z]\w+)\n-{3,}\n", text, flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


def documented(section):
    """Names that a section of a docstring lists."""
    heads = re.findall(r"^\S.*$", section, re.MULTILINE)
    return {name.strip().lstrip("*") for head in heads for name in head.split(" :")[0].split(",")}


def is_of_package(path):
    """Whether a file is a module of the package."""
    return path.suffix == ".py" and path.parts[len(ROOT.parts)] == "hypervae"


def private_offences():
    """Tests that reach into what is private: such names may change without a word."""
    for path in FILES:
        if path.suffix != ".py" or path.parts[len(ROOT.parts)] != "tests":
            continue
        for node in ast.walk(ast.parse(path.read_text())):
            name, place = "", f"{path.relative_to(ROOT)}:{getattr(node, 'lineno', 0)} private name"
            if isinstance(node, ast.Attribute) and ast.unparse(node.value) not in ("self", "cls"):
                name = node.attr
            elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith("hypervae"):
                name = next((alias.name for alias in node.names if is_private(alias.name)), "")
            elif isinstance(node, ast.Call) and ast.unparse(node.func).endswith("setattr"):
                texts = [arg.value for arg in node.args[:2] if isinstance(arg, ast.Constant)]
                name = next((str(text).rpartition(".")[2] for text in texts), "")
            if is_private(name):
                yield place, name


def is_private(name):
    """Whether a name starts with one underscore."""
    return name.startswith("_") and not name.startswith("__") and name != "_replace"


def is_setter(node):
    """Whether the getter of the same name has the docstring."""
    return any(ast.unparse(decorator).endswith(".setter") for decorator in node.decorator_list)


def inherits(parent):
    """Whether a class has a base that documents its methods."""
    return isinstance(parent, ast.ClassDef) and bool(parent.bases)


OFFENCES = {
    "size of files": size_offences,
    "functions": function_offences,
    "docstrings": docstring_offences,
    "private names": private_offences,
}


@pytest.mark.parametrize("rule", OFFENCES)
def test_the_rules_of_the_house(rule):
    found = dict(OFFENCES[rule]())
    unknown = {place: what for place, what in found.items() if place not in {*EXEMPT, *PRESENT}}
    assert unknown == {}


def test_no_exception_is_left_that_none_needs():
    found = {place for offences in OFFENCES.values() for place, _ in offences()}
    assert {*EXEMPT, *PRESENT} - found == set()
