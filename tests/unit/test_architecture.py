"""The picture in docs/architecture.md is true: no import runs upwards, and none in a circle."""

import ast
import re
from graphlib import TopologicalSorter
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PICTURE = re.search(
    r"## The parts\n.*?\n((?:    [^\n]*\n)+)",
    (ROOT / "docs/architecture.md").read_text(),
    re.DOTALL,
).group(1)
#: Of each part, the row of the picture, counted from above.
LEVELS = {
    part: level
    for level, row in enumerate(PICTURE.splitlines())
    for part in re.split(r"  +", row.strip().split("|")[0].strip())
}


def is_for_types(node):
    return isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test)


def imports_of(path):
    """Modules of the package that a module imports, and whether that is when it is imported."""

    def walk(node, at_once):
        for child in ast.iter_child_nodes(node):
            if is_for_types(child):
                continue
            if isinstance(child, ast.ImportFrom) and (child.module or "").startswith("hypervae"):
                yield child.module, [name.name for name in child.names], at_once
            elif isinstance(child, ast.Import):
                for name in child.names:
                    if name.name.startswith("hypervae"):
                        yield name.name, [], at_once
            inside = isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef)
            yield from walk(child, at_once and not inside)

    yield from walk(ast.parse(path.read_text()), True)


def modules():
    """Names and paths of the package's modules."""
    for path in sorted((ROOT / "hypervae").rglob("*.py")):
        parts = path.relative_to(ROOT).with_suffix("").parts
        yield ".".join(parts[:-1] if parts[-1] == "__init__" else parts), path


def part_of(module):
    """The part of the picture that a module belongs to; None for the package itself."""
    return module.split(".")[1] if "." in module else None


def test_every_part_is_in_the_picture():
    parts = {part_of(module) for module, _ in modules()} - {None, "__main__"}
    assert set(LEVELS) == parts


def test_no_import_runs_upwards():
    upwards = [
        f"{module} imports {other}"
        for module, path in modules()
        if part_of(module) not in (None, "__main__")
        for other, _, at_once in imports_of(path)
        if part_of(other) is not None and not other.endswith(".registry")
        # which asks for the names of variants when the config's models are made
        if at_once or module != "hypervae.config.names"
        if LEVELS[part_of(other)] < LEVELS[part_of(module)]
    ]
    assert upwards == []


def test_no_imports_go_in_a_circle():
    known = dict(modules())
    graph = {}
    for module, path in known.items():
        needed = set()
        for other, names, at_once in imports_of(path):
            if at_once:
                inner = {f"{other}.{name}" for name in names} & set(known)
                needed |= inner or {other}
        graph[module] = needed - {module}
    TopologicalSorter(graph).prepare()
