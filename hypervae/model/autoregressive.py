"""The autoregressive prior: each latent dimension given those before it, a mixture of Gaussians.

Masked networks predict all conditional densities at once (`hypervae.model.mixtures`). It is fitted
by maximum likelihood, whose gradient has far less noise than that of flow matching: at equal CPU
time it comes closer to the latent vectors of the training jets. A long fit learns them by heart;
several networks, each fitted by itself, err in other places, so that the mean of their densities
(a mixture again) is nearer to the truth than each (Lakshminarayanan, Pritzel, Blundell,
arXiv:1612.01474).
"""

from __future__ import annotations

from typing import Self

import torch
from torch import Tensor

from hypervae.config import ModelConfig
from hypervae.model.alike_groups import NO_GROUPS, AlikeGroups
from hypervae.model.layers import one_hot
from hypervae.model.mixtures import ConditionalMixtures, MeanMixtures, Mixtures
from hypervae.model.posterior import Posterior
from hypervae.model.prior import FittedPrior, PriorBatch

# Of numbers of mean 0 and width 1 hardly a training jet's is beyond: what is drawn there is brought
# back, or the next ones are given what no jet has, and end anywhere (1 jet in 10,000 did).
_FARTHEST_DRAWN = 5.0
_LEAST_VARIANCE = 1e-12


def _networks(number: int, dimensions: int, condition: int, width: int) -> Mixtures:
    made = [ConditionalMixtures(dimensions, condition, width) for _ in range(number)]
    return MeanMixtures(made) if number > 1 else made[0]


class AutoregressivePrior(FittedPrior):
    """Latent dimensions one after the other, given the jet type.

    Each is shifted and scaled to mean 0 and width 1 first. Groups of dimensions that are alike are
    drawn after the rest, by a second network that all groups share.
    `hypervae.training.prior.fit_prior` fits it once the encoder is trained; until then it is nearly
    a standard normal.

    Parameters
    ----------
    dimensions, types, width, groups
        See `Prior`.
    networks : int
        Whose densities are averaged number by number; each is fitted by itself.
    """

    fit_batch = 256
    fit_rate = 2e-2
    fit_decay = 0.1
    offset: Tensor
    scale: Tensor

    def __init__(
        self,
        dimensions: int,
        types: int,
        width: int,
        groups: AlikeGroups = NO_GROUPS,
        networks: int = 1,
    ):
        super().__init__(dimensions, types, width, groups)
        self.networks = networks
        self.register_buffer("offset", torch.zeros(types, dimensions))
        self.register_buffer("scale", torch.ones(types, dimensions))
        rest = len(groups.rest(dimensions))
        self.of_rest = _networks(networks, rest, types, width)
        self.of_group: Mixtures | None = None
        if groups.number:
            condition = rest + types + groups.number
            self.of_group = _networks(networks, groups.size, condition, width)
        self.requires_grad_(False)

    @classmethod
    def of(cls, config: ModelConfig, dimensions: int, types: int, groups: AlikeGroups) -> Self:
        """See `Prior.of`."""
        width = config.prior_width or config.hidden
        if config.prior_order == "listed":
            groups = groups.listed()
        return cls(dimensions, types, width, groups, config.prior_networks)

    @torch.no_grad()
    def fit_moments(self, posterior: Posterior) -> None:
        """Take the mean and the width of each dimension; see `Prior.fit_moments`."""
        for index in posterior.jet_type.unique().tolist():
            chosen = posterior.jet_type == index
            mean, width = posterior.mean[chosen].double(), posterior.width[chosen].double()
            variance = mean.var(0, correction=0) + width.square().mean(0)
            self.offset[index] = mean.mean(0).to(self.offset)
            self.scale[index] = variance.clamp_min(_LEAST_VARIANCE).sqrt().to(self.scale)

    def sample(self, noise: Tensor, jet_type: Tensor, temperature: float = 1.0) -> Tensor:
        """See `Prior.sample`: temperature 0 gives the medians."""
        noise, label = noise * temperature, one_hot(jet_type, self.types, noise.dtype)
        ordered, end = temperature != 1, _FARTHEST_DRAWN
        drawn = self.of_rest.sample(noise[:, self.rest], label, at_quantile=ordered, farthest=end)
        groups = noise[:, :0]
        if self.of_group is not None:
            own, given = self.groups.of(noise).flatten(0, 1), self.group_condition(drawn, label)
            groups = self.of_group.sample(own, given, at_quantile=ordered, farthest=end)
        drawn = self.groups.joined(drawn, groups)
        return drawn * self.scale[jet_type].to(drawn) + self.offset[jet_type].to(drawn)

    def error(self, batch: PriorBatch) -> Tensor:
        """See `FittedPrior.error`: minus the mean ln density per dimension [nats]."""
        label = one_hot(batch.jet_type, self.types, batch.latent.dtype)
        scale = self.scale[batch.jet_type].to(batch.latent)
        latent = (batch.latent - self.offset[batch.jet_type].to(batch.latent)) / scale
        rest = latent[:, self.rest]
        found = self.of_rest.fitted_ln_density(rest, label).sum(-1) - scale.log().sum(-1)
        if self.of_group is not None:
            condition = self.group_condition(rest, label)
            groups = self.groups.of(latent).flatten(0, 1)
            of_groups = self.of_group.fitted_ln_density(groups, condition)
            found = found + of_groups.sum(-1).view(len(rest), -1).sum(-1)
        return -found.mean() / latent.shape[1]
