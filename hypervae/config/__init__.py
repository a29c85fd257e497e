"""The config: one schema with defaults, read by the workflow and by every subcommand."""

from hypervae.config.schema import Stage, load_schema, resolve_config, resolve_section, stages

__all__ = ["Stage", "load_schema", "resolve_config", "resolve_section", "stages"]
