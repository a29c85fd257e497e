"""Where jets come from: what the workflow must know of each source beforehand.

What makes the shards of a source is a subcommand of its own and a rule of the workflow. No heavy
imports: the Snakefile reads these modules.
"""

import hypervae.config  # noqa: F401  whose models import the registry from here
