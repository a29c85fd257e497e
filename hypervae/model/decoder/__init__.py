"""The decoder: a latent vector to a jet, with exchangeable particle decoders."""

from hypervae.model.decoder.decoder import Decoder
from hypervae.model.decoder.interface import Decoded, ParticleDecoder, Particles

__all__ = ["Decoded", "Decoder", "ParticleDecoder", "Particles"]
