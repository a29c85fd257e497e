"""What a trained model does with jets: generate, encode, decode, reconstruct."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import torch
from torch import Tensor

from hypervae.arguments import described, numbers, one_of, whole_number
from hypervae.data.jet_checks import check_jets
from hypervae.data.jets import Jets, concatenate
from hypervae.data.slots import fit_slots
from hypervae.errors import ArgumentError, HyperVAEError
from hypervae.model.posterior import Posterior, encode_jets
from hypervae.model.sampling import Sampler
from hypervae.model.sampling_config import SamplingConfig

if TYPE_CHECKING:
    from hypervae.model.hypervae import HyperVAE

#: Jets in memory at once. No result depends on it beyond rounding.
BATCH = 256


class JetMethods:
    """The methods of `HyperVAE` that take or give jets in physical units."""

    @property
    def _model(self) -> HyperVAE:
        return cast("HyperVAE", self)

    def generate(
        self,
        n_jets: int,
        *,
        seed: int = 1,
        jet_type: str | None = None,
        **options: Any,
    ) -> Jets:
        """Generate jets in physical units; further options as `generate_batches`.

        Parameters
        ----------
        n_jets : int
        seed : int
            The same seed gives the same jets.
        jet_type : str, optional
            A type of the model; it may be left out where there is one.
        **options : object

        Returns
        -------
        Jets

        Raises
        ------
        ArgumentError
            If an argument is of the wrong type or range.
        HyperVAEError
            As `generate_batches`.

        Examples
        --------
        >>> from hypervae import HyperVAE
        >>> HyperVAE.pretrained("t").generate(100, seed=1)  # doctest: +ELLIPSIS
        <Jets: 100 t jets, 30 particle slots, mean pT ... GeV>
        """
        return concatenate(
            list(self.generate_batches(n_jets, seed=seed, jet_type=jet_type, **options))
        )

    def generate_batches(
        self,
        n_jets: int,
        *,
        seed: int,
        jet_type: str | None = None,
        sampling: SamplingConfig = SamplingConfig(),
        batch_size: int = BATCH,
        latents: Tensor | None = None,
    ) -> Iterator[Jets]:
        """Generate jets in batches; the jets do not depend on the batch size beyond rounding.

        Parameters
        ----------
        n_jets : int
        seed : int
        jet_type : str, optional
            May be left out if the model knows one type.
        sampling : SamplingConfig
            How; `hypervae.model.sampling.Sampler` also draws mixes of jet types.
        batch_size : int
        latents : Tensor [n_jets, latent_dim], optional
            Latent vectors to decode, instead of some drawn from the prior.

        Yields
        ------
        Jets
            Massless particles with pT > 0, sorted by falling pT.

        Raises
        ------
        ArgumentError
            If an argument is of the wrong type or range.
        HyperVAEError
            If the type is not known, or (with `check`) jets stay unphysical when drawn again.
        """
        n_jets = whole_number("n_jets", n_jets, at_least=1)
        batch_size = whole_number("batch_size", batch_size, at_least=1)
        seed = whole_number("seed", seed)
        jet_type = self._one_type(jet_type)
        sampler = Sampler(self._model, seed=seed, mix={jet_type: 1.0}, sampling=sampling)
        for start in range(0, n_jets, batch_size):
            stop = min(start + batch_size, n_jets)
            some = None if latents is None else latents[start:stop]
            yield sampler.draw(stop - start, some).jets

    def encode(self, jets: Jets, *, batch_size: int = BATCH) -> Posterior:
        """The posterior of each jet in latent space.

        Parameters
        ----------
        jets : Jets
            Of a type of the model, with no more particles than it knows.
        batch_size : int
            Jets in memory at once.

        Returns
        -------
        Posterior
            ``mean`` and ``width`` (standard deviation) [n, latent_dim], on the CPU.

        Raises
        ------
        ArgumentError
            If these are no jets, or none that the model can read.
        InputError
            If a value is none that a jet has.

        Examples
        --------
        >>> from hypervae import HyperVAE
        >>> model = HyperVAE.pretrained("t")
        >>> posterior = model.encode(model.generate(10))
        >>> posterior.mean.shape == (10, model.latent_dim)
        True
        """
        model, jets = self._model, self._readable(jets)
        batch_size = whole_number("batch_size", batch_size, at_least=1)
        starts = range(0, len(jets), batch_size)
        return encode_jets(model, (model.batch(jets[i : i + batch_size]) for i in starts))

    def decode(
        self, latents: Tensor | np.ndarray, *, seed: int = 1, jet_type: str | None = None
    ) -> Jets:
        """Jets from latent vectors.

        Beside the latent vector, the number of particles (and a flow decoder's starting points)
        are drawn, as in generation.

        Parameters
        ----------
        latents : [n, latent_dim] Tensor or ndarray
            Such as the ``mean`` of `encode`.
        seed : int
            Of what is drawn.
        jet_type : str, optional
            A type of the model; it may be left out where there is one.

        Returns
        -------
        Jets

        Raises
        ------
        ArgumentError
            If the shape is another, or a number is not finite.

        Examples
        --------
        >>> import numpy as np
        >>> from hypervae import HyperVAE
        >>> model = HyperVAE.pretrained("w")
        >>> len(model.decode(np.zeros((3, model.latent_dim))))
        3
        """
        if isinstance(latents, Tensor):
            latents = latents.detach().cpu().double().numpy()
        vectors = numbers("latents", latents, (None, self._model.latent_dim))
        if len(vectors) == 0:
            raise ArgumentError("latents", found="no vector", expected="at least one")
        given = torch.as_tensor(vectors).to(self._model.device)
        return self.generate(len(vectors), seed=seed, jet_type=jet_type, latents=given)

    def reconstruct(self, jets: Jets, *, seed: int = 1) -> Jets:
        """Encode jets, and decode the means of their posteriors.

        Parameters
        ----------
        jets : Jets
            As `encode`.
        seed : int
            Of what the decoder draws; see `decode`.

        Returns
        -------
        Jets
            Row by row the reconstruction of the same jet.

        Raises
        ------
        ArgumentError, InputError
            As `encode`.

        Examples
        --------
        >>> from hypervae import HyperVAE
        >>> model = HyperVAE.pretrained("q")
        >>> jets = model.generate(10)
        >>> len(model.reconstruct(jets)) == len(jets)
        True
        """
        posterior = self.encode(jets)
        jet_type = self._one_type(jets.jet_type)
        return self.decode(posterior.mean, seed=seed, jet_type=jet_type)

    def _one_type(self, jet_type: str | None) -> str:
        known = self._model.jet_types
        if jet_type is None:
            if len(known) > 1:
                raise HyperVAEError(f"a jet type is needed: one of {', '.join(known)}")
            return known[0]
        return one_of("jet_type", jet_type, known)

    def _readable(self, jets: Jets) -> Jets:
        """The jets in as many slots as the model has."""
        if not isinstance(jets, Jets):
            raise ArgumentError("jets", found=described(jets), expected="Jets")
        if len(jets) == 0:
            raise ArgumentError("jets", found="no jets", expected="at least one")
        check_jets(jets, "jets")
        self._one_type(jets.jet_type)
        slots, most = self._model.normalization.max_particles, int(jets.multiplicity.max())
        if most > slots:
            raise ArgumentError(
                "jets",
                found=f"up to {most} particles in a jet",
                expected=f"at most {slots}, which this model was trained with",
            )
        return fit_slots(jets, slots)
