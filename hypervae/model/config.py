"""Settings of the architecture."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from hypervae.config import resolve_section


@dataclass(frozen=True)
class ModelConfig:
    """The ``model`` section of the config, key by key; the schema says what each means."""

    latent_dim: int
    lgatr: str
    blocks: int
    vector_channels: int
    scalar_channels: int
    heads: int
    edge_width: int
    hyperedge_width: int
    hyperedge_encoder: str
    hidden: int
    radius: float
    dropout: float

    @classmethod
    def of(cls, section: Mapping[str, Any] | ModelConfig | None = None) -> ModelConfig:
        """From a section of the config, checked and with its defaults filled in."""
        if isinstance(section, ModelConfig):
            return section
        return cls(**resolve_section("train", {"model": dict(section or {})})["model"])

    def to_dict(self) -> dict[str, Any]:
        """The section again."""
        return asdict(self)

    def tokens(self, device: str) -> str:
        """How hyperedges become tokens on a device: ``mlp`` or ``binned``."""
        if self.hyperedge_encoder != "auto":
            return self.hyperedge_encoder
        return "mlp" if str(device).startswith("cuda") else "binned"
