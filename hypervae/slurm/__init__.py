"""A Slurm cluster as `sinfo` tells of it, and whether a profile's jobs fit it."""

from __future__ import annotations

DECIDES_RESULTS_OF = ()
