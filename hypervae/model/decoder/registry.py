"""The particle decoders, each with its loss terms. Nothing here needs torch.

A further one is a module that implements `hypervae.model.decoder.interface.ParticleDecoder`, a line
here and, where it has settings, a section in the config.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from hypervae.registry import Registry

if TYPE_CHECKING:
    from hypervae.model.decoder.interface import ParticleDecoder

#: What makes the particles of a jet.
PARTICLE_DECODERS: Registry[type[ParticleDecoder]] = Registry(
    "particle decoder",
    {
        "one_shot": "hypervae.model.decoder.one_shot:OneShotParticles",
        "flow": "hypervae.model.decoder.flow:FlowParticles",
        "hierarchical": "hypervae.model.decoder.hierarchical:HierarchicalParticles",
    },
)
#: Loss terms of each, as the history names them; `train.loss_weights.particle` is their weight.
PARTICLE_TERMS: Mapping[str, tuple[str, ...]] = {
    "one_shot": ("chamfer",),
    "flow": ("matching",),
    "hierarchical": ("shapes",),
}
