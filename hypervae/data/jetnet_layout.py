"""Whether a file is one of JetNet's."""

from __future__ import annotations

from pathlib import Path

from hypervae.errors import InputError
from hypervae.formats.shard import ShardReader

DECIDES_RESULTS_OF = ()  # see `hypervae.digest`: a file is refused or taken as it is


def check_layout(path: Path, jet_type: str, particles: int) -> None:
    """Refuse a file that is not in JetNet's layout, or is the other version's.

    Parameters
    ----------
    path : Path
    jet_type : str
    particles : int
        Of a jet, at most: 30 or 150.

    Raises
    ------
    InputError
        As `hypervae.formats.shard.ShardReader`; with another number of particles.
    """
    with ShardReader(path, jet_type) as reader:
        if reader.max_particles != particles:
            raise InputError(
                path,
                "particle_features",
                found=f"{reader.max_particles} particles a jet",
                expected=f"{particles} (data.jetnet.particles)",
            )
