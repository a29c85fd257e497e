"""Optional packages: what HyperVAE imports is declared, and a missing one is one line."""

import ast
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from hypervae.doctor import describe
from hypervae.extras import ALONE, EXTRAS, how_to_install, require

ROOT = Path(__file__).resolve().parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
#: Packages whose module has another name.
MODULES = {"pot": "ot", "pyyaml": "yaml"}
#: What comes with another package and is imported by name, too.
WITH = {
    "llvmlite": "numba",
    "pydantic_core": "pydantic",
    "snakemake_interface_common": "snakemake",
}


def modules_of(requirements):
    """The modules that requirements bring, those of HyperVAE's own extras included."""
    found = set()
    for requirement in requirements:
        name, extras = re.match(r"([\w.-]+)(?:\[([\w,]+)\])?", requirement).groups()
        if name == "hypervae":
            for extra in extras.split(","):
                found |= modules_of(PROJECT["optional-dependencies"][extra])
        else:
            name = name.lower()
            found.add(MODULES.get(name, name.replace("-", "_")))
    return found


def imported(path):
    """Top-level modules that a file imports when it runs."""

    def walk(node):
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.If) and "TYPE_CHECKING" in ast.unparse(child.test):
                continue
            if isinstance(child, ast.Import):
                yield from (alias.name.split(".")[0] for alias in child.names)
            elif isinstance(child, ast.ImportFrom):
                yield child.module.split(".")[0]
            yield from walk(child)

    return set(walk(ast.parse(path.read_text())))


def test_extras_are_those_of_the_package():
    declared = dict(PROJECT["optional-dependencies"])
    assert modules_of(declared.pop("all")) == {m for extra in EXTRAS.values() for m in extra}
    assert {name: modules_of(packages) for name, packages in declared.items()} == {
        name: set(modules) for name, modules in EXTRAS.items()
    }


def test_everything_that_is_imported_is_declared():
    known = modules_of(PROJECT["dependencies"]) | {m for extra in EXTRAS.values() for m in extra}
    for path in (ROOT / "hypervae").rglob("*.py"):
        names = imported(path) - set(sys.stdlib_module_names) - {"hypervae"}
        assert {WITH.get(name, name) for name in names} <= known, path


def test_the_core_is_what_generation_and_correlators_import():
    script = (
        "import sys\n"
        "sys.modules.update(dict.fromkeys(sys.argv[1].split()))\n"
        "import hypervae.correlators.compute, hypervae.generation.generate, hypervae.equivariance\n"
        "import hypervae.reconstruction.from_files, hypervae.normalization.merge\n"
        "import hypervae.checks.files, hypervae.doctor, hypervae.workflow\n"
        "from hypervae import HyperVAE; HyperVAE.load\n"
    )
    optional = " ".join({m for extra in EXTRAS.values() for m in extra} | set(ALONE))
    subprocess.run([sys.executable, "-c", script, optional], cwd=ROOT, check=True)


RUN = """
import sys
from importlib.machinery import PathFinder
module, *sys.argv = sys.argv[1:]
find = PathFinder.find_spec
PathFinder.find_spec = lambda name, *rest: None if name == module else find(name, *rest)
from hypervae.cli import main
main()
"""


def without(module, *arguments):
    """Run the command line where a module is missing."""
    return subprocess.run(
        [sys.executable, "-c", RUN, module, "hypervae", *map(str, arguments)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )


FILE = "{tmp}/in"
MISSING = {
    "simulate --jet-type t --output {tmp}/x.h5": {
        "pythia8mc": "'hypervae[simulate]'",
        "fastjet": "'hypervae[simulate]'",
    },
    f"train --shards {FILE} --correlators {FILE} --normalization {FILE} --output-dir {{tmp}}/x": {
        "lightning": "'hypervae[train]'"
    },
    f"plot history --input {FILE} --output {{tmp}}/x.png": {"matplotlib": "'hypervae[plot]'"},
    f"correlators --input {FILE} --output {{tmp}}/x.h5 --plot {{tmp}}/x.png": {
        "matplotlib": "'hypervae[plot]'"
    },
    f"evaluate --generated {FILE} --real {FILE} --output {{tmp}}/x.json": {
        "fastjet": "'hypervae[evaluate]'"
    },
    f"evaluate --metrics [coverage] --generated {FILE} --real {FILE} --output {{tmp}}/x.json": {
        "ot": "'hypervae[evaluate]'"
    },
    f"evaluate --metrics [fpnd] --generated {FILE} --real {FILE} --output {{tmp}}/x.json": {
        "jetnet": "--no-deps jetnet"
    },
    f"export --input {FILE} --output {{tmp}}/x.pt": {"torch_geometric": "'hypervae[export]'"},
    "doctor --self-test": {"pythia8mc": "'hypervae[all]'"},
}


@pytest.mark.parametrize(
    ("command", "module", "install"),
    [
        pytest.param(command, module, install, id=f"{command.split()[0]}-{module}")
        for command, cases in MISSING.items()
        for module, install in cases.items()
    ],
)
def test_a_missing_package_is_one_line(command, module, install, tmp_path):
    (tmp_path / "in").write_text(f"{tmp_path}/in\n")
    done = without(module, *(word.format(tmp=tmp_path) for word in command.split()))
    name = command.split()[0]
    expected = f"{name} needs {module}, which is not installed: pip install {install}"
    assert done.stderr == f"hypervae: error: {expected}\n"
    assert done.returncode == 1


def test_a_module_that_is_no_option_is_a_fault_with_a_traceback():
    done = without("h5py", "validate", "README.md")
    assert done.returncode == 1
    assert "Traceback" in done.stderr
    assert how_to_install("h5py", "validate") is None


def test_the_extra_is_that_of_the_command_where_there_is_one():
    assert how_to_install("awkward", "export") == "pip install 'hypervae[export]'"
    assert how_to_install("awkward", "import") == "pip install 'hypervae[simulate]'"
    assert how_to_install("awkward") == "pip install 'hypervae[simulate]'"
    assert how_to_install("jetnet", "evaluate") == "pip install --no-deps jetnet"


def test_requirements_are_checked_without_an_import(monkeypatch):
    require("json", "this")  # whose import prints a poem
    monkeypatch.setitem(sys.modules, "fastjet", None)
    with pytest.raises(ModuleNotFoundError) as error:
        require("json", "fastjet")
    assert error.value.name == "fastjet"


def test_the_doctor_names_extras_that_are_not_complete(monkeypatch):
    assert "missing" not in "\n".join(describe())
    monkeypatch.setitem(sys.modules, "uproot", None)
    monkeypatch.setitem(sys.modules, "jetnet", None)
    lines = list(describe())
    assert "export: uproot missing (pip install 'hypervae[export]')" in lines
    assert "jetnet: jetnet missing (pip install --no-deps jetnet)" in lines
