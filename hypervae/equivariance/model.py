"""Equivariance of a model: its particle branch, its encoder and its decoder, measured on jets."""

from __future__ import annotations

import copy
from dataclasses import replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from hypervae.config import ModelConfig
from hypervae.data.jets import Jets, sort_particles
from hypervae.equivariance.deviation import Equivariance, Outputs, Transformations, measure
from hypervae.equivariance.transformations import BEAM_ROTATIONS_AND_BOOSTS, BOOSTS
from hypervae.errors import HyperVAEError
from hypervae.kinematics import four_momenta
from hypervae.model.decoder.interface import NoiseSpec
from hypervae.model.encoder import Encoder
from hypervae.model.hyperedges.registry import HYPEREDGE_MODES
from hypervae.model.hypervae import HyperVAE
from hypervae.model.noise import gumbel
from hypervae.model.references import (
    BEAM_ROTATIONS,
    LORENTZ_GROUP,
    TRIVIAL_GROUP,
    encoder_references,
    jet_tetrad,
    momenta_of,
    symmetry_left,
)
from hypervae.seeds import derive_seed

# Encoded together at most, for the memory.
JETS_AT_ONCE = 32
TOKENS_AT_ONCE = 100_000


def residual_group(config: ModelConfig, weight: str = "pt") -> str:
    """What the encoder's references and features together leave of the Lorentz group.

    Edge, hyperedge and jet features do not change under rotations about the beam. Boosts along it
    change the jet's eta, and the weights of the correlators if they are energies.

    Parameters
    ----------
    config : ModelConfig
    weight : {"pt", "energy"}
        Of the correlators.

    Returns
    -------
    str
    """
    left = symmetry_left(config.references)
    if left == TRIVIAL_GROUP:
        return TRIVIAL_GROUP
    if left == LORENTZ_GROUP and "jet_features" not in config.condition and weight == "pt":
        return BEAM_ROTATIONS_AND_BOOSTS
    return BEAM_ROTATIONS


def jet_momenta(jets: Jets) -> NDArray[np.float64]:
    """[n, 4] four-momenta (E, px, py, pz) [GeV] of the full jets, at phi = 0.

    Parameters
    ----------
    jets : Jets

    Returns
    -------
    [n, 4] float64
    """
    pt, eta, mass = np.moveaxis(jets.jet_features[:, :3].astype(np.float64), 1, 0)
    momentum = pt * np.cosh(eta)
    energy = np.sqrt(momentum**2 + np.maximum(mass, 0.0) ** 2)
    return np.stack([energy, pt, np.zeros_like(pt), pt * np.sinh(eta)], axis=1)


def jets_of(momenta: NDArray, jets: NDArray, mask: NDArray) -> Jets:
    """Jets in the layout of shards, but float64 and at any phi, from four-momenta.

    Parameters
    ----------
    momenta : [n, P, 4]
        Of the constituents [GeV], taken as massless.
    jets : [n, 4]
        Of the full jets [GeV].
    mask : [n, P]

    Returns
    -------
    Jets
        Sorted by falling pT. phirel is the azimuth itself, since a shard's jet has none.
    """
    pt = np.where(mask, np.hypot(momenta[..., 1], momenta[..., 2]), 1.0)
    eta, phi = np.arcsinh(momenta[..., 3] / pt), np.arctan2(momenta[..., 2], momenta[..., 1])
    jet_pt = np.hypot(jets[:, 1], jets[:, 2])
    jet_eta = np.arcsinh(jets[:, 3] / jet_pt)
    mass = np.sqrt(np.maximum(jets[:, 0] ** 2 - (jets[:, 1:] ** 2).sum(axis=1), 0.0))
    parts = [eta - jet_eta[:, None], phi, pt / jet_pt[:, None], np.ones_like(pt)]
    particles = np.stack(parts, axis=-1) * mask[..., None]
    features = np.stack([jet_pt, jet_eta, mass, mask.sum(axis=1)], axis=1)
    return sort_particles(Jets(particles, features))


