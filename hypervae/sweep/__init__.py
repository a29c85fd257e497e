"""Sweeps: trials of one model with other values of some keys, as Slurm arrays or on this machine.

Results of the workflow do not come from here: a trial calls its subcommands.
"""

DECIDES_RESULTS_OF = ()
