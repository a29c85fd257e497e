"""What is imported and loaded once, before the first job of a subcommand is forked."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping
from importlib import import_module
from pathlib import Path

from hypervae.digest import command_module


def prepare(subcommand: str) -> None:
    """Import the command and, of those that run once a shard, what it imports when it runs.

    Parameters
    ----------
    subcommand : str

    Raises
    ------
    ImportError
        If a package is not installed.
    """
    import_module(f"hypervae.cli.commands.{command_module(subcommand)}")
    if subcommand in _MORE:
        _MORE[subcommand]()


def _correlators() -> None:
    """Kernels are loaded when they are called, so a shard of nothing much is computed."""
    from hypervae.cli.kernels import start_kernels_at_once
    from hypervae.config import CorrelatorsStageConfig
    from hypervae.correlators.compute import compute_correlators
    from hypervae.data.jets import Jets
    from hypervae.formats.shard_writer import write_shard

    start_kernels_at_once()
    particles = [[[0.1, 0.0, 0.6], [-0.1, 0.1, 0.3]]] * 8
    jets = Jets.from_arrays(particles, [[1000, 0.2, 95]] * 8, jet_type="g")
    with tempfile.TemporaryDirectory() as folder:
        shard, output = Path(folder, "shard.h5"), Path(folder, "correlators.h5")
        write_shard(shard, jets, source="none")
        compute_correlators(shard, output, CorrelatorsStageConfig())


def _modules(*names: str) -> Callable[[], None]:
    def import_them() -> None:
        for name in names:
            import_module(name)

    return import_them


_MORE: Mapping[str, Callable[[], None]] = {
    "simulate": _modules("pythia8mc", "hypervae.data.simulate"),
    "split": _modules("hypervae.data.jetnet_split"),
    "import": _modules("hypervae.data.importing"),
    "correlators": _correlators,
}
