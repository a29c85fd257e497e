"""Priors of the latent vectors: the standard normal, and two that are fitted on the posterior.

The KL term pulls the posterior of each jet towards the standard normal, but what the decoder has
learned to read is their mixture over all jets, the aggregate posterior. Where the two differ,
samples of the standard normal fall between what the decoder knows (Hoffman and Johnson, "ELBO
surgery", 2016; Tomczak and Welling, arXiv:1705.07120). The fitted priors sample that mixture: a
Gaussian with its mean and covariance, and a flow that starts from this Gaussian.
"""

from __future__ import annotations

from abc import ABC, abstractmethod

import torch
from torch import Tensor, nn

from hypervae.config import ModelConfig
from hypervae.model.flow_matching import TIME_FEATURES, time_features, velocity_of
from hypervae.model.layers import ReadOut, ResidualMLP, one_hot
from hypervae.model.posterior import Posterior
from hypervae.model.prior_registry import PRIORS
from hypervae.model.solvers import integrate

# Of the flow over latent vectors; it costs little beside the decoder.
_SOLVER, _EVALUATIONS = "ab2", 32
_BLOCKS = 2
# Variance, as a part of a dimension's own, below which directions are not told apart.
_NARROWEST = 1e-4


class Prior(nn.Module, ABC):
    """What latent vectors are drawn from.

    Parameters
    ----------
    dimensions, types : int
        Of the latent vectors, and jet types of the model.
    width : int
        Of networks, where there are any.
    """

    def __init__(self, dimensions: int, types: int, width: int):
        super().__init__()

    @abstractmethod
    def sample(self, noise: Tensor, jet_type: Tensor, temperature: float = 1.0) -> Tensor:
        """Latent vectors, the same for the same noise.

        Parameters
        ----------
        noise : [B, dimensions]
            Standard normal.
        jet_type : [B] int64
            Index among the model's types.
        temperature : float
            Factor of the noise: 1 samples the prior, 0 gives its middle.

        Returns
        -------
        [B, dimensions]
        """

    @property
    def fitted(self) -> bool:
        """Whether there is something to fit on the posterior, once the encoder is trained."""
        return True

    def fit_moments(self, posterior: Posterior) -> None:
        """Take what is known of the aggregate posterior without training.

        Parameters
        ----------
        posterior : Posterior
            Of the training jets. Types that do not occur are left as they are.
        """


class StandardNormal(Prior):
    """N(0, 1) in every dimension, for every type."""

    def sample(self, noise: Tensor, jet_type: Tensor, temperature: float = 1.0) -> Tensor:
        """See `Prior.sample`."""
        return noise * temperature

    @property
    def fitted(self) -> bool:
        """There is nothing to fit."""
        return False


class GaussianPrior(Prior):
    """A Gaussian with the mean and the full covariance of the aggregate posterior, per type.

    It starts as the standard normal. Where each dimension is standard normal by itself it is the
    Gaussian copula of the dimensions.
    """

    offset: Tensor
    mixing: Tensor

    def __init__(self, dimensions: int, types: int, width: int):
        super().__init__(dimensions, types, width)
        # z = offset + mixing u with u standard normal; mixing is the covariance's Cholesky factor
        self.register_buffer("offset", torch.zeros(types, dimensions))
        self.register_buffer("mixing", torch.eye(dimensions).repeat(types, 1, 1))

    def sample(self, noise: Tensor, jet_type: Tensor, temperature: float = 1.0) -> Tensor:
        """See `Prior.sample`."""
        return self.mixed(noise * temperature, jet_type)

    def mixed(self, whitened: Tensor, jet_type: Tensor) -> Tensor:
        """Latent vectors [B, dimensions] of whitened ones."""
        mixing = self.mixing[jet_type].to(whitened.dtype)
        return self.offset[jet_type] + torch.einsum("bij,bj->bi", mixing, whitened)

    @torch.no_grad()
    def fit_moments(self, posterior: Posterior) -> None:
        """See `Prior.fit_moments`."""
        for kind in posterior.jet_type.unique().tolist():
            chosen = posterior.jet_type == kind
            mean, width = posterior.mean[chosen].double(), posterior.width[chosen].double()
            # the law of total covariance; one jet has no covariance of means
            away = mean - mean.mean(dim=0)
            covariance = away.T @ away / len(mean) + width.square().mean(dim=0).diag()
            variance = covariance.diagonal().clamp_min(1e-12)
            covariance = covariance + (_NARROWEST * variance).diag()
            self.offset[kind] = mean.mean(dim=0).to(self.offset)
            self.mixing[kind] = torch.linalg.cholesky(covariance).to(self.mixing)


class FlowPrior(GaussianPrior):
    """A small flow from the standard normal to the aggregate posterior, given the jet type.

    The flow runs in the whitened coordinates of `GaussianPrior`, so that it has to learn only what
    a Gaussian leaves over: untrained, it is that Gaussian. `hypervae.training.prior.fit_prior` fits
    it once the encoder is trained. Until then its parameters take no gradient: no term of the
    training loss reads them.
    """

    def __init__(self, dimensions: int, types: int, width: int):
        super().__init__(dimensions, types, width)
        self.types = types
        self.body = nn.Sequential(
            ResidualMLP(dimensions + TIME_FEATURES + types, width, blocks=_BLOCKS),
            nn.LayerNorm(width),
            nn.GELU(),
        )
        self.out = ReadOut(width, dimensions)
        nn.init.zeros_(self.out.weight)
        nn.init.zeros_(self.out.bias)
        self.requires_grad_(False)

    def velocity(self, points: Tensor, time: Tensor, jet_type: Tensor) -> Tensor:
        """[B, dimensions] velocity of whitened latent vectors at times [B]."""
        kind = one_hot(jet_type, self.types, points.dtype)
        raw = self.out(self.body(torch.cat([points, time_features(time), kind], dim=-1)))
        return velocity_of(raw, points, time)

    def sample(self, noise: Tensor, jet_type: Tensor, temperature: float = 1.0) -> Tensor:
        """See `Prior.sample`."""
        points = integrate(
            lambda points, time: self.velocity(points, time, jet_type),
            noise * temperature,
            solver=_SOLVER,
            evaluations=_EVALUATIONS,
        )
        return self.mixed(points, jet_type)

    def whitening(self) -> Tensor:
        """[types, dimensions, dimensions] inverse of the mixing."""
        return torch.linalg.inv(self.mixing.double()).to(self.mixing)


def make_prior(config: ModelConfig, types: int, dimensions: int | None = None) -> Prior:
    """The prior that the config names.

    Parameters
    ----------
    config : ModelConfig
    types : int
        Jet types of the model.
    dimensions : int, optional
        Of what it is the prior of; ``latent_dim`` when left out.
    """
    size = config.latent_dim if dimensions is None else dimensions
    return PRIORS[config.prior](size, types, config.hidden)
