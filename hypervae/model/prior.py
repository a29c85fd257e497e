"""Priors of the latent vectors: the standard normal, and two that are fitted on the posterior.

The KL term pulls the posterior of each jet towards the standard normal, but what the decoder has
learned to read is their mixture over all jets, the aggregate posterior. Where the two differ,
samples of the standard normal fall between what the decoder knows (Hoffman and Johnson, "ELBO
surgery", 2016; Tomczak and Welling, arXiv:1705.07120). The fitted priors sample that mixture: a
Gaussian with its mean and covariance, and a flow that starts from this Gaussian.

Some dimensions may come in groups that are alike: the same numbers of each part of a jet. A flow
draws the other dimensions first, and then each group given these, by one network for all groups.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import ClassVar, Self

import torch
from torch import Tensor, nn

from hypervae.config import ModelConfig
from hypervae.model.alike_groups import NO_GROUPS, AlikeGroups
from hypervae.model.flow_matching import TIME_FEATURES, on_path, time_features, velocity_of
from hypervae.model.layers import ReadOut, ResidualMLP, one_hot
from hypervae.model.posterior import Posterior
from hypervae.model.prior_registry import PRIORS
from hypervae.model.solvers import integrate

# Of the flow over latent vectors; it costs little beside the decoder.
_SOLVER, _EVALUATIONS, _EVALUATIONS_OF_GROUPS = "ab2", 32, 16
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
    groups : AlikeGroups
        Dimensions that are alike; a prior may make use of it.
    """

    def __init__(self, dimensions: int, types: int, width: int, groups: AlikeGroups = NO_GROUPS):
        super().__init__()

    @classmethod
    def of(cls, config: ModelConfig, dimensions: int, types: int, groups: AlikeGroups) -> Self:
        """The prior that a config asks for.

        Parameters
        ----------
        config : ModelConfig
        dimensions, types : int
        groups : AlikeGroups

        Returns
        -------
        Prior
        """
        return cls(dimensions, types, config.prior_width or config.hidden, groups.listed())

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

    def __init__(self, dimensions: int, types: int, width: int, groups: AlikeGroups = NO_GROUPS):
        super().__init__(dimensions, types, width, groups)
        # z = offset + mixing u with u standard normal; mixing is the covariance's Cholesky factor
        self.register_buffer("offset", torch.zeros(types, dimensions))
        self.register_buffer("mixing", torch.eye(dimensions).repeat(types, 1, 1))

    def sample(self, noise: Tensor, jet_type: Tensor, temperature: float = 1.0) -> Tensor:
        """See `Prior.sample`."""
        return self.mixed(noise * temperature, jet_type)

    def mixed(self, whitened: Tensor, jet_type: Tensor) -> Tensor:
        """Latent vectors [B, dimensions] of whitened ones.

        Parameters
        ----------
        whitened : [B, dimensions]
            Standard normal numbers.
        jet_type : [B] int64

        Returns
        -------
        [B, dimensions]
        """
        mixing = self.mixing[jet_type].to(whitened.dtype)
        return self.offset[jet_type] + torch.einsum("bij,bj->bi", mixing, whitened)

    def whitened(self, latent: Tensor, jet_type: Tensor) -> Tensor:
        """[B, dimensions] what `mixed` makes these latent vectors of.

        Parameters
        ----------
        latent : [B, dimensions]
        jet_type : [B] int64

        Returns
        -------
        [B, dimensions]
        """
        inverse = torch.linalg.inv(self.mixing.double()).to(latent.dtype)
        return torch.einsum("bij,bj->bi", inverse[jet_type], latent - self.offset[jet_type])

    @torch.no_grad()
    def fit_moments(self, posterior: Posterior) -> None:
        """See `Prior.fit_moments`."""
        for index in posterior.jet_type.unique().tolist():
            chosen = posterior.jet_type == index
            mean, width = posterior.mean[chosen].double(), posterior.width[chosen].double()
            # the law of total covariance; one jet has no covariance of means
            away = mean - mean.mean(dim=0)
            covariance = away.T @ away / len(mean) + width.square().mean(dim=0).diag()
            variance = covariance.diagonal().clamp_min(1e-12)
            covariance = covariance + (_NARROWEST * variance).diag()
            self.offset[index] = mean.mean(dim=0).to(self.offset)
            self.mixing[index] = torch.linalg.cholesky(covariance).to(self.mixing)


@dataclass(frozen=True)
class PriorBatch:
    """What a step of a prior's fit is given.

    Attributes
    ----------
    latent : [B, dimensions]
        Drawn from the posteriors of jets.
    noise : [B, dimensions]
        Standard normal.
    time : [B]
        Evenly spread over [0, 1].
    jet_type : [B] int64
    which : [B] int64
        A group of dimensions, where there are any, to look at.
    """

    latent: Tensor
    noise: Tensor
    time: Tensor
    jet_type: Tensor
    which: Tensor


