"""The Slurm plugin makes of each way to ask for GPUs what `profiles/README.md` says."""

from __future__ import annotations

import re
from pathlib import Path
from types import SimpleNamespace

import pytest
import yaml

README = Path(__file__).resolve().parents[3] / "profiles" / "README.md"
#: Of each row of the table, what is written and what it becomes.
ROWS = [
    tuple(re.findall(r"`([^`]+)`", cell) for cell in line.split("|")[2:4])
    for line in README.read_text().split("| the site wants |")[1].splitlines()[2:]
    if line.startswith("|")
]


class Resources(dict):
    """Resources of a job, which the plugin reads both as a mapping and as attributes."""

    def __getattr__(self, name):
        if name in self:
            return self[name]
        raise AttributeError(name)


def submission(lines):
    plugin = pytest.importorskip("snakemake_executor_plugin_slurm.submit_string")
    utils = pytest.importorskip("snakemake_executor_plugin_slurm.utils")
    validation = pytest.importorskip("snakemake_executor_plugin_slurm.validation")
    resources = Resources(mem_mb=3000, runtime=60)
    for line in lines:
        name, value = line.split(":", 1)
        value = yaml.safe_load(value)
        # Snakemake evaluates the text of a resource
        resources[name] = value.strip("'") if isinstance(value, str) else value
    job = SimpleNamespace(
        resources=resources, threads=1, is_group=lambda: False, name="train_model"
    )
    validation.validate_slurm_extra(job)
    account = f"-A {resources['slurm_account']}" if "slurm_account" in resources else ""
    names = ("run_uuid", "slurm_logfile", "comment_str", "workdir", "partition")
    params = {name: name for name in names} | {"account": account}
    return plugin.get_submit_command(job, params) + utils.set_gres_string(job)


@pytest.mark.parametrize(("written", "becomes"), ROWS, ids=lambda cell: " ".join(cell)[:40])
def test_each_row_of_the_table_is_true(written, becomes):
    command = submission(written)
    for text in becomes:
        assert f"{text} " in f"{command} "
    asks = ("--gpus", "--gres", "--cpus-per-gpu", "-A", "--qos")
    assert sum(command.count(f" {ask}") for ask in asks) == len(becomes)
    if "cpus_per_gpu: -1" in written:
        assert "--cpus" not in command


def test_no_row_is_missing():
    assert len(ROWS) == 6
