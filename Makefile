# Works without an activated environment: every target uses .venv, which it makes on demand.
#
#   make run CONFIG=config/jetnet.yaml ARGS="-n" CORES=8
#   make setup TORCH=cuda PYTHON=/path/to/python3.12 TORCH_INDEX=https://download.pytorch.org/whl/cu126

.DEFAULT_GOAL := help
SHELL := /bin/sh

VENV := .venv
PY := $(VENV)/bin/python
# Chosen once, then kept in the environment: `make run` after `make setup TORCH=cuda` does not go back to the CPU build.
TORCH := $(or $(TORCH),$(word 1,$(shell cat $(VENV)/.installed 2>/dev/null)),cpu)
TORCH_INDEX :=
PYTHON :=
CONFIG :=
ARGS :=
CORES := $(shell getconf _NPROCESSORS_ONLN 2>/dev/null || echo 1)

# A word of the shell, whatever stands in it.
quoted = '$(subst ','\'',$(1))'
# One file, of any name; else several with blanks between, which are merged. An option that is no file comes after them,
# or targets in ARGS would be taken for more of them.
one_config = $(or $(filter 1,$(words $(value CONFIG))),$(shell test -e $(call quoted,$(value CONFIG)) && echo 1))
CONFIGFILE = $(if $(value CONFIG),--configfile$(if $(one_config),=$(call quoted,$(value CONFIG)), $(CONFIG)))

# Programs that rules call by name (python, hypervae, snakemake in a cluster job) are those of .venv.
export PATH := $(CURDIR)/$(VENV)/bin:$(PATH)
# One thread for each process of numpy and the like, so that pytest's workers do not fight for cores. For the jobs of a
# workflow Snakemake sets these itself, to the threads of the rule.
export OMP_NUM_THREADS ?= 1
export OPENBLAS_NUM_THREADS ?= 1
export MKL_NUM_THREADS ?= 1
export NUMEXPR_NUM_THREADS ?= 1
# Each job is a process of its own: without compiled modules every one would spend seconds on compiling.
unexport PYTHONDONTWRITEBYTECODE
# What a shell has for another Python or another installation (docs/environment.md).
unexport PYTHONPATH PYTHONHOME PYTHONSTARTUP PYTHONWARNINGS PYTHONOPTIMIZE PYTHONINSPECT PYTHONEXECUTABLE PYTHONPLATLIBDIR
unexport PIP_USER PIP_TARGET PIP_PREFIX PIP_ROOT PIP_PYTHON UV_PYTHON UV_PROJECT_ENVIRONMENT
unexport CDPATH

STAMP := $(VENV)/.installed
LOCKS := requirements/torch.lock requirements/cpu.lock requirements/cuda.lock pyproject.toml
# A stamp for another build of torch counts as none.
ifneq ($(TORCH),$(word 1,$(shell cat $(STAMP) 2>/dev/null)))
FORCE_SETUP := force
endif

$(STAMP): $(LOCKS) $(FORCE_SETUP)
	@python=$$(requirements/find_python.sh "$(PYTHON)") && \
	"$$python" requirements/install.py $(VENV) --torch "$(TORCH)" $(if $(TORCH_INDEX),--torch-index "$(TORCH_INDEX)")

.PHONY: help
help: ## show this list
	@grep -hE '^[a-z-]+:.*##' Makefile | awk -F ':.*## ' '{ printf "  make %-12s %s\n", $$1, $$2 }'

.PHONY: setup
setup: $(STAMP) ## create or mend .venv (TORCH=cpu|cuda, TORCH_INDEX=URL|none, PYTHON=...)
	@$(PY) -c 'import sys; print("Python %d.%d.%d in $(VENV), torch for: $(TORCH)" % sys.version_info[:3])'

.PHONY: check
check: $(STAMP) ## import every dependency, print versions, run the self-test
	$(PY) requirements/check.py
	$(PY) -m hypervae doctor --self-test

.PHONY: run
run: $(STAMP) ## run the workflow (CONFIG=FILE or "BASE MORE", CORES=N, ARGS="more snakemake options")
	@$(if $(CONFIGFILE),$(PY) -m hypervae.workflow.config_files $(CONFIGFILE),:)
	$(VENV)/bin/snakemake $(CONFIGFILE) --cores $(CORES) $(ARGS)

# A run on Slurm: PROFILE is where its jobs go.
PROFILE := profiles/slurm

.PHONY: cancel
cancel: $(STAMP) ## end the Slurm jobs that were submitted from here, and wait until they are gone
	@$(PY) -m hypervae.workflow.slurm cancel $(ARGS)

.PHONY: recover
recover: $(STAMP) ## after a crash of Snakemake on Slurm: cancel, unlock, go on (PROFILE=DIR, CONFIG, ARGS as for run)
	@$(PY) -m hypervae.workflow.slurm recover $(CONFIGFILE) --profile=$(call quoted,$(value PROFILE)) $(ARGS)

.PHONY: why
why: $(STAMP) ## what a run would do again, and the key or module behind it (CONFIG, ARGS as for run)
	@$(PY) -m hypervae.workflow.why $(CONFIGFILE) --dry-run $(ARGS)

.PHONY: test
test: $(STAMP) ## unit and workflow tests (ARGS="-k name")
	$(PY) -m pytest tests/unit tests/workflow -n 2 $(ARGS)

.PHONY: test-slurm
test-slurm: $(STAMP) ## the workflow on a throwaway Slurm cluster (root and Slurm's daemons needed)
	$(PY) -m pytest tests/slurm -rs -m "not faults" $(ARGS)

.PHONY: test-faults
test-faults: $(STAMP) ## the same and all that may go wrong there; writes the table of docs/reliability.md (ARGS="-k scancel")
	$(PY) -m pytest tests/slurm -rs --timeout 3600 --record-faults $(ARGS)

.PHONY: test-install
test-install: $(STAMP) ## build the package, install it by pip and uv in empty environments, generate jets there
	$(PY) -m pytest tests/install --timeout 1500 $(ARGS)

.PHONY: docs
docs: $(STAMP) ## build the docs site into site/, without network; a broken link is an error
	$(PY) -m mkdocs build --strict --quiet

.PHONY: lint
lint: $(STAMP) ## ruff, mypy, snakefmt, snakemake --lint
	$(PY) -m ruff check .
	$(PY) -m ruff format --check .
	$(PY) -m mypy
	$(VENV)/bin/snakefmt --check workflow
	$(VENV)/bin/snakemake --lint

.PHONY: format
format: $(STAMP) ## let ruff and snakefmt rewrite the sources
	$(PY) -m ruff check --fix .
	$(PY) -m ruff format .
	$(VENV)/bin/snakefmt workflow

.PHONY: lock
lock: $(STAMP) ## resolve requirements/*.in into the locks (ARGS=--upgrade: newest versions)
	$(PY) requirements/lock.py $(VENV)/bin/uv $(ARGS)

.PHONY: clean
clean: ## remove what runs and tools leave behind, but neither .venv nor resources/ (the shards)
	rm -rf results logs slurm_logs checkpoints .snakemake build dist site .mypy_cache .pytest_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -not -path './$(VENV)/*' -prune -exec rm -rf {} +

.PHONY: force
force:
