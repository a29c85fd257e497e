"""What Slurm refuses is told once, with rule, mistake and remedy, and not tried again."""

from __future__ import annotations

import logging
import threading
from types import SimpleNamespace

import pytest

from hypervae.errors import HyperVAEError
from hypervae.workflow.slurm import guard as guards
from hypervae.workflow.slurm import refusals

SINFO = """\
cpu*|up|10:00|4|16000|(null)
gpu-small|up|1-00:00:00|4|16000|gpu:a100:2
"""
SBATCH = (
    "SLURM sbatch failed. The error message was '{}'.\n    sbatch call:\n        sbatch --qos=x\n"
)
BATCH = "sbatch: error: Batch job submission failed: "
RAISED = "Job submission failed with exception: "


@pytest.fixture
def sinfo(monkeypatch):
    monkeypatch.setattr(refusals, "ask_sinfo", lambda: SINFO)


def job(**resources):
    return SimpleNamespace(
        name="train_model",
        rules=["train_model"],
        resources={"slurm_partition": "cpu", "runtime": 5, "mem_mb": 100, **resources},
        threads=1,
        attempt=1,
        restart_times=2,
    )


def told(said, **resources):
    refused = job(**resources)
    found = refusals.Refusals().told(refused, said)
    return found, refused


@pytest.mark.parametrize(
    ("said", "resources", "remedy"),
    [
        (
            SBATCH.format("sbatch: error: invalid partition specified: gpus\n" + BATCH)
            + "Invalid partition name specified",
            {"slurm_partition": "gpus"},
            "slurm_partition: found 'gpus', which is not here; expected one of cpu, gpu-small",
        ),
        (
            SBATCH.format(BATCH + "Requested node configuration is not available"),
            {"gpu": 1},
            "gpu: found 1, but partition cpu has none; set slurm_partition gpu-small",
        ),
        (
            SBATCH.format(BATCH + "Invalid generic resource (gres) specification"),
            {"slurm_partition": "gpu-small", "gpu": 1, "gpu_model": "h100"},
            "gpu_model: found 'h100', but partition gpu-small has a100",
        ),
        (
            SBATCH.format(
                "sbatch: error: Memory specification can not be satisfied\n"
                + BATCH
                + "Requested node configuration is not available"
            ),
            {"mem_mb": 99000},
            "mem_mb: found 99000, but partition cpu has 16000 MB at most",
        ),
        (
            SBATCH.format(
                BATCH + "Requested time limit is invalid (missing or exceeds some limit)"
            ),
            {"runtime": 600},
            "runtime: found 600, but partition cpu has 10 min at most",
        ),
        (
            SBATCH.format(BATCH + "More processors requested than permitted"),
            {"cpus_per_task": 64},
            "cpus_per_task: found 64, but partition cpu has 4 CPUs at most",
        ),
        (
            SBATCH.format(BATCH + "Invalid account or account/partition combination specified"),
            {"slurm_account": "nobody"},
            "slurm_account: found nobody; change it",
        ),
        (
            RAISED + "The given account nobody appears to be invalid. Available accounts:\nphysics",
            {"slurm_account": "nobody"},
            "slurm_account: found nobody; change it",
        ),
        (SBATCH.format(BATCH + "Invalid qos specification"), {"qos": "fast"}, "qos: found fast"),
        (
            SBATCH.format(
                BATCH + "Job violates accounting/QOS policy (job submit limit, user's size and/or"
                " time limits)"
            ),
            {},
            "lower `jobs` in the profile",
        ),
        (
            RAISED + "Invalid GPU model format: a100-40gb. Expected format: '<name>'",
            {"slurm_partition": "gpu-small", "gpu": 1, "gpu_model": "a100-40gb"},
            "set gpu: 0 and slurm_extra: \"'--gpus-per-node=a100-40gb:1'\"",
        ),
        (
            SBATCH.format(BATCH + "User's group not permitted to use this partition"),
            {},
            "scontrol show partition",
        ),
    ],
)  # fmt: skip
def test_a_refusal_has_its_rule_and_its_remedy(sinfo, said, resources, remedy):
    (text, first), refused = told(said, **resources)
    head, *lines = text.splitlines()
    assert head.startswith("train_model: Slurm refuses the job, and is not asked again: ")
    assert "sbatch" not in head
    assert any(remedy in line for line in lines), text
    assert all("set-resources of train_model in the profile" in line for line in lines)
    assert first
    assert refused.attempt > refused.restart_times  # Snakemake makes no other


