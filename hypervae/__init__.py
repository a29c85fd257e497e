"""HyperVAE: Lorentz-equivariant hypergraph variational autoencoders for particle jets.

The library under the workflow: one sub-package a stage (``data``, ``correlators``,
``normalization``, ``model``, ``training``, ``generation``, ``evaluation``, ``plotting``), each
usable from Python and, through ``python -m hypervae``, from the command line. What most need stands
here: `HyperVAE`, `Jets`, `simulate`, `energy_correlators` and `evaluate`.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from hypervae.environment import keep_compiled_kernels

__version__ = "0.2.0"

if TYPE_CHECKING:
    from hypervae.api.correlators import energy_correlators
    from hypervae.api.evaluation import evaluate
    from hypervae.api.simulation import simulate
    from hypervae.data.jets import Jets
    from hypervae.model.hypervae import HyperVAE

# Loaded on first use, so that `import hypervae` needs neither torch nor h5py: Snakemake parses the
# workflow again in every cluster job.
_LAZY = {
    "HyperVAE": "hypervae.model.hypervae",
    "Jets": "hypervae.data.jets",
    "energy_correlators": "hypervae.api.correlators",
    "evaluate": "hypervae.api.evaluation",
    "simulate": "hypervae.api.simulation",
}

keep_compiled_kernels()  # before numba is imported

__all__ = ["HyperVAE", "Jets", "__version__", "energy_correlators", "evaluate", "simulate"]


def __getattr__(name: str) -> Any:
    if name in _LAZY:
        return getattr(import_module(_LAZY[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
