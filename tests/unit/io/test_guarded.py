"""No function that a notebook calls writes onto what it reads, or reads a file twice."""

import ast
import inspect
import threading
from importlib import import_module
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from hypervae.errors import ConfigError, InputError
from hypervae.io import write_text
from hypervae.io.guarded import guarded
from hypervae.io.targets import keeping
from tests.unit.cli.test_overwriting import CONTENT, SAME_FILE, state

ROOT = Path(__file__).parents[3]
#: Parts that are no functions of files for a notebook: what the command line and the workflow call,
#: and what all writers and locks are made of.
OTHERS = ("hypervae.cli", "hypervae.workflow", "hypervae.io", "hypervae.config", "hypervae.sweep")
#: Functions of several paths that neither write onto one nor read several as one, with the reason.
APART = {
    "hypervae.data.jetnet.get_file": "asks `check_targets` with what its config names",
    "hypervae.formats.evaluation.read_results": "a file may have several names; figures ask before",
    "hypervae.hypergraph.dataset.HypergraphDataset.__init__": "asks `find_sources`, at once",
}


def _functions(tree, prefix):
    for node in tree.body:
        if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
            yield from _functions(node, f"{prefix}.{node.name}")
        name = getattr(node, "name", "_")
        public = not name.startswith("_") or name == "__init__"
        if isinstance(node, ast.FunctionDef) and public:
            yield f"{prefix}.{name}", node


def _paths(node):
    """Names of parameters that are paths, and of those that are several."""
    given = [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs]
    types = {one.arg: ast.unparse(one.annotation) for one in given if one.annotation}
    paths = [name for name, what in types.items() if "Path" in what]
    return paths, [name for name in paths if types[name].startswith(("Sequence", "Iterable"))]


def of_several_files():
    """Public functions that take two paths or more, or several as one."""
    for path in sorted((ROOT / "hypervae").rglob("*.py")):
        module = ".".join(path.relative_to(ROOT).with_suffix("").parts)
        if not module.startswith(OTHERS):
            for name, node in _functions(ast.parse(path.read_text()), module):
                paths, lists = _paths(node)
                if len(paths) > 1 or lists:
                    yield name


NAMES = [name for name in of_several_files() if name not in APART]
NAMES.append("hypervae.io.lists.write_list")


def function_of(name):
    parts = name.split(".")
    for end in range(len(parts) - 1, 0, -1):
        if (ROOT / f"{'/'.join(parts[:end])}.py").is_file():
            found = import_module(".".join(parts[:end]))
            for part in parts[end:]:
                found = getattr(found, part)
            return found
    raise AssertionError(name)


def name_of(named):
    return named if isinstance(named, str) else named[0]


def place_of(named, folder):
    """What is handed in for files, and the first of them."""
    if isinstance(named, str):
        return folder / "mine.h5", folder / "mine.h5"
    (folder / "evaluation/m").mkdir(parents=True, exist_ok=True)
    (folder / "evaluation/m/g.json").write_text("{}")
    whole = folder / "evaluation/m/g.json" if named[1].__name__ == "results_files" else folder
    files = list(named[1](whole))
    return whole, next((file for file in files if file.suffix != ".png"), files[0])


def called(name, given):
    """Call a function with what is given, and nothing for the rest."""
    function = function_of(name)
    arguments = {}
    for parameter in inspect.signature(function).parameters.values():
        if parameter.kind not in (parameter.VAR_KEYWORD, parameter.VAR_POSITIONAL):
            arguments[parameter.name] = None
    for key, value in given.items():
        parameter, _, attribute = key.partition(".")
        if attribute:
            holder = arguments[parameter] or SimpleNamespace()
            setattr(holder, attribute, value)
            value = holder
        arguments[parameter] = value
    return function(**arguments)


@pytest.mark.parametrize("name", NAMES)
def test_each_function_of_several_files_says_what_it_reads_and_writes(name):
    said = function_of(name).guarded
    known = set(inspect.signature(function_of(name)).parameters)
    named = [name_of(one).partition(".")[0] for one in (*said.reads, *said.writes)]
    assert set(named) <= known
    assert {one for names in (*said.together, said.apart) for one in names} <= set(named)


