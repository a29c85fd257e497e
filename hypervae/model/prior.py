"""Priors of the latent vectors: the standard normal, or a flow fitted on the encoder's posterior.

The KL term pulls the posterior of each jet towards the standard normal, but what the decoder has
learned to read is their mixture over all jets, the aggregate posterior. Where the two differ,
samples of the standard normal fall between what the decoder knows (Hoffman and Johnson, "ELBO
surgery", 2016; Tomczak and Welling, arXiv:1705.07120). The learned prior samples that mixture.
"""

from __future__ import annotations

from abc import ABC, abstractmethod

import torch
from torch import Tensor, nn

from hypervae.config import ModelConfig
from hypervae.model.flow_matching import TIME_FEATURES, time_features, velocity_of
from hypervae.model.layers import ReadOut, ResidualMLP, one_hot
from hypervae.model.solvers import integrate

# Of the flow over latent vectors; it costs little beside the decoder.
_EVALUATIONS = 16
_BLOCKS = 2


class Prior(nn.Module, ABC):
    """What latent vectors are drawn from."""

    @abstractmethod
    def sample(self, noise: Tensor, jet_type: Tensor, temperature: float = 1.0) -> Tensor:
        """Latent vectors, the same for the same noise.

        Parameters
        ----------
        noise : [B, latent_dim]
            Standard normal.
        jet_type : [B] int64
            Index among the model's types.
        temperature : float
            Factor of the noise: 1 samples the prior, 0 gives its middle.

        Returns
        -------
        [B, latent_dim]
        """


class StandardNormal(Prior):
    """N(0, 1) in every dimension, for every type."""

    def sample(self, noise: Tensor, jet_type: Tensor, temperature: float = 1.0) -> Tensor:
        """See `Prior.sample`."""
        return noise * temperature


class FlowPrior(Prior):
    """A small flow from the standard normal to the aggregate posterior, given the jet type.

    It starts as the standard normal; `hypervae.training.prior.fit_prior` fits it once the encoder
    is trained. Until then its parameters take no gradient: no term of the training loss reads them.

    Parameters
    ----------
    latent_dim, types : int
    width : int
        Of its MLP.
    """

    offset: Tensor
    scale: Tensor

    def __init__(self, latent_dim: int, types: int, width: int):
        super().__init__()
        self.types = types
        self.body = nn.Sequential(
            ResidualMLP(latent_dim + TIME_FEATURES + types, width, blocks=_BLOCKS),
            nn.LayerNorm(width),
            nn.GELU(),
        )
        self.out = ReadOut(width, latent_dim)
        nn.init.zeros_(self.out.weight)
        nn.init.zeros_(self.out.bias)
        # mean and width of the latent vectors of each type: the flow learns what they leave over
        self.register_buffer("offset", torch.zeros(types, latent_dim))
        self.register_buffer("scale", torch.ones(types, latent_dim))
        self.requires_grad_(False)

    def velocity(self, points: Tensor, time: Tensor, jet_type: Tensor) -> Tensor:
        """[B, latent_dim] velocity of scaled latent vectors at times [B]."""
        kind = one_hot(jet_type, self.types, points.dtype)
        raw = self.out(self.body(torch.cat([points, time_features(time), kind], dim=-1)))
        return velocity_of(raw, points, time)

    def sample(self, noise: Tensor, jet_type: Tensor, temperature: float = 1.0) -> Tensor:
        """See `Prior.sample`."""
        points = integrate(
            lambda points, time: self.velocity(points, time, jet_type),
            noise * temperature,
            solver="midpoint",
            evaluations=_EVALUATIONS,
        )
        return self.offset[jet_type] + self.scale[jet_type] * points


def make_prior(config: ModelConfig, types: int) -> Prior:
    """The prior that the config names.

    Parameters
    ----------
    config : ModelConfig
    types : int
        Jet types of the model.
    """
    if config.prior == "flow":
        return FlowPrior(config.latent_dim, types, config.hidden)
    return StandardNormal()
