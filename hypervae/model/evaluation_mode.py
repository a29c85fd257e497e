"""Models are left in the mode in which they were found."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol


class HasModes(Protocol):
    """What is read of a model."""

    training: bool

    def train(self, mode: bool = True) -> object:
        """Set the training mode.

        Parameters
        ----------
        mode : bool
            Whether it is to train.

        Returns
        -------
        object
        """


@contextmanager
def in_evaluation_mode(model: HasModes) -> Iterator[None]:
    """Have a model in evaluation mode meanwhile, and then in the mode in which it was.

    Parameters
    ----------
    model : torch.nn.Module
    """
    was_training = model.training
    model.train(False)
    try:
        yield
    finally:
        model.train(was_training)
