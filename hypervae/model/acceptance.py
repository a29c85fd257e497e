"""Which draws of a learned prior to keep.

A fitted prior is never quite the aggregate posterior. Networks that tell its draws from latent
vectors of jets know by how much it errs, and where: at a latent vector z the odds are the density
ratio r(z) of the two. A draw is kept with a probability in proportion to r(z), else another takes
its place: a resampled prior (Bauer, Mnih, arXiv:1810.11428), its acceptance learned by contrast
(Aneja, Schwing, Kautz, Vahdat, arXiv:2010.02917). To tell two samples apart is a simpler task than
to draw one, and networks for it may read what follows from a latent vector, too
(`ParticleDecoder.readings`), which those that draw its numbers one by one cannot.

Learned odds, cut off at a bound, do not keep the means of what they were learned from. So they are
tilted until they do, as to some quantities that are read (`hypervae.training.tilt`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import torch
from torch import Tensor, nn

from hypervae.model.decoder.interface import NoiseSpec
from hypervae.model.layers import one_hot

#: Draws of a jet at most, of which the last is kept in any case. They are made in rounds, ever
#: larger ones for ever fewer jets: few calls, and few draws in vain.
ROUNDS = (1, 1, 2, 4)
CANDIDATES = sum(ROUNDS)
#: Density ratio from which on a draw is kept for certain: higher ones, of which networks are the
#: least sure, count as this. About as many draws does a jet take.
MOST = 2.0
_FARTHEST = 5.0
_WIDTH, _DROPOUT = 128, 0.1
_LEAST_WIDTH = 1e-3


class Acceptance(nn.Module):
    """The density ratio of the aggregate posterior to a prior, and what to keep by it.

    `hypervae.training.acceptance.fit_acceptance` fits it once the prior is; until then all draws
    are equal.

    Parameters
    ----------
    inputs : int
        Latent dimensions and what else is read of a latent vector.
    types : int
        Jet types of the model.
    networks : int
        Whose logits are averaged.
    moments : int
        The last inputs, whose means over jets are kept.
    """

    middle: Tensor
    spread: Tensor
    trust: Tensor
    tilt: Tensor

    def __init__(self, inputs: int, types: int, networks: int, moments: int = 0):
        super().__init__()
        self.types = types
        self.inputs, self.moments = inputs, moments
        self.register_buffer("middle", torch.zeros(inputs))
        self.register_buffer("spread", torch.ones(inputs))
        # factor of the logits, for each type: what networks have learned by heart is not true
        self.register_buffer("trust", torch.zeros(types))
        # for each type what is added to them: of each moment, and a constant
        self.register_buffer("tilt", torch.zeros(types, moments + 1))
        self.networks = nn.ModuleList(
            nn.Sequential(
                nn.Linear(inputs + types, _WIDTH),
                nn.GELU(),
                nn.Dropout(_DROPOUT),
                nn.Linear(_WIDTH, _WIDTH),
                nn.GELU(),
                nn.Dropout(_DROPOUT),
                nn.Linear(_WIDTH, 1),
            )
            for _ in range(networks)
        )
        self.requires_grad_(False)

    @torch.no_grad()
    def fit_scales(self, values: Tensor) -> None:
        """Take the mean and the width of each input.

        Parameters
        ----------
        values : [n, inputs]
        """
        self.middle.copy_(values.mean(0))
        self.spread.copy_(values.std(0, correction=0).clamp_min(_LEAST_WIDTH))

    def scaled(self, values: Tensor, jet_type: Tensor) -> Tensor:
        """What the networks are given.

        Parameters
        ----------
        values : [B, inputs]
        jet_type : [B] int64
            Index among the model's types.

        Returns
        -------
        [B, inputs + types]
        """
        scaled = ((values - self.middle) / self.spread).clamp(-_FARTHEST, _FARTHEST)
        return torch.cat([scaled, one_hot(jet_type, self.types, values.dtype)], dim=-1)

    def moments_of(self, scaled: Tensor) -> Tensor:
        """Those of `scaled` inputs whose means over jets are kept.

        Parameters
        ----------
        scaled : [B, inputs + types]

        Returns
        -------
        [B, moments]
        """
        return scaled[:, self.inputs - self.moments : self.inputs]

    def ln_ratio(self, values: Tensor, jet_type: Tensor) -> Tensor:
        """Ln of the density ratio of the aggregate posterior to the prior, trusted and tilted.

        Parameters
        ----------
        values : [B, inputs]
        jet_type : [B] int64

        Returns
        -------
        [B]
        """
        given = self.scaled(values, jet_type)
        logits = torch.stack([network(given).squeeze(-1) for network in self.networks])
        tilt = self.tilt[jet_type].to(values)
        added = (self.moments_of(given) * tilt[:, :-1]).sum(1) + tilt[:, -1]
        return self.trust[jet_type].to(values) * logits.mean(0) + added

    def forward(self, values: Tensor, jet_type: Tensor) -> Tensor:
        """[B, inputs], [B] -> [B] the probability to keep a draw.

        Parameters
        ----------
        values : [B, inputs]
        jet_type : [B] int64

        Returns
        -------
        [B]
        """
        return (self.ln_ratio(values, jet_type).exp() / MOST).clamp_max(1.0)

    @staticmethod
    def noise(dimensions: int) -> dict[str, NoiseSpec]:
        """What a jet needs beside the noise of its first draw.

        Parameters
        ----------
        dimensions : int
            Of the latent vectors.

        Returns
        -------
        dict of str to NoiseSpec
        """
        return {
            "further latents": NoiseSpec((CANDIDATES - 1, dimensions)),
            "acceptance": NoiseSpec((CANDIDATES,), "uniform"),
        }


def first_kept(
    draw: Callable[[Tensor, Tensor], Tensor],
    probability: Callable[[Tensor, Tensor], Tensor],
    noise: Mapping[str, Tensor],
    jet_type: Tensor,
) -> Tensor:
    """The first of each jet's draws that is kept.

    Parameters
    ----------
    draw : callable
        Latent vectors of noise [n, D] and jet types [n].
    probability : callable
        To keep latent vectors [n, D] of jet types [n].
    noise : mapping of str to Tensor
        ``latent`` [B, D] and what `Acceptance.noise` asks for.
    jet_type : [B] int64

    Returns
    -------
    [B, D]
    """
    further, uniform = noise["further latents"], noise["acceptance"]
    candidates = torch.cat([noise["latent"].unsqueeze(1), further], dim=1)
    kept = torch.empty_like(noise["latent"])
    rows, start = torch.arange(len(kept), device=kept.device), 0
    for size in ROUNDS:
        if len(rows) == 0:
            break
        some = slice(start, start + size)
        start += size
        types = jet_type[rows].repeat_interleave(size)
        latent = draw(candidates[rows, some].flatten(0, 1), types)
        keep = uniform[rows, some] < probability(latent, types).view(-1, size)
        if start == CANDIDATES:
            keep[:, -1] = True
        found, which = keep.any(1), keep.int().argmax(1)
        latent = latent.view(len(rows), size, -1)[
            torch.arange(len(rows), device=rows.device), which
        ]
        kept[rows[found]] = latent[found].to(kept)
        rows = rows[~found]
    return kept
