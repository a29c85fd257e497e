"""The processes of a run: how many, on which devices, in which precision."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from typing import Any

import torch
from lightning.fabric import Fabric
from lightning.fabric.plugins import MixedPrecision, Precision
from lightning.fabric.strategies import Strategy
from torch import Tensor

from hypervae.config import TrainConfig
from hypervae.device import choose_device, choose_precision
from hypervae.errors import HyperVAEError
from hypervae.stopped import TICK, Stopped, Watch
from hypervae.training.launch import launched_by
from hypervae.training.rendezvous import SeveralProcesses

#: Particle decoders that were measured to be faster in bf16 on a CPU with instructions for it. Not
#: those of L-GATr: its vectors stay in float32, and torch's masked attention is slower in bf16.
FAST_IN_BF16: frozenset[str] = frozenset()


# How gloo and NCCL say that a process of the run is gone.
_LOSSES = ("Connection reset by peer", "Connection closed by peer", "remote process exited")


# Processes of this run that were killed, since they were stopped.
_stopped: list[Stopped] = []


class ProcessLost(HyperVAEError):
    """Another process of the run ended."""


def check_alive(error: Exception) -> None:
    """Say of an error of what the processes do together that one of them is gone.

    Parameters
    ----------
    error : Exception
        As torch raises it.

    Raises
    ------
    ProcessLost
        If it is.
    """
    if isinstance(error, RuntimeError) and any(sign in str(error) for sign in _LOSSES):
        if _stopped:
            raise ProcessLost(str(_stopped[0])) from error
        raise ProcessLost(
            "training: another process of the run ended: it failed, see above, or was killed, as "
            "the system does where memory runs out; the next attempt resumes the last checkpoint"
        ) from error


@contextlib.contextmanager
def watching_processes(fabric: Fabric) -> Iterator[None]:
    """Kill processes of the run that were stopped, so that the others get an error, not a wait.

    Parameters
    ----------
    fabric : Fabric
        Launched; it knows the processes that this one has started.
    """
    launcher = getattr(fabric.strategy, "launcher", None)
    started = list(getattr(launcher, "procs", None) or [])
    done = threading.Event()

    def watch() -> None:
        watches = [(Watch(one.pid, "training: one of its processes"), one) for one in started]
        while watches and not done.wait(TICK):
            for pair in list(watches):
                try:
                    pair[0].look()
                except Stopped as error:
                    _stopped.append(error)
                    pair[1].kill()
                    watches.remove(pair)

    thread = threading.Thread(target=watch, daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()
        _stopped.clear()  # the next run of this process has others


class Autocast(MixedPrecision):
    """Mixed precision that leaves inputs and outputs as they are.

    Fabric's own rounds all inputs to half precision: four-momenta would keep 3 digits. Here the
    operations that autocast knows to be safe round for themselves, and no others.
    """

    def convert_input(self, data: Any) -> Any:
        """Nothing is rounded.

        Parameters
        ----------
        data : object
            Of the model.

        Returns
        -------
        object
            The same.
        """
        return data

    def convert_output(self, data: Any) -> Any:
        """Nothing is rounded.

        Parameters
        ----------
        data : object
            Of the model.

        Returns
        -------
        object
            The same.
        """
        return data


def make_fabric(config: TrainConfig, *, fast_in_bf16: bool = False) -> Fabric:
    """Fabric for the ``train`` section, not launched yet.

    Parameters
    ----------
    config : TrainConfig
        Its ``precision``, and ``device``, ``devices`` and ``nodes`` of ``execution``, count.
    fast_in_bf16 : bool
        As `hypervae.device.choose_precision`.

    Returns
    -------
    Fabric

    Raises
    ------
    HyperVAEError
        If there are fewer GPUs than are asked for.
    """
    execution = config.execution
    devices, nodes = execution.devices, execution.nodes
    device = choose_device(execution.device)
    if device == "cuda" and devices > torch.cuda.device_count():
        raise HyperVAEError(
            f"train.execution.devices: found {torch.cuda.device_count()} GPUs, expected {devices}"
        )
    strategy: str | Strategy = "auto"
    if devices * nodes > 1:
        strategy = SeveralProcesses(execution.rendezvous_minutes)
    return Fabric(
        accelerator=device,
        devices=devices,
        num_nodes=nodes,
        strategy=strategy,
        plugins=[
            launched_by(devices * nodes, nodes),
            precision_plugin(
                choose_precision(config.precision, device, fast_in_bf16=fast_in_bf16), device
            ),
        ],
    )


def precision_plugin(precision: str, device: str) -> Precision:
    """Fabric's plugin for a precision as `choose_precision` returns it.

    Parameters
    ----------
    precision : str
        As torch and Fabric call it.
    device : str
        Its type.

    Returns
    -------
    Precision
    """
    if precision == "32-true":
        return Precision()
    return Autocast("16-mixed" if precision == "16-mixed" else "bf16-mixed", device)


def sum_over_processes(fabric: Fabric, values: Tensor) -> Tensor:
    """The sum of a tensor of each process, the same in all.

    Parameters
    ----------
    fabric : Fabric
    values : [...]

    Returns
    -------
    [...]
    """
    if fabric.world_size == 1:
        return values
    total = fabric.all_reduce(values, reduce_op="sum")
    if not isinstance(total, Tensor):
        raise TypeError(f"found {type(total).__name__}, expected a tensor")
    return total


def is_first(fabric: Fabric) -> bool:
    """Whether this is the first process, known before the launch already.

    Parameters
    ----------
    fabric : Fabric
        Launched or not.

    Returns
    -------
    bool
    """
    environment = getattr(fabric.strategy, "cluster_environment", None)
    if environment is None:
        return True
    return environment.local_rank() == 0 and environment.node_rank() == 0


def limit_memory(fabric: Fabric, gigabytes: float) -> None:
    """Let this process take no more than so many GiB of its GPU; 0: all.

    Parameters
    ----------
    fabric : Fabric
    gigabytes : [GiB]
    """
    if fabric.device.type == "cuda" and gigabytes:
        total = torch.cuda.get_device_properties(fabric.device).total_memory
        share = min(gigabytes * 2**30 / total, 1.0)
        torch.cuda.set_per_process_memory_fraction(share, fabric.device)


def peak_memory_mb(device: torch.device) -> float | None:
    """Largest GPU memory in tensors since the last call [MB]; None on a CPU.

    Parameters
    ----------
    device : torch.device
        Where the tensors are.

    Returns
    -------
    float, optional
        [MB]
    """
    if device.type != "cuda":
        return None
    peak = torch.cuda.max_memory_allocated(device) / 1e6
    torch.cuda.reset_peak_memory_stats(device)
    return peak
