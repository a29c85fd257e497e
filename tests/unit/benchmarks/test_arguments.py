"""The programs refuse an option that is given twice."""

from pathlib import Path

import pytest

from benchmarks.arguments import OnceParser

PROGRAMS = sorted(Path(__file__).parents[3].glob("benchmarks/*.py"))


@pytest.fixture
def parser():
    parser = OnceParser()
    parser.add_argument("--jets", type=int, default=5)
    parser.add_argument("--types", nargs="+", default=["t"])
    parser.add_argument("--joint", action="store_true")
    parser.add_argument("--shift", type=float, default=0.0)
    return parser


@pytest.mark.parametrize(
    ("words", "name"),
    [
        ("--jets 1 --jets 2", "--jets"),
        ("--jets=1 --jets 1", "--jets"),
        ("--types q g --jets 1 --types t", "--types"),
        ("--joint --joint", "--joint"),
    ],
)
def test_an_option_twice_is_refused(words, name, parser, capsys):
    with pytest.raises(SystemExit, match="2"):
        parser.parse_args(words.split())
    assert f"{name}: found 2 times, expected once" in capsys.readouterr().err


def test_what_is_given_once_is_taken(parser, monkeypatch):
    found = parser.parse_args(["--types", "q", "q", "g", "--jets=3", "--shift", "-1"])
    assert (found.types, found.jets, found.shift) == (["q", "q", "g"], 3, -1.0)
    monkeypatch.setattr("sys.argv", ["program", "--jets", "7"])
    assert parser.parse_args().jets == 7


def test_one_spelling_of_an_option(parser):
    with pytest.raises(SystemExit, match="2"):
        parser.parse_args(["--jet", "1", "--jets", "2"])


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda path: path.stem)
def test_every_program_takes_its_options_so(program):
    if program.stem != "arguments":
        assert "ArgumentParser" not in program.read_text()
