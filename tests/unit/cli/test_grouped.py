"""Commands of several shards in one process, and what a failed attempt leaves for the next."""

import sys
from pathlib import Path

import pytest

from hypervae.cli import grouped
from hypervae.cli.grouped import run_grouped, single_commands

NAMES = ("a.h5", "b.h5", "c.h5")


def test_options_with_a_value_for_each_output_are_told_apart():
    command = "split --input j.h5 --shard-index {} --merge --output {} --config none"
    several = command.format("4 5", "a.h5 b.h5").split()
    singles = [command.format(*pair).split() for pair in (("4", "a.h5"), ("5", "b.h5"))]
    assert single_commands(several) == singles


def test_other_numbers_of_values_are_refused():
    with pytest.raises(ValueError, match="--input: found 2 values, expected 1 or 3"):
        single_commands(["split", "--input", "x", "y", "--output", "a", "b", "c"])


@pytest.fixture
def run(tmp_path, monkeypatch):
    """Run a group in a folder, with a command that writes its index; what it wrote."""
    monkeypatch.chdir(tmp_path)
    for name in NAMES:
        Path(f"in-{name}").write_text(name)

    def run(fail_at=None, fingerprint="f", with_input=False):
        wrote = []

        def main():
            place = sys.argv[sys.argv.index("--output") + 1]
            index = sys.argv[sys.argv.index("--shard-index") + 1]
            if index == fail_at:
                Path(place).with_name(".2.h5.lock").mkdir()  # as of a process that was killed
                sys.exit(3)
            Path(place).write_text(index)
            wrote.append(index)
            sys.exit(0)

        monkeypatch.setattr(grouped, "main", main)
        words = ["simulate", "--shard-index", "0", "1", "2", "--output"]
        words += [f"out/{name}" for name in NAMES]
        if with_input:
            words += ["--input", *(f"in-{name}" for name in NAMES)]
        try:
            run_grouped(fingerprint, words)
        except SystemExit as end:
            return wrote, end.code
        return wrote, 0

    return run


def texts():
    return [path.read_text() for path in sorted(Path("out").iterdir())]


def test_all_outputs_appear_and_nothing_else(run):
    assert run() == (["0", "1", "2"], 0)
    assert texts() == ["0", "1", "2"]


def test_what_was_done_is_not_done_again_after_a_failure(run):
    assert run(fail_at="2") == (["0", "1"], 3)
    assert not list(Path("out").glob("*.h5"))
    assert run() == (["2"], 0)
    assert texts() == ["0", "1", "2"]


def test_outputs_are_newer_than_an_input_that_changed_between_attempts(run):
    run(fail_at="2", with_input=True)
    Path("in-c.h5").write_text("another")
    changed = Path("in-c.h5").stat().st_mtime_ns
    assert run(with_input=True) == (["2"], 0)
    assert all(path.stat().st_mtime_ns >= changed for path in Path("out").iterdir())


@pytest.mark.parametrize("change", ["settings", "input"])
def test_what_was_made_from_something_else_is_made_again(run, change):
    run(fail_at="2", with_input=True)
    if change == "input":
        Path("in-b.h5").write_text("longer than before")
        assert run(with_input=True) == (["1", "2"], 0)
    else:
        assert run(fingerprint="g", with_input=True) == (["0", "1", "2"], 0)


def test_a_file_system_without_links(run, monkeypatch):
    def refuse(*paths):
        raise PermissionError

    monkeypatch.setattr("os.link", refuse)
    assert run() == (["0", "1", "2"], 0)
    assert texts() == ["0", "1", "2"]
