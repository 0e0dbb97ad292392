# Every target prepares what it needs. `make` alone lists the targets.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.sojourn-stamp
PYTEST_ARGS ?=

# The pyright package carries pyright itself and runs it with the Node.js on PATH; it fetches nothing and nags nobody.
export PYRIGHT_PYTHON_GLOBAL_NODE := 1
export PYRIGHT_PYTHON_IGNORE_WARNINGS := 1
export PIP_DISABLE_PIP_VERSION_CHECK := 1
export PIP_ROOT_USER_ACTION := ignore

.PHONY: help
help: ## list the targets
	@sed -nE 's/^([a-z-]+):.*## (.*)/  make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 16

$(STAMP): pyproject.toml tools/environment.sh
	@PYTHON=$(PYTHON) bash tools/environment.sh $(VENV)
	@touch $@

.PHONY: venv
venv: $(STAMP) ## prepare .venv

.PHONY: check
check: $(STAMP) ## lint, types, import borders, the repository's own rules
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/pyright
	$(BIN)/lint-imports --no-logo
	$(BIN)/pytest tests/repo -q $(PYTEST_ARGS)

.PHONY: browser
browser: ## see that there is a Chromium
	@bash tools/browser.sh

.PHONY: test
test: $(STAMP) browser ## all tests but the long ones
	$(BIN)/pytest -m "not soak" $(PYTEST_ARGS)

.PHONY: soak
soak: $(STAMP) browser ## the long tests
	$(BIN)/pytest -m soak --timeout=3600 $(PYTEST_ARGS)

.PHONY: demo
demo: $(STAMP) ## two recorded programs, one session; ARGS=--live calls your provider
	@$(BIN)/sojourn demo $(ARGS)

.PHONY: serve
serve: $(STAMP) ## run the gateway: API, dashboard, OTLP
	@$(BIN)/sojourn dev

.PHONY: bench
bench: $(STAMP) ## measure what recording costs the recorded program
	@for program in benchmarks/*.py; do echo "== $$program"; $(BIN)/python "$$program"; done

.PHONY: record
record: $(STAMP) ## record the cassettes again (NAMES="openai/chat_plain ..." for some)
	@$(BIN)/python -m tools.recordings.record $(NAMES)

.PHONY: wheel
wheel: $(STAMP) ## build, inspect, install into a bare environment, and try there
	@$(BIN)/python -m tools.wheel

.PHONY: clean
clean: ## remove what can be made again
	rm -rf dist build .mypy_cache .pytest_cache .ruff_cache .import_linter_cache
	find core instrumentors gateway tests examples benchmarks tools -name __pycache__ -type d -prune -exec rm -rf {} +
	@if [ -L $(VENV) ]; then echo "$(VENV) is a link and stays"; else rm -rf $(VENV); fi
