"""What the Snakefile knows of a config, and what makes its rules stale.

Light imports only: Snakemake parses the workflow again in every cluster job.
"""

from hypervae.workflow.models import MODEL_FILES, model_files
from hypervae.workflow.plan import Plan

__all__ = ["MODEL_FILES", "Plan", "model_files"]
