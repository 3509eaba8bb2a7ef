# The front door. Every target makes what it needs; `make` alone says what there is.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.stamp

# Compiled code is kept, whatever the shell says of that: tests start hundreds of processes, each of which would compile
# the same modules. Nothing is compiled that nobody imports.
export PYTHONDONTWRITEBYTECODE :=
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check --no-compile

.DEFAULT_GOAL := help
.PHONY: help install demo test check bench docs clean

help: ## say what can be made
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):.*## /  make \1\t/' | expand -t 18

install: $(STAMP)-dev ## install with everything that development needs

demo: $(STAMP)-demo ## install and run the flights example to its report
	@$(BIN)/shipway demo

test: $(STAMP)-dev ## install and run every test
	@$(BIN)/python -m pytest -n 2 --dist worksteal --durations=25

check: $(STAMP)-dev ## lint, types, and the floors of the house
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check src tests bench
	@$(BIN)/pyright
	@$(BIN)/lint-imports

bench: $(STAMP)-dev ## print every number we claim
	@for file in bench/*.py; do echo "== $$file"; $(BIN)/python $$file || exit 1; done

docs: $(STAMP)-dev ## run every block of the docs and see that the reference names everything
	@$(BIN)/python -m pytest -q tests/docs

clean: ## remove what was made here
	rm -rf $(VENV) .venv-* shipway-demo .pytest_cache .ruff_cache .hypothesis .import_linter_cache

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "shipway needs Python 3.11 or newer; name one with: make PYTHON=python3.12"; exit 1; }
	@$(PYTHON) -m venv $(VENV)

$(STAMP)-demo: pyproject.toml | $(BIN)/python
	@echo "installing shipway with its demo"
	@$(PIP) --editable '.[demo]'
	@touch $@

$(STAMP)-dev: pyproject.toml | $(BIN)/python
	@echo "installing shipway with its development tools"
	@$(PIP) --editable '.[dev]'
	@touch $@ $(STAMP)-demo
