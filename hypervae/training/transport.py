"""Batches on their way from a worker to the training, over a pipe of the worker's own.

torch would hand them over in shared memory, by descriptors: where ``/dev/shm`` is small, as in
containers, or few files may be open, a batch gets lost, and its reader waits for ever. A pipe needs
neither, and ends with the process that writes to it.
"""

from __future__ import annotations

import copyreg
import io
import pickle
import traceback
from multiprocessing.connection import Connection
from typing import Any

import torch
from torch import Tensor

from hypervae.errors import HyperVAEError

DECIDES_RESULTS_OF = ()  # see `hypervae.digest`: what arrives is what was sent, to the last bit

# With it large arrays stand beside the pickle, and are copied once.
_PROTOCOL = 5


class _Pickler(pickle.Pickler):
    """Tensors as arrays."""

    dispatch_table = copyreg.dispatch_table.copy()


def _of_tensor(tensor: Tensor) -> Any:
    if tensor.device.type != "cpu" or tensor.requires_grad or tensor.dtype is torch.bfloat16:
        return tensor.__reduce_ex__(_PROTOCOL)
    return torch.from_numpy, (tensor.numpy(),)


_Pickler.dispatch_table[Tensor] = _of_tensor


def send(connection: Connection, item: Any) -> None:
    """Send an item; nothing is sent of one that cannot be.

    Parameters
    ----------
    connection : Connection
    item : object
        Of tensors and what can be pickled.
    """
    buffers: list[pickle.PickleBuffer] = []
    text = io.BytesIO()
    _Pickler(text, _PROTOCOL, buffer_callback=buffers.append).dump(item)
    parts = [text.getbuffer(), *(buffer.raw() for buffer in buffers)]
    connection.send([part.nbytes for part in parts])
    for part in parts:
        if part.nbytes:
            connection.send_bytes(part)


def receive(connection: Connection) -> Any:
    """Wait for an item.

    Parameters
    ----------
    connection : Connection

    Returns
    -------
    object

    Raises
    ------
    EOFError, OSError
        If the process at the other end is gone.
    """
    parts = [bytearray(size) for size in connection.recv()]
    for part in parts:
        if part:
            connection.recv_bytes_into(part)
    return pickle.loads(parts[0], buffers=parts[1:])


class Failure:
    """An error on its way to the process that asked.

    Parameters
    ----------
    error : Exception
    """

    def __init__(self, error: Exception):
        self._refusal: tuple[Any, ...] = ()
        self._pickled = b""
        if isinstance(error, HyperVAEError):
            # pickle would make it from its message alone, which an `InputError` does not allow
            self._refusal = type(error), error.args, error.__dict__
            return
        where = "".join(traceback.format_exception(error))
        try:
            self._pickled = pickle.dumps(error)
            pickle.loads(self._pickled)
        except Exception:  # as any class of errors may have it
            self._pickled = pickle.dumps(RuntimeError(f"{type(error).__name__}: {error}"))
        self._where = f"in a worker process:\n{where}"

    def error(self) -> Exception:
        """The error, as it was raised.

        Returns
        -------
        Exception
        """
        if self._refusal:
            kind, arguments, state = self._refusal
            refused: HyperVAEError = kind.__new__(kind, *arguments)
            refused.__dict__.update(state)
            return refused
        error: Exception = pickle.loads(self._pickled)
        error.add_note(self._where)
        return error
