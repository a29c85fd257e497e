"""A profile is checked against what sinfo prints: each mistake with its rules and its remedy."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from hypervae.cli import cli
from hypervae.errors import HyperVAEError
from hypervae.workflow.slurm.partitions import read_partitions
from hypervae.workflow.slurm.profile import misfits, needs_of_rules, read_profile

ROOT = Path(__file__).resolve().parents[3]
#: As Slurm 22.05 and 23.11 print it: nodes of several kinds, models with dashes, sockets.
SINFO = """\
cpu*|up|1-00:00:00|64|256000|(null)
cpu*|up|1-00:00:00|128|1031000|(null)
short|up|30:00|64|256000|(null)
gpu-small|up|12:00:00|32|128000|gpu:a100_1g.5gb:7(S:0-1)
gpu|up|infinite|96|512000|gpu:a100-sxm4-40gb:4(S:0,1),gpu:v100:2,lustre:1
gpu|up|infinite|48|256000|gpu:v100:4
plain|up|2-06|16|64000|gpu:2
old|down|infinite|8|16000|(null)
"""
NEEDS = {"train_model": {"runtime": 600, "mem_mb": 3000}}


def found(resources, default=None):
    profile = {"set-resources": {"train_model": resources}, "default-resources": default or {}}
    return list(misfits(profile, read_partitions(SINFO), NEEDS))


def test_partitions_are_read():
    partitions = read_partitions(SINFO)

    assert [each.default for each in partitions.values()] == [True] + 5 * [False]
    assert [each.up for each in partitions.values()] == 5 * [True] + [False]
    minutes = {name: each.minutes for name, each in partitions.items()}
    assert minutes == {
        "cpu": 1440, "short": 30, "gpu-small": 720, "gpu": None, "plain": 3240, "old": None,
    }  # fmt: skip
    assert (partitions["cpu"].cpus, partitions["cpu"].memory_mb) == (128, 1031000)
    assert partitions["gpu-small"].gpus == {"a100_1g.5gb": 7}
    assert partitions["gpu"].gpus == {"a100-sxm4-40gb": 4, "v100": 4}
    assert partitions["plain"].gpus == {"": 2}


def test_what_is_not_sinfos_is_refused():
    with pytest.raises(HyperVAEError, match="found 'PARTITION AVAIL'"):
        read_partitions("PARTITION AVAIL")


@pytest.mark.parametrize(
    "resources",
    [
        {"slurm_partition": "gpu-small", "gpu": 1},
        {"slurm_partition": "gpu-small", "gpu_model": "a100_1g.5gb", "gpu": 7},
        {"slurm_partition": "gpu", "gpu": 0, "gres": "gpu:v100:2"},
        {"slurm_partition": "gpu", "slurm_extra": "'--gpus-per-node=a100-sxm4-40gb:1'"},
        {"slurm_partition": "plain", "gres": "gpu:2"},
        {},
    ],
)
def test_what_fits_is_passed_over(resources):
    assert found(resources) == []


@pytest.mark.parametrize(
    ("resources", "line"),
    [
        (
            {"slurm_partition": "gpus"},
            "slurm_partition: found 'gpus', which is not here; expected one of cpu, short,"
            " gpu-small, gpu, plain, old",
        ),
        (
            {"slurm_partition": "cpu", "gpu": 1},
            "gpu: found 1, but partition cpu has none; set slurm_partition"
            " gpu-small or gpu or plain",
        ),
        (
            {"slurm_partition": "gpu-small", "gpu": 8},
            "gpu: found 8, but a node of gpu-small has 7 at most; set gpu: 7",
        ),
        (
            {"slurm_partition": "gpu", "gres": "gpu:h100:1"},
            "gpu_model: found 'h100', but partition gpu has a100-sxm4-40gb, v100",
        ),
        (
            {"slurm_partition": "gpu", "gpu_model": "a100-sxm4-40gb", "gpu": 1},
            "gpu_model: found 'a100-sxm4-40gb', but the plugin takes letters, digits, _ and ."
            " alone; set gpu: 0 and slurm_extra: \"'--gpus-per-node=a100-sxm4-40gb:1'\""
            " in place of it",
        ),
        (
            {"slurm_partition": "short"},
            "runtime: found 600, but partition short has 30 min at most; set runtime: 30 or"
            " slurm_partition cpu or gpu-small or gpu or plain or old",
        ),
        (
            {"slurm_partition": "cpu", "mem_mb": 2_000_000},
            "mem_mb: found 2000000, but partition cpu has 1031000 MB at most; set mem_mb: 1031000",
        ),
        (
            {"slurm_partition": "old"},
            "partition old: it is down; choose another slurm_partition",
        ),
    ],
)  # fmt: skip
def test_a_mistake_has_its_rule_and_its_remedy(resources, line):
    assert found(resources) == [f"train_model: {line}"]


def test_rules_with_the_same_mistake_stand_in_one_line():
    needs = {"a": {"mem_mb": 5}, "b": {"mem_mb": 6}}
    profile = {"default-resources": {"slurm_partition": "none"}}
    (line,) = misfits(profile, read_partitions(SINFO), needs)
    assert line.startswith("a, b: slurm_partition: found 'none'")


def test_the_needs_of_the_rules_are_read():
    needs = needs_of_rules(ROOT / "workflow" / "rules")
    assert needs["train_model"]["runtime"] >= 60
    assert needs["compute_correlators"]["mem_mb"] >= 500
    assert {"simulate_shard", "evaluate_jets", "plot_overview"} <= set(needs)
    assert not {"list_shards", "write_config"} & set(needs)


def test_the_profile_that_comes_along_is_read():
    profile = read_profile(ROOT / "profiles" / "slurm")
    assert profile["set-resources"]["train_model"]["gpu"] == 1


@pytest.fixture
def sinfo(tmp_path, monkeypatch):
    def make(text):
        (tmp_path / "text").write_text(text)
        program = tmp_path / "sinfo"
        program.write_text(f"#!/bin/sh\ncat {tmp_path}/text\n")
        program.chmod(0o755)
        monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")

    return make


def doctor():
    arguments = ["doctor", "--slurm", "--profile", str(ROOT / "profiles" / "slurm")]
    return CliRunner().invoke(cli, arguments)


def test_doctor_says_that_a_profile_fits(sinfo):
    sinfo(SINFO.replace("12:00:00", "7-00:00:00"))
    done = doctor()
    assert done.exit_code == 0, done.exception
    assert "partition gpu-small: 10080 min; 32 CPUs, 128000 MB, 7 a100_1g.5gb GPUs a node" in (
        done.output
    )
    assert done.output.endswith("profiles/slurm: fits this cluster\n")


def test_doctor_fails_where_it_does_not(sinfo):
    sinfo(SINFO)
    done = doctor()
    assert isinstance(done.exception, HyperVAEError)
    assert "train_model: runtime: found 1440, but partition gpu-small has 720" in str(
        done.exception
    )


def test_doctor_off_the_cluster_says_so(sinfo, monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    assert "sinfo: not found; run this on a login node" in str(doctor().exception)
