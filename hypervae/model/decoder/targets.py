"""What particle decoders learn from, put into batches where these are made."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from hypervae.config import ModelConfig
from hypervae.data.jets import Jets
from hypervae.model.decoder.registry import PARTICLE_DECODERS
from hypervae.model.inputs import JetBatch


def with_particle_targets(
    batch: JetBatch, jets: Jets, config: ModelConfig, keys: NDArray[np.uint64] | None = None
) -> JetBatch:
    """The batch with what the config's particle decoder learns from.

    Parameters
    ----------
    batch : JetBatch
        On the CPU.
    jets : Jets
        Those of the batch.
    config : ModelConfig
    keys : [B] uint64, optional
        Decide what is drawn for the targets; those of the batch when left out.

    Returns
    -------
    JetBatch
    """
    decoder = PARTICLE_DECODERS[config.decoder]
    if keys is None:
        keys = batch.key.numpy().view(np.uint64)
    return replace(batch, particle_targets=decoder.targets(jets, config, keys, batch.jet.dtype))
