"""Shards that one job makes: the same files, stale as a whole, and not lost when it is killed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time

import h5py
import yaml

from tests.workflow.conftest import TINY
from tests.workflow.running import copy_repository, job_counts, snakemake

RUN = ("--configfile", "config.yaml", "--cores", "2")
JETS, SIZE = 8, 10


def configure(folder, size=SIZE, **changes):
    """Write a config; the correlator files of it all."""
    config = yaml.safe_load((folder / TINY).read_text())
    source = {"source": "pythia", "shards": SIZE, "jets_per_shard": JETS}
    config["data"].update(shards_per_job=size, jet_types={"q": {**source, **changes}})
    config["models"] = {"q": {"jet_types": ["q"]}}
    (folder / "config.yaml").write_text(yaml.safe_dump(config))
    shards = config["data"]["jet_types"]["q"]["shards"]
    return [f"results/correlators/q/{at:05d}.h5" for at in range(shards)]


def contents(folder):
    return {path.name: path.read_bytes() for path in folder.glob("re*/*/q/*.h5")}


def test_groups_make_what_single_jobs_make_and_are_stale_as_they_are(tmp_path):
    folder = copy_repository(tmp_path / "run")

    def jobs(*options, **changes):
        targets = configure(folder, **changes)
        return job_counts(snakemake(folder, *targets, *RUN, *options).stdout)

    both = {"simulate_group": 1, "compute_group_correlators": 1}
    assert jobs() == both
    assert len(list(folder.glob("results/correlators/q/*.h5"))) == SIZE
    assert not list(folder.glob("re*/*/q/.*"))
    assert "shard 9" in (folder / "logs/simulate/q/0000x.h5.log").read_text()
    assert jobs("-n") == {}
    assert jobs("-n", shards=2 * SIZE) == both  # the new group alone
    assert jobs("-n", jets_per_shard=9) == both

    grouped = contents(folder)
    assert jobs("-n", size=1) == {"compute_correlators": SIZE}
    jobs("--forceall", size=1)
    assert contents(folder) == grouped
    assert jobs("-n") == {"compute_group_correlators": 1}

    jobs()
    with h5py.File(folder / "resources/shards/q/00003.h5", "a") as shard:
        shard.attrs["changed"] = True
    assert jobs("-n") == {"compute_group_correlators": 1}


def test_each_source_has_its_jobs(tmp_path):
    folder = copy_repository(tmp_path / "run")
    (folder / "my.h5").touch()
    types = {
        "q": {"source": "jetnet", "shards": 2 * SIZE},
        "t": {"source": "files", "paths": ["my.h5"]},
    }
    models = {
        "both": {"jet_types": ["q", "t"]},
        "other": {"jet_types": ["q"], "hyperedges": {"max_particles": 9}},
    }
    config = {"data": {"shards_per_job": SIZE, "jet_types": types}, "models": models}
    (folder / "config.yaml").write_text(yaml.safe_dump(config))
    targets = [f"results/normalization/{model}.h5" for model in models]
    assert job_counts(snakemake(folder, *targets, *RUN, "-n").stdout) == {
        "download_jetnet": 1,
        "split_group": 2,
        "import_shard": 1,
        "compute_correlators": 1,
        "compute_group_correlators": 2,
        "compute_model_group_correlators": 2,
        "list_model_files": 2,
        "merge_normalization": 2,
    }


def test_a_killed_job_loses_its_current_shard_alone(tmp_path):
    folder = copy_repository(tmp_path / "run")
    configure(folder, jets_per_shard=40)
    target = "resources/shards/q/00003.h5"
    command = [sys.executable, "-m", "snakemake", target, *RUN]
    environment = {**os.environ, "PATH": f"{os.path.dirname(sys.executable)}:{os.environ['PATH']}"}
    started = subprocess.Popen(command, cwd=folder, env=environment, start_new_session=True)
    until = time.monotonic() + 120
    done = []
    while len(done) < 2 and time.monotonic() < until:
        time.sleep(0.02)
        done = list(folder.glob("resources/shards/q/.00000*/0*.h5"))
    os.killpg(started.pid, signal.SIGKILL)
    started.wait()
    done = list(folder.glob("resources/shards/q/.00000*/0*.h5"))
    assert 2 <= len(done) < SIZE
    assert not list(folder.glob("resources/shards/q/*.h5"))
    snakemake(folder, "--unlock", *RUN)
    snakemake(folder, target, *RUN)
    log = (folder / "logs/simulate/q/0000x.h5.log").read_text()
    assert log.count("done by an earlier attempt") == len(done)
    assert log.count(" q jets") == SIZE - len(done)
    assert len(list(folder.glob("resources/shards/q/*.h5"))) == SIZE
    assert not list(folder.glob("resources/shards/q/.*"))
