"""More epochs of a training that has ended: whether its checkpoint can be gone on from."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from hypervae.config import TrainConfig
from hypervae.training.checkpoint import LAST, read_checkpoint

SETTINGS = "run.json"

_LOG = logging.getLogger(__name__)


def find_shorter(
    folder: Path, decided: Mapping[str, Any], name_of: Callable[[Mapping[str, Any]], str]
) -> tuple[Path, int] | None:
    """The longest run beside this one that differs in nothing but fewer epochs, and `extend`.

    Parameters
    ----------
    folder : Path
        Of this run, beside the others'.
    decided : mapping
        The config of this run, as its fingerprint holds it.
    name_of : callable
        From a config to the fingerprint of a run with this code and these inputs.

    Returns
    -------
    folder : Path
        None if there is no such run.
    epochs : int
    """
    found: list[tuple[int, Path]] = []
    for settings in folder.parent.glob(f"*/{SETTINGS}"):
        try:
            stored = json.loads(settings.read_text(encoding="utf-8"))["config"]
            epochs, extend = stored["epochs"], stored["extend"]
        except (ValueError, KeyError, TypeError, OSError):
            continue  # another version's, or one that was killed while it began
        shorter = isinstance(epochs, int) and 0 < epochs < decided["epochs"]
        # a name says all that decides a result, code and inputs too
        if not shorter:
            continue
        if settings.parent.name == name_of({**decided, "epochs": epochs, "extend": extend}):
            found.append((epochs, settings.parent))
    found = [(epochs, place) for epochs, place in found if (place / LAST).is_file()]
    if not found:
        return None
    epochs, place = max(found)
    return place, epochs


def why_not(config: TrainConfig, before: int) -> str:
    """Why a schedule does not allow to go on after fewer epochs.

    Parameters
    ----------
    config : TrainConfig
        Of the longer run.
    before : int
        Epochs of the shorter one.

    Returns
    -------
    str
        Empty if it does.
    """
    if config.schedule != "constant":
        low = {"cosine": "a hundredth of its peak", "linear": "0"}.get(config.schedule, "its end")
        return f"with schedule {config.schedule} its learning rate has come down to {low}"
    if before / config.epochs < config.warmup:
        return f"the warm-up of the longer run is {config.warmup:g} of all epochs, not over by then"
    return ""


def state_of_shorter(
    folder: Path,
    config: TrainConfig,
    decided: Mapping[str, Any],
    name_of: Callable[[Mapping[str, Any]], str],
) -> dict[str, Any] | None:
    """The state of a shorter run that this one goes on from; says so, or why it does not.

    Parameters
    ----------
    folder : Path
        Of this run, beside the others'.
    config : TrainConfig
    decided : mapping
        The config of this run, as its fingerprint holds it.
    name_of : callable
        See `find_shorter`.

    Returns
    -------
    dict, optional
        As `read_checkpoint` gives it.

    Raises
    ------
    InputError
        As `read_checkpoint`.
    """
    if config.extend == "never" or config.steps:
        return None
    found = find_shorter(folder, decided, name_of)
    if found is None:
        return None
    place, epochs = found
    reason = why_not(config, epochs)
    if reason and config.extend != "always":
        _LOG.info(
            "%s: %d epochs of the same run, from which this one does not go on: %s. It starts "
            "from the beginning; train.extend: always goes on all the same",
            place,
            epochs,
            reason,
        )
        return None
    _LOG.info(
        "%s: going on from %d epochs of the same run%s",
        place,
        epochs,
        f", although {reason}" if reason else "",
    )
    return {**read_checkpoint(place / LAST, place.name), "resumed_from": None}
