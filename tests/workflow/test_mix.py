"""A file of several jet types, beside those of one type each."""

from __future__ import annotations

import json
import re

import yaml

from tests.workflow.conftest import TINY
from tests.workflow.running import copy_repository, job_counts, snakemake


def test_only_the_file_of_several_types_depends_on_their_mix(tmp_path):
    folder = copy_repository(tmp_path / "mix")
    config = yaml.safe_load((folder / TINY).read_text())
    config["models"] = {"all": {"jet_types": ["q", "t"]}}
    config["generate"]["mix"] = {"q": 1, "t": 3}
    (folder / "mix.yaml").write_text(yaml.safe_dump(config))
    files = [f"results/generated/all/{name}.h5" for name in ("mix", "q", "t")]
    shown = snakemake(folder, "-n", "-p", "--cores", "1", "--configfile", "mix.yaml").stdout
    counts = job_counts(shown)
    assert counts["generate_mix"] == counts["train_model"] == 1
    assert counts["generate_jets"] == 2
    commands = re.findall(r"hypervae generate (.*?) --config '(.*?)' .*?--output (\S+)", shown)
    given = {
        output: (options, json.loads(config)["mix"]) for options, config, output in set(commands)
    }
    assert set(given) == set(files)
    assert given[files[0]][1] == {"q": 1.0, "t": 3.0}
    assert "--jet-type" not in given[files[0]][0]
    for kind, file in zip("qt", files[1:], strict=True):
        assert given[file][1] == {}
        assert f"--jet-type {kind}" in given[file][0]
