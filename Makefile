# Two commands do everything: `make demo` and `make test`. Python 3.11 and make are all they need.
SHELL := /bin/bash
VENV ?= .venv
PYTHON ?= $(shell command -v python3.11 || command -v python3)
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
# Tests that share an engine in one process (tests/conftest.py).
TWO_AT_ONCE := -n 2 --dist loadgroup --no-loadscope-reorder

.DEFAULT_GOAL := help

.PHONY: help
help:  ## this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## (.*)/  make \1\t\2/' | expand -t 22

$(STAMP): pyproject.toml constraints.txt
	@echo "Installing into $(VENV) (a few minutes the first time)"
	@test -n "$(PYTHON)" || { echo "error: no python3 on the path; install Python 3.11" >&2; exit 2; }
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 13))' || { echo "error: $(PYTHON) is not Python 3.11 or 3.12; set PYTHON=..." >&2; exit 2; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[spark,ray,minilm,dev]'
	$(BIN)/python -m spark_jobs.session
	$(BIN)/python -m neuronsig.miners
	$(BIN)/python -m neuronsig.annotation
	$(BIN)/python -m neuronsig.statements
	@touch $(STAMP)

.PHONY: setup
setup: $(STAMP)  ## install everything into .venv

.PHONY: demo
demo: $(STAMP)  ## from text on this machine to every neuron's signature, in minutes
	$(BIN)/neuronsig pipeline preset=demo

.PHONY: test
test: $(STAMP)  ## the tests (no GPU, no corpora needed)
	$(BIN)/python -m pytest $(TWO_AT_ONCE)

.PHONY: test-all
test-all: $(STAMP)  ## the slow and real-data tests too
	$(BIN)/python -m pytest $(TWO_AT_ONCE) -m 'not clusters'

.PHONY: test-clusters
test-clusters: $(STAMP)  ## the tests on clusters of this machine: HDFS and YARN, Ray nodes, Spark Connect
	$(BIN)/python -m pytest $(TWO_AT_ONCE) -m 'clusters and not slow'

.PHONY: test-clusters-all
test-clusters-all: $(STAMP)  ## those with killed executors, drivers and nodes, and from no node to two, as well
	$(BIN)/python -m pytest $(TWO_AT_ONCE) -m clusters

.PHONY: lint
lint: $(STAMP)  ## ruff and mypy
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

.PHONY: format
format: $(STAMP)  ## let ruff mend what it can
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

.PHONY: clean
clean:  ## delete .venv and caches; runs/ stay
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache build *.egg-info
