"""Snakemake's benchmarks, by stage and by model or jet type."""

import pytest

from hypervae.formats.timings import read_timings

HEAD = "s\th:m:s\tmax_rss\tmean_load\tcpu_time\n"


def test_times_are_sums_over_the_jobs_of_the_run(tmp_path):
    for place, row in {
        "simulate/t/00000.tsv": "10.5\t0:00:10\t1\t2\t9.5",
        "simulate/t/00001.tsv": "2\t0:00:02\t1\t2\tNA",
        "simulate/old/00000.tsv": "100\t0:01:40\t1\t2\t90",
        "train/t.tsv": "60\t0:01:00\t-\t-\t-",
        "correlators/own/t/00000.tsv": "1\t0:00:01\t1\t2\t0.5",
    }.items():
        (tmp_path / place).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / place).write_text(f"{HEAD}{row}\n")
    found = read_timings(tmp_path, ["t", "own"])
    assert list(found) == ["correlators", "simulate", "train"]
    assert set(found["simulate"]) == {"t"}
    simulated = found["simulate"]["t"]
    assert (simulated.jobs, simulated.wall, simulated.cpu) == (2, 12.5, 9.5)
    assert (found["train"]["t"].wall, found["train"]["t"].cpu) == (60.0, 0.0)
    assert found["correlators"]["own"].wall == pytest.approx(1.0)


def test_a_run_without_benchmarks_has_no_times(tmp_path):
    assert read_timings(tmp_path / "none", ["t"]) == {}
