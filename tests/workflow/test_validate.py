"""`hypervae validate` knows every file that a run of the workflow writes."""

import shutil

import pytest

from hypervae.checks.files import check_file
from hypervae.errors import InputError
from tests.workflow.conftest import TINY
from tests.workflow.running import job_counts, snakemake

#: Where a run writes, beside Snakemake's own folder.
FOLDERS = ("resources", "results", "checkpoints", "logs")
#: What may end anywhere: a text of lines.
LINES = (".log", ".txt", ".csv", ".tsv")


def test_every_file_of_a_run_is_known(finished, monkeypatch):
    monkeypatch.chdir(finished)  # list files have paths from there
    checked = 0
    for folder in FOLDERS:
        for path in sorted((finished / folder).rglob("*")):
            if path.is_file():
                lines = check_file(path)
                assert lines[-1].startswith("for "), path
                checked += 1
    assert checked > 100


def test_files_that_are_cut_are_refused(finished, tmp_path):
    seen = set()
    for folder in FOLDERS:
        for path in sorted((finished / folder).rglob("*")):
            kind = (path.parent.name, path.suffix)
            if not path.is_file() or path.suffix in LINES or "tfevents" in path.name:
                continue
            if kind in seen:
                continue
            seen.add(kind)
            place = tmp_path / path.name
            if path.suffix in (".json", ".safetensors"):  # a model is read with its other files
                for other in path.parent.glob("*.*"):
                    shutil.copy(other, tmp_path / other.name)
            content = path.read_bytes()
            place.write_bytes(content[: len(content) // 2])
            with pytest.raises(InputError, match=path.name):
                check_file(place)
    assert len(seen) > 10


def test_a_report_that_was_deleted_comes_back(finished):
    report = finished / "results/report.html"
    report.unlink()
    done = snakemake(finished, "--cores", "2", "--configfile", TINY)
    assert job_counts(done.stdout) == {"ask_for_report": 1}
    assert report.stat().st_size > 100_000
    assert not (finished / "results/.report").exists()
    again = snakemake(finished, "--cores", "2", "--configfile", TINY)
    assert job_counts(again.stdout) == {}
