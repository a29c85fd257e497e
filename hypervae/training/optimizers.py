"""Optimizers by name."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import torch
from torch.optim import Optimizer

_ADAM = {
    "adamw": torch.optim.AdamW,
    "adam": torch.optim.Adam,
    "nadam": torch.optim.NAdam,
    "radam": torch.optim.RAdam,
}
_FUSED = ("adamw", "adam", "sgd")


def make_optimizer(
    parameters: Iterable[torch.nn.Parameter], config: Mapping[str, Any], *, scales_loss: bool
) -> Optimizer:
    """The optimizer of the ``train`` section.

    Parameters
    ----------
    parameters : iterable of Parameter
    config : mapping
        ``optimizer``, ``learning_rate``, ``weight_decay`` and ``betas``.
    scales_loss : bool
        Whether the loss is scaled (fp16). Fused optimizers would then undo the scale within their
        step, which is too late for clipping the gradient.
    """
    name = config["optimizer"]
    options: dict[str, Any] = {
        "lr": config["learning_rate"],
        "weight_decay": config["weight_decay"],
    }
    if name in _FUSED:
        options["fused"] = not scales_loss
    if name == "sgd":
        return torch.optim.SGD(parameters, momentum=config["betas"][0], **options)
    return _ADAM[name](parameters, betas=tuple(config["betas"]), **options)
