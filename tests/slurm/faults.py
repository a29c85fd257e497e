"""What may go wrong on a cluster: one class a fault, one line each in `FAULTS`.

A fault says what it does to a run and when, what the user has to do after it, and how one can tell
that it took place: a row of docs/reliability.md each.
"""

import os
import signal
import subprocess
import time

from tests.slurm import disturbed
from tests.slurm.disturbed import Disturbed

ON_GPUS = ("--set-resources", "train_model:slurm_partition=gpu-small", "train_model:gpu=1")


class Fault:
    """Strikes the training, once it has ended three epochs, unless it says otherwise.

    Attributes
    ----------
    done : str
        What happens to the run.
    when : str
        The progress at which it does.
    user : str
        What the user does about it.
    rule : str
        Whose jobs are counted.
    prepared : bool
        Whether all is done up to the training before the run begins.
    options : tuple of str
        Of Snakemake.
    short : bool
        Whether `make test-slurm` has this one, too.
    """

    done: str
    when = "training, after its third epoch"
    user = "nothing"
    rule = "train_model"
    prepared = True
    options: tuple[str, ...] = ()
    short = False

    def before(self, run: Disturbed) -> None:
        """What is set up before the run starts."""

    def strikes(self, run: Disturbed):
        """Whether the moment has come: something true, which `strike` is given."""
        return run.trainer()

    def strike(self, run: Disturbed, found) -> None:
        """What happens."""
        raise NotImplementedError

    def after(self, run: Disturbed) -> None:
        """What the user does until the run has ended well."""
        run.finish()

    def took_place(self, run: Disturbed) -> bool:
        """Whether the run shows that it was disturbed; a requeued training, by default."""
        return run.restarted()


class TimeLimit(Fault):
    done = "the training's time limit of 2 min runs out, with `--signal=TERM@30`"
    options = (*ON_GPUS, "train_model:runtime=2")

    def strike(self, run, found):
        disturbed.freeze(found)  # or it is done before, on a fast machine
        run.until(lambda: disturbed.term_is_pending(found), "Slurm's signal")
        disturbed.thaw(found)

    def took_place(self, run):
        return run.restarted() and run.resumed()


class Terminated(Fault):
    done = "`scancel --signal=TERM` of the training's job"
    short = True

    def strike(self, run, found):
        run.cluster.slurm("scancel", "--signal=TERM", str(run.training.id))

    def took_place(self, run):
        states = [job.state for job in run.jobs(self.rule)]
        return states == ["FAILED", "COMPLETED"] and run.resumed()


class Cancelled(Fault):
    done = "`scancel` of the training's job"

    def strike(self, run, found):
        run.cluster.slurm("scancel", str(run.training.id))

    def took_place(self, run):
        states = [job.state for job in run.jobs(self.rule)]
        return states == ["CANCELLED", "COMPLETED"] and run.resumed()


class Requeued(Fault):
    done = "`scontrol requeue` of the training's job"
    short = True

    def strike(self, run, found):
        run.cluster.slurm("scontrol", "requeue", str(run.training.id))

    def took_place(self, run):
        attempts = [(job.state, job.restarts) for job in run.jobs(self.rule)]
        return attempts == [("COMPLETED", 1)] and run.resumed()


class Preempted(Fault):
    done = "a job of a partition with priority takes the GPUs"

    def strike(self, run, found):
        command = ("--partition", "gpu-prio", "--gpus", "2", "--time", "1", "--wrap", "true")
        run.cluster.slurm("sbatch", "--output", "/dev/null", *command)
        run.until(run.restarted, "that the training gives way")


class NodeDies(Fault):
    done = "the training's node dies with all its processes, and comes back"

    def strike(self, run, found):
        job = run.training.id
        run.cluster.kill("g1")
        disturbed.kill_processes_of(job)
        run.until(run.restarted, "that Slurm misses the node")
        run.cluster.start_daemon("g1")


class DaemonDies(Fault):
    done = "slurmd of the training's node dies, the training lives on; slurmd comes back"

    def strike(self, run, found):
        disturbed.freeze(found)  # or it ends before Slurm misses the node
        run.cluster.kill("g1")
        run.until(run.restarted, "that Slurm misses the node")
        disturbed.thaw(found)
        run.cluster.start_daemon("g1")


class OverMemory(Fault):
    done = "the training's first job is given 200 MB, and killed without a signal"
    when = "training, at its start"
    options = (*ON_GPUS, "train_model:mem_mb=200*16**(attempt-1)")

    def strikes(self, run):
        jobs = run.jobs(self.rule)
        return jobs and jobs[0].state not in ("PENDING", "RUNNING", "COMPLETING")

    def strike(self, run, found):
        pass  # Slurm does it

    def took_place(self, run):
        first, last = run.jobs(self.rule)
        logs = run.project / ".snakemake" / "slurm_logs" / "rule_train_model" / "q"
        killed = "exceeded memory limit" in (logs / f"{first.id}.log").read_text()
        return killed and last.state == "COMPLETED"


class ShardKilled(Fault):
    done = "`kill -9` of the process that writes a shard"
    when = "simulation, while the shard has its temporary name"
    rule = "simulate_shard"
    prepared = False

    def strikes(self, run):
        return run.shard_writer()

    def strike(self, run, found):
        os.kill(found, signal.SIGKILL)

    def took_place(self, run):
        states = sorted(job.state for job in run.jobs(self.rule))
        return states == ["COMPLETED", "COMPLETED", "FAILED"]


