"""The command lines of the workflow's rules are ones that the subcommands take."""

import re
import shlex
from pathlib import Path

import click
import pytest
import yaml

from hypervae.cli import cli
from hypervae.config import STAGES
from hypervae.workflow import Plan

ROOT = Path(__file__).resolve().parents[3]
#: What stands for a placeholder, where a name will not do.
VALUES = {
    "params.hypervae": "",
    "params.options": "--units MeV",
    "params.initial": "--init-from x",
    "params.config:q": "'{}'",
    "params.figure": "history",
    "params.index": "1",
    "params.shards": "3",
    "params.jets": "5",
    "params.max_particles": "30",
    "threads": "1",
    "wildcards.jet_type": "t",
    "output:q": "x.h5",
    "output.arrays:q": "x.h5",
    "output.results:q": "x.json",
    "output.png:q": "x.png",
    "output.pdf:q": "x.pdf",
    "output.html:q": "x.html",
    "output.page:q": "x.html",
}


def lines():
    """The command lines, as the rules have them."""
    for path in sorted((ROOT / "workflow" / "rules").glob("*.smk")):
        for block in re.findall(r"one_line\(\n((?: +\".*\"\n)+)", path.read_text()):
            yield "".join(re.findall(r'"(.*)"\n', block)).split(" > ")[0]


def test_every_command_line_is_found():
    assert len(list(lines())) == len(set(lines())) == 17


@pytest.mark.parametrize("line", list(lines()), ids=lambda line: "_".join(line.split()[1:3]))
def test_a_rule_calls_a_command_with_options_that_it_has(line):
    plan = Plan(yaml.safe_load((ROOT / "tests/data/tiny.yaml").read_text()))
    subcommand, values = line.split()[1], dict(VALUES)
    if subcommand in STAGES:
        model = next(iter(plan.models))
        values["params.execution"] = plan.execution_options(subcommand, model)
    values["output.table:q"] = "x.csv" if "plot" in line else "x.html"
    filled = re.sub(r"\{([^{}]+)\}", lambda found: values.get(found[1], "x"), line)
    command, words = cli, shlex.split(filled)
    while isinstance(command, click.Group):
        command, words = command.get_command(click.Context(command), words[0]), words[1:]
    context = command.make_context("x", list(words))
    assert not set(command.renamed) & {word.split("=")[0] for word in words}
    assert context.params
