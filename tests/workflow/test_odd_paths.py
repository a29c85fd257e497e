"""Checkouts, configs and files of the user with odd names and dates."""

import os
import shutil

import yaml

from tests.workflow.conftest import TINY
from tests.workflow.running import copy_repository, snakemake


def test_odd_names_and_dates(tmp_path):
    """One copy for all, which is moved: its name decides."""
    folder = copy_repository(tmp_path / "it's mine, isn't it?")
    odd = "tests/my own config, it's.yaml"
    content = yaml.safe_load((folder / TINY).read_text())
    content["data"]["jet_types"]["t"] = {"source": "files", "paths": ["mine/t.h5"]}
    (folder / odd).write_text(yaml.safe_dump(content))
    (folder / "mine").mkdir()
    (folder / "mine/t.h5").write_bytes(b"jets")

    # a quote in the path of the checkout, and in the config's name, in a job's own process, too
    lists = ["results/lists/models/q.shards.txt", "resources/shards/q/00000.h5"]
    snakemake(folder, "--cores", "2", f"--configfile={TINY}", *lists)
    planned = snakemake(folder, "-n", f"--configfile={odd}", "results/overview.html").stdout
    assert "import_shard" in planned

    # a file of the future: told before anything is made of it
    os.utime(folder / "mine/t.h5", (1924992000, 1924992000))
    wanted = "resources/shards/t/t.h5"
    done = snakemake(folder, "--cores", "1", f"--configfile={odd}", wanted, check=False)
    assert done.returncode == 1
    assert "mine/t.h5: time of change: found 2031-01-01 00:00 UTC, in the future" in done.stdout
    assert "Traceback" not in done.stdout
    assert not (folder / wanted).exists()

    # a file that the run would remove before it reads it
    (folder / wanted).parent.mkdir(exist_ok=True, parents=True)
    (folder / wanted).write_bytes(b"the user's")
    content["data"]["jet_types"]["t"]["paths"] = [wanted]
    (folder / odd).write_text(yaml.safe_dump(content))
    done = snakemake(folder, "-n", f"--configfile={odd}", check=False)
    assert done.returncode == 1
    assert f"config: data.jet_types.t.paths: found {wanted}" in done.stdout
    assert (folder / wanted).read_bytes() == b"the user's"

    # braces, which Snakemake takes for wildcards wherever it formats a path
    braces = tmp_path / "a {b}"
    shutil.move(folder, braces)
    done = snakemake(braces, "-n", f"--configfile={TINY}", check=False)
    assert done.returncode == 1
    assert f"{braces}: found braces in the path of the workflow, expected none" in done.stdout
    assert "Traceback" not in done.stdout