class DiskFull(Fault):
    """A folder on a small disk, full until a job has failed of it."""

    user = "makes room; nothing else if a retry is left"
    folder: str
    said: str

    def before(self, run):
        run.mount(self.folder, 8)

    def strike(self, run, found):
        run.fill(self.folder)
        run.until(lambda: run.failed(self.rule), "a failed job")
        run.make_room(self.folder)

    def took_place(self, run):
        return run.failed(self.rule) and self.said in run.run.log.read_text()


class DiskFullAtShard(DiskFull, ShardKilled):
    done = "the disk of `resources/` (tmpfs) is full"
    folder, said = "resources", "No space left"


class DiskFullAtCheckpoint(DiskFull):
    done = "the disk of `checkpoints/` (tmpfs) is full"
    folder, said = "checkpoints", "no way to write it"


class SnakemakeKilled(Fault):
    done = "`kill -9` of Snakemake, while its training is at work"
    user = "`make recover`"

    def strike(self, run, found):
        run.process.send_signal(signal.SIGKILL)
        run.process.wait()

    def after(self, run):
        run.run.command[1:3] = ["-m", "hypervae.workflow.slurm", "recover"]
        run.start()
        run.finish()

    def took_place(self, run):
        return [job.state for job in run.jobs(self.rule)] == ["CANCELLED", "COMPLETED"]


class SnakemakeKilledAndRestarted(SnakemakeKilled):
    user = (
        "starts it again: refused, the folder is locked; `--unlock` and again: refused, the live "
        "job is named; again after its end"
    )

    def after(self, run):
        trainer = run.trainer()
        disturbed.freeze(trainer)  # or it has ended before the second run begins
        run.start()
        assert run.wait() != 0, "a second run in a locked folder"
        assert "--unlock" in run.run.tail()
        assert run.command("snakemake", *disturbed.OPTIONS, "--unlock").returncode == 0
        run.start()
        assert run.wait() != 0, "a second run beside the first one's jobs"
        assert "scancel --me --name" in run.run.tail()
        assert len(run.jobs(self.rule)) == 1
        disturbed.thaw(trainer)
        run.until(lambda: run.training.state == "COMPLETED", "the end of the orphan")
        run.start()
        run.finish()

    def took_place(self, run):
        # a job's own Snakemake says that its outputs are complete: the orphan's are used
        return [job.state for job in run.jobs(self.rule)] == ["COMPLETED"]


class CheckpointDamaged(Fault):
    done = "`kill -9` of the training, and its last checkpoint is cut off"

    def strike(self, run, found):
        disturbed.freeze(found)
        last = run.checkpoint()
        os.truncate(last, last.stat().st_size // 2)
        os.kill(found, signal.SIGKILL)

    def took_place(self, run):
        return "trying the one before" in run.train_log()


class ControllerAway(Fault):
    done = "slurmctld is killed, and started again after 60 s"

    def strike(self, run, found):
        run.cluster.kill("slurmctld")
        time.sleep(60)
        run.cluster.start_controller()

    def took_place(self, run):
        said = run.run.log.read_text()
        return "Slurm does not say" in said or "does not take jobs" in said


class LogsFull(Fault):
    done = "the disk of `logs/` (tmpfs) is full from then on"

    def before(self, run):
        run.mount("logs", 1)

    def strike(self, run, found):
        run.fill("logs")

    def took_place(self, run):
        # what came after had something to say, and no space for it
        later = [run.project / "logs" / name for name in ("generate", "evaluate")]
        sizes = [path.stat().st_size for folder in later for path in folder.rglob("*.log")]
        return len(sizes) >= 2 and not any(sizes)


class LogsReadOnly(Fault):
    done = "`logs/` (tmpfs) can only be read"
    when = "before the training's job starts"
    user = "makes it writable, and starts the same command again"

    def before(self, run):
        run.mount("logs", 1)
        self._remount(run, "ro")

    @staticmethod
    def _remount(run, how):
        subprocess.run(["mount", "-o", f"remount,{how}", run.project / "logs"], check=True)

    def strikes(self, run):
        return True

    def strike(self, run, found):
        assert run.wait() != 0

    def after(self, run):
        self._remount(run, "rw")
        run.start()
        run.finish()

    def took_place(self, run):
        return "Read-only file system" in run.run.log.read_text()


FAULTS: dict[str, Fault] = {
    "time limit": TimeLimit(),
    "SIGTERM": Terminated(),
    "scancel": Cancelled(),
    "requeue": Requeued(),
    "pre-emption": Preempted(),
    "node death": NodeDies(),
    "slurmd death": DaemonDies(),
    "over memory": OverMemory(),
    "shard job killed": ShardKilled(),
    "disk full, shard": DiskFullAtShard(),
    "disk full, checkpoint": DiskFullAtCheckpoint(),
    "Snakemake killed": SnakemakeKilled(),
    "Snakemake killed, restarted": SnakemakeKilledAndRestarted(),
    "checkpoint damaged": CheckpointDamaged(),
    "slurmctld away": ControllerAway(),
    "logs full": LogsFull(),
    "logs read-only": LogsReadOnly(),
}
