"""Dropout whose choices belong to the jets; see `hypervae.model.noise`.

No call within a network can hand noise to its dropout, nor to that within lgatr. So this is the one
place where a module holds what it draws from: `draw_dropout_from` sets it before each pass, and it
stays for the backward pass, which computes parts of the network again.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from hypervae.model.noise import JetNoise

# Grades of a multivector's components: scalar, vector, bivector, axial vector, pseudoscalar.
_GRADES = (0,) + (1,) * 4 + (2,) * 6 + (3,) * 4 + (4,)


class Dropout(nn.Module):
    """Each number is set to 0 with a probability, the others grow to keep the mean.

    Parameters
    ----------
    probability : float
    """

    def __init__(self, probability: float):
        super().__init__()
        self.probability = probability
        self.noise = JetNoise()

    def kept(self, shape: tuple[int, ...], like: Tensor) -> Tensor:
        """Factors of values [B, ...]: 0 or 1 / (1 - p)."""
        drawn = self.noise.uniform(*shape, like=like.detach())
        return (drawn > self.probability).to(like.dtype) / (1 - self.probability)

    def forward(self, values: Tensor) -> Tensor:
        """[B, ...] -> [B, ...]."""
        if not self.training or self.probability == 0:
            return values
        return values * self.kept(tuple(values.shape), values)


class VectorDropout(Dropout):
    """For L-GATr-slim: vectors [..., 4, V] are dropped whole, which is equivariant."""

    def forward(  # type: ignore[override]
        self, vectors: Tensor, scalars: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Vectors [B, ..., 4, V] and scalars [B, ..., S]."""
        if not self.training or self.probability == 0:
            return vectors, scalars
        whole = (*vectors.shape[:-2], 1, vectors.shape[-1])
        vectors = vectors * self.kept(whole, vectors)
        return vectors, scalars * self.kept(tuple(scalars.shape), scalars)


class GradeDropout(Dropout):
    """For L-GATr: each grade of a multivector [..., 16] is dropped whole, which is equivariant."""

    def forward(  # type: ignore[override]
        self, multivectors: Tensor, scalars: Tensor | None = None
    ) -> tuple[Tensor, Tensor | None]:
        """Multivectors [B, ..., 16] and scalars [B, ..., S]."""
        if not self.training or self.probability == 0:
            return multivectors, scalars
        grades = self.kept((*multivectors.shape[:-1], 5), multivectors)
        index = torch.tensor(_GRADES, device=multivectors.device)
        multivectors = multivectors * grades.index_select(-1, index)
        if scalars is not None:
            scalars = scalars * self.kept(tuple(scalars.shape), scalars)
        return multivectors, scalars


def draw_dropout_from(network: nn.Module, noise: JetNoise) -> None:
    """Let all dropout of a network draw from the noise of a batch, until the next call.

    Parameters
    ----------
    network : nn.Module
    noise : JetNoise
    """
    for module in network.modules():
        if isinstance(module, Dropout):
            module.noise = noise


def use_jet_dropout(network: nn.Module, probability: float) -> None:
    """Put dropout of ours in the place of lgatr's own, which reads torch's generator."""
    from lgatr.layers.dropout import GradeDropout as Theirs
    from lgatr.layers.slim_layers import SlimDropout

    for parent in list(network.modules()):
        for name, child in parent.named_children():
            if isinstance(child, Theirs):
                setattr(parent, name, GradeDropout(probability))
            elif isinstance(child, SlimDropout):
                setattr(parent, name, VectorDropout(probability))
