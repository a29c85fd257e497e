"""What a run is given must stay as it is, and be older than what is made of it."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

from hypervae.errors import ConfigError, InputError
from hypervae.io.targets import check_once
from hypervae.workflow.models import MODEL_FILES
from hypervae.workflow.plan import Plan

#: Clocks of machines may differ by so much [s].
TOLERANCE = 60.0


def check_places(
    plan: Plan, placed: Callable[[list[str]], list[str]] = lambda paths: paths
) -> None:
    """Refuse files of the user that the run itself would write, and those that it is given twice.

    Snakemake removes outputs first. A file under two names would be two shards of the same jets.

    Parameters
    ----------
    plan : Plan
    placed : callable
        Paths of outputs as they are in a workflow that takes this one as a module.

    Raises
    ------
    ConfigError
        If a file is the output of the job that reads it, or stands twice among those of a type.
    """
    for jet_type in plan.jet_types:
        source = plan.source(jet_type)
        if source.source == "files":
            check_once(f"config: data.jet_types.{jet_type}.paths", map(Path, source.paths))
    for key, path, output in _given(plan):
        if os.path.realpath(path) == os.path.realpath(*placed([output])):
            raise ConfigError(
                f"config: {key}: found {path}, which the run writes anew, expected another place"
            )


def check_dates(plan: Plan) -> None:
    """Refuse files of the future: Snakemake takes all that is made of them for too old.

    Parameters
    ----------
    plan : Plan

    Raises
    ------
    InputError
        If a file was changed later than now.
    """
    latest = time.time() + TOLERANCE
    for _, path, _ in _given(plan):
        try:
            changed = os.stat(path).st_mtime
        except OSError:
            continue  # Snakemake names what is missing
        if changed > latest:
            found = f"{datetime.fromtimestamp(changed, UTC):%Y-%m-%d %H:%M} UTC, in the future"
            expected = "one that is past (touch it), or all that is made of it counts as older"
            raise InputError(path, "time of change", found=found, expected=expected)


def _given(plan: Plan) -> Iterator[tuple[str, str, str]]:
    """The key that names a file, the file, and what the job that reads it writes."""
    for jet_type in plan.jet_types:
        source = plan.source(jet_type)
        if source.source == "files":
            for shard in plan.shards(jet_type):
                output = f"resources/shards/{jet_type}/{shard}.h5"
                key = f"data.jet_types.{jet_type}.paths"
                yield key, plan.user_file(jet_type, shard), output
        elif source.source == "jetnet" and plan.data.jetnet.directory:
            output = f"resources/jetnet/{jet_type}{plan.jetnet_suffix}.hdf5"
            yield "data.jetnet.directory", plan.staged_file(jet_type), output
    for model in plan.models:
        for path, name in zip(plan.given_files(model), MODEL_FILES, strict=False):
            key = "weights" if plan.config.models[model].weights else "init_from"
            yield f"models.{model}.{key}", path, f"results/models/{model}/{name}"
