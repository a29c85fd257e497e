"""Jets from noise: drawn jet by jet, decoded in batches, checked to be physical."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from hypervae.config import ModelConfig
from hypervae.data.jet_types import JET_TYPES
from hypervae.data.jets import Jets, sort_particles
from hypervae.data.ranges import beyond
from hypervae.errors import ConfigError, HyperVAEError
from hypervae.kinematics import four_momenta
from hypervae.model.decoder import Decoded, Decoder
from hypervae.model.decoder.interface import NoiseSpec
from hypervae.model.evaluation_mode import HasModes, in_evaluation_mode
from hypervae.model.noise import gumbel
from hypervae.model.sampling_config import SamplingConfig
from hypervae.normalization import Normalization
from hypervae.seeds import rng

# A model that is fit for use needs none; one that needs more than this for a jet is not.
MAX_REDRAWS = 10
_FLOAT32 = np.finfo(np.float32)


class GenerativeModel(HasModes, Protocol):
    """What the sampler reads of a model; `hypervae.model.HyperVAE` is one."""

    config: ModelConfig
    normalization: Normalization
    decoder: Decoder

    @property
    def latent_noise(self) -> Mapping[str, NoiseSpec]:
        """What a jet needs for its latent vector to be drawn, by name."""

    def draw_latents(
        self, noise: Mapping[str, Tensor], jet_type: Tensor, temperature: float = 1.0
    ) -> Tensor:
        """Latent vectors [B, latent_dim] of noise.

        Parameters
        ----------
        noise : mapping of str to Tensor [B, ...]
            What `latent_noise` asks for.
        jet_type : [B] int64
        temperature : float

        Returns
        -------
        [B, latent_dim]
        """

    def parameters(self) -> Iterator[torch.nn.Parameter]:
        """The weights, which say device and type of the tensors.

        Returns
        -------
        torch.nn.Parameter
        """

    def type_index(self, jet_type: str) -> int:
        """Index of a jet type among the model's.

        Parameters
        ----------
        jet_type : str

        Returns
        -------
        int
        """


@dataclass
class DrawnJets:
    """Generated jets with what the model decoded beside them.

    Attributes
    ----------
    jets : Jets
        In physical units; ``jet_type`` is set where all are of one type.
    types : [n] uint8
        Type of each jet, as `JET_TYPES` numbers them.
    decoded : Decoded
        Its slots are not in the order of the jets' particles. Edges and hyperedges are, though:
        those of the k-th slot are trained to be those of the k-th hardest particle.
    redrawn : int
        Jets that were drawn again, since they were not physical at first.
    """

    jets: Jets
    types: NDArray[np.uint8]
    decoded: Decoded
    redrawn: int


#: Noise of jets by name, in double precision; uniform numbers where Gumbel noise is asked for.
_Noise = dict[str, NDArray[np.float64]]


class Sampler:
    """Generate jets, batch after batch.

    Each noise of each jet type has a stream of its own that is read jet by jet: the jets
    do not depend, beyond rounding, on how they are cut into batches, and the k-th quark of a mix is
    the k-th quark of a sample of quarks alone.

    A jet that is not physical (see `is_physical`) is drawn again from a stream of its own, at most
    `MAX_REDRAWS` times, so that no value is ever bent to fit.

    Parameters
    ----------
    model : HyperVAE
    seed : int
    mix : mapping of str to float
        Share of each jet type; they need not sum to 1.
    sampling : SamplingConfig

    Raises
    ------
    HyperVAEError
        If the model does not know a type of the mix.
    ConfigError
        If a share is negative or none is positive.
    """

    def __init__(
        self,
        model: GenerativeModel,
        *,
        seed: int,
        mix: Mapping[str, float],
        sampling: SamplingConfig = SamplingConfig(),
    ):
        self.model, self.seed, self.sampling = model, seed, sampling
        shares = normalized_shares(mix)
        self.jet_types = sorted(shares, key=model.type_index)
        self._bounds = np.cumsum([shares[jet_type] for jet_type in self.jet_types])[:-1]
        self._which = rng(seed, "mix")
        self._noise = {**model.latent_noise, **model.decoder.noise}
        self._streams = {
            jet_type: {name: rng(seed, jet_type, name) for name in self._noise}
            for jet_type in self.jet_types
        }
        self._drawn = dict.fromkeys(self.jet_types, 0)

    @property
    def jet_type(self) -> str | None:
        """The type of all jets, where it is one."""
        return self.jet_types[0] if len(self.jet_types) == 1 else None

    @torch.no_grad()
    def draw(self, size: int, latents: Tensor | None = None) -> DrawnJets:
        """Generate the next jets.

        Parameters
        ----------
        size : int
        latents : Tensor [size, latent_dim], optional
            Latent vectors to decode, instead of some drawn from the prior.

        Returns
        -------
        DrawnJets

        Raises
        ------
        HyperVAEError
            If jets are still not physical after `MAX_REDRAWS` further draws.
        """
        with in_evaluation_mode(self.model):
            return self._draw(size, latents)

    @torch.no_grad()
    def latents(self, size: int) -> Tensor:
        """Draw the latent vectors of the next jets and no more than these.

        Parameters
        ----------
        size : int

        Returns
        -------
        [size, latent_dim]
            On the model's device.
        """
        with in_evaluation_mode(self.model):
            which = self._next_types(size)
            _, noise = self._next_noise(which)
            return self._latents(noise, self._type_indices(which))

    def _next_types(self, size: int) -> NDArray[np.int64]:
        """Of the next jets, as places in `jet_types`."""
        if self.jet_type is None:
            return np.searchsorted(self._bounds, self._which.random(size), side="right")
        return np.zeros(size, dtype=np.int64)

    def _type_indices(self, which: NDArray[np.int64]) -> Tensor:
        """Of jets, among the model's types."""
        indices = np.array([self.model.type_index(jet_type) for jet_type in self.jet_types])
        return torch.from_numpy(indices[which]).to(self._like.device)

    @property
    def _like(self) -> Tensor:
        return next(self.model.parameters())

    def _on_device(self, values: NDArray[Any] | Tensor) -> Tensor:
        return torch.as_tensor(values).to(self._like.device, self._like.dtype)

    def _latents(self, noise: _Noise, types: Tensor) -> Tensor:
        drawn = {name: self._on_device(noise[name]) for name in self.model.latent_noise}
        return self.model.draw_latents(drawn, types, self.sampling.temperature)

    def _draw(self, size: int, latents: Tensor | None) -> DrawnJets:
        which = self._next_types(size)
        number, noise = self._next_noise(which)
        sample, good = self._decode(noise, which, latents)
        sample.redrawn = int((~good).sum()) if self.sampling.check else 0
        for attempt in range(1, MAX_REDRAWS + 1):
            bad = np.flatnonzero(~good)
            if not self.sampling.check or len(bad) == 0:
                return sample
            noise = self._noise_again(which[bad], number[bad], attempt)
            some = None if latents is None else latents[torch.from_numpy(bad).to(latents.device)]
            again, good[bad] = self._decode(noise, which[bad], some)
            _replace(sample, bad, again)
        if good.all():
            return sample
        raise HyperVAEError(
            f"generation: {int((~good).sum())} of {size} jets are still not physical (finite, with "
            f"pT > 0) after {MAX_REDRAWS} further draws; the model has diverged, or temperature "
            f"{self.sampling.temperature:g} is too high"
        )

    def _next_noise(self, which: NDArray[np.int64]) -> tuple[NDArray[np.int64], _Noise]:
        """The number of each jet among those of its type, and its noise."""
        number = np.empty(len(which), dtype=np.int64)
        noise = self._empty_noise(len(which))
        for index, jet_type in enumerate(self.jet_types):
            rows = np.flatnonzero(which == index)
            number[rows] = self._drawn[jet_type] + np.arange(len(rows))
            self._drawn[jet_type] += len(rows)
            self._fill(noise, rows, self._streams[jet_type])
        return number, noise

    def _noise_again(
        self, which: NDArray[np.int64], number: NDArray[np.int64], attempt: int
    ) -> _Noise:
        noise = self._empty_noise(len(which))
        for row, (index, place) in enumerate(zip(which, number, strict=True)):
            stream = rng(self.seed, self.jet_types[index], "again", int(place), attempt)
            self._fill(noise, np.array([row]), dict.fromkeys(self._noise, stream))
        return noise

    def _empty_noise(self, size: int) -> _Noise:
        return {name: np.empty((size, *spec.shape)) for name, spec in self._noise.items()}

    def _fill(
        self, noise: _Noise, rows: NDArray[np.int64], streams: Mapping[str, np.random.Generator]
    ) -> None:
        for name, spec in self._noise.items():
            stream, normal = streams[name], spec.distribution == "normal"
            draw = stream.standard_normal if normal else stream.random
            noise[name][rows] = draw((len(rows), *spec.shape))

    def _decode(
        self, noise: _Noise, which: NDArray[np.int64], latents: Tensor | None
    ) -> tuple[DrawnJets, NDArray[np.bool_]]:
        """Decode a batch; and which of its jets are physical."""
        model, temperature = self.model, self.sampling.temperature
        types = self._type_indices(which)
        latent = self._latents(noise, types) if latents is None else self._on_device(latents)
        given = {}
        for name, spec in model.decoder.noise.items():
            values = self._on_device(noise[name])
            if spec.distribution == "gumbel":
                values = gumbel(values)
            given[name] = values if spec.distribution == "uniform" else values * temperature
        decoded = model.decoder.decode(latent, types, given, sampling=self.sampling)
        with np.errstate(over="ignore", invalid="ignore"):  # found out by `is_physical`
            jets = _jets_of(decoded, model)
        good = is_physical(jets)
        if decoded.multiplicity_logits is not None:
            good &= torch.isfinite(decoded.multiplicity_logits).all(1).cpu().numpy()
        jets.jet_type = self.jet_type
        numbers = np.array([JET_TYPES[jet_type] for jet_type in self.jet_types], dtype=np.uint8)
        return DrawnJets(jets, numbers[which], decoded, 0), good


