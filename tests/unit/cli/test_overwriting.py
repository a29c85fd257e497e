"""No subcommand writes where it, or another of its options, reads or writes."""

import contextlib
import os
import socket
from pathlib import Path

import click
import pytest

from hypervae.cli.shape import FILE_LIST, OutputFile, OutputFolder
from hypervae.errors import ConfigError, HyperVAEError, InputError
from hypervae.io import atomic_path, write_list, write_text
from hypervae.io.targets import check_once, check_targets, keeping, short
from tests.unit.cli.subcommands import COMMANDS, line, parameters, reads, run, value_of, writes

CONTENT = b"a file of the user's" * 50


def state(path: Path):
    """All that must stay: what a path is, what it holds, and when that was changed."""
    status = path.lstat()
    return status.st_ino, status.st_mtime_ns, status.st_nlink, path.read_bytes()


def suffix_of(parameter):
    return (parameter.type.suffixes or (".pt",))[0]


def _same(path):
    return path


def _relative(path):
    return Path(os.path.relpath(path))


def _round_about(path):
    return path.parent / "x" / ".." / path.name


def _symbolic_link(path):
    link = path.with_name(f"link{path.suffix}")
    link.symlink_to(path.name)
    return link


def _link_to_a_link(path):
    link = path.with_name(f"link-to-it{path.suffix}")
    link.symlink_to(_symbolic_link(path))
    return link


def _hard_link(path):
    link = path.with_name(f"hard{path.suffix}")
    os.link(path, link)
    return link


def _linked_folder(path):
    path.with_name("linked").symlink_to(path.parent)
    return path.parent / "linked" / path.name


SAME_FILE = [
    _same,
    _relative,
    _round_about,
    _symbolic_link,
    _link_to_a_link,
    _hard_link,
    _linked_folder,
]


def refused(done, *words):
    """One line, and no traceback: of our own errors `main` prints the text."""
    assert isinstance(done.exception, HyperVAEError), (done.exception, done.output)
    text = str(done.exception)
    assert "\n" not in text
    for word in words:
        assert str(word) in text


@pytest.mark.parametrize("name", COMMANDS)
def test_an_output_that_is_an_input_is_refused_whatever_links_lead_there(name, tmp_path):
    cases = 0
    for one, option in reads(COMMANDS[name]):
        for output, to in writes(COMMANDS[name]):
            for form in SAME_FILE:
                folder = tmp_path / str(cases)
                (folder / "x").mkdir(parents=True)
                files = _inputs(one, folder, suffix_of(output))
                for file in files:
                    before = state(file)
                    place = form(file)
                    linked = state(file)  # a link more
                    given = file if getattr(one.type, "file_okay", True) else folder
                    done = run(*line(name, folder, {option: given, to: place}))
                    refused(done, f"{to}: found {place}", "expected another file")
                    assert state(file) == linked
                    assert linked[3] == before[3]
                    assert os.path.islink(place) is form.__name__.startswith(("_sym", "_link_to"))
                cases += 1
    if list(writes(COMMANDS[name])) and list(reads(COMMANDS[name])):
        assert cases


def _inputs(parameter, folder, suffix):
    """Files that a parameter reads, which could be called like an output."""
    if getattr(parameter.type, "file_okay", True):
        paths = [folder / f"mine{suffix}"]
    else:
        paths = [path for path in parameter.type.files(folder) if path.suffix == suffix]
    for path in paths:
        path.write_bytes(CONTENT)
    return paths


@pytest.mark.parametrize("name", COMMANDS)
def test_an_output_that_a_list_file_names_is_refused(name, tmp_path):
    (tmp_path / "other").write_bytes(CONTENT)
    for one, option in parameters(COMMANDS[name], type(FILE_LIST)):
        if not one.type.is_list:
            continue
        for output, to in writes(COMMANDS[name]):
            mine = tmp_path / f"mine{suffix_of(output)}"
            mine.write_bytes(CONTENT)
            write_list(tmp_path / "list.txt", [tmp_path / "other", mine])
            before = state(mine)
            for given in (
                tmp_path / "list.txt",
                f"{tmp_path / 'other'},{tmp_path / 'list.txt'}",
                f"{tmp_path / 'other'}, {mine}",
            ):
                done = run(*line(name, tmp_path, {option: given, to: mine}))
                if "list.txt" in str(given) or mine.suffix == ".h5":
                    refused(done, f"{to}: found {mine}, which {option} reads")
                assert state(mine) == before


