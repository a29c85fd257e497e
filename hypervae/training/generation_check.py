"""Generated against validation jets, during the training."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from scipy.stats import wasserstein_distance
from torch import Tensor

from hypervae.data.jets import Jets
from hypervae.kinematics import relative_mass
from hypervae.model import HyperVAE
from hypervae.model.posterior import encode_jets
from hypervae.model.sampling_config import SamplingConfig
from hypervae.seeds import derive_seed, rng

if TYPE_CHECKING:
    from matplotlib.figure import Figure

#: Jets in memory at once. No result depends on it beyond rounding.
BATCH = 256


@dataclass(frozen=True)
class GeneratedSample:
    """A sample of generated jets beside validation jets.

    Attributes
    ----------
    w1m : float
        1-Wasserstein distance of the relative mass, the mean of `w1m_of`.
    w1m_of : dict of str to float
        By jet type.
    generated, validation : dict of str to Jets
        By jet type.
    """

    w1m: float
    w1m_of: dict[str, float]
    generated: dict[str, Jets]
    validation: dict[str, Jets]


class GenerationCheck:
    """Generates jets and compares them with validation jets, each time with the same noise.

    Without a learned prior, jets are generated as the trained model will: from the standard normal.
    A learned prior is fitted only after the training, on the posteriors of jets; until then latent
    vectors are drawn from the posteriors of the validation jets, which is what it will learn.

    Parameters
    ----------
    jets : mapping of str to Jets
        Validation jets by type.
    n_jets : int
        Jets to generate of each type.
    seed : int
    batch_size : int
        Jets in memory at once.
    """

    def __init__(
        self, jets: Mapping[str, Jets], n_jets: int, seed: int, *, batch_size: int = BATCH
    ):
        self.jets, self.n_jets, self.batch_size = dict(jets), n_jets, batch_size
        self.seed = derive_seed(seed, "sample check")

    def measure(self, model: HyperVAE) -> GeneratedSample:
        """Generate jets and measure their distance to the validation jets.

        Parameters
        ----------
        model : HyperVAE
            With the weights to look at. Neither its mode nor torch's generators are changed.

        Returns
        -------
        GeneratedSample
        """
        generated = {}
        for jet_type in self.jets:
            learned = model.prior.fitted
            latents = self.posterior_latents(model, jet_type) if learned else None
            generated[jet_type] = model.generate(
                self.n_jets,
                seed=self.seed,
                jet_type=jet_type,
                batch_size=self.batch_size,
                latents=latents,
                # a model that makes unphysical jets is not to look better than it is
                sampling=SamplingConfig(check=False),
            )
        distances = {
            jet_type: mass_distance(generated[jet_type], jets)
            for jet_type, jets in self.jets.items()
        }
        w1m = float(np.mean(list(distances.values())))
        return GeneratedSample(w1m, distances, generated, self.jets)

    def posterior_latents(self, model: HyperVAE, jet_type: str) -> Tensor:
        """Latent vectors from the mixture of the posteriors of the validation jets of a type.

        Parameters
        ----------
        model : HyperVAE
        jet_type : str

        Returns
        -------
        [n_jets, latent_dim]
        """
        jets, index = self.jets[jet_type], model.type_index(jet_type)
        generator = rng(self.seed, jet_type, "posterior")
        rows = generator.integers(len(jets), size=self.n_jets)
        noise = generator.standard_normal((self.n_jets, model.latent_dim))
        needed, place = np.unique(rows, return_inverse=True)
        parts = (
            jets[needed[start : start + self.batch_size]]
            for start in range(0, len(needed), self.batch_size)
        )
        batches = (model.batch(part, type_index=index) for part in parts)
        found = encode_jets(model, batches)[torch.from_numpy(place)]
        return found.mean + found.width * torch.from_numpy(noise).to(found.mean.dtype)

    @staticmethod
    def figure(sampled: GeneratedSample, title: str = "") -> Figure:
        """Draw the generated beside the validation jets.

        Parameters
        ----------
        sampled : GeneratedSample
        title : str

        Returns
        -------
        Figure
            See `hypervae.plotting.generation_check`.
        """
        from hypervae.plotting.generation_check import draw_generated

        return draw_generated(sampled.generated, sampled.validation, title)


def mass_distance(generated: Jets, real: Jets) -> float:
    """1-Wasserstein distance of the relative mass between whole samples, without resampling.

    JetNet's W1M (Kansal et al., arXiv:2106.11535) is that between random batches of the samples.

    Parameters
    ----------
    generated, real : Jets

    Returns
    -------
    float
        In units of the full jet's pT; infinite if a generated jet has a number that is not finite,
        or no particles.
    """
    arrays = (generated.particle_features, generated.jet_features)
    if not all(np.isfinite(values).all() for values in arrays) or not generated.multiplicity.all():
        return float("inf")
    distance = wasserstein_distance(
        relative_mass(generated.particle_features), relative_mass(real.particle_features)
    )
    return float(distance) if np.isfinite(distance) else float("inf")
