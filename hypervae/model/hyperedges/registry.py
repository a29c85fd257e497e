"""The hyperedge modes. Their names need no torch: the schema of the config reads them here."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hypervae.registry import Registry

if TYPE_CHECKING:
    from hypervae.model.hyperedges.interface import HyperedgeMode

#: Ways of reading and predicting hyperedges; ``auto`` stands for the first that suits.
HYPEREDGE_MODES: Registry[HyperedgeMode[Any, Any]] = Registry(
    "hyperedge mode",
    {
        "attention": "hypervae.model.hyperedges.attention:ATTENTION",
        "mlp": "hypervae.model.hyperedges.mlp:MLP",
        "chunked": "hypervae.model.hyperedges.chunked:CHUNKED",
        "sampled": "hypervae.model.hyperedges.sampled:SAMPLED",
        "binned": "hypervae.model.hyperedges.binned:BINNED",
        "clustered": "hypervae.model.hyperedges.clustered:CLUSTERED",
        "sparse": "hypervae.model.hyperedges.sparse:SPARSE",
    },
)
#: The mode of batches that are made for no model in particular: its memory is small for any jets.
DEFAULT_MODE = "binned"
#: What the config may name.
HYPEREDGE_CHOICES = ("auto", *HYPEREDGE_MODES)
