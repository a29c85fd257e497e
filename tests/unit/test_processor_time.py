"""Quotas of processor time, as container runtimes and Slurm set them."""

import pytest

from hypervae import doctor
from hypervae.processor_time import quota

MAX, QUOTA, PERIOD = "cpu.max", "cpu.cfs_quota_us", "cpu.cfs_period_us"
V1 = "4:cpuset:/a\n3:cpu,cpuacct:/a/b\n0::/elsewhere\n"


@pytest.mark.parametrize(
    ("groups", "files", "allowed"),
    [
        ("0::/\n", {MAX: "50000 100000\n"}, 0.5),
        ("0::/\n", {MAX: "max 100000\n"}, None),
        ("0::/\n", {MAX: "1000 1000000"}, 0.001),
        ("0::/\n", {MAX: "250000 100000"}, 2.5),
        ("0::/a/b\n", {"a/b/" + MAX: "max 100000", "a/" + MAX: "50000 100000"}, 0.5),
        ("0::/a/b\n", {"a/b/" + MAX: "20000 100000", "a/" + MAX: "50000 100000"}, 0.2),
        ("0::/../../host/a\n", {MAX: "50000 100000"}, 0.5),
        ("0::/\n", {}, None),
        ("0::/\n", {MAX: ""}, None),
        ("0::/\n", {MAX: "50000"}, None),
        ("0::/\n", {MAX: "50000 0"}, None),
        ("0::/\n", {MAX: "-1 100000"}, None),
        ("0::/\n", {MAX: "nonsense 100000"}, None),
        (V1, {"cpu,cpuacct/a/b/" + QUOTA: "50000", "cpu,cpuacct/a/b/" + PERIOD: "100000"}, 0.5),
        (V1, {"cpu,cpuacct/" + QUOTA: "50000\n", "cpu,cpuacct/" + PERIOD: "100000\n"}, 0.5),
        (V1, {"cpu,cpuacct/a/b/" + QUOTA: "-1", "cpu,cpuacct/a/b/" + PERIOD: "100000"}, None),
        (V1, {"cpuset/a/" + QUOTA: "50000", "cpuset/a/" + PERIOD: "100000"}, None),
        (V1, {"cpu,cpuacct/a/" + QUOTA: "50000"}, None),
        ("", {MAX: "50000 100000"}, None),
        ("nonsense\n::\n", {}, None),
    ],
)
def test_the_quota_of_either_version(groups, files, allowed, tmp_path):
    root, of_process = tmp_path / "sys/fs/cgroup", tmp_path / "proc/self/cgroup"
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    of_process.parent.mkdir(parents=True)
    of_process.write_text(groups)
    assert quota(tmp_path) == allowed


def test_no_groups_at_all(tmp_path):
    assert quota(tmp_path) is None


@pytest.mark.parametrize("allowed", [None, 0.5])
def test_the_doctor_says_it(allowed, monkeypatch):
    monkeypatch.setattr(doctor, "quota", lambda: allowed)
    text = "\n".join(doctor.describe())
    assert ("of which a quota allows the time of 0.5" in text) == (allowed is not None)
