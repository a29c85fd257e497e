"""Encode jets, decode them again, and say how far the two are apart."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from hypervae.data.jet_types import JET_TYPES
from hypervae.data.jets import Jets, concatenate
from hypervae.formats.reconstruction import QUANTITIES
from hypervae.model import HyperVAE
from hypervae.model.posterior import active, encode_jets, kl_per_dimension
from hypervae.model.sampling import Sampler
from hypervae.observables import JetSample, compute_observables
from hypervae.seeds import derive_seed, rng

#: Jets in memory at once. No result depends on it beyond rounding.
BATCH = 256


@dataclass
class Latent:
    """Latent vectors of n jets, and as many of the prior.

    Attributes
    ----------
    mean, width : [n, latent_dim] float32
        Mean and standard deviation of each jet's posterior.
    posterior : [n, latent_dim] float32
        A vector drawn from each posterior.
    prior : [n, latent_dim] float32
        Vectors drawn from the prior, the k-th given the type of the k-th jet.
    """

    mean: NDArray[np.float32]
    width: NDArray[np.float32]
    posterior: NDArray[np.float32]
    prior: NDArray[np.float32]

    def kl(self) -> NDArray[np.float64]:
        """[latent_dim] KL divergence from the standard normal [nats], mean over jets.

        Returns
        -------
        [latent_dim] float64
        """
        mean, width = (torch.from_numpy(x).double() for x in (self.mean, self.width))
        return kl_per_dimension(mean, 2 * width.log()).mean(dim=0).numpy()

    def active(self) -> NDArray[np.bool_]:
        """[latent_dim] the dimensions that say something about a jet; see `active`.

        Returns
        -------
        [latent_dim] bool
        """
        return active(torch.from_numpy(self.mean.var(axis=0, dtype=np.float64))).numpy()


@dataclass
class Reconstruction:
    """Jets, their latent vectors and what the decoder makes of the posterior means.

    Attributes
    ----------
    jet_type : [n] uint8
        As `JET_TYPES` numbers them.
    true, reconstructed : Jets
        Row by row the same jet.
    latent : Latent
    """

    jet_type: NDArray[np.uint8]
    true: Jets
    reconstructed: Jets
    latent: Latent


@torch.no_grad()
def reconstruct(
    model: HyperVAE, jets: Mapping[str, Jets], seed: int, *, batch_size: int = BATCH
) -> Reconstruction:
    """Encode jets and decode the means of their posteriors.

    The decoder is run as in generation: it draws the number of particles, and the flow decoder the
    particles' starting points, from noise of the seed.

    Parameters
    ----------
    model : HyperVAE
    jets : mapping of str to Jets
        By type.
    seed : int
    batch_size : int
        Jets in memory at once.

    Returns
    -------
    Reconstruction

    Raises
    ------
    HyperVAEError
        If the model does not know a type, or reconstructed jets stay unphysical.
    """
    latents, made = [], []
    for jet_type, truth in jets.items():
        starts = range(0, len(truth), batch_size)
        batches = (model.batch(truth[start : start + batch_size]) for start in starts)
        found = encode_jets(model, batches)
        sampler = Sampler(model, seed=seed, mix={jet_type: 1.0})
        of_prior = Sampler(model, seed=derive_seed(seed, "prior"), mix={jet_type: 1.0})
        noise = rng(seed, jet_type, "reconstruction")
        for some in found.split(batch_size):
            some = some.to(model.device)
            made.append(sampler.draw(len(some), some.mean).jets)
            # jet by jet, so that batches may be cut anywhere
            drawn = torch.from_numpy(noise.standard_normal(some.mean.shape)).to(some.mean)
            posterior, prior = some.mean + some.width * drawn, of_prior.latents(len(some))
            latents.append([_array(x) for x in (some.mean, some.width, posterior, prior)])
    number = [JET_TYPES[jet_type] for jet_type in jets]
    return Reconstruction(
        np.repeat(number, [len(truth) for truth in jets.values()]).astype(np.uint8),
        concatenate(list(jets.values())),
        concatenate(made),
        Latent(*map(np.concatenate, zip(*latents, strict=True))),
    )


def _array(values: Tensor) -> NDArray[np.float32]:
    return values.float().cpu().numpy()


def quantities(jets: Jets) -> dict[str, NDArray[np.float64]]:
    """What is compared, jet by jet: the observables that the figure of reconstructed jets shows.

    Parameters
    ----------
    jets : Jets

    Returns
    -------
    dict of str to [n] float64
        By the names of `hypervae.observables.OBSERVABLES`; of reconstructed jets, the jet pT is the
        jet head's.
    """
    return compute_observables(JetSample(jets), QUANTITIES).values


def figures(reconstruction: Reconstruction) -> dict[str, Any]:
    """How good the reconstruction is, in numbers.

    Parameters
    ----------
    reconstruction : Reconstruction

    Returns
    -------
    dict
        ``kl`` [nats], summed over the latent dimensions, and ``active_units`` of all jets together;
        ``types``, by jet type: ``jets``; ``w1_mass``, 1-Wasserstein distance of the kept
        particles' mass over the jet's pT; ``multiplicity_mae``, mean absolute difference of the
        numbers of particles; ``correlation`` (Pearson's) of each of `QUANTITIES`
        between jet and reconstruction, None where one of the two does not vary.
    """
    latent = reconstruction.latent
    types = {}
    for jet_type, number in JET_TYPES.items():
        rows = np.flatnonzero(reconstruction.jet_type == number)
        if len(rows) == 0:
            continue
        true = quantities(reconstruction.true[rows])
        made = quantities(reconstruction.reconstructed[rows])
        types[jet_type] = {
            "jets": len(rows),
            "w1_mass": w1(true["mass"], made["mass"]),
            "multiplicity_mae": float(np.abs(true["multiplicity"] - made["multiplicity"]).mean()),
            "correlation": {name: correlation(true[name], made[name]) for name in QUANTITIES},
        }
    return {
        "kl": float(latent.kl().sum()),
        "active_units": int(latent.active().sum()),
        "types": types,
    }


def w1(a: NDArray[np.float64], b: NDArray[np.float64]) -> float:
    """1-Wasserstein distance of two samples of one size (scipy's takes a second to import).

    Parameters
    ----------
    a, b : [n] float64

    Returns
    -------
    float
    """
    return float(np.abs(np.sort(a) - np.sort(b)).mean())


def correlation(a: NDArray[np.float64], b: NDArray[np.float64]) -> float | None:
    """Pearson's correlation, None where one of the two does not vary.

    Parameters
    ----------
    a, b : [n] float64

    Returns
    -------
    float, optional
    """
    if np.ptp(a) == 0 or np.ptp(b) == 0:
        return None
    return float(np.corrcoef(a, b)[0, 1])
