"""The Lorentz-equivariant hypergraph variational autoencoder."""

from hypervae.model.config import ModelConfig
from hypervae.model.hypervae import HyperVAE
from hypervae.model.inputs import JetBatch, make_batch

__all__ = ["HyperVAE", "JetBatch", "ModelConfig", "make_batch"]
