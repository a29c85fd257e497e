"""The picture of the rules in the README is that of the workflow."""

from __future__ import annotations

import re

from tests.workflow.running import REPOSITORY, copy_repository, snakemake

#: What the picture leaves out: the target, and what sums the run up: the config and its page.
LEFT_OUT = {"all", "write_config", "plot_overview"}


def rules(text: str, pattern: str) -> set[str]:
    return set(re.findall(pattern, text))


def test_the_picture_shows_each_rule_of_a_default_run(tmp_path):
    graph = snakemake(copy_repository(tmp_path), "--rulegraph").stdout
    picture = (REPOSITORY / "docs" / "rulegraph.svg").read_text()
    wanted = rules(graph, r'label = "(\w+)"') - LEFT_OUT
    assert rules(picture, r">(\w+)</text>") == wanted
