"""One module per subcommand: options in, one call of the library, nothing else."""
