"""Which code makes a stage stale: shown on a small package, on a copy, and on the real imports."""

import ast
import shutil
from pathlib import Path

import pytest

import hypervae
from hypervae.cli import SUBCOMMANDS
from hypervae.digest import DECLARATION, code_digest, command_module, import_closure

REAL = Path(hypervae.__file__).parent

FILES = {
    "__init__.py": "",
    "cli/__init__.py": "DECIDES_RESULTS_OF = ()\n",
    "cli/options.py": "import hypervae.unused\n",
    "cli/commands/__init__.py": "",
    "cli/commands/fit.py": (
        '"""Fit."""\n'
        "from typing import TYPE_CHECKING\n"
        "from hypervae.cli.options import x\n"
        "if TYPE_CHECKING:\n"
        "    from hypervae import unused\n"
        "def command():\n"
        '    """Run."""\n'
        "    from hypervae.maths import lines  # late\n"
        "    return lines.slope(1)\n"
    ),
    "cli/commands/import_.py": "import hypervae.leaf\n",
    "maths/__init__.py": "from . import leaf_of_package\n",
    "maths/leaf_of_package.py": "A = 1\n",
    "maths/lines.py": (
        "from ..leaf import B\nfrom .curves import c as d\n\n\ndef slope(x):\n    return x\n"
    ),
    "maths/curves.py": "import numpy as np\nc = 1\n",
    "maths/other.py": "X = 1\n",
    "leaf.py": "B = 2\n",
    "unused.py": "C = 3\n",
}


@pytest.fixture
def package(tmp_path):
    root = tmp_path / "hypervae"
    for name, content in FILES.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(content)
    return root


def test_the_closure_holds_what_runs(package):
    found = import_closure("fit", package)
    assert {name.removeprefix("hypervae.") for name in found} == {
        "cli.commands.fit",
        "maths",  # its __init__ runs
        "maths.leaf_of_package",  # imported there, relatively
        "maths.lines",  # imported within a function
        "maths.curves",
        "leaf",
    }


def test_what_a_registry_refers_to_counts(package):
    registry = package / "maths/lines.py"
    registry.write_text('VARIANTS = {"other": "hypervae.maths.other:X", "word": "hypervae.unused"}')
    found = import_closure("fit", package)
    assert "hypervae.maths.other" in found
    assert "hypervae.unused" not in found


def test_import_is_a_keyword(package):
    assert code_digest("import", package) != code_digest("fit", package)
    assert import_closure("import", package) == {"hypervae.cli.commands.import_", "hypervae.leaf"}


@pytest.mark.parametrize(
    ("declaration", "counts"),
    [
        ("", {"fit", "import"}),
        ("DECIDES_RESULTS_OF = ()\n", set()),
        ('DECIDES_RESULTS_OF = ("fit",)\n', {"fit"}),
        ('DECIDES_RESULTS_OF = ("fit", "import")\n', {"fit", "import"}),
    ],
)
@pytest.mark.parametrize("file", ["leaf.py", "shown/__init__.py", "shown/more.py"])
def test_a_module_says_of_which_subcommands_it_decides_results(package, file, declaration, counts):
    (package / "shown").mkdir()
    (package / "shown/__init__.py").touch()
    (package / "shown/more.py").touch()
    (package / "leaf.py").write_text("import hypervae.shown.more\nB = 2\n")
    (package / file).write_text((package / file).read_text() + declaration)
    found = set()
    for subcommand in ("fit", "import"):
        before = code_digest(subcommand, package)
        (package / "shown/more.py").open("a").write("D = 4\n")
        if code_digest(subcommand, package) != before:
            found.add(subcommand)
    assert found == counts


@pytest.mark.parametrize(
    "text",
    [
        "from ..leaf import B  # why\nfrom .curves import c as d\ndef slope(x):\n    return x\n",
        '"""Lines."""\nfrom ..leaf import B\nfrom .curves import c as d\n'
        "\ndef slope(x):\n\treturn x",
        "from ..leaf import B\nfrom .curves import c as d\n\n\n"
        "def slope(\n    x,\n):\n    '''The slope.'''\n    return (x)\n",
    ],
)
def test_comments_docstrings_and_formatting_do_not_count(package, text):
    before = code_digest("fit", package)
    (package / "maths" / "lines.py").write_text(text)
    assert code_digest("fit", package) == before


