"""Statistics of the latent space: the KL divergence of each dimension, and which are in use."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from hypervae.model.posterior import ACTIVE_VARIANCE, active, kl_per_dimension


class LatentStatistics:
    """Running sums of the posterior over jets, in double precision.

    Sums of parts are the sums of the whole: `tensor` and `from_tensor` carry them from process to
    process.

    Parameters
    ----------
    latent_dim : int
    device : torch.device or str
        Where the sums are kept; that of the tensors to come.
    """

    def __init__(self, latent_dim: int, device: torch.device | str = "cpu"):
        # of each dimension: the mean, its square, and the KL divergence
        self._sums = torch.zeros(3, latent_dim, dtype=torch.float64, device=device)
        self._jets = torch.zeros(1, dtype=torch.float64, device=device)

    @torch.no_grad()
    def add(self, mean: Tensor, log_variance: Tensor) -> None:
        """Add the posteriors of a batch.

        Parameters
        ----------
        mean, log_variance : [B, latent_dim]
        """
        mean, log_variance = mean.double(), log_variance.double()
        divergence = kl_per_dimension(mean, log_variance)
        self._sums += torch.stack([mean, mean.square(), divergence]).sum(dim=1)
        self._jets += len(mean)

    def tensor(self) -> Tensor:
        """[1 + 3 latent_dim] float64: the number of jets, and all sums.

        Returns
        -------
        [1 + 3 latent_dim] float64
        """
        return torch.cat([self._jets, self._sums.flatten()])

    @classmethod
    def from_tensor(cls, values: Tensor) -> LatentStatistics:
        """What `tensor` was taken of, or, of a sum of such tensors, the whole.

        Parameters
        ----------
        values : [1 + 3 latent_dim] float64

        Returns
        -------
        LatentStatistics
        """
        made = cls((len(values) - 1) // 3, values.device)
        made._jets += values[:1]
        made._sums += values[1:].reshape(made._sums.shape)
        return made

    def kl_per_dimension(self) -> NDArray[np.float64]:
        """[latent_dim] KL divergence from the standard normal [nats], mean over jets.

        NaN where there were no jets.

        Returns
        -------
        [latent_dim]
        """
        return (self._sums[2] / self._jets).cpu().numpy()

    def active_units(self, threshold: float = ACTIVE_VARIANCE) -> int:
        """How many dimensions say something about the jet; see `hypervae.model.posterior.active`.

        Parameters
        ----------
        threshold : float

        Returns
        -------
        int
        """
        mean, square = self._sums[:2] / self._jets
        return int(active(square - mean.square(), threshold).sum())
