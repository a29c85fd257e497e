#!/usr/bin/env bash
# Run by Snakemake inside the new environment. Of jetnet, FPND's files alone are read; what it asks for cannot be installed
# beside NumPy 2, and a pip section in evaluation.yaml cannot leave it out. The version is that of requirements/cpu.lock.
set -euo pipefail
python -m pip install --no-deps --no-input jetnet==0.2.5