def test_a_docstring_alone_is_an_empty_body(package):
    (package / "leaf.py").write_text("class Error(Exception):\n    '''One.'''\n")
    before = code_digest("fit", package)
    (package / "leaf.py").write_text("class Error(Exception):\n    '''Another, longer.'''\n")
    assert code_digest("fit", package) == before


@pytest.mark.parametrize(
    ("file", "text"),
    [
        ("maths/lines.py", FILES["maths/lines.py"].replace("return x", "return -x")),
        ("maths/lines.py", FILES["maths/lines.py"].replace("return x", "return 'x'")),
        ("maths/leaf_of_package.py", "A = 2\n"),
        ("maths/__init__.py", "from . import leaf_of_package\nD = 1\n"),
        ("leaf.py", "B = 2.0\n"),
        ("cli/commands/fit.py", FILES["cli/commands/fit.py"].replace("slope(1)", "slope(2)")),
    ],
)
def test_code_counts(package, file, text):
    before = code_digest("fit", package)
    (package / file).write_text(text)
    assert code_digest("fit", package) != before


@pytest.mark.parametrize("file", ["unused.py", "maths/other.py", "cli/options.py"])
def test_code_that_the_stage_does_not_run_does_not_count(package, file):
    before = code_digest("fit", package)
    (package / file).write_text("Z = 99\n")
    assert code_digest("fit", package) == before


def test_a_module_that_is_new_to_the_imports_counts(package):
    (package / "leaf.py").write_text("from hypervae.unused import C as B\n")
    before = code_digest("fit", package)
    (package / "unused.py").write_text("C = 4\n")
    assert code_digest("fit", package) != before


# Sub-packages and modules whose code each stage depends on. An import that adds to a line makes
# that stage stale for changes elsewhere, which is sometimes right and never to happen unseen.
IO = {"data", "formats"}
CORRELATORS = IO | {"correlators", "kinematics", "seeds"}
NORMALIZED = CORRELATORS | {"normalization"}
MODEL = NORMALIZED | {"model", "scaffold", "records"}
DEPENDS = {
    "simulate": IO | {"kinematics", "seeds"},
    "download": {"data"},  # what is in the file is the file's
    "split": IO,
    "import": IO | {"kinematics"},
    "correlators": CORRELATORS | {"device"},
    "normalize": NORMALIZED - {"seeds"},  # it reads sums and runs no kernel
    "train": MODEL | {"training", "device", "observables"},
    "adopt": MODEL,
    "generate": MODEL | {"generation", "device"},
    "evaluate": CORRELATORS | {"evaluation", "observables"},
    "equivariance": MODEL | {"equivariance"},
    "reconstruct": MODEL | {"observables", "reconstruction"},
    "plot": NORMALIZED - {"seeds"} | {"observables", "plotting"},
}
# Within a shared sub-package.
NOT_WITHIN = {
    "simulate": {"data.jetnet", "data.download", "data.importing", "data.split"},
    "download": {"data.simulate", "data.importing", "data.split"},
    "split": {"data.simulate", "data.importing", "data.split"},
    "import": {"data.simulate", "data.jetnet", "data.download", "data.split"},
    "correlators": {"data.simulate", "data.jetnet", "data.importing"},
    "normalize": {"data.simulate", "data.jetnet", "data.importing"},
    "train": {"data.simulate", "data.jetnet", "data.importing"},
    "adopt": {"data.simulate", "data.jetnet", "data.importing", "model.losses.terms"},
    "generate": {"data.simulate", "data.jetnet", "data.importing", "model.losses.terms"},
    "evaluate": {"data.simulate", "data.jetnet", "data.importing"},
    "equivariance": {"data.simulate", "data.importing", "model.losses.terms"},
    "reconstruct": {"data.simulate", "data.importing", "model.losses.terms"},
    "plot": {"data.simulate", "data.jetnet", "data.importing", "data.split"},
}


def closure(stage):
    return {name.removeprefix("hypervae.") for name in import_closure(stage)}


@pytest.mark.parametrize("stage", list(DEPENDS))
def test_each_stage_depends_on_what_it_runs_and_on_nothing_else(stage):
    modules = closure(stage)
    commands = {name for name in modules if name.startswith("cli")}
    assert commands == {f"cli.commands.{command_module(stage)}"}
    assert {name.split(".")[0] for name in modules - commands} == DEPENDS[stage]
    assert not modules & NOT_WITHIN[stage]


