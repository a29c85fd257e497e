"""Out of memory: how it is told from other errors, and what helps."""

from __future__ import annotations

import torch

from hypervae import limits
from hypervae.config import TrainConfig
from hypervae.errors import HyperVAEError
from hypervae.model.hyperedges.registry import HYPEREDGE_MODES

DECIDES_RESULTS_OF = ()  # see `hypervae.digest`: what is said when there is too little

# torch raises a plain RuntimeError where the allocation that fails is the CPU's or a library's.
_SIGNS = (*limits.NO_MEMORY, "CUBLAS_STATUS_ALLOC_FAILED")


class OutOfMemory(HyperVAEError):
    """A training step does not fit into memory."""


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an error is a failed allocation, on a GPU or on the CPU.

    Parameters
    ----------
    error : BaseException
        What was raised.

    Returns
    -------
    bool
    """
    if isinstance(error, torch.OutOfMemoryError | MemoryError):
        return True
    return isinstance(error, RuntimeError) and any(sign in str(error) for sign in _SIGNS)


def advice(jets: int, config: TrainConfig, device: torch.device) -> str:
    """What to change when a batch of `jets` jets does not fit.

    Parameters
    ----------
    jets : int
        Jets in memory at once when it happened.
    config : TrainConfig
    device : torch.device

    Returns
    -------
    str
    """
    execution = config.execution
    keys = []
    if jets > 1:
        keys.append(
            f"a smaller train.batch_size (now {jets}; a larger train.accumulate keeps the jets of "
            "a step)"
        )
    if execution.on_oom != "halve":
        keys.append("train.execution.on_oom: halve")
    if not execution.gradient_checkpointing:
        keys.append("train.execution.gradient_checkpointing: true")
    modes = " or ".join(name for name, mode in HYPEREDGE_MODES.items() if mode.saves_memory)
    keys.append(f"model.hyperedge_encoder and hyperedge_decoder: {modes}")
    keys.append("smaller model.edge_width, hyperedge_width or scalar_channels")
    if device.type == "cuda":
        keys.append("train.precision: auto")
        if execution.max_memory_gb:
            keys.append(f"train.execution.max_memory_gb (now {execution.max_memory_gb:g})")
    if device.type != "cuda" and limits.addresses_limited():
        keys.append("a larger limit of addresses (ulimit -v), or none")
    where = "GPU" if device.type == "cuda" else "main"
    return f"out of {where} memory with {jets} jets in a batch; what helps: " + "; ".join(keys)
