SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.ONESHELL:
.DELETE_ON_ERROR:

PYTHON ?= python3
VENV ?= .venv
JOBS ?= 2
BIN := $(VENV)/bin
PIP_INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check

.PHONY: help demo test explore bench docs clean cache-clear

help:
	@echo "make demo         select, fit and report on a shipped data set (installs into $(VENV) first)"
	echo "make test         lint, import contracts, types, tests"
	echo "make explore      the property tests on examples that no run has seen"
	echo "make bench        benchmarks against other packages"
	echo "make docs         build the documentation"
	echo "make cache-clear  forget compiled kernels"
	echo "make clean        remove everything that make made, $(VENV) included"

# The installations are editable: the code is read where it is, and only a change of pyproject.toml installs again.
$(BIN)/python:
	@$(PYTHON) -m venv $(VENV)

$(VENV)/.cli: pyproject.toml | $(BIN)/python
	@echo "installing classicmoe with its command line into $(VENV) ..."
	$(PIP_INSTALL) -e '.[cli]'
	touch $@

$(VENV)/.dev: pyproject.toml | $(BIN)/python
	@echo "installing classicmoe with the developers' tools into $(VENV) ..."
	$(PIP_INSTALL) -e '.[cli,plot,dev]'
	touch $@ $(VENV)/.cli

$(VENV)/.bench: $(VENV)/.dev
	@$(PIP_INSTALL) -e '.[bench]'
	touch $@

$(VENV)/.docs: pyproject.toml | $(BIN)/python
	@$(PIP_INSTALL) -e '.[docs]'
	touch $@

demo: $(VENV)/.cli
	@$(BIN)/classicmoe demo -o demo-output

# Cheapest first.
test: $(VENV)/.dev
	@$(BIN)/ruff check .
	$(BIN)/lint-imports --no-cache --no-logo
	$(BIN)/mypy
	$(BIN)/python -m pytest -n $(JOBS) --timeout 300 $(PYTEST_ARGS)

explore: $(VENV)/.dev
	@$(BIN)/python -m pytest -n $(JOBS) --hypothesis-profile=explore $$(grep -rl '^from hypothesis' tests) $(PYTEST_ARGS)

bench: $(VENV)/.bench
	@$(BIN)/python -m benchmarks $(BENCH_ARGS)

docs: $(VENV)/.docs
	@$(BIN)/python -m sphinx -W --keep-going -b html docs docs/_build/html
	echo "docs/_build/html/index.html"

cache-clear:
	@rm -rf .cache/numba
	find classicmoe/kernels -name '*.nb[ci]' -delete

clean: cache-clear
	@rm -rf $(VENV) demo-output build dist docs/_build docs/reference/generated
	rm -rf .cache .hypothesis .import_linter_cache .mypy_cache .pytest_cache .ruff_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
