"""The autoregressive prior: each latent dimension given those before it, a mixture of Gaussians.

A masked network (MADE; Germain et al., arXiv:1502.03509) predicts all conditional densities of a
latent vector at once, as mixtures (RNADE; Uria, Murray, Larochelle, arXiv:1306.0186). It is fitted
by maximum likelihood, whose gradient has far less noise than that of flow matching: at equal CPU
time it comes closer to the latent vectors of the training jets. A long fit learns them by heart;
several networks, each fitted by itself, err in other places, so that the mean of their densities
(a mixture again) is nearer to the truth than each (Lakshminarayanan, Pritzel, Blundell,
arXiv:1612.01474).
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Iterable
from typing import Self, cast

import torch
from torch import Tensor, nn

from hypervae.config import ModelConfig
from hypervae.model.alike_groups import NO_GROUPS, AlikeGroups
from hypervae.model.layers import one_hot
from hypervae.model.posterior import Posterior
from hypervae.model.prior import FittedPrior, PriorBatch

_COMPONENTS = 8
_BLOCKS = 2
# ln of the narrowest and the widest Gaussian: what varies from jet to jet has width one.
_LN_WIDTHS = (-4.5, 2.0)
# Halvings of the interval in which a drawn number lies: to 24 / 2^22, in units of its width.
_HALVINGS = 22
_FARTHEST = 12.0
# Of numbers of mean 0 and width 1 hardly a training jet's is beyond: what is drawn there is brought
# back, or the next ones are given what no jet has, and end anywhere (1 jet in 10,000 did).
_FARTHEST_DRAWN = 5.0
# Of a Gaussian: eight widths from its middle.
_LEAST_TAIL = 1e-15
_LEAST_VARIANCE = 1e-12


class MaskedLinear(nn.Linear):
    """A linear layer some of whose weights are zero.

    Parameters
    ----------
    mask : [outputs, inputs] bool
        Which weights there are.
    gain : float
        Standard deviation of the outputs at the start, for inputs of one.
    """

    mask: Tensor

    def __init__(self, mask: Tensor, gain: float = 1.0):
        super().__init__(mask.shape[1], mask.shape[0])
        self.register_buffer("mask", mask.float(), persistent=False)
        nn.init.normal_(self.weight, std=gain / math.sqrt(float(mask.float().sum(1).mean())))
        nn.init.zeros_(self.bias)

    def forward(self, values: Tensor) -> Tensor:
        """[..., inputs] -> [..., outputs].

        Parameters
        ----------
        values : [..., inputs]

        Returns
        -------
        [..., outputs]
        """
        return nn.functional.linear(values, self.weight * self.mask, self.bias)


class Mixtures(nn.Module, ABC):
    """Density of each number of a vector given those before it and a condition: a mixture.

    Parameters
    ----------
    dimensions : int
    """

    def __init__(self, dimensions: int):
        super().__init__()
        self.dimensions = dimensions

    @abstractmethod
    def forward(self, values: Tensor, condition: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """The mixtures of each number.

        Parameters
        ----------
        values : [B, dimensions]
        condition : [B, condition]

        Returns
        -------
        ln_share, middle, ln_width : [B, dimensions, components]
        """

    @abstractmethod
    def at(self, place: int, values: Tensor, condition: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """The mixture of one number, as `forward`, at less cost.

        Parameters
        ----------
        place : int
        values : [B, dimensions]
        condition : [B, condition]

        Returns
        -------
        ln_share, middle, ln_width : [B, components]
        """

    def ln_density(self, values: Tensor, condition: Tensor) -> Tensor:
        """[B, dimensions] ln of the density of each number.

        Parameters
        ----------
        values : [B, dimensions]
        condition : [B, C]

        Returns
        -------
        [B, dimensions]
        """
        ln_share, middle, ln_width = self(values, condition)
        away = (values.unsqueeze(-1) - middle) * (-ln_width).exp()
        parts = ln_share - 0.5 * away.square() - ln_width - 0.5 * math.log(2 * math.pi)
        return torch.logsumexp(parts, dim=-1)

    def fitted_ln_density(self, values: Tensor, condition: Tensor) -> Tensor:
        """As `ln_density`, of what a step of the fit raises.

        Parameters
        ----------
        values : [B, dimensions]
        condition : [B, C]

        Returns
        -------
        [B, dimensions]
        """
        return self.ln_density(values, condition)

    def sample(
        self,
        noise: Tensor,
        condition: Tensor,
        *,
        at_quantile: bool = False,
        farthest: float = math.inf,
    ) -> Tensor:
        """Vectors [B, dimensions] of standard normal numbers.

        Parameters
        ----------
        noise : [B, dimensions]
            Standard normal numbers.
        condition : [B, C]
        at_quantile : bool
            Each number at the quantile of its noise, which takes longer: then what lies nearer to 0
            gives what is nearer to the median.
        farthest : float
            What is drawn beyond it, or beyond minus it, is brought back to it before the next one.

        Returns
        -------
        [B, dimensions]
        """
        values = torch.zeros_like(noise)
        draw = _quantile if at_quantile else _drawn
        for place in range(self.dimensions):
            drawn = draw(noise[:, place], *self.at(place, values, condition))
            values[:, place] = drawn.clamp(-farthest, farthest)
        return values


class ConditionalMixtures(Mixtures):
    """The mixtures of one masked network.

    Parameters
    ----------
    dimensions, condition, width : int
    """

    def __init__(self, dimensions: int, condition: int, width: int):
        super().__init__(dimensions)
        # a hidden unit of degree d sees the condition and the first d numbers
        degree = torch.arange(width) % dimensions
        place = torch.arange(dimensions)
        seen = torch.cat([torch.full((condition,), -1), place])
        deeper = degree[:, None] >= degree[None]
        self.enter = MaskedLinear(degree[:, None] > seen[None])
        self.blocks = nn.ModuleList(
            nn.Sequential(
                nn.SiLU(),
                MaskedLinear(deeper),
                nn.SiLU(),
                MaskedLinear(deeper, gain=0.0),
            )
            for _ in range(_BLOCKS)
        )
        outputs = place.repeat_interleave(3 * _COMPONENTS)
        self.leave = MaskedLinear(outputs[:, None] >= degree[None], gain=0.0)
        # evenly spread, and together nearly a standard normal
        start = torch.zeros(dimensions, 3, _COMPONENTS)
        start[:, 1] = torch.linspace(-1.2, 1.2, _COMPONENTS)
        start[:, 2] = math.log(0.6)
        with torch.no_grad():
            self.leave.bias.copy_(start.flatten())

    def forward(self, values: Tensor, condition: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """See `Mixtures.forward`."""
        made = self.leave(self._hidden(values, condition))
        return _mixtures(made.view(-1, self.dimensions, 3, _COMPONENTS))

    def at(self, place: int, values: Tensor, condition: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """See `Mixtures.at`: that number's outputs only, which are most of the network."""
        size = 3 * _COMPONENTS
        own = slice(place * size, (place + 1) * size)
        weight = self.leave.weight[own] * self.leave.mask[own]
        made = nn.functional.linear(self._hidden(values, condition), weight, self.leave.bias[own])
        return _mixtures(made.view(-1, 3, _COMPONENTS))

    def _hidden(self, values: Tensor, condition: Tensor) -> Tensor:
        hidden = self.enter(torch.cat([condition, values], dim=-1))
        for block in self.blocks:
            hidden = hidden + block(hidden)
        return nn.functional.silu(hidden)


