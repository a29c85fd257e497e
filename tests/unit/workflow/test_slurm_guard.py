"""What the guard of Slurm's executor does with jobs that the executor loses sight of."""

import asyncio
import itertools
import types

import pytest

from hypervae.workflow.slurm import guard as guards


class Executor:
    """As the plugin: what is neither reported nor handed back is forgotten."""

    run_uuid = "hypervae_run"
    wait = True

    def __init__(self):
        self.logger = types.SimpleNamespace(warning=self.say)
        self.said, self.reported, self.asked, self.submissions = [], [], [], []
        self.answers = iter(())

    def say(self, text):
        self.said.append(text)

    def get_status_command(self):
        return "sacct"

    def run_job(self, job):
        self.submissions.append(job)

    async def check_active_jobs(self, active_jobs):
        self.asked.append(self.get_status_command())
        answer = next(self.answers)
        if answer is None:
            return
        for job in active_jobs:
            if answer.get(job.external_jobid) == "COMPLETED":
                self.report_job_success(job)
            else:
                yield job

    def report_job_submission(self, job_info, register_job=True):
        self.reported.append(("submitted", job_info.external_jobid))

    def report_job_success(self, job_info):
        self.reported.append(("success", job_info.external_jobid))

    def report_job_error(self, job_info, msg=None, **kwargs):
        self.reported.append(("error", job_info.external_jobid))


def job(number):
    return types.SimpleNamespace(
        external_jobid=number, job=types.SimpleNamespace(resources={}, name="simulate_shard")
    )


@pytest.fixture
def executor(monkeypatch):
    made = type("Guarded", (Executor,), {})
    guards.install(made, 60.0)
    monkeypatch.setattr(guards.shutil, "which", lambda program: program)
    return made()


@pytest.fixture
def clock(monkeypatch):
    now = types.SimpleNamespace(value=0.0)
    monkeypatch.setattr(guards.time, "monotonic", lambda: now.value)
    return now


def check(executor, jobs):
    async def gather():
        return [job async for job in executor.check_active_jobs(jobs)]

    return asyncio.run(gather())


def test_jobs_of_a_cycle_without_an_answer_are_kept_and_the_other_command_is_asked(executor, clock):
    jobs = [job("1"), job("2")]
    executor.answers = iter([None, {}, {"1": "COMPLETED"}])
    assert check(executor, jobs) == jobs
    assert check(executor, jobs) == jobs
    assert check(executor, jobs) == jobs[1:]
    assert executor.asked == ["sacct", "squeue", "squeue"]
    assert executor.reported == [("success", "1")]


def test_the_deadline_counts_from_the_last_answer(executor, clock):
    pytest.importorskip("snakemake_interface_common")
    jobs = [job("1")]
    executor.answers = iter([None, {}, None, None])
    for clock.value in (0.0, 50.0, 55.0):
        assert check(executor, jobs) == jobs
    clock.value = 116.0
    with pytest.raises(Exception, match="its 1 Slurm jobs go on: 1"):
        check(executor, jobs)


@pytest.mark.parametrize(
    ("queue", "reported"),
    [
        ({"1": "RUNNING"}, []),
        ({}, [("error", "1")]),  # forgotten by Slurm: nobody will ever say how it ended
        (None, []),  # no answer says nothing
    ],
)
def test_a_job_that_slurm_does_not_know_any_more_is_not_waited_for(
    executor, clock, monkeypatch, queue, reported
):
    monkeypatch.setattr(guards.StatusGuard, "queue_states", lambda self: queue)
    executor.answers = itertools.repeat({})
    jobs = [job("1")]
    for _ in range(3):
        clock.value += guards.LOOK_EVERY + 1
        jobs = check(executor, jobs)
    assert executor.reported == reported
    assert bool(jobs) == (not reported)


def queue_of(monkeypatch, text):
    done = types.SimpleNamespace(returncode=0, stdout=text)
    monkeypatch.setattr(guards.subprocess, "run", lambda command, **options: done)


@pytest.mark.parametrize(
    ("text", "states"),
    [
        ("1|RUNNING\n2|PENDING\n3|FAILED\n", {"1": "RUNNING", "2": "PENDING", "3": "FAILED"}),
        ("4|RUNNING\n4|COMPLETED\n", {"4": "RUNNING"}),
        ("4|COMPLETED\n4|RUNNING\n", {"4": "RUNNING"}),
        ("", {}),
    ],
)
def test_the_queue_tells_of_jobs_that_run_and_of_those_that_ended(
    executor, monkeypatch, text, states
):
    queue_of(monkeypatch, text)
    assert guards.guard(executor, 60.0).queue_states() == states


