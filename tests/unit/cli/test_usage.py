"""A mistake of a command line is one line: option, found, expected, and where the help is."""

import click
import pytest
from click.testing import CliRunner

from hypervae.cli import SUBCOMMANDS, cli, main

RUN = CliRunner()
NUMBERS = click.types.IntParamType | click.types.FloatParamType


def leaves(command=cli, above=()):
    """All subcommands, those of groups too."""
    context = click.Context(command)
    for name in command.list_commands(context):
        one = command.get_command(context, name)
        if isinstance(one, click.Group):
            yield from leaves(one, (*above, name))
        else:
            yield (*above, name), one


def said(*words):
    done = RUN.invoke(cli, words, prog_name="hypervae")
    assert done.exit_code == 2, done.output
    assert done.output.count("\n") == 1, done.output
    assert done.output.startswith("hypervae: error: "), done.output
    assert done.output.endswith("--help)\n"), done.output
    return done.output


ALL = {" ".join(words): (words, command) for words, command in leaves()}


def test_all_subcommands_are_here():
    assert {words[0] for words, _ in ALL.values()} == set(SUBCOMMANDS)
    assert len(ALL) > 20


@pytest.mark.parametrize("name", ALL)
def test_each_option_of_each_subcommand(name):
    """One that there is not, each without its value, and each number as no number."""
    words, command = ALL[name]
    text = said(*words, "--nonsense", "1")
    assert "--nonsense: found no such option" in text
    assert f"(hypervae {name} --help)" in text
    for option in command.params:
        if not isinstance(option, click.Option) or option.is_eager:
            continue
        flag = option.opts[0]
        if option.is_flag:
            assert f"{flag}: found a value, expected none" in said(*words, f"{flag}=3")
            continue
        assert f"{flag}: found no value, expected one" in said(*words, flag)
        if isinstance(
            option.type, click.Choice | click.types.IntParamType | click.types.FloatParamType
        ):
            assert f"{flag}: found 'x y', expected " in said(*words, flag, "x y")


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (["nonsense"], "found no such command as 'nonsense', expected one of simulate, "),
        (["plot", "nonsense"], "found no such command as 'nonsense', expected one of correlators"),
        (["generate"], "--output: found none, expected a path"),
        (["generat"], "found no such command as 'generat'"),
        (["doctor", "a", "b"], "found a b, expected options and their values alone"),
        (["--nonsense"], "--nonsense: found no such option, expected another (hypervae --help)"),
    ],
)
def test_other_mistakes(words, text):
    assert text in said(*words)


def test_help_is_help():
    for words in ([], ["plot"], ["train", "--help"]):
        assert "Usage: " in RUN.invoke(cli, words).output
    assert RUN.invoke(cli, ["train", "--help"]).exit_code == 0


@pytest.mark.parametrize("name", ALL)
def test_an_empty_name_is_no_path(name):
    """As of a variable of the shell that is not set; it would be the current folder."""
    words, command = ALL[name]
    paths = [one for one in command.params if isinstance(one.type, click.Path)]
    assert paths or name == "doctor"
    for one in paths:
        if isinstance(one, click.Option):
            for given in ([one.opts[0], ""], [f"{one.opts[0]}="]):
                assert f"{one.opts[0]}: found an empty name" in said(*words, *given)
        else:
            assert "found an empty name" in said(*words, "")


def test_a_word_of_any_length_is_cut(capsys, monkeypatch):
    """Between what was said before and after it."""
    for word in ("x" * 100_000, "é" * 5000, "a\n" * 5000, "-" * 5000, "=" * 5000, "1" * 5000):
        for words in ([word], ["plot", word], ["enc", "--plot", word], ["enc", f"--{word}"]):
            monkeypatch.setattr("sys.argv", ["hypervae", *words])
            with pytest.raises(SystemExit) as ended:
                main()
            assert ended.value.code == 2
            (line,) = capsys.readouterr().err.splitlines()
            assert line.startswith("hypervae: error: ")
            assert len(line) < 2500
