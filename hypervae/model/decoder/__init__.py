"""The decoder: a latent vector to a jet, with exchangeable particle decoders."""

from typing import TYPE_CHECKING, Any

import hypervae.config  # noqa: F401  whose models import the registry of decoders from here
from hypervae.registry import Registry

if TYPE_CHECKING:
    from hypervae.model.decoder.decoder import Decoder
    from hypervae.model.decoder.interface import (
        Decoded,
        ParticleDecoder,
        Particles,
        Reconstructed,
    )

__all__ = ["Decoded", "Decoder", "ParticleDecoder", "Particles", "Reconstructed"]

# Imported when they are used: the registry of particle decoders needs no torch.
_PUBLIC: Registry[Any] = Registry(
    "name",
    {
        "Decoded": "hypervae.model.decoder.interface:Decoded",
        "Decoder": "hypervae.model.decoder.decoder:Decoder",
        "ParticleDecoder": "hypervae.model.decoder.interface:ParticleDecoder",
        "Particles": "hypervae.model.decoder.interface:Particles",
        "Reconstructed": "hypervae.model.decoder.interface:Reconstructed",
    },
)


def __getattr__(name: str) -> Any:
    if name in _PUBLIC:
        return _PUBLIC[name]
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