class MeanMixtures(Mixtures):
    """The mean of the densities of several networks, number by number.

    Parameters
    ----------
    networks : iterable of ConditionalMixtures
        Of the same numbers.
    """

    def __init__(self, networks: Iterable[ConditionalMixtures]):
        made = list(networks)
        super().__init__(made[0].dimensions)
        self._networks = nn.ModuleList(made)

    @property
    def networks(self) -> list[ConditionalMixtures]:
        """The networks."""
        return [cast(ConditionalMixtures, network) for network in self._networks]

    def forward(self, values: Tensor, condition: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """See `Mixtures.forward`."""
        return self._mean([network(values, condition) for network in self.networks])

    def at(self, place: int, values: Tensor, condition: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """See `Mixtures.at`."""
        return self._mean([network.at(place, values, condition) for network in self.networks])

    def _mean(self, mixtures: list[tuple[Tensor, Tensor, Tensor]]) -> tuple[Tensor, Tensor, Tensor]:
        ln_share, middle, ln_width = (torch.cat(part, -1) for part in zip(*mixtures, strict=True))
        return ln_share - math.log(len(mixtures)), middle, ln_width

    def fitted_ln_density(self, values: Tensor, condition: Tensor) -> Tensor:
        """Each network's own of its part of the batch: see `Mixtures.fitted_ln_density`."""
        parts = zip(
            self.networks,
            values.tensor_split(len(self.networks)),
            condition.tensor_split(len(self.networks)),
            strict=True,
        )
        return torch.cat([network.ln_density(*given) for network, *given in parts])


def _mixtures(made: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Shares (ln), middles and ln of the widths [.., components], of [.., 3, components]."""
    shares, middle, ln_width = made.unbind(-2)
    return shares.log_softmax(-1), middle, ln_width.clamp(*_LN_WIDTHS)


def _drawn(noise: Tensor, ln_share: Tensor, middle: Tensor, ln_width: Tensor) -> Tensor:
    """Numbers from mixtures [B, components]: which Gaussian, and where in it, by one quantile."""
    quantile = torch.special.ndtr(noise.double())
    share = ln_share.double().exp()
    upper = share.cumsum(-1)
    which = (quantile.unsqueeze(-1) > upper).sum(-1, keepdim=True).clamp_max(share.shape[-1] - 1)
    own = share.gather(-1, which)
    part = (quantile.unsqueeze(-1) - (upper.gather(-1, which) - own)) / own
    place = torch.special.ndtri(part.clamp(_LEAST_TAIL, 1 - _LEAST_TAIL)).to(noise.dtype)
    return (middle.gather(-1, which) + ln_width.gather(-1, which).exp() * place)[:, 0]


def _quantile(noise: Tensor, ln_share: Tensor, middle: Tensor, ln_width: Tensor) -> Tensor:
    """Where mixtures [B, components] have the quantiles of standard normal numbers [B]."""
    # the smaller tail of the two, which has digits
    side = torch.where(noise > 0, -1.0, 1.0)
    wanted = torch.special.ndtr(-noise.abs())
    share, scale = ln_share.exp(), (-ln_width).exp() * side.unsqueeze(-1)
    low, high = torch.full_like(noise, -_FARTHEST), torch.full_like(noise, _FARTHEST)
    for _ in range(_HALVINGS):
        half = 0.5 * (low + high)
        tail = (share * torch.special.ndtr((half.unsqueeze(-1) - middle) * scale)).sum(-1)
        beyond = (tail - wanted) * side > 0
        low, high = torch.where(beyond, low, half), torch.where(beyond, half, high)
    return 0.5 * (low + high)


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
