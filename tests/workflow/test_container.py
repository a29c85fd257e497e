"""Jobs run in the image that the user names, under --software-deployment-method apptainer."""

from __future__ import annotations

import os

from tests.workflow.conftest import TINY
from tests.workflow.running import copy_repository, snakemake

#: Takes the options of `apptainer exec` away, notes the image, and runs the command without it.
APPTAINER = """#!/bin/bash
[ "$1" = --version ] && echo "apptainer version 1.3.4" && exit
while [ "$1" != exec ]; do shift; done
shift
while [[ "$1" == --* ]]; do
    case "$1" in --home|--bind|--pwd) shift 2 ;; *) shift ;; esac
done
echo "$1" >> "$IMAGES"
shift
exec "$@"
"""
SHARD = "resources/shards/q/00000.h5"


def test_jobs_run_in_the_image_that_is_named(tmp_path, monkeypatch):
    folder = copy_repository(tmp_path / "repository")
    program = tmp_path / "bin" / "apptainer"
    program.parent.mkdir()
    program.write_text(APPTAINER)
    program.chmod(0o755)
    image = tmp_path / "hypervae.sif"
    image.touch()
    monkeypatch.setenv("PATH", f"{program.parent}:{os.environ['PATH']}")
    monkeypatch.setenv("IMAGES", str(tmp_path / "images.txt"))
    monkeypatch.setenv("HYPERVAE_CONTAINER", str(image))
    method = ("--software-deployment-method", "apptainer")

    snakemake(folder, SHARD, "--cores", "1", *method, "--configfile", TINY)

    assert (folder / SHARD).is_file()
    assert (tmp_path / "images.txt").read_text().split() == [str(image)]


def test_without_an_image_jobs_run_as_they_are(tmp_path, monkeypatch):
    folder = copy_repository(tmp_path / "repository")
    monkeypatch.delenv("HYPERVAE_CONTAINER", raising=False)

    snakemake(folder, SHARD, "--cores", "1", "--configfile", TINY)

    assert (folder / SHARD).is_file()
