"""KL divergence of the latent posterior from the standard normal distribution."""

from __future__ import annotations

from torch import Tensor

from hypervae.model.posterior import kl_per_dimension


def kl_divergence(mean: Tensor, log_variance: Tensor, free_bits: float = 0.0) -> Tensor:
    """KL divergence of N(mean, exp(log_variance)) from N(0, 1), summed over dimensions.

    Per dimension as `hypervae.model.posterior.kl_per_dimension`; with free bits the larger of this
    and `free_bits`, so that a dimension may hold so much for nothing (Kingma et al.,
    arXiv:1606.04934, app. C.8). There the larger is taken of the mean over a minibatch; here of
    each jet's own value, because only then is the loss of a batch the mean of those of its parts,
    whether they are accumulated, on several devices, or one batch.

    Parameters
    ----------
    mean, log_variance : [B, latent_dim]
    free_bits : float
        [nats] per dimension.

    Returns
    -------
    [B]
    """
    divergence = kl_per_dimension(mean, log_variance)
    if free_bits > 0:
        divergence = divergence.clamp_min(free_bits)
    return divergence.sum(-1)
