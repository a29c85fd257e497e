"""The picture of the rules in the README is that of the workflow; what its jobs ask for."""

from __future__ import annotations

import re

from tests.workflow.running import REPOSITORY, copy_repository, snakemake

#: What the picture leaves out: the target, and what sums the run up: the config and its page.
LEFT_OUT = {"all", "write_config", "plot_overview"}


def rules(text: str, pattern: str) -> set[str]:
    return set(re.findall(pattern, text))


def test_a_training_is_stopped_in_time_but_not_at_once_however_short_its_limit(tmp_path):
    folder = copy_repository(tmp_path)
    options = ("-n", "--cores", "1", "--until", "train_model")
    for minutes, seconds in ((1440, 120), (8, 120), (2, 30)):
        limit = f"train_model:runtime={minutes}"
        planned = snakemake(folder, *options, "--set-resources", limit).stdout
        assert set(re.findall(r"slurm_extra=--signal=TERM@(\d+)", planned)) == {str(seconds)}


def test_the_picture_shows_each_rule_of_a_default_run(tmp_path):
    graph = snakemake(copy_repository(tmp_path), "--rulegraph").stdout
    picture = (REPOSITORY / "docs" / "rulegraph.svg").read_text()
    wanted = rules(graph, r'label = "(\w+)"') - LEFT_OUT
    assert rules(picture, r">(\w+)</text>") == wanted