@pytest.mark.parametrize("name", NAMES)
def test_no_function_writes_onto_what_it_reads(name, tmp_path):
    said, cases = function_of(name).guarded, 0
    for read in said.reads:
        for written in said.writes:
            for form in SAME_FILE:
                folder = tmp_path / str(cases)
                (folder / "x").mkdir(parents=True)
                given, mine = place_of(read, folder)
                is_folder = not isinstance(written, str)
                if is_folder:  # the file that it would write there
                    mine = place_of(written, folder)[1]
                    given = given if given == folder else mine
                mine.parent.mkdir(exist_ok=True)
                mine.write_bytes(CONTENT)
                place = form(mine)
                before = state(mine)
                names = {name_of(read): given if len(said.reads) % 2 else [given]}
                names[name_of(written)] = folder if is_folder else place
                if is_folder:  # whatever leads to it
                    names[name_of(read)] = place if given == mine else given
                with pytest.raises(ConfigError, match=r"found .*which .* reads"):
                    called(name, names)
                assert state(mine) == before
                cases += 1
    assert cases or not (said.reads and said.writes)


# A hard link is a name of its own for who writes: each gets a new file.
@pytest.mark.parametrize("form", [form for form in SAME_FILE if "hard" not in form.__name__])
@pytest.mark.parametrize("name", NAMES)
def test_no_function_writes_two_results_into_one_file(name, form, tmp_path):
    files = [one for one in function_of(name).guarded.writes if isinstance(one, str)]
    if len(files) < 2:
        return
    (tmp_path / "x").mkdir()
    for other in files[1:]:
        mine = tmp_path / "mine.h5"
        mine.write_bytes(CONTENT)
        place = form(mine) if other == files[1] else mine
        with pytest.raises(ConfigError, match=f"which {files[0]} writes"):
            called(name, {files[0]: mine, other: place})


@pytest.mark.parametrize("kind", [list, tuple, set, iter, np.array, dict.fromkeys])
@pytest.mark.parametrize("form", SAME_FILE)
def test_nothing_is_read_twice(form, kind, tmp_path):
    (tmp_path / "x").mkdir()
    mine = tmp_path / "mine.h5"
    mine.write_bytes(CONTENT)
    again, tried = form(mine), 0
    if again == mine and kind in (set, dict.fromkeys):
        return  # it stands there once
    for name in NAMES:
        said = function_of(name).guarded
        annotated = inspect.signature(function_of(name)).parameters
        for one in map(name_of, said.reads):
            several = str(getattr(annotated.get(one), "annotation", "")).startswith(
                ("Sequence", "Iterable")
            )
            several |= one == "files.shards" and kind is not iter
            if several and one not in said.apart:
                with pytest.raises(ConfigError, match=f"{one}: found .*expected each file once"):
                    called(name, {one: kind([str(mine), str(again)])})
                tried += 1
        for names in said.together:
            with pytest.raises(ConfigError, match="expected each file once"):
                called(name, dict(zip(names, [mine, again], strict=True)))
    assert tried > 10


def test_files_that_have_meanings_of_their_own_may_be_one(tmp_path):
    found = []

    @guarded(reads=("pair",), apart=("pair",))
    def read(pair):
        found.extend(pair)

    read([tmp_path, tmp_path])
    assert found == [tmp_path, tmp_path]


def test_an_iterator_is_still_whole_for_the_function(tmp_path):
    @guarded(reads=("files",))
    def read(files, more=2):
        return [*files, more]

    assert read((str(n) for n in range(3)), more=1) == ["0", "1", "2", 1]
    with pytest.raises(TypeError, match="missing"):
        read()


def test_what_another_thread_reads_stays_too(tmp_path):
    mine = tmp_path / "mine.txt"
    mine.write_bytes(CONTENT)
    begun, done = threading.Event(), threading.Event()

    @guarded(reads=("file",))
    def read(file):
        begun.set()
        done.wait(30)

    thread = threading.Thread(target=read, args=(mine,))
    thread.start()
    begun.wait(30)
    with keeping([("--input", tmp_path / "other")]):
        pass  # that of another ends first
    with pytest.raises(InputError, match="the file that file reads"):
        write_text(mine, "lost")
    done.set()
    thread.join()
    assert mine.read_bytes() == CONTENT
    write_text(mine, "new")
    assert mine.read_text() == "new"
