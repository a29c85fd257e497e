"""The Lorentz-equivariant hypergraph variational autoencoder."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from hypervae.config import ModelConfig
    from hypervae.model.hypervae import HyperVAE
    from hypervae.model.inputs import JetBatch, make_batch

__all__ = ["HyperVAE", "JetBatch", "ModelConfig", "make_batch"]


def __getattr__(name: str) -> Any:
    """Import a public name when it is used: the registries of this package need no torch."""
    if name == "ModelConfig":
        from hypervae.config import ModelConfig

        return ModelConfig
    if name == "HyperVAE":
        from hypervae.model.hypervae import HyperVAE

        return HyperVAE
    if name in ("JetBatch", "make_batch"):
        from hypervae.model import inputs

        return getattr(inputs, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
