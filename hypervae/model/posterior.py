"""The posterior of jets in latent space: encoding many jets, and what is measured of the result."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from hypervae.model.evaluation_mode import HasModes, in_evaluation_mode
from hypervae.model.inputs import JetBatch
from hypervae.records import TensorRecord

#: A latent dimension is active if its posterior mean varies by more from jet to jet: Var_x(E[z|x])
#: > 0.01 (Burda, Grosse, Salakhutdinov, arXiv:1509.00519, sec. 5.2; their threshold).
ACTIVE_VARIANCE = 0.01


class EncodingModel(HasModes, Protocol):
    """What is read of a model; `hypervae.model.HyperVAE` is one."""

    def posterior(self, batch: JetBatch) -> tuple[Tensor, Tensor]:
        """Mean and log variance [B, latent_dim].

        Parameters
        ----------
        batch : JetBatch

        Returns
        -------
        mean, log_variance : [B, latent_dim]
        """

    @property
    def device(self) -> torch.device:
        """Where the weights are."""


@dataclass
class Posterior(TensorRecord):
    """Gaussians in latent space, one a jet.

    Attributes
    ----------
    mean, width : [B, latent_dim]
        Width is the standard deviation.
    jet_type : [B] int64
        Index among the model's types.
    """

    mean: Tensor
    width: Tensor
    jet_type: Tensor


@torch.no_grad()
def encode_jets(
    model: EncodingModel, batches: Iterable[JetBatch], most: int | None = None
) -> Posterior:
    """Encode jets batch by batch, in evaluation mode; the result is on the CPU.

    Parameters
    ----------
    model : HyperVAE
    batches : iterable of JetBatch
    most : int, optional
        Stop after the batch in which so many jets are reached.

    Returns
    -------
    Posterior
    """
    parts: list[Posterior] = []
    jets = 0
    with in_evaluation_mode(model):
        for batch in batches:
            mean, log_variance = model.posterior(batch.to(model.device))
            width = (0.5 * log_variance).exp()
            parts.append(Posterior(mean.cpu(), width.cpu(), batch.jet_type.cpu()))
            jets += len(batch)
            if most is not None and jets >= most:
                break
    columns = zip(*(part.tensors() for part in parts), strict=True)
    return Posterior(*(torch.cat(column) for column in columns))


def kl_per_dimension(mean: Tensor, log_variance: Tensor) -> Tensor:
    """KL divergence of N(mean, exp(log_variance)) from N(0, 1), dimension by dimension [nats].

    (mean^2 + sigma^2 - 1 - ln sigma^2) / 2 (Kingma, Welling, arXiv:1312.6114, app. B).

    Parameters
    ----------
    mean, log_variance : [...]

    Returns
    -------
    [...]
    """
    return 0.5 * (mean.square() + log_variance.exp() - 1 - log_variance)


def active(variance: Tensor, threshold: float = ACTIVE_VARIANCE) -> Tensor:
    """Which dimensions say something about the jet, from the variance of their posterior means.

    Parameters
    ----------
    variance : [latent_dim]
        Over jets.
    threshold : float

    Returns
    -------
    [latent_dim] bool
    """
    return variance > threshold
