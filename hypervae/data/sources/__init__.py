"""Where jets come from: each source is a module, behind `interface.JetSource`.

What makes the shards of a source is a subcommand of its own and a rule of the workflow; here stands
what the workflow must know of it beforehand. No heavy imports: the Snakefile reads these modules.
"""