class FittedPrior(Prior):
    """A prior with networks that are fitted by steps; `hypervae.training.prior.fit_prior` does.

    Until then its parameters take no gradient: no term of the training loss reads them.
    """

    #: Latent vectors in a step of the fit, for each network, and its peak learning rate.
    fit_batch: ClassVar[int] = 1024
    fit_rate: ClassVar[float] = 1e-2
    #: Weight decay of the fit.
    fit_decay: ClassVar[float] = 1e-2
    #: Networks that are fitted side by side, each on latent vectors of its own.
    networks: int = 1
    rest: Tensor

    def __init__(self, dimensions: int, types: int, width: int, groups: AlikeGroups = NO_GROUPS):
        super().__init__(dimensions, types, width, groups)
        self.types, self.groups, rest = types, groups, groups.rest(dimensions)
        self.register_buffer("rest", torch.tensor(rest, dtype=torch.int64), persistent=False)

    @abstractmethod
    def error(self, batch: PriorBatch) -> Tensor:
        """What a step of the fit lowers, a mean over the batch.

        Parameters
        ----------
        batch : PriorBatch

        Returns
        -------
        [] tensor
        """

    def group_condition(self, rest: Tensor, label: Tensor) -> Tensor:
        """[B number, ...] what each group is drawn given: the rest, the type, and which it is.

        Parameters
        ----------
        rest : [B, dimensions - number size]
        label : [B, types]
            One-hot jet types.

        Returns
        -------
        [B number, C]
        """
        number = self.groups.number
        which = torch.eye(number, dtype=rest.dtype, device=rest.device).repeat(len(rest), 1)
        given = torch.cat([rest, label], dim=-1).repeat_interleave(number, 0)
        return torch.cat([given, which], dim=-1)


class Velocity(nn.Module):
    """Velocity of points under a condition; untrained, that towards a standard normal.

    Parameters
    ----------
    dimensions, condition, width : int
    """

    def __init__(self, dimensions: int, condition: int, width: int):
        super().__init__()
        self.body = nn.Sequential(
            ResidualMLP(dimensions + TIME_FEATURES + condition, width, blocks=_BLOCKS),
            nn.LayerNorm(width),
            nn.GELU(),
        )
        self.out = ReadOut(width, dimensions)
        nn.init.zeros_(self.out.weight)
        nn.init.zeros_(self.out.bias)

    def forward(self, points: Tensor, time: Tensor, condition: Tensor) -> Tensor:
        """[B, dimensions], [B], [B, condition] -> [B, dimensions].

        Parameters
        ----------
        points : [B, dimensions]
        time : [B]
        condition : [B, C]

        Returns
        -------
        [B, dimensions]
        """
        raw = self.out(self.body(torch.cat([points, time_features(time), condition], dim=-1)))
        return velocity_of(raw, points, time)


class FlowPrior(FittedPrior):
    """A small flow from the standard normal to the aggregate posterior, given the jet type.

    The flow runs in the whitened coordinates of `GaussianPrior`, so that it has to learn only what
    a Gaussian leaves over: untrained, it is that Gaussian. Groups of dimensions that are alike are
    drawn after the rest, by a second flow that all groups share, from a standard normal.
    """

    def __init__(self, dimensions: int, types: int, width: int, groups: AlikeGroups = NO_GROUPS):
        super().__init__(dimensions, types, width, groups)
        rest = len(groups.rest(dimensions))
        self.gaussian = GaussianPrior(rest, types, width)
        self.velocity = Velocity(rest, types, width)
        self.of_group: Velocity | None = None
        if groups.number:
            self.of_group = Velocity(groups.size, rest + types + groups.number, width)
        self.requires_grad_(False)

    def sample(self, noise: Tensor, jet_type: Tensor, temperature: float = 1.0) -> Tensor:
        """See `Prior.sample`."""
        noise, label = noise * temperature, one_hot(jet_type, self.types, noise.dtype)
        points = integrate(
            lambda points, time: self.velocity(points, time, label),
            noise[:, self.rest],
            solver=_SOLVER,
            evaluations=_EVALUATIONS,
        )
        rest = self.gaussian.mixed(points, jet_type)
        if self.of_group is None:
            return rest
        group, condition = self.of_group, self.group_condition(rest, label)
        drawn = integrate(
            lambda points, time: group(points, time, condition),
            self.groups.of(noise).flatten(0, 1),
            solver=_SOLVER,
            evaluations=_EVALUATIONS_OF_GROUPS,
        )
        return self.groups.joined(rest, drawn)

    @torch.no_grad()
    def fit_moments(self, posterior: Posterior) -> None:
        """See `Prior.fit_moments`."""
        rest = self.rest.to(posterior.mean.device)
        self.gaussian.fit_moments(
            Posterior(posterior.mean[:, rest], posterior.width[:, rest], posterior.jet_type)
        )

    def error(self, batch: PriorBatch) -> Tensor:
        """Mean squared error of the velocity per dimension; with groups, that of one more."""
        label = one_hot(batch.jet_type, self.types, batch.latent.dtype)
        rest = batch.latent[:, self.rest]
        goal = self.gaussian.whitened(rest, batch.jet_type)
        points, velocity = on_path(batch.noise[:, self.rest], goal, batch.time)
        error = (self.velocity(points, batch.time, label) - velocity).square().mean()
        if self.of_group is None:
            return error
        rows = torch.arange(len(rest), device=rest.device)
        places = rows * self.groups.number + batch.which
        condition = self.group_condition(rest, label)[places]
        start, goal = (self.groups.of(v)[rows, batch.which] for v in (batch.noise, batch.latent))
        points, velocity = on_path(start, goal, batch.time)
        made = self.of_group(points, batch.time, condition)
        return error + (made - velocity).square().mean()


def make_prior(
    config: ModelConfig,
    types: int,
    dimensions: int | None = None,
    groups: AlikeGroups = NO_GROUPS,
) -> Prior:
    """The prior that the config names.

    Parameters
    ----------
    config : ModelConfig
    types : int
        Jet types of the model.
    dimensions : int, optional
        Of what it is the prior of; ``latent_dim`` when left out.
    groups : AlikeGroups

    Returns
    -------
    Prior
    """
    size = config.latent_dim if dimensions is None else dimensions
    return PRIORS[config.prior].of(config, size, types, groups)