class ModelEquivariance:
    """Measurements of a model on jets.

    Parameters
    ----------
    model : HyperVAE
    jets : Jets
    jet_type : [n] int
        Indices among the model's types.
    transformations, seed : int
    """

    def __init__(
        self,
        model: HyperVAE,
        jets: Jets,
        jet_type: NDArray,
        *,
        transformations: int = 100,
        seed: int = 1,
    ):
        self.model, self.jets, self.seed = model, jets, seed
        self.jet_type = torch.from_numpy(np.asarray(jet_type, dtype=np.int64))
        self.momenta = four_momenta(jets.particle_features, jets.jet_features)
        self.number = transformations
        normalization = model.normalization
        self.residual_group = residual_group(model.config, normalization.settings.weight)
        mode = HYPEREDGE_MODES[model.config.hyperedge_encoder]
        tokens = mode.most_tokens(model.config, normalization)
        self.at_once = min(max(TOKENS_AT_ONCE // max(tokens, 1), 1), JETS_AT_ONCE)

    def _drawn(self, group: str) -> Transformations:
        return Transformations(group, self.number, self.seed)

    def _model(self, dtype: torch.dtype) -> HyperVAE:
        return copy.deepcopy(self.model).to("cpu", dtype).eval()

    def _encoder(self, dtype: torch.dtype) -> Encoder:
        encoder = self._model(dtype).encoder
        if encoder is None:
            raise HyperVAEError("equivariance: the model has no encoder (model.latent_dim is 0)")
        return encoder

    def particles(
        self, dtype: torch.dtype, group: str = LORENTZ_GROUP, *, transform_references: bool = True
    ) -> Equivariance:
        """The particle branch, slot by slot; by default its references transform along.

        Parameters
        ----------
        dtype : torch.dtype
            Of the model's numbers.
        group : str
            Name of the transformations (`transformations`).
        transform_references : bool
            Whether the references transform along.

        Returns
        -------
        Equivariance
        """
        branch = self._encoder(dtype).particles
        mask = torch.from_numpy(self.jets.mask)

        def encode(momenta: Tensor, references: Tensor | None = None) -> Outputs:
            return branch(momenta, mask, references), mask.unsqueeze(-1)

        vectors = [self.momenta / self.model.normalization.momentum_scale]
        if transform_references:
            vectors.append(encoder_references(branch.references, torch.zeros(0).double()).numpy())
        return measure(encode, vectors, self._drawn(group), what="particle branch", dtype=dtype)

    def encoder(self, dtype: torch.dtype, group: str | None = None) -> Equivariance:
        """The whole encoder, with every feature recomputed from the transformed particles.

        Parameters
        ----------
        dtype : torch.dtype
            The transformed momenta are rounded to it before anything is computed from them.
        group : str, optional
            What references and features leave, when left out.

        Returns
        -------
        Equivariance
        """
        model, encoder = self._model(dtype), self._encoder(dtype)
        mask = self.jets.mask

        def encode(momenta: Tensor, jets: Tensor) -> Outputs:
            made = jets_of(momenta.double().numpy(), jets.double().numpy(), mask)
            # Keys of their own, so that of each jet the same sets are drawn wherever it points.
            keys = np.arange(len(made), dtype=np.uint64)
            found = []
            for start in range(0, len(made), self.at_once):
                rows = slice(start, start + self.at_once)
                batch = model.batch(made[rows], dtype=dtype, keys=keys[rows])
                batch = replace(batch, jet_type=self.jet_type[rows])
                found.append(torch.cat(encoder(batch), dim=-1))
            return torch.cat(found), None

        return measure(
            encode,
            [self.momenta, jet_momenta(self.jets)],
            self._drawn(group or self.residual_group),
            what="encoder",
            dtype=dtype,
        )

    def decoder(self, dtype: torch.dtype = torch.float64) -> Equivariance:
        """Decoded momenta, which should transform along with the decoder's references.

        Parameters
        ----------
        dtype : torch.dtype
            Of the model's numbers.

        Returns
        -------
        Equivariance
        """
        model = self._model(dtype)
        generator = torch.Generator().manual_seed(derive_seed(self.seed, "decoder"))
        jets = len(self.jets)

        def normal(*shape: int) -> Tensor:
            return torch.randn(*shape, generator=generator, dtype=torch.float64).to(dtype)

        def draw(spec: NoiseSpec) -> Tensor:
            if spec.distribution == "normal":
                return normal(jets, *spec.shape)
            uniform = torch.rand(jets, *spec.shape, generator=generator, dtype=torch.float64)
            return (gumbel(uniform) if spec.distribution == "gumbel" else uniform).to(dtype)

        latent = normal(jets, model.latent_dim)
        noise = {name: draw(spec) for name, spec in model.decoder.noise.items()}

        def decode(references: Tensor) -> Outputs:
            decoded = model.decoder.decode(latent, self.jet_type, noise, references=references)
            momenta = momenta_of(decoded.log_coordinates, references)
            return momenta, (decoded.presence > 0.5).unsqueeze(-1)

        return measure(
            decode,
            [jet_tetrad(latent).double().numpy()],
            self._drawn(LORENTZ_GROUP),
            what="decoded momenta",
            dtype=dtype,
            covariant=True,
        )

    def general_boosts(self, dtype: torch.dtype = torch.float32) -> Equivariance:
        """The whole encoder under boosts in any direction: how far it is from full symmetry.

        Parameters
        ----------
        dtype : torch.dtype
            Of the model's numbers.

        Returns
        -------
        Equivariance
        """
        return self.encoder(dtype, BOOSTS)


def measure_model(
    model: HyperVAE, jets: Jets, jet_type: NDArray, *, transformations: int = 100, seed: int = 1
) -> tuple[dict[str, float | str | None], list[str]]:
    """Everything that is measured of a trained model.

    Parameters
    ----------
    model : HyperVAE
    jets : Jets
        Held-out ones.
    jet_type : [n] int
        Indices among the model's types.
    transformations, seed : int

    Returns
    -------
    figures : dict
        ``particle_fp32``, ``particle_fp64``: particle branch with references transformed along,
        whole group. ``encoder_residual_fp32``, ``encoder_residual_fp64``: the whole encoder under
        ``residual_group`` (None where that is nothing). ``encoder_general``: under boosts in any
        direction, in float32. ``decoder_fp64``: decoded momenta, references transformed along.
        ``spread``: of the encoder's outputs between jets, over their size. What there is no
        encoder for is None.
    broken_bounds : list of str
        Broken bounds.
    """
    single, double = torch.float32, torch.float64
    of = ModelEquivariance(model, jets, jet_type, transformations=transformations, seed=seed)
    bounded: dict[str, Equivariance] = {}
    general = None
    if model.encoder is not None:
        bounded |= {"particle_fp32": of.particles(single), "particle_fp64": of.particles(double)}
        if of.residual_group != TRIVIAL_GROUP:
            bounded["encoder_residual_fp32"] = of.encoder(single)
            bounded["encoder_residual_fp64"] = of.encoder(double)
        general = of.general_boosts()
    bounded["decoder_fp64"] = of.decoder(double)
    names = ("particle_fp32", "particle_fp64", "encoder_residual_fp32", "encoder_residual_fp64")
    figures: dict[str, float | str | None] = {
        name: bounded[name].deviation if name in bounded else None for name in names
    }
    figures |= {
        "residual_group": of.residual_group,
        "encoder_general": None if general is None else general.deviation,
        "decoder_fp64": bounded["decoder_fp64"].deviation,
        "spread": None if general is None else general.spread,
    }
    return figures, [line for found in bounded.values() for line in found.broken_bounds()]
