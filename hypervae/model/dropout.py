"""Dropout whose choices belong to the jets; see `hypervae.model.noise`."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from hypervae.model.noise import JetNoise

# Grades of a multivector's components: scalar, vector, bivector, axial vector, pseudoscalar.
_GRADES = (0,) + (1,) * 4 + (2,) * 6 + (3,) * 4 + (4,)


class Dropout(nn.Module):
    """Each number is set to 0 with a probability, the others grow to keep the mean.

    Nothing is dropped in evaluation mode.

    Parameters
    ----------
    probability : float
    """

    def __init__(self, probability: float):
        super().__init__()
        self.probability = probability

    @property
    def drops(self) -> bool:
        """Whether anything is dropped, so that noise is needed."""
        return self.training and self.probability > 0

    def kept(self, shape: tuple[int, ...], like: Tensor, noise: JetNoise | None) -> Tensor:
        """Factors of values: 0 or 1 / (1 - p).

        Parameters
        ----------
        shape : tuple of int
            (B, ...).
        like : Tensor
            Gives type and device.
        noise : JetNoise

        Returns
        -------
        [B, ...]

        Raises
        ------
        ValueError
            Without noise.
        """
        if noise is None:
            raise ValueError("dropout: found no noise to draw from, expected the jets'")
        drawn = noise.uniform(*shape, like=like.detach())
        return (drawn > self.probability).to(like.dtype) / (1 - self.probability)

    def forward(self, values: Tensor, noise: JetNoise | None = None) -> Tensor:
        """Drop numbers.

        Parameters
        ----------
        values : [B, ...]
        noise : JetNoise, optional
            Of the B jets, or of a number of which B is a multiple. Needed where something is
            dropped.

        Returns
        -------
        [B, ...]
        """
        if not self.drops:
            return values
        return values * self.kept(tuple(values.shape), values, noise)


class VectorDropout(Dropout):
    """For L-GATr-slim: vectors [..., 4, V] are dropped whole, which is equivariant."""

    def forward(  # type: ignore[override]
        self, vectors: Tensor, scalars: Tensor, noise: JetNoise | None = None
    ) -> tuple[Tensor, Tensor]:
        """Drop vectors and scalars.

        Parameters
        ----------
        vectors : [B, ..., 4, V]
        scalars : [B, ..., S]
        noise : JetNoise, optional
            See `Dropout.forward`.

        Returns
        -------
        [B, ..., 4, V], [B, ..., S]
        """
        if not self.drops:
            return vectors, scalars
        whole = (*vectors.shape[:-2], 1, vectors.shape[-1])
        vectors = vectors * self.kept(whole, vectors, noise)
        return vectors, scalars * self.kept(tuple(scalars.shape), scalars, noise)


class GradeDropout(Dropout):
    """For L-GATr: each grade of a multivector [..., 16] is dropped whole, which is equivariant."""

    def forward(  # type: ignore[override]
        self, multivectors: Tensor, scalars: Tensor, noise: JetNoise | None = None
    ) -> tuple[Tensor, Tensor]:
        """Drop grades and scalars.

        Parameters
        ----------
        multivectors : [B, ..., 16]
        scalars : [B, ..., S]
        noise : JetNoise, optional
            See `Dropout.forward`.

        Returns
        -------
        [B, ..., 16], [B, ..., S]
        """
        if not self.drops:
            return multivectors, scalars
        grades = self.kept((*multivectors.shape[:-1], 5), multivectors, noise)
        index = torch.tensor(_GRADES, device=multivectors.device)
        multivectors = multivectors * grades.index_select(-1, index)
        return multivectors, scalars * self.kept(tuple(scalars.shape), scalars, noise)