@pytest.mark.parametrize("state", ["PENDING", "RUNNING", "SUSPENDED", "REQUEUED", "COMPLETING"])
def test_a_job_that_runs_for_hours_is_kept(executor, clock, monkeypatch, state):
    queue_of(monkeypatch, f"1|{state}\n")
    jobs = [job("1")]
    executor.answers = itertools.repeat({})
    for _ in range(100):
        clock.value += 100.0
        assert check(executor, jobs) == jobs
    assert executor.reported == []


def test_a_plugin_that_knows_one_status_command_is_guarded_too(clock):
    without = ("get_status_command", "__dict__", "__weakref__")
    own = {name: part for name, part in vars(Executor).items() if name not in without}
    own["check_active_jobs"] = forgetting
    made = type("Other", (), own)
    guards.install(made, 60.0)
    jobs = [job("1")]
    assert check(made(), jobs) == jobs


async def forgetting(self, active_jobs):
    for nothing in ():
        yield nothing


def test_after_an_outage_jobs_are_looked_for_at_once(executor, clock, monkeypatch):
    monkeypatch.setattr(guards.StatusGuard, "queue_states", lambda self: {})
    executor.answers = itertools.chain([None], itertools.repeat({}))
    jobs = [job("1")]
    for clock.value in (0.0, 1.0, guards.LOOK_AGAIN):
        assert check(executor, jobs) == jobs
    clock.value = guards.LOOK_AGAIN + 2
    assert check(executor, jobs) == []
    assert executor.reported == [("error", "1")]


def test_a_job_whose_end_only_the_queue_knows_is_asked_for_there(executor, clock, monkeypatch):
    monkeypatch.setattr(guards.StatusGuard, "queue_states", lambda self: {"1": "CANCELLED"})
    executor.answers = itertools.repeat({})
    jobs = [job("1_4")]
    for _ in range(3):
        clock.value += guards.LOOK_EVERY + 1
        assert check(executor, jobs) == jobs
    assert executor.asked[-1] == "sacct"
    assert executor.get_status_command() == "squeue"


AWAY = "Unable to contact slurm controller (connect failure)"
FAILED = "SLURM sbatch failed. The error message was '{}'.\n    sbatch call:\n        sbatch {}\n"


@pytest.mark.parametrize(
    ("message", "again"),
    [
        (FAILED.format(f"sbatch: error: {AWAY}", "--comment rule_a"), True),
        (FAILED.format("sbatch: error: Batch job submission failed: Socket timed out", ""), True),
        (FAILED.format("sbatch: error: invalid partition", f"--wrap='{AWAY}'"), False),
        ("Job submission failed with exception: [Errno 2] No such file or directory", False),
        (None, False),
    ],
)
def test_only_what_the_controller_did_not_take_is_sent_again(executor, monkeypatch, message, again):
    monkeypatch.setattr(guards.threading, "Timer", Timer)
    monkeypatch.setattr(guards.StatusGuard, "cancel_unseen", lambda self, comments: None)
    executor.report_job_error(job(None), msg=message)
    assert len(executor.submissions) == again
    assert executor.reported == ([] if again else [("error", None)])


class Timer:
    """Runs at once."""

    def __init__(self, interval, function, arguments):
        self.start = lambda: function(*arguments)


def test_what_a_timed_out_submission_left_in_the_queue_is_cancelled(executor, monkeypatch):
    calls = []

    def run(command, **options):
        calls.append(command)
        return types.SimpleNamespace(stdout="7|rule_a\n8|rule_a\n9|rule_b\n")

    monkeypatch.setattr(guards.subprocess, "run", run)
    monkeypatch.setattr(guards.threading, "Timer", Timer)
    executor.report_job_submission(job("7"))
    executor.report_job_error(job(None), msg=FAILED.format(AWAY, "--comment rule_a --x"))
    assert [call for call in calls if call[0] == "scancel"] == [["scancel", "8"]]
    assert len(executor.submissions) == 1


@pytest.mark.parametrize("text", ["soon", "0", "-3"])
def test_a_patience_that_is_none_is_refused(monkeypatch, text):
    monkeypatch.setenv(guards.PATIENCE_VARIABLE, text)
    with pytest.raises(Exception, match=f"found {text}; expected minutes"):
        guards.patience()


def test_the_plugin_has_the_methods_that_are_guarded():
    plugin = pytest.importorskip(guards.PLUGIN)
    for name in ("check_active_jobs", "report_job_success", "report_job_error", "run_job"):
        assert callable(getattr(plugin.Executor, name))
    assert callable(plugin.Executor.get_status_command)
