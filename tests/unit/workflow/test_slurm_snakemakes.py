"""Which processes are a Snakemake at work in a folder."""

import subprocess
import sys

import pytest

from hypervae.workflow.slurm.jobs import snakemakes


@pytest.fixture
def start(tmp_path):
    """Start what looks like Snakemake in a folder; its number once it runs."""
    program = tmp_path / "snakemake"
    program.write_text("print('up', flush=True)\nimport time\ntime.sleep(60)\n")
    started = []

    def start(folder, *options):
        folder.mkdir(exist_ok=True)
        call = [sys.executable, str(program), *options]
        process = subprocess.Popen(call, cwd=folder, stdout=subprocess.PIPE, text=True)
        started.append(process)
        assert process.stdout.readline() == "up\n"
        return process.pid

    yield start
    for process in started:
        process.kill()
        process.communicate()


def test_one_in_the_folder_is_found_and_one_elsewhere_is_not(start, tmp_path):
    here = start(tmp_path / "here", "--cores", "1")
    start(tmp_path / "there", "--cores", "1")
    assert snakemakes(tmp_path / "here") == [here]


def test_one_within_a_job_is_none_of_the_folder(start, tmp_path):
    start(tmp_path / "here", "--executor", "slurm-jobstep", "--jobs", "1", "--mode", "remote")
    assert snakemakes(tmp_path / "here") == []
    local = start(tmp_path / "here", "--mode", "subprocess")
    assert snakemakes(tmp_path / "here") == [local]
