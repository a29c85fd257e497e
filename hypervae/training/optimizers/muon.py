"""Muon: momentum whose matrices are orthogonalized before they are added to the weights.

Sources: K. Jordan et al., "Muon: An optimizer for hidden layers in neural networks" (2024); the
size of the update after J. Liu et al., "Muon is scalable for LLM training", arXiv:2502.16982.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from hypervae.model.layers import ReadOut

# The quintic iteration of Jordan et al.: it does not end at an exact orthogonalization, but brings
# singular values between 0.7 and 1.2 in five steps.
_COEFFICIENTS = (3.4445, -4.7750, 2.0315)
_ITERATIONS = 5
# Rows or columns of a matrix that is too narrow to gain from it.
_SMALL = 8


class Muon(Optimizer):
    """Muon, for matrices alone.

    As `torch.optim.Muon` with ``adjust_lr_fn="match_rms_adamw"``, but for the Newton-Schulz
    iteration, which is in float32 here: in bfloat16 it is 12 to 17 times slower on a CPU without
    instructions for it, and matrices of one shape are taken together.

    Parameters
    ----------
    params : iterable of Parameter, or of groups
        Each [rows, columns].
    lr : float
        An update has entries of root mean square 0.2 `lr`, about that of AdamW.
    momentum : float
        Decay of the running mean of the gradient; Nesterov's form.
    weight_decay : float
        Decoupled.

    Raises
    ------
    ValueError
        If a parameter is no matrix.
    """

    def __init__(
        self,
        params: Iterable[Tensor] | Iterable[dict[str, Any]],
        lr: float = 1e-2,
        momentum: float = 0.95,
        weight_decay: float = 0.0,
    ):
        super().__init__(params, {"lr": lr, "momentum": momentum, "weight_decay": weight_decay})
        for group in self.param_groups:
            for parameter in group["params"]:
                if parameter.ndim != 2:
                    raise ValueError(f"Muon: found a parameter of shape {tuple(parameter.shape)}")

    @torch.no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Take one step; parameters without a gradient stay as they are.

        Parameters
        ----------
        closure : callable, optional
            As `torch.optim.Optimizer.step` takes it.

        Returns
        -------
        object
            What the closure returned.
        """
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        for group in self.param_groups:
            of_shape: dict[torch.Size, list[Tensor]] = defaultdict(list)
            for parameter in group["params"]:
                if parameter.grad is not None:
                    of_shape[parameter.shape].append(parameter)
            for parameters in of_shape.values():
                self._update(parameters, group)
        return loss

    def _update(self, parameters: list[Tensor], group: dict[str, Any]) -> None:
        """Update matrices of one shape."""
        directions = []
        for parameter in parameters:
            gradient, state = parameter.grad, self.state[parameter]
            if gradient is None:
                continue
            if "momentum" not in state:
                state["momentum"] = torch.zeros_like(parameter)
            state["momentum"].lerp_(gradient, 1 - group["momentum"])
            directions.append(torch.lerp(gradient, state["momentum"], group["momentum"]))
        rate = group["lr"]
        size = rate * 0.2 * max(parameters[0].shape) ** 0.5
        updates = orthogonalized(torch.stack(directions))
        for parameter, update in zip(parameters, updates, strict=True):
            parameter.mul_(1 - rate * group["weight_decay"])
            parameter.add_(update.to(parameter.dtype), alpha=-size)


def orthogonalized(matrices: Tensor) -> Tensor:
    """Matrices with the same singular vectors and singular values near 1 (0.7 to 1.2).

    Parameters
    ----------
    matrices : [n, rows, columns]

    Returns
    -------
    [n, rows, columns] float32
        In float64 for such matrices; a matrix of zeros stays one.
    """
    values = matrices if matrices.dtype == torch.float64 else matrices.float()
    tall = values.shape[-2] > values.shape[-1]
    if tall:
        values = values.mT
    norm = torch.linalg.matrix_norm(values, keepdim=True)
    values = values / norm.clamp_min(1e-7)
    first, third, fifth = _COEFFICIENTS
    for _ in range(_ITERATIONS):
        square = values @ values.mT
        values = first * values + (third * square + fifth * square @ square) @ values
    return values.mT if tall else values


def hidden_matrices(model: nn.Module) -> list[nn.Parameter]:
    """The weights that Muon is for: the maps from hidden channels to hidden channels.

    Those are weights of linear maps with more than 8 inputs and outputs. Embeddings and read-outs
    (`hypervae.model.layers.ReadOut`) are left to AdamW: their rows are alternatives (types, slots,
    multiplicities, bins of a histogram) or quantities of their own, and an orthogonalized update
    would move the rarest of them as far as the most frequent one. So are the few channels of
    vectors, and whatever is no matrix.

    Parameters
    ----------
    model : Module

    Returns
    -------
    list of Parameter
        Those that are trained, in the order of `model.parameters()`.
    """
    chosen = {
        id(parameter)
        for module in model.modules()
        if not isinstance(module, nn.Embedding | ReadOut)
        for name, parameter in module.named_parameters(recurse=False)
        if name.startswith("weight") and parameter.ndim == 2 and min(parameter.shape) > _SMALL
    }
    return [
        parameter
        for parameter in model.parameters()
        if parameter.requires_grad and id(parameter) in chosen
    ]
