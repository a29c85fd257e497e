"""Jobs of shards that are forked from one process: as many, as stale and as complete as others."""

from __future__ import annotations

import h5py
import yaml

from hypervae.workflow import Plan
from tests.workflow.conftest import TINY
from tests.workflow.running import copy_repository, job_counts, snakemake

RUN = ("--configfile", "config.yaml", "--cores", "2")


def test_each_shard_is_a_job_of_its_own(tmp_path):
    folder = copy_repository(tmp_path / "run")
    config = yaml.safe_load((folder / TINY).read_text())

    def jobs(*options, **changes):
        config["data"].update(changes)
        (folder / "config.yaml").write_text(yaml.safe_dump(config))
        plan = Plan(config)
        files = [f"{name}/{shard}.h5" for name in plan.jet_types for shard in plan.shards(name)]
        targets = [f"results/correlators/{file}" for file in files]
        done = snakemake(folder, *targets, *RUN, *options)
        return job_counts(done.stdout)

    types = {name: {"source": "pythia", "shards": 2, "jets_per_shard": 20} for name in "qt"}
    jobs(forkserver=True, jet_types=types)
    assert len(list(folder.glob("results/correlators/*/*.h5"))) == 4
    assert all(path.read_text() for path in folder.glob("logs/*/*/*.log"))
    assert jobs("-n") == {}
    assert jobs("-n", forkserver=False) == {}

    types["q"]["shards"] = 3
    added = {"simulate_shard": 1, "compute_correlators": 1}
    assert jobs("-n", forkserver=True, jet_types=types) == added
    jobs()
    assert jobs("-n") == {}

    with h5py.File(next(folder.glob("resources/shards/q/*.h5")), "a") as shard:
        shard.attrs["changed"] = True
    assert jobs("-n") == {"compute_correlators": 1}
