"""The particle branch of the encoder."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from hypervae.config import ModelConfig
from hypervae.model.layers import full_precision
from hypervae.model.lorentz import LorentzNetwork
from hypervae.model.noise import JetNoise
from hypervae.model.references import (
    chosen_references,
    encoder_references,
    particle_scalars,
    scalar_names,
)


class ParticleEncoder(nn.Module):
    """L-GATr over the particles, to scalars.

    Vectors: the momentum and the reference vectors that the config chooses. Scalars: invariants of
    the momentum, the jet's summed momentum and the references. `hypervae.model.references` says
    which symmetry is left; with the references transformed along, all of it.

    Parameters
    ----------
    config : ModelConfig

    Raises
    ------
    ConfigError
        If the references do not go together.
    """

    def __init__(self, config: ModelConfig):
        super().__init__()
        self.references = chosen_references(config.references)
        self.network = LorentzNetwork(
            config,
            vectors_in=1 + len(self.references),
            scalars_in=len(scalar_names(self.references)),
            vectors_out=1,
            scalars_out=config.scalar_channels,
        )
        self.width = config.scalar_channels

    @full_precision
    def forward(
        self,
        momenta: Tensor,
        mask: Tensor,
        references: Tensor | None = None,
        noise: JetNoise | None = None,
    ) -> Tensor:
        """Encode the particles.

        Parameters
        ----------
        momenta : [B, P, 4]
            (E, px, py, pz) over one scale.
        mask : [B, P] bool
        references : [R, 4], optional
            Transformed along with the momenta; those of `encoder_references` when left out.
        noise : JetNoise, optional
            Of the B jets; see `hypervae.model.dropout.Dropout.forward`.

        Returns
        -------
        [B, P, scalar_channels]
        """
        if references is None:
            references = encoder_references(self.references, momenta)
        scalars = particle_scalars(self.references, momenta, mask, references)
        vectors = torch.cat(
            [momenta.unsqueeze(2), references.expand(*momenta.shape[:2], -1, -1)], dim=2
        )
        return self.network(vectors, scalars, mask, noise)[1]
