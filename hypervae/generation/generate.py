"""Generate jets with a trained model, streamed to a shard."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from hypervae.data.shard import ShardWriter
from hypervae.device import choose_device
from hypervae.model import HyperVAE
from hypervae.progress import Progress


def generate_jets(
    model_dir: str | os.PathLike[str],
    output: str | os.PathLike[str],
    config: Mapping[str, Any],
    *,
    jet_type: str | None = None,
) -> None:
    """Generate jets into a shard.

    Parameters
    ----------
    model_dir : path-like
        A trained model.
    output : path-like
    config : mapping
        The resolved ``generate`` section.
    jet_type : str, optional
        May be left out if the model knows one type.

    Raises
    ------
    InputError
        If the model is missing or damaged.
    HyperVAEError
        If the model does not know the type.
    """
    model = HyperVAE.load(model_dir, choose_device(config["device"]))
    kind = jet_type if jet_type is not None else model.jet_types[0]
    settings = {key: value for key, value in config.items() if key != "device"}
    writer = ShardWriter(
        output,
        model.normalization.max_particles,
        jet_type=kind,
        source="hypervae",
        seed=config["seed"],
        settings=settings,
        packages=("torch", "lgatr"),
    )
    with Progress(config["jets"], f"generate {kind}", "jets") as progress, writer:
        for jets in model.generate_batches(
            config["jets"],
            seed=config["seed"],
            jet_type=jet_type,
            temperature=config["temperature"],
            batch_size=config["batch_size"],
            flow_evaluations=config["flow_evaluations"],
            flow_solver=config["flow_solver"],
        ):
            writer.append(jets)
            progress.update(len(jets))
