#!/usr/bin/env bash
# Run by Snakemake inside the new environment. --no-deps: wasserstein's metadata asks for NumPy 1 and jetnet's for all of
# coffea's notebooks; a pip section in evaluation.yaml cannot say that. Versions are those of requirements/cpu.lock.
set -euo pipefail
python -m pip install --no-deps --no-input \
    coffea==2026.9.0 \
    energyflow==1.4.0 \
    jetnet==0.2.5 \
    wasserstein==1.1.0
python -c "import jetnet.evaluation"
