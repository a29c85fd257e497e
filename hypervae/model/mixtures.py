"""Densities of vectors, each number given those before it: mixtures that masked networks predict.

A masked network (MADE; Germain et al., arXiv:1502.03509) predicts all conditional densities of a
vector at once, as mixtures of Gaussians (RNADE; Uria, Murray, Larochelle, arXiv:1306.0186). To draw
a vector takes one number after the other, but no more than one pass: what a hidden unit may see is
known before it is needed, and stays what it is (`Walk`).
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Iterable
from typing import cast

import torch
from torch import Tensor, nn

_COMPONENTS = 8
_BLOCKS = 2
# ln of the narrowest and the widest Gaussian: what varies from jet to jet has width one.
_LN_WIDTHS = (-4.5, 2.0)
# Halvings of the interval in which a drawn number lies: to 24 / 2^22, in units of its width.
_HALVINGS = 22
_FARTHEST = 12.0
# Of a Gaussian: eight widths from its middle.
_LEAST_TAIL = 1e-15


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


class Walk(ABC):
    """The mixtures of a vector's numbers, each asked for once those before it are drawn."""

    @abstractmethod
    def following(self, last: Tensor | None) -> tuple[Tensor, Tensor, Tensor]:
        """The mixture of the next number.

        Parameters
        ----------
        last : [B] or None
            The number before it; None for the first.

        Returns
        -------
        ln_share, middle, ln_width : [B, components]
        """


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
    def walk(self, condition: Tensor) -> Walk:
        """The same mixtures one after the other, while the numbers are drawn.

        Parameters
        ----------
        condition : [B, condition]

        Returns
        -------
        Walk
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
        values: list[Tensor] = []
        draw, walk = _quantile if at_quantile else _drawn, self.walk(condition)
        for own in noise.unbind(1):
            drawn = draw(own, *walk.following(values[-1] if values else None))
            values.append(drawn.clamp(-farthest, farthest))
        return torch.stack(values, 1)


class ConditionalMixtures(Mixtures):
    """The mixtures of one masked network.

    Parameters
    ----------
    dimensions, condition, width : int
    """

    def __init__(self, dimensions: int, condition: int, width: int):
        super().__init__(dimensions)
        # a hidden unit of degree d sees the condition and the first d numbers
        self.degree = degree = torch.arange(width) % dimensions
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

    def walk(self, condition: Tensor) -> Walk:
        """See `Mixtures.walk`."""
        return _NetworkWalk(self, condition)

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
        return _mean([network(values, condition) for network in self.networks])

    def walk(self, condition: Tensor) -> Walk:
        """See `Mixtures.walk`."""
        return _MeanWalk([network.walk(condition) for network in self.networks])

    def fitted_ln_density(self, values: Tensor, condition: Tensor) -> Tensor:
        """Each network's own of its part of the batch: see `Mixtures.fitted_ln_density`."""
        parts = zip(
            self.networks,
            values.tensor_split(len(self.networks)),
            condition.tensor_split(len(self.networks)),
            strict=True,
        )
        return torch.cat([network.ln_density(*given) for network, *given in parts])


class _NetworkWalk(Walk):
    """Of one network: each number asks for the hidden units that it is the first to see.

    With the units in the order of their degrees, those that are known are the first rows of each
    state [units, B], and the others' weights towards them are zero.
    """

    def __init__(self, network: ConditionalMixtures, condition: Tensor):
        order = network.degree.argsort(stable=True).to(condition.device)
        degrees = network.degree.bincount(minlength=network.dimensions)
        self._ends = [0, *degrees.cumsum(0)[: network.dimensions].tolist()]
        self._size = 3 * _COMPONENTS
        self._enter = _sorted(network.enter, rows=order)
        self._leave = _sorted(network.leave, columns=order)
        self._blocks = [
            [
                _sorted(layer, order, order)
                for layer in block.modules()
                if isinstance(layer, MaskedLinear)
            ]
            for block in network.blocks
        ]
        self._place, self._given = 0, condition.shape[1]
        self._seen = condition.new_zeros(self._given + network.dimensions, len(condition))
        self._seen[: self._given] = condition.T
        # what enters each layer of the blocks, and what leaves them
        states = 1 + sum(len(block) for block in self._blocks)
        units = (len(order), len(condition))
        self._states = [condition.new_zeros(units) for _ in range(states)]

    def following(self, last: Tensor | None) -> tuple[Tensor, Tensor, Tensor]:
        """See `Walk.following`."""
        if last is not None:
            self._seen[self._given + self._place] = last
            self._place += 1
        first, end = self._ends[self._place : self._place + 2]
        if end > first:
            self._see(first, end)
        outputs = slice(self._place * self._size, (self._place + 1) * self._size)
        made = _outputs(self._leave, outputs, self._states[-1][:end])
        return _mixtures(made.T.reshape(-1, 3, _COMPONENTS))

    def _see(self, first: int, end: int) -> None:
        """Find the units from `first` on."""
        own, states = slice(first, end), iter(self._states)
        hidden = _outputs(self._enter, own, self._seen[: self._given + self._place])
        for layers in self._blocks:
            moved = hidden
            for layer in layers:
                state = next(states)
                state[own] = nn.functional.silu(moved)
                moved = _outputs(layer, own, state[:end])
            hidden = hidden + moved
        next(states)[own] = nn.functional.silu(hidden)


class _MeanWalk(Walk):
    """Of several networks together."""

    def __init__(self, walks: list[Walk]):
        self._walks = walks

    def following(self, last: Tensor | None) -> tuple[Tensor, Tensor, Tensor]:
        """See `Walk.following`."""
        return _mean([walk.following(last) for walk in self._walks])


def _sorted(
    layer: MaskedLinear, rows: Tensor | None = None, columns: Tensor | None = None
) -> tuple[Tensor, Tensor]:
    """Weights and bias [outputs, 1] of a layer with its units in another order."""
    weight, bias = layer.weight * layer.mask, cast(Tensor, layer.bias)
    if rows is not None:
        weight, bias = weight[rows], bias[rows]
    return (weight if columns is None else weight[:, columns]), bias.unsqueeze(1)


def _outputs(layer: tuple[Tensor, Tensor], rows: slice, known: Tensor) -> Tensor:
    """[rows, B] outputs of a layer, of the inputs [known, B] that these see."""
    weight, bias = layer
    return torch.addmm(bias[rows], weight[rows, : len(known)], known)


def _mean(mixtures: list[tuple[Tensor, Tensor, Tensor]]) -> tuple[Tensor, Tensor, Tensor]:
    """The mixture of all Gaussians of several mixtures."""
    ln_share, middle, ln_width = (torch.cat(part, -1) for part in zip(*mixtures, strict=True))
    return ln_share - math.log(len(mixtures)), middle, ln_width


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
