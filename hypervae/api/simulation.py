"""Simulated jets in memory."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

from hypervae.arguments import one_of, whole_number
from hypervae.config import SimulationConfig
from hypervae.data.jet_types import JET_TYPES
from hypervae.data.jets import Jets
from hypervae.environment import without
from hypervae.extras import optional


def simulate(
    jet_type: str, n_jets: int, *, seed: int = 1, max_particles: int = 30, **settings: Any
) -> Jets:
    """Simulate jets with Pythia 8 and FastJet: the leading anti-kT jet of each event.

    They are those of ``hypervae simulate`` with the same arguments. A thousand take some seconds.

    Parameters
    ----------
    jet_type : str
        g (gluon), q (light quark), t (top), w (W boson) or z (Z boson).
    n_jets : int
    seed : int
        The same seed gives the same jets.
    max_particles : int
        The hardest constituents kept, 2 to 255.
    **settings : object
        Keys of the config's section ``simulation``, e.g. ``radius=0.8``.

    Returns
    -------
    Jets

    Raises
    ------
    ArgumentError
        If an argument is of the wrong type or range.
    ConfigError
        If a setting is.
    MissingPackageError
        Without Pythia and FastJet (``pip install 'hypervae[simulate]'``).

    Examples
    --------
    >>> import hypervae
    >>> hypervae.simulate("w", 5, seed=1)
    <Jets: 5 w jets, 30 particle slots, mean pT 1031 GeV>
    """
    one_of("jet_type", jet_type, JET_TYPES)
    n_jets = whole_number("n_jets", n_jets, at_least=1)
    max_particles = whole_number("max_particles", max_particles, at_least=2, at_most=255)
    seed = whole_number("seed", seed, at_least=0)
    config = SimulationConfig.of({**settings, "seed": seed})
    for module in ("awkward", "fastjet", "pythia8mc"):
        optional(module, "simulate", "simulate")
    from hypervae.data.simulate import simulate_shard

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "jets.h5"
        with without("PYTHIA8DATA"):  # of another Pythia
            simulate_shard(path, jet_type, 0, n_jets, max_particles, config)
        return Jets.load(path)
