"""Commands that are forked from one process, which has imported everything already.

A job of one small shard spends nearly all of its CPU time on imports. With ``HYPERVAE_FORKSERVER``
in its environment, the id of the Snakemake process that started it, ``python -m hypervae`` hands
its command to a process that all jobs of that Snakemake process share. (Python's `multiprocessing`
has a fork server, too, for the children of one process.) Each command remains a job of its own,
with its log, its exit status and its outputs, so that nothing else changes.
"""

from __future__ import annotations

# Where a command runs decides no result.
DECIDES_RESULTS_OF = ()
