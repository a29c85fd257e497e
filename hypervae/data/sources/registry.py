"""The jet sources, by the names that the config has for them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hypervae.registry import Registry

if TYPE_CHECKING:
    from hypervae.data.sources.interface import JetSource

JET_SOURCES: Registry[JetSource] = Registry(
    "jet source",
    {
        "pythia": "hypervae.data.sources.pythia:PYTHIA",
        "jetnet": "hypervae.data.sources.jetnet:JETNET",
        "files": "hypervae.data.sources.files:FILES",
    },
)
