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
    sparse_gp: bool
    sparse_linear: bool
    references: tuple[str, ...]
    condition: tuple[str, ...]
    cross_attention: bool
    edge_width: int
    hyperedge_width: int
    token_blocks: int
    hyperedge_encoder: str
    hyperedge_decoder: str
    hyperedge_samples: int
    hyperedge_chunk: int
    hyperedge_window: int
    hyperedge_log_weight: bool
    hyperedge_weight_sum: bool
    decoder: str
    prior: str
    hidden: int
    radius: float
    dropout: float

    def __post_init__(self) -> None:
        for name in ("references", "condition"):
            object.__setattr__(self, name, tuple(getattr(self, name)))

    @classmethod
    def of(cls, section: Mapping[str, Any] | ModelConfig | None = None) -> ModelConfig:
        """From a section of the config, checked and with its defaults filled in."""
        if isinstance(section, ModelConfig):
            return section
        return cls(**resolve_section("train", {"model": dict(section or {})})["model"])

    def to_dict(self) -> dict[str, Any]:
        """The section again."""
        return {
            name: list(value) if isinstance(value, tuple) else value
            for name, value in asdict(self).items()
        }
