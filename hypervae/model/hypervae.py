"""The model as a whole: encode, decode, save, load, generate."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from hypervae.correlators.features import EDGE_FEATURES
from hypervae.data.jets import Jets, concatenate, sort_particles
from hypervae.errors import ConfigError, HyperVAEError, InputError
from hypervae.io import atomic_path, write_json
from hypervae.model.config import ModelConfig
from hypervae.model.decoder import Decoded, OneShotDecoder
from hypervae.model.encoder import Encoder
from hypervae.model.inputs import JetBatch
from hypervae.normalization import Normalization
from hypervae.seeds import rng

WEIGHTS, CONFIG, NORMALIZATION = "weights.safetensors", "config.json", "normalization.h5"


def gumbel(uniform: Tensor) -> Tensor:
    """Gumbel noise from uniform numbers in [0, 1)."""
    tiny = torch.finfo(uniform.dtype).tiny
    return -(-(uniform.clamp_min(tiny)).log()).clamp_min(tiny).log()


class HyperVAE(nn.Module):
    """Variational autoencoder of jets as hypergraphs.

    Parameters
    ----------
    normalization : Normalization
    jet_types : sequence of str
        Types that it learns; conditional on the type if there are several.
    config : ModelConfig or mapping, optional
        The ``model`` section.

    Examples
    --------
    >>> from hypervae import HyperVAE                                       # doctest: +SKIP
    >>> jets = HyperVAE.load("results/models/t").generate(1000, seed=1)     # doctest: +SKIP
    >>> jets.particle_features.shape                                        # doctest: +SKIP
    (1000, 30, 4)
    """

    def __init__(
        self,
        normalization: Normalization,
        jet_types: Sequence[str],
        config: ModelConfig | dict[str, Any] | None = None,
    ):
        super().__init__()
        self.normalization = normalization
        self.jet_types = tuple(jet_types)
        self.config = ModelConfig.of(config)
        self.encoder = Encoder(
            self.config,
            types=len(self.jet_types),
            edge_features=len(EDGE_FEATURES),
            hyperedge_features=len(normalization.hyperedge.names),
            orders=len(normalization.hyperedge_orders),
            slots=normalization.max_particles,
        )
        self.decoder = OneShotDecoder(self.config, normalization, len(self.jet_types))

    @property
    def device(self) -> torch.device:
        """Where the weights are."""
        return next(self.parameters()).device

    def forward(
        self, batch: JetBatch, temperature: float | None = None
    ) -> tuple[Decoded, Tensor, Tensor]:
        """Encode, sample (reparametrized) and decode.

        Parameters
        ----------
        batch : JetBatch
        temperature : float, optional
            Of the Gumbel-softmax; see `OneShotDecoder.forward`.

        Returns
        -------
        decoded : Decoded
        mean, log_variance : [B, latent_dim]
        """
        mean, log_variance = self.encoder(batch)
        latent = mean + torch.randn_like(mean) * (0.5 * log_variance).exp()
        noise = gumbel(torch.rand_like(batch.mask, dtype=mean.dtype))
        decoded = self.decoder(
            latent, batch.jet_type, multiplicity_noise=noise, temperature=temperature
        )
        return decoded, mean, log_variance

    def type_index(self, jet_type: str) -> int:
        """Index of a jet type among the model's.

        Raises
        ------
        HyperVAEError
            If the model did not learn the type.
        """
        if jet_type not in self.jet_types:
            known = ", ".join(self.jet_types)
            raise HyperVAEError(f"jet type {jet_type!r}: this model knows {known}")
        return self.jet_types.index(jet_type)

    def generate_batches(
        self,
        n_jets: int,
        *,
        seed: int,
        jet_type: str | None = None,
        temperature: float = 1.0,
        batch_size: int = 256,
    ) -> Iterator[Jets]:
        """Generate jets in batches; the jets do not depend on the batch size beyond rounding.

        Parameters
        ----------
        n_jets : int
        seed : int
        jet_type : str, optional
            May be left out if the model knows one type.
        temperature : float
            Width of the latent vectors.
        batch_size : int

        Yields
        ------
        Jets
            Massless particles with pT > 0, sorted by falling pT.
        """
        if jet_type is None:
            if len(self.jet_types) > 1:
                raise HyperVAEError(f"a jet type is needed: one of {', '.join(self.jet_types)}")
            jet_type = self.jet_types[0]
        index = self.type_index(jet_type)
        # One stream for each kind of noise, read jet by jet: batches cut it where they like.
        latents, uniforms = rng(seed, jet_type, "latent"), rng(seed, jet_type, "multiplicity")
        slots = self.normalization.max_particles
        was_training = self.training
        self.eval()
        try:
            for start in range(0, n_jets, batch_size):
                size = min(batch_size, n_jets - start)
                latent = latents.standard_normal((size, self.config.latent_dim)) * temperature
                uniform = uniforms.random((size, slots))
                yield self._generate(latent, uniform, index, jet_type)
        finally:
            self.train(was_training)

    @torch.no_grad()
    def _generate(self, latent: np.ndarray, uniform: np.ndarray, index: int, jet_type: str) -> Jets:
        dtype = next(self.parameters()).dtype

        def to_device(values: np.ndarray) -> Tensor:
            return torch.from_numpy(values).to(self.device, dtype)

        types = torch.full((len(latent),), index, dtype=torch.int64, device=self.device)
        decoded = self.decoder(
            to_device(latent), types, multiplicity_noise=gumbel(to_device(uniform))
        )
        mask = (decoded.presence > 0.5).double().cpu().numpy()
        coordinates = decoded.coordinates.double().cpu().numpy()
        jet = self.normalization.jet.inverse(decoded.jet.double().cpu().numpy())
        particles = np.concatenate(
            [coordinates[..., :2], np.exp(coordinates[..., 2:]), np.ones_like(mask)[..., None]], -1
        )
        particles *= mask[..., None]
        features = np.stack([np.exp(jet[:, 0]), jet[:, 1], np.exp(jet[:, 2]), mask.sum(1)], axis=1)
        jets = Jets(particles.astype(np.float32), features.astype(np.float32), jet_type=jet_type)
        return sort_particles(jets)

    def generate(
        self,
        n_jets: int,
        *,
        seed: int = 1,
        jet_type: str | None = None,
        temperature: float = 1.0,
        batch_size: int = 256,
    ) -> Jets:
        """Generate jets in physical units; arguments as `generate_batches`."""
        return concatenate(
            list(
                self.generate_batches(
                    n_jets,
                    seed=seed,
                    jet_type=jet_type,
                    temperature=temperature,
                    batch_size=batch_size,
                )
            )
        )

    def save(
        self,
        directory: str | os.PathLike[str],
        normalization: str | os.PathLike[str],
        training: dict[str, Any] | None = None,
    ) -> None:
        """Write weights, settings and normalization, each atomically; nothing is pickled.

        Parameters
        ----------
        directory : path-like
        normalization : path-like
            The normalization file, copied along.
        training : dict, optional
            How it was trained, for the record.
        """
        directory = Path(directory)
        directory.mkdir(parents=True, exist_ok=True)
        with atomic_path(directory / NORMALIZATION) as temporary:
            shutil.copyfile(normalization, temporary)
        content = {
            "model": self.config.to_dict(),
            "jet_types": list(self.jet_types),
            "max_particles": self.normalization.max_particles,
            "normalization_digest": self.normalization.digest,
            "training": training or {},
        }
        write_json(directory / CONFIG, content)
        state = {
            name: value.detach().cpu().contiguous() for name, value in self.state_dict().items()
        }
        with atomic_path(directory / WEIGHTS) as temporary:
            save_file(state, temporary)

    @classmethod
    def load(cls, directory: str | os.PathLike[str], device: str = "cpu") -> HyperVAE:
        """Load a trained model.

        Raises
        ------
        InputError
            If a file is missing, damaged or does not fit the others.
        """
        directory = Path(directory)
        for name in (CONFIG, NORMALIZATION, WEIGHTS):
            if not (directory / name).is_file():
                raise InputError(
                    directory / name, "model", found="no such file", expected="a trained model"
                )
        try:
            content = json.loads((directory / CONFIG).read_text(encoding="utf-8"))
            settings = ModelConfig.of(dict(content["model"]))
            jet_types = [str(jet_type) for jet_type in content["jet_types"]]
            digest = content["normalization_digest"]
        except (ValueError, KeyError, TypeError, ConfigError) as error:
            raise InputError(
                directory / CONFIG,
                "model",
                found=f"unusable content ({error})",
                expected="a config",
            ) from error
        normalization = Normalization.read(directory / NORMALIZATION)
        if normalization.digest != digest:
            raise InputError(
                directory / NORMALIZATION,
                "digest",
                found=normalization.digest,
                expected=f"{digest}, with which the model was trained",
            )
        model = cls(normalization, jet_types, settings)
        try:
            model.load_state_dict(load_file(directory / WEIGHTS))
        except (SafetensorError, RuntimeError) as error:
            raise InputError(
                directory / WEIGHTS, "weights", found=str(error), expected="this model's weights"
            ) from error
        return model.to(device).eval()