def test_every_subcommand_has_a_digest():
    assert set(DEPENDS) < set(SUBCOMMANDS)
    for name in SUBCOMMANDS:
        assert len(code_digest(name)) == 16


def test_declarations_name_subcommands():
    found = {}
    for path in REAL.rglob("*.py"):
        for node in ast.parse(path.read_text()).body:
            if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == DECLARATION:
                found[path.relative_to(REAL).as_posix()] = ast.literal_eval(node.value)
    assert found["plotting/__init__.py"] == ("plot",)
    assert all(
        isinstance(names, tuple) and set(names) <= set(SUBCOMMANDS) for names in found.values()
    )


def test_a_change_makes_the_stages_stale_that_run_it(tmp_path):
    root = tmp_path / "hypervae"
    shutil.copytree(REAL, root, ignore=shutil.ignore_patterns("__pycache__"))
    first = {stage: code_digest(stage, root) for stage in DEPENDS}

    def stale_after(file, text):
        with open(root / file, "a", encoding="utf-8") as handle:
            handle.write(text)
        now = {stage: code_digest(stage, root) for stage in DEPENDS}
        stale = {stage for stage in DEPENDS if now[stage] != first[stage]}
        first.update(now)
        return stale

    code = "\nNEW = 1\n"
    assert stale_after("evaluation/metrics.py", code) == {"evaluate"}
    assert stale_after("evaluation/metrics.py", "\n# a comment\n") == set()
    assert stale_after("plotting/style.py", code) == {"plot"}
    assert stale_after("generation/generate.py", code) == {"generate"}
    assert stale_after("training/run.py", code) == {"train"}
    assert stale_after("model/losses/terms.py", code) == {"train"}
    decoding = {"adopt", "generate", "equivariance", "reconstruct"}  # adopt loads the model
    assert stale_after("model/decoder/decoder.py", code) == {"train", *decoding}
    assert stale_after("data/simulate.py", code) == {"simulate"}
    assert stale_after("reconstruction/reconstruct.py", code) == {"reconstruct"}
    after = {"normalize", "train", *decoding}
    assert stale_after("normalization/merge.py", code) == {"normalize"}
    assert stale_after("correlators/sums.py", code) == {"correlators", "plot", *after}
    assert stale_after("correlators/kernel.py", code) == {"correlators", "evaluate"}
    kernel = {"correlators", "evaluate", "train", *decoding}
    assert stale_after("correlators/pair_order.py", code) == kernel
    assert stale_after("equivariance/transformations.py", code) == {"equivariance"}
    assert stale_after("data/jets.py", code) == set(DEPENDS) - {"download"}
    readers = set(DEPENDS) - {"simulate", "download", "normalize", "adopt", "plot"}
    assert stale_after("formats/shard.py", code) == readers
    assert stale_after("formats/shard_writer.py", code) == {
        "simulate",
        "split",
        "import",
        "generate",
    }
    observers = "training/observers/"
    told = ("logs.py", "progress.py", f"{observers}progress.py", f"{observers}tensorboard.py")
    for file in (
        "config/base.py",
        "config/__init__.py",
        "cli/options.py",
        "cli/__init__.py",
        *told,
    ):
        assert stale_after(file, code) == set()
    assert stale_after("checks/files.py", code) == set()


# What cannot change a number of a run that nothing disturbs: how files are written and locked, how
# a file comes here, when a job stops, which jets are refused.
WITHOUT_RESULT = (
    "io/__init__.py",
    "io/atomic.py",
    "io/hdf5.py",
    "io/lists.py",
    "io/lock.py",
    "io/provenance.py",
    "training/interrupt.py",
    "training/memory.py",
    "data/download.py",
    "data/jet_checks.py",
    "data/jet_files.py",
    "data/jetnet_layout.py",
)


@pytest.mark.parametrize("file", WITHOUT_RESULT)
def test_what_cannot_change_a_result_is_in_no_digest(file):
    name = f"hypervae.{file.removesuffix('.py').replace('/', '.').removesuffix('.__init__')}"
    assert (REAL / file).is_file()
    assert [stage for stage in DEPENDS if name in import_closure(stage)] == []