@pytest.mark.parametrize("name", COMMANDS)
def test_two_outputs_are_two_files(name, tmp_path):
    (tmp_path / "linked").symlink_to(tmp_path)
    found = list(writes(COMMANDS[name]))
    given = {option: value_of(one, tmp_path) for one, option in reads(COMMANDS[name]) if option}
    for index, (one, option) in enumerate(found):
        for other, to in found[:index]:
            shared = set(one.type.suffixes) & set(other.type.suffixes)
            for suffix in shared:
                path = tmp_path / f"made{suffix}"
                for again in (path, tmp_path / "linked" / path.name):
                    done = run(*line(name, tmp_path, {**given, to: path, option: again}))
                    refused(done, "writes, expected another file")
                    assert not path.exists()
            inside = tmp_path / f"above{suffix_of(other)}" / f"below{suffix_of(one)}"
            done = run(*line(name, tmp_path, {**given, to: inside.parent, option: inside}))
            refused(done, "expected neither below the other")
            assert not inside.parent.exists()


@pytest.mark.parametrize("name", COMMANDS)
def test_an_output_that_is_no_file_is_refused_and_stays(name, tmp_path):
    for output, option in writes(COMMANDS[name]):
        suffix = suffix_of(output)
        pipe, bound, device, lost, missing, loop = (
            tmp_path / f"{output.name}-{kind}{suffix}"
            for kind in ("pipe", "socket", "device", "lost", "missing", "loop")
        )
        os.mkfifo(pipe)
        # a socket's name is short
        with socket.socket(socket.AF_UNIX) as server, contextlib.chdir(tmp_path):
            server.bind(bound.name)
        device.symlink_to(os.devnull)
        lost.symlink_to(tmp_path)
        missing.symlink_to(tmp_path / "none" / "x.h5")
        loop.symlink_to(loop)
        for place in (pipe, bound, device, lost, missing, loop):
            before = place.lstat()
            done = run(*line(name, tmp_path, {option: place}))
            refused(done, f"{place}: output: found", "expected")
            after = place.lstat()
            assert (after.st_mode, after.st_ino, after.st_mtime_ns) == (
                before.st_mode,
                before.st_ino,
                before.st_mtime_ns,
            )


@pytest.mark.parametrize("name", COMMANDS)
def test_a_folder_for_the_outputs_keeps_the_inputs_in_it(name, tmp_path):
    for output, to in parameters(COMMANDS[name], OutputFolder):
        for file in output.type.files(tmp_path):
            file.write_bytes(CONTENT)
            for one, option in reads(COMMANDS[name]):
                value = one.type.convert(str(file), None, None)
                if option is None or file not in one.type.files(value):
                    continue  # other files are no model
                before = state(file)
                done = run(*line(name, tmp_path / "other", {option: file, to: tmp_path}))
                refused(done, f"{to}: found {file}, which", "reads")
                assert state(file) == before


@pytest.mark.parametrize("name", COMMANDS)
def test_an_option_that_is_given_twice_is_refused(name, tmp_path):
    command, cases = COMMANDS[name], 0
    for one in command.params:
        if not isinstance(one, click.Option) or one.multiple:
            continue
        value = [] if one.is_flag else [value_of(one, tmp_path)]
        for again in [*one.opts, *one.secondary_opts]:
            given = line(name, tmp_path, {})
            required = one.opts[0] in given
            words = [*given, *([] if required else [one.opts[0], *value]), again, *value]
            refused(run(*words), f"{one.opts[0]}", "found 2 times, expected once")
            cases += 1
        if not one.is_flag:
            words = [*line(name, tmp_path, {}), f"{one.opts[0]}={value[0]}", one.opts[0], *value]
            refused(run(*words), "expected once")
    for former, now in command.renamed.items():
        words = [*line(name, tmp_path, {}), former, "1", now, "2"]
        refused(run(*words), "times, expected once")
    assert cases


def test_several_files_are_told_how(tmp_path):
    done = run("evaluate", "--generated", "x", "--real", "a.h5", "--real", "b.h5", "--output", "r")
    refused(done, "--real/--shards: found 2 times", "commas between, or a list file")


def test_options_that_may_be_repeated_are_all_read():
    given = ["--results", "a.json", "--results", "b.json", "--table", "t.csv", "--output", "f.png"]
    context = COMMANDS["plot summary"].make_context("summary", given)
    assert context.params["results"] == ("a.json", "b.json")


def test_a_link_stays_and_what_it_leads_to_is_written(tmp_path):
    (tmp_path / "there").mkdir()
    for exists in (True, False):
        file, link = tmp_path / "there" / f"{exists}.txt", tmp_path / f"{exists}.txt"
        link.symlink_to(Path("there", file.name))
        if exists:
            file.write_text("before")
        write_text(link, "after")
        assert link.is_symlink()
        assert file.read_text() == "after"
    assert sorted(path.name for path in (tmp_path / "there").iterdir()) == ["False.txt", "True.txt"]