@pytest.mark.parametrize(
    "said",
    [
        None,
        "",
        SBATCH.format(BATCH + "Pathname of a file, directory or other parameter too long"),
        "SLURM-job '3' failed, SLURM status is: 'TIMEOUT'. time limit",  # of a job that ran
        SBATCH.format(BATCH + "I/O error writing script/environment to file"),
    ],
)
def test_what_is_of_no_known_kind_may_be_tried_again(said):
    found, refused = told(said)
    assert found is None
    assert refused.attempt == 1


def test_where_sinfo_says_nothing_it_is_said_where_to_look(monkeypatch):
    def fails():
        raise HyperVAEError("sinfo: not found")

    monkeypatch.setattr(refusals, "ask_sinfo", fails)
    (text, _), _ = told(SBATCH.format(BATCH + "Invalid partition name specified"))
    assert "slurm_partition: found cpu; change it under set-resources" in text
    assert "`sinfo --summarize`" in text


def test_it_is_told_once_for_a_rule(sinfo):
    met = refusals.Refusals()
    said = SBATCH.format(BATCH + "Invalid qos specification")
    group = job()
    group.rules = {"simulate_shard", "compute_correlators"}
    found = [met.told(each, said) for each in (job(), job(), group, group)]
    assert [first for _, first in found] == [True, False, True, False]
    assert found[2][0].startswith("compute_correlators, simulate_shard: ")


def test_the_words_on_an_array_are_those_of_the_log(sinfo):
    met, logger = refusals.Refusals(), logging.Logger("executor")
    jobs = [job() for _ in range(4)]
    words = "SLURM sbatch failed for array job submission (tasks {}). " + SBATCH[21:]

    def another():
        logger.error(words.format("1-4", "Invalid partition name specified"))

    with met.listening(logger, jobs):
        thread = threading.Thread(target=another)  # submits another array
        thread.start()
        thread.join()
        logger.error(words.format("3-4", BATCH + "Invalid qos specification"))
    part = "Part of failed array sbatch submission (tasks 3-4); see log for details."

    assert [met.told(each, part) is not None for each in jobs] == [False, False, True, True]
    assert not logger.handlers


class Executor:
    """As the plugin: a refused job is reported."""

    def __init__(self):
        self.logger = logging.Logger("executor")
        self.reported, self.silent = [], []
        self.workflow = SimpleNamespace(
            scheduler=SimpleNamespace(error_callback=self.silent.append)
        )

    async def check_active_jobs(self, active_jobs):
        for each in active_jobs:
            yield each

    def report_job_submission(self, job_info, register_job=True):
        raise AssertionError("nothing is submitted")

    def report_job_success(self, job_info):
        raise AssertionError("nothing succeeds")

    def report_job_error(self, job_info, msg=None, **kwargs):
        self.reported.append(msg)

    def run_array_jobs(self, jobs):
        words = SBATCH.format(BATCH + "Invalid qos specification")
        self.logger.error("for array job submission (tasks 1-2). %s", words)
        for each in jobs:
            info = SimpleNamespace(job=each, external_jobid=None)
            self.report_job_error(info, msg="Part of failed array sbatch submission (tasks 1-2)")


def test_the_guard_tells_it_once_and_ends_the_other_jobs_in_silence(sinfo):
    guards.install(Executor, 60.0)
    executor, jobs = Executor(), [job(qos="fast"), job(qos="fast")]

    executor.run_array_jobs(jobs)

    (message,) = executor.reported
    assert "qos: found fast" in message
    assert message.endswith("\n")  # the executor adds a sentence
    assert executor.silent == jobs[1:]
