"""Which device and which precision."""

from __future__ import annotations

import torch

from hypervae.errors import HyperVAEError


def choose_device(device: str) -> str:
    """Resolve ``auto``.

    Parameters
    ----------
    device : {"auto", "cpu", "cuda"}

    Returns
    -------
    str
        ``cpu`` or ``cuda``; ``auto`` is CUDA where there is any.

    Raises
    ------
    HyperVAEError
        If CUDA is asked for and there is none.
    """
    if device == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    if device == "cuda" and not torch.cuda.is_available():
        raise HyperVAEError(
            "device: found no CUDA device, expected one for 'cuda'; use auto or cpu"
        )
    return device


def choose_precision(precision: str, device: str) -> str:
    """Resolve ``auto``: bf16 from compute capability 8.0, fp16 below, 32 on a CPU.

    Parameters
    ----------
    precision : {"auto", "32", "16-mixed", "bf16-mixed"}
    device : {"cpu", "cuda"}

    Returns
    -------
    str
        As Lightning Fabric names it.
    """
    if precision == "auto":
        if device == "cpu":
            return "32-true"
        return "bf16-mixed" if torch.cuda.get_device_capability() >= (8, 0) else "16-mixed"
    return "32-true" if precision == "32" else precision
