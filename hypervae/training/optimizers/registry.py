"""Optimizers by name. Importing this module needs no torch: the config takes the names from it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch.nn import Module, Parameter
    from torch.optim import Optimizer

    from hypervae.config import TrainConfig


@dataclass(frozen=True)
class OptimizerChoice:
    """One choice of ``train.optimizer``.

    Attributes
    ----------
    summary : str
        What it is, in a few words.
    make : callable
        From a model, the ``train`` section, and whether the loss is scaled (fp16).
    """

    summary: str
    make: Callable[[Module, TrainConfig, bool], Optimizer]


def make_optimizer(model: Module, config: TrainConfig, *, scales_loss: bool) -> Optimizer:
    """The optimizer of the ``train`` section, for the parameters of a model that are trained.

    Parameters
    ----------
    model : Module
    config : TrainConfig
        ``optimizer``, ``learning_rate``, ``adamw_ratio``, ``weight_decay`` and ``betas``.
    scales_loss : bool
        Whether the loss is scaled (fp16). Fused optimizers would then undo the scale within their
        step, which is too late for clipping the gradient.

    Returns
    -------
    Optimizer
    """
    return OPTIMIZERS[config.optimizer].make(model, config, scales_loss)


def _adam(name: str, model: Module, config: TrainConfig, scales_loss: bool) -> Optimizer:
    """One of torch's relatives of Adam; those that have a fused form use it."""
    import torch

    fused = {"fused": not scales_loss} if name in ("AdamW", "Adam") else {}
    return getattr(torch.optim, name)(
        trained_parameters(model),
        lr=config.learning_rate,
        weight_decay=config.weight_decay,
        betas=config.betas,
        **fused,
    )


def _sgd(model: Module, config: TrainConfig, scales_loss: bool) -> Optimizer:
    import torch

    return torch.optim.SGD(
        trained_parameters(model),
        lr=config.learning_rate,
        weight_decay=config.weight_decay,
        momentum=config.betas[0],
        fused=not scales_loss,
    )


def _muon(model: Module, config: TrainConfig, scales_loss: bool) -> Optimizer:
    """Muon for the matrices within the network, AdamW for all else."""
    import torch

    from hypervae.training.optimizers.combined import CombinedOptimizer
    from hypervae.training.optimizers.muon import Muon, hidden_matrices

    matrices = hidden_matrices(model)
    chosen = set(map(id, matrices))
    others = [parameter for parameter in trained_parameters(model) if id(parameter) not in chosen]
    rate, decay = config.learning_rate, config.weight_decay
    parts: list[Optimizer] = []
    if matrices:
        parts.append(Muon(matrices, lr=rate, weight_decay=decay))
    if others:
        adamw = torch.optim.AdamW(
            others,
            lr=rate * config.adamw_ratio,
            weight_decay=decay,
            betas=(config.betas[0], config.betas[1]),
            fused=not scales_loss,
        )
        parts.append(adamw)
    return CombinedOptimizer(parts)


def trained_parameters(model: Module) -> list[Parameter]:
    """The parameters that have a gradient.

    Parameters
    ----------
    model : Module
        Any module.

    Returns
    -------
    list of Parameter
    """
    return [parameter for parameter in model.parameters() if parameter.requires_grad]


#: Choices of ``train.optimizer``.
OPTIMIZERS = {
    "adamw": OptimizerChoice("Adam with decoupled weight decay", partial(_adam, "AdamW")),
    "adam": OptimizerChoice("Adam", partial(_adam, "Adam")),
    "nadam": OptimizerChoice("Adam with Nesterov's momentum", partial(_adam, "NAdam")),
    "radam": OptimizerChoice("rectified Adam", partial(_adam, "RAdam")),
    "sgd": OptimizerChoice("gradient descent with momentum", _sgd),
    "muon": OptimizerChoice(
        "orthogonalized momentum (Muon) for matrices, AdamW for the rest", _muon
    ),
}
