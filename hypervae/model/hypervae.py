"""The model as a whole: encode, decode, save, load, generate."""

from __future__ import annotations

import json
import math
import os
import shutil
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from hypervae.config import ModelConfig
from hypervae.data.jet_types import check_jet_type
from hypervae.data.jets import Jets
from hypervae.errors import ConfigError, HyperVAEError, InputError
from hypervae.formats.normalization import read_normalization
from hypervae.io import atomic_path, write_json
from hypervae.io.guarded import guarded
from hypervae.model.acceptance import Acceptance, first_kept
from hypervae.model.decoder import Decoder, Reconstructed
from hypervae.model.decoder.interface import NoiseSpec
from hypervae.model.decoder.targets import with_particle_targets
from hypervae.model.encoder import Encoder
from hypervae.model.files import CONFIG, NORMALIZATION, WEIGHTS, files_of, paths_of
from hypervae.model.hyperedges.rules import resolved_modes
from hypervae.model.inputs import JetBatch, make_batch
from hypervae.model.jet_methods import JetMethods
from hypervae.model.noise import JetNoise
from hypervae.model.pretrained import pretrained_folder
from hypervae.model.prior import make_prior
from hypervae.normalization import Normalization


class HyperVAE(JetMethods, nn.Module):
    """Variational autoencoder of jets as hypergraphs.

    Parameters
    ----------
    normalization : Normalization
    jet_types : sequence of str
        Types that it learns; conditional on the type if there are several.
    config : ModelConfig or mapping, optional
        The ``model`` section.
    device : str
        Decides what ``auto`` stands for; see `resolved_modes`.

    Examples
    --------
    Jets in physical units from a trained model: (etarel, phirel, ptrel, mask) of each particle,
    and (pt [GeV], eta, mass [GeV], number of particles) of each jet.

    >>> from hypervae import HyperVAE
    >>> model = HyperVAE.load("results/models/t")
    >>> jets = model.generate(10_000, seed=1)
    >>> len(jets), jets.particle_features.shape[2], jets.jet_features.shape
    (10000, 4, (10000, 4))
    """

    def __init__(
        self,
        normalization: Normalization,
        jet_types: Sequence[str],
        config: ModelConfig | dict[str, Any] | None = None,
        device: str = "cpu",
    ):
        super().__init__()
        self.normalization = normalization
        self.jet_types = tuple(jet_types)
        self.config = resolved_modes(ModelConfig.of(config), normalization, device)
        self.encoder: Encoder | None = None
        if self.config.latent_dim:
            self.encoder = Encoder(self.config, normalization, len(self.jet_types))
        self.decoder = Decoder(self.config, normalization, len(self.jet_types))
        self.prior = make_prior(
            self.config, len(self.jet_types), self.latent_dim, self.decoder.particles.alike
        )
        self.acceptance: Acceptance | None = None
        if self.config.prior_acceptance and self.prior.fitted:
            particles = self.decoder.particles
            self.acceptance = Acceptance(
                self.latent_dim + particles.reading_dims(self.config),
                len(self.jet_types),
                self.config.prior_acceptance,
                particles.moment_dims(self.config),
            )

    @property
    def latent_dim(self) -> int:
        """Dimensions of the latent space: the decoder's anchored ones, then the encoder's."""
        return self.decoder.latent_dim

    @property
    def device(self) -> torch.device:
        """Where the weights are."""
        return next(self.parameters()).device

    def forward(
        self,
        batch: JetBatch,
        noise: JetNoise | None = None,
        gumbel_temperature: float | None = None,
        hypergraph: bool = True,
    ) -> tuple[Reconstructed, Tensor, Tensor]:
        """Encode, sample (reparametrized) and decode.

        Parameters
        ----------
        batch : JetBatch
        noise : JetNoise, optional
            That of the batch's own keys when left out.
        gumbel_temperature : float, optional
            See `Decoder.reconstruct`.
        hypergraph : bool
            Whether to decode edges and hyperedges too.

        Returns
        -------
        reconstructed : Reconstructed
        mean, log_variance : [B, latent_dim]
        """
        if noise is None:
            noise = JetNoise(batch.key)
        mean, log_variance = self.posterior(batch, noise)
        latent = mean + noise.normal(*mean.shape, like=mean) * (0.5 * log_variance).exp()
        reconstructed = self.decoder.reconstruct(
            latent, batch, noise, gumbel_temperature=gumbel_temperature, hypergraph=hypergraph
        )
        return reconstructed, mean, log_variance

    def posterior(self, batch: JetBatch, noise: JetNoise | None = None) -> tuple[Tensor, Tensor]:
        """The posterior in latent space.

        Parameters
        ----------
        batch : JetBatch
        noise : JetNoise, optional
            Of the jets; see `hypervae.model.dropout.Dropout.forward`.

        Returns
        -------
        mean, log_variance : [B, latent_dim]
        """
        if not self.decoder.anchored and self.encoder is not None:
            mean, log_variance = self.encoder(batch, noise=noise)
            return mean, log_variance
        means = [self.decoder.particles.anchors(batch)]
        width = self.decoder.particles.anchor_width
        variances = [torch.full_like(means[0], 2 * math.log(width))]
        if self.encoder is not None:
            mean, log_variance = self.encoder(batch, noise=noise)
            means.append(mean.to(means[0].dtype))
            variances.append(log_variance.to(means[0].dtype))
        return torch.cat(means, dim=-1), torch.cat(variances, dim=-1)

    @property
    def latent_noise(self) -> dict[str, NoiseSpec]:
        """What a jet needs for its latent vector to be drawn, by name."""
        first = {"latent": NoiseSpec((self.latent_dim,))}
        return first if self.acceptance is None else first | Acceptance.noise(self.latent_dim)

    def draw_latents(
        self, noise: Mapping[str, Tensor], jet_type: Tensor, temperature: float = 1.0
    ) -> Tensor:
        """Latent vectors from the prior, those of its draws that are to be kept.

        Parameters
        ----------
        noise : mapping of str to Tensor [B, ...]
            What `latent_noise` asks for.
        jet_type : [B] int64
            Index among the model's types.
        temperature : float
            See `Prior.sample`.

        Returns
        -------
        [B, latent_dim]
        """
        if self.acceptance is None:
            return self.prior.sample(noise["latent"], jet_type, temperature)
        acceptance = self.acceptance
        return first_kept(
            lambda some, types: self.prior.sample(some, types, temperature),
            lambda latent, types: acceptance(self.read(latent, types), types),
            noise,
            jet_type,
        )

    def read(self, latent: Tensor, jet_type: Tensor) -> Tensor:
        """[B, latent_dim + R] latent vectors, and what the particle decoder reads of them.

        Parameters
        ----------
        latent : [B, latent_dim]
        jet_type : [B] int64

        Returns
        -------
        [B, latent_dim + R]
        """
        return torch.cat([latent, self.decoder.particles.readings(latent, jet_type)], dim=1)

    def fit_decoder(self, batches: Iterable[JetBatch]) -> None:
        """Let the particle decoder see the training jets once, before the training.

        Parameters
        ----------
        batches : iterable of JetBatch
        """
        self.decoder.particles.fit(batches)

    def batch(self, jets: Jets, **options: Any) -> JetBatch:
        """The tensors that this model reads of jets; options as `make_batch`.

        Parameters
        ----------
        jets : Jets
        **options : object

        Returns
        -------
        JetBatch
        """
        if jets.jet_type is not None:
            options.setdefault("type_index", self.type_index(jets.jet_type))
        options.setdefault("dtype", next(self.parameters()).dtype)
        batch = make_batch(
            jets,
            self.normalization,
            encoder=self.config.hyperedge_encoder,
            decoder=self.config.hyperedge_decoder,
            hyperedge_samples=self.config.hyperedge_samples,
            **options,
        )
        return with_particle_targets(batch, jets, self.config)

    def gradient_checkpointing(self, on: bool = True) -> None:
        """Compute activations again in the backward pass instead of keeping them, or stop it.

        Parameters
        ----------
        on : bool
            Whether to compute them again.
        """
        for module in self.modules():
            if hasattr(module, "recompute"):
                module.recompute = on  # type: ignore[assignment]

    def type_index(self, jet_type: str) -> int:
        """Index of a jet type among the model's.

        Parameters
        ----------
        jet_type : str

        Returns
        -------
        int

        Raises
        ------
        HyperVAEError
            If the model did not learn the type.
        """
        if jet_type not in self.jet_types:
            known = ", ".join(self.jet_types)
            raise HyperVAEError(f"jet type {jet_type!r}: this model knows {known}")
        return self.jet_types.index(jet_type)

    @guarded(reads=("normalization",), writes=(("directory", paths_of),))
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
    def load(cls, place: str | os.PathLike[str], device: str = "cpu") -> HyperVAE:
        """Load a trained model.

        Parameters
        ----------
        place : path-like
            As `save` leaves it, see `files_of`.
        device : str
            Where the model shall be.

        Returns
        -------
        HyperVAE

        Raises
        ------
        InputError
            If a file is missing, damaged or does not fit the others.
        """
        files = files_of(place)
        directory = files.weights.parent
        try:
            content = json.loads((directory / CONFIG).read_text(encoding="utf-8"))
            settings = ModelConfig.of(dict(content["model"]))
            jet_types = [
                check_jet_type(jet_type, directory / CONFIG) for jet_type in content["jet_types"]
            ]
            digest = content["normalization_digest"]
        except (ValueError, KeyError, TypeError, ConfigError) as error:
            raise InputError(
                directory / CONFIG,
                "model",
                found=f"unusable content ({error})",
                expected="a config",
            ) from error
        normalization = read_normalization(directory / NORMALIZATION)
        if normalization.digest != digest:  # which is that of its own contents
            raise InputError(
                directory / CONFIG,
                "normalization_digest",
                found=repr(digest),
                expected=f"{normalization.digest}, that of {directory / NORMALIZATION}, or the "
                "normalization with which the model was trained there",
            )
        model = cls(normalization, jet_types, settings)
        try:
            model.load_state_dict(load_file(files.weights))
        except (SafetensorError, RuntimeError) as error:
            raise InputError(
                files.weights,
                "weights",
                found=str(error),
                expected=f"those of the model that {directory / CONFIG} describes",
            ) from error
        return model.to(device).eval()

    @classmethod
    def pretrained(cls, jet_type: str, device: str = "cpu") -> HyperVAE:
        """The model of a jet type that the package ships (`hypervae.model.pretrained`).

        Parameters
        ----------
        jet_type : str
            One of g, q, t, w, z.
        device : str

        Returns
        -------
        HyperVAE

        Raises
        ------
        ConfigError
            If there is no such model.
        """
        return cls.load(pretrained_folder(jet_type), device)
