"""Whatever happens to a run: its report is complete, its numbers are those of a quiet one."""

import shutil
import time

import pytest

from tests.slurm import disturbed, reliability
from tests.slurm.cluster import copy_project
from tests.slurm.faults import FAULTS

# The limit is for a test that does not see that nothing moves any more.
pytestmark = [pytest.mark.slurm, pytest.mark.timeout(3600)]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("reliability")


@pytest.fixture(scope="module")
def undisturbed(cluster, folder):
    """The results of a run that nothing happens to; a copy of it is kept as it was half-way."""
    project = copy_project(folder / "undisturbed")
    disturbed.write_config(project)
    return disturbed.undisturbed(cluster, project, folder / "prepared")


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=() if fault.short else pytest.mark.faults)
        for name, fault in FAULTS.items()
    ],
)
def test_a_disturbed_run_ends_complete_and_equal(
    cluster, folder, undisturbed, record_fault, tmp_path, name
):
    fault = FAULTS[name]
    if fault.prepared:
        project = tmp_path / "project"
        shutil.copytree(folder / "prepared", project, symlinks=True)
    else:
        project = copy_project(tmp_path / "project")
        disturbed.write_config(project)
    run = disturbed.Disturbed(cluster, project, *fault.options)
    begin = time.monotonic()
    try:
        fault.before(run)
        run.start()
        found = run.until(lambda: fault.strikes(run), fault.when, while_running=True)
        fault.strike(run, found)
        fault.after(run)
        seconds = time.monotonic() - begin
        assert fault.took_place(run), f"{name}: {run.jobs()}\n{run.run.tail()}"
        results = disturbed.results(project)
        differ = [file for file in undisturbed if results.get(file) != undisturbed[file]]
        if record_fault:
            version = cluster.slurm("sinfo", "--version").split()[-1]
            equal = results == undisturbed
            reliability.record(name, run.jobs(fault.rule), equal, seconds, version)
        assert results == undisturbed, differ
        assert not disturbed.left_behind(project)
    finally:
        run.close()