def test_what_is_written_on_the_way_leaves_inputs_alone(tmp_path):
    """A folder's files are not all known before."""
    mine = tmp_path / "mine"
    mine.write_bytes(CONTENT)
    os.link(mine, tmp_path / "hard")
    with keeping([("--input", mine)]):
        for place in (mine, tmp_path / "hard"):
            with pytest.raises(InputError, match="found the file that --input reads"):
                write_text(place, "other")
    write_text(tmp_path / "hard", "other")
    assert mine.read_bytes() == CONTENT


@pytest.fixture
def disk_without_case(tmp_path, monkeypatch):
    """A folder whose names, and those below it, are found in upper and lower case."""
    disk = tmp_path / "Disk"
    disk.mkdir()
    stat, access = os.stat, os.access

    def found(path):
        """The path as it was written, if there is one."""
        path = Path(os.path.abspath(path))
        if disk not in path.parents:
            return path
        place = disk
        for part in path.relative_to(disk).parts:
            names = os.listdir(place) if place.is_dir() else []
            same = (name for name in names if name.casefold() == part.casefold())
            place = place / next(same, part)
        return place

    def without_case(path, **options):
        return stat(path if isinstance(path, int) else found(path), **options)

    monkeypatch.setattr(os, "stat", without_case)
    monkeypatch.setattr(os, "access", lambda path, mode: access(found(path), mode))
    return disk


PAIRS = [
    ("a.png", "A.png"),
    ("made/Jets.h5", "made/jets.h5"),
    ("Made/jets.h5", "made/jets.h5"),
    ("é.h5", "É.h5"),
    ("é.h5", "e\u0301.h5"),
]


@pytest.mark.parametrize("there", [[], ["README"], ["1", "made/"], [".hidden", "é"]])
@pytest.mark.parametrize("pair", PAIRS)
def test_names_that_differ_by_case_are_one_file_where_the_disk_says_so(
    tmp_path, disk_without_case, pair, there
):
    for disk in (tmp_path, disk_without_case):
        for name in there:
            (disk / name).mkdir() if name.endswith("/") else (disk / name).write_text("x")
        before = sorted(disk.rglob("*"))
        outputs = [("--output", disk / pair[0]), ("--plot", disk / pair[1])]
        if disk == tmp_path:
            check_targets([], outputs)
        else:
            with pytest.raises(ConfigError, match=r"--plot: found .* which --output writes"):
                check_targets([], outputs)
        assert sorted(disk.rglob("*")) == before


def test_an_input_by_another_case_is_the_input_where_the_disk_says_so(tmp_path, disk_without_case):
    for disk in (tmp_path, disk_without_case):
        (disk / "mine.h5").write_bytes(CONTENT)
        reads, writes_to = [("--input", disk / "mine.h5")], [("--output", disk / "MINE.H5")]
        if disk == tmp_path:
            check_targets(reads, writes_to)
            check_once("--input", [disk / "mine.h5", disk / "MINE.H5"])
        else:
            with pytest.raises(ConfigError, match="which --input reads"):
                check_targets(reads, writes_to)
            with pytest.raises(ConfigError, match="expected each file once"):
                check_once("--input", [disk / "mine.h5", disk / "MINE.H5"])
            with keeping(reads), pytest.raises(InputError, match="that --input reads"):
                write_text(disk / "MINE.H5", "other")


@pytest.mark.skipif(os.getuid() == 0, reason="root may write any file")
def test_a_file_that_may_only_be_read_stays(tmp_path):
    (tmp_path / "mine").write_text("before")
    (tmp_path / "mine").chmod(0o444)
    with pytest.raises(InputError, match="found a file that may only be read"):
        write_text(tmp_path / "mine", "after")
    assert (tmp_path / "mine").read_text() == "before"


@pytest.mark.parametrize("length", [3, 180, 251])
def test_a_legal_name_of_any_length_can_be_written(tmp_path, length):
    path = tmp_path / ("ü" * (length // 2) + "x.h5")
    with atomic_path(path) as temporary:
        assert temporary.suffix == ".h5"
        temporary.write_text("x")
    assert os.listdir(tmp_path) == [path.name]


def test_short_names_are_the_same_for_the_same_and_differ_else():
    names = ["x" * 250 + end for end in ("a.h5", "b.h5", "a.json")]
    assert len({short(name) for name in names}) == 3
    assert all(len(short(name)) <= 180 and short(name) == short(name) for name in names)
    assert short(names[0]).endswith(".h5")
    assert short("a.h5") == "a.h5"
    assert len(os.fsencode(short("." + "y" * 250))) <= 180


def test_every_file_that_is_written_has_the_type_of_one():
    """What is checked is found by its type."""
    for name, command in COMMANDS.items():
        for one in command.params:
            if isinstance(one.type, click.Path):
                own = (OutputFile, OutputFolder, type(FILE_LIST))
                assert isinstance(one.type, own), f"{name} {one.name}"
