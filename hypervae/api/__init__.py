"""The functions of `hypervae` that take jets: simulate, correlate, evaluate."""

# Called by people, by no subcommand.
DECIDES_RESULTS_OF = ()
