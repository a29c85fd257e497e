"""HyperVAE: Lorentz-equivariant hypergraph variational autoencoders for particle jets.

The library under the workflow: one sub-package a stage (``data``, ``correlators``,
``normalization``, ``model``, ``training``, ``generation``, ``evaluation``, ``plotting``), each
usable from Python and, through ``python -m hypervae``, from the command line.
"""

from importlib import import_module
from typing import Any

__version__ = "0.2.0"

# Loaded on first use, so that `import hypervae` needs neither torch nor h5py: Snakemake parses the
# workflow again in every cluster job.
_LAZY = {"HyperVAE": "hypervae.model"}

__all__ = ["HyperVAE", "__version__"]


def __getattr__(name: str) -> Any:
    if name in _LAZY:
        return getattr(import_module(_LAZY[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
