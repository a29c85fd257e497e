"""Which device and which precision."""

from __future__ import annotations

import os
from pathlib import Path

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


def choose_precision(precision: str, device: str, *, fast_in_bf16: bool = False) -> str:
    """Resolve ``auto``.

    On a GPU it is bf16 from compute capability 8.0 and fp16 below. On a CPU it is 32, unless the
    CPU has instructions for bf16 and the model was measured to be faster with them: what decides
    must be the same at each attempt, so nothing is timed when a run starts.

    Parameters
    ----------
    precision : {"auto", "32", "16-mixed", "bf16-mixed"}
    device : {"cpu", "cuda"}
    fast_in_bf16 : bool
        Whether the model is faster in bf16 on a CPU that has instructions for it.

    Returns
    -------
    str
        As Lightning Fabric names it.
    """
    if precision == "auto":
        if device == "cpu":
            return "bf16-mixed" if fast_in_bf16 and bf16_instructions() else "32-true"
        return "bf16-mixed" if torch.cuda.get_device_capability() >= (8, 0) else "16-mixed"
    return "32-true" if precision == "32" else precision


def bf16_instructions(cpu_info: str | os.PathLike[str] = "/proc/cpuinfo") -> bool:
    """Whether this CPU multiplies matrices in bf16 (AVX512-BF16 or AMX).

    Parameters
    ----------
    cpu_info : path-like
        What Linux says of the CPU.

    Returns
    -------
    bool
        False where the file is missing: on other systems it cannot be told.
    """
    path = Path(cpu_info)
    if not path.is_file():
        return False
    lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    flags = next((line for line in lines if line.startswith("flags")), "")
    return not {"avx512_bf16", "amx_bf16"}.isdisjoint(flags.split())