def normalized_shares(mix: Mapping[str, float]) -> dict[str, float]:
    """The shares of a mix in units of their sum; types without a share are left out.

    Parameters
    ----------
    mix : mapping of str to float
        Share of each jet type, of any sum.

    Returns
    -------
    dict of str to float
        They sum to 1.

    Raises
    ------
    ConfigError
        If a share is negative or not finite, or none is positive.
    """
    total = sum(mix.values())
    if any(not 0 <= share < np.inf for share in mix.values()) or not 0 < total < np.inf:
        found = ", ".join(f"{jet_type}: {share:g}" for jet_type, share in mix.items()) or "nothing"
        raise ConfigError(
            f"mix: found {found}, expected shares of jet types, none negative and some positive"
        )
    return {jet_type: share / total for jet_type, share in mix.items() if share > 0}


def is_physical(jets: Jets) -> NDArray[np.bool_]:
    """Which jets are physical.

    Those whose values lie within `hypervae.data.ranges.beyond`, and whose four-momenta are all
    finite in float32, with pT > 0 (and no less than float32 resolves) of the jet and of each
    particle. Massless, sorted and with a multiplicity in range they are by construction.

    Parameters
    ----------
    jets : Jets

    Returns
    -------
    [n] bool
    """
    particles, features = jets.particle_features, jets.jet_features
    with np.errstate(over="ignore", invalid="ignore"):
        momenta = four_momenta(particles, features)
    # NaN fails each comparison
    good = (np.abs(momenta) < _FLOAT32.max).all(axis=(1, 2))
    good &= np.isfinite(particles).all(axis=(1, 2)) & np.isfinite(features).all(axis=1)
    pt = np.hypot(momenta[..., 1], momenta[..., 2])
    good &= np.where(jets.mask, (pt > _FLOAT32.tiny) & (particles[..., 2] > 0), True).all(axis=1)
    for breach in beyond(particles, features):
        good &= ~(breach.wrong if breach.wrong.ndim == 1 else breach.wrong.any(axis=1))
    return good & (features[:, 0] > 0)


def _jets_of(decoded: Decoded, model: GenerativeModel) -> Jets:
    """Jets in physical units, their particles sorted."""
    mask = (decoded.presence > 0.5).cpu().numpy()
    coordinates = decoded.log_coordinates.double().cpu().numpy()
    jet = model.normalization.jet.inverse(decoded.jet.double().cpu().numpy())
    particles = np.zeros((*mask.shape, 4), dtype=np.float32)
    particles[..., :2] = coordinates[..., :2]
    particles[..., 2] = np.exp(coordinates[..., 2])
    particles[..., 3] = 1.0
    particles[~mask] = 0.0
    features = np.stack([np.exp(jet[:, 0]), jet[:, 1], np.exp(jet[:, 2]), mask.sum(1)], axis=1)
    return sort_particles(Jets(particles, features.astype(np.float32)))


def _replace(sample: DrawnJets, rows: NDArray[np.int64], other: DrawnJets) -> None:
    """Put other jets in some rows."""
    sample.jets.particle_features[rows] = other.jets.particle_features
    sample.jets.jet_features[rows] = other.jets.jet_features
    for value, new in zip(sample.decoded.tensors(), other.decoded.tensors(), strict=True):
        value[torch.from_numpy(rows).to(value.device)] = new
