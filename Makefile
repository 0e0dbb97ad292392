# Every target prepares what it needs. `make` alone lists the targets.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.sojourn-stamp
PYTEST_ARGS ?=

# As many at the same time as there are processors; tests of one file stay together, since they share what is costly.
WORKERS ?= auto

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

# The oldest supported releases of the observed libraries, and for the long tests some between, each in an environment.
VERSIONS := $(patsubst %,.cache/versions/%/.sojourn-stamp,oldest oldest-langchain agentmark-0.7.1 agentops-0.3.26 agentops-0.4.21 agentuity-2.0.21 exporters-1.45)
MORE_VERSIONS := $(patsubst tools/versions/%.txt,.cache/versions/%/.sojourn-stamp,$(wildcard tools/versions/*.txt))
MORE_VERSIONS += $(patsubst tools/versions/%/package.json,.cache/versions/%/.sojourn-stamp,$(wildcard tools/versions/*/package.json))

.cache/versions/%/.sojourn-stamp: tools/versions/%.txt pyproject.toml tools/environment.sh
	@PYTHON=$(PYTHON) bash tools/environment.sh .cache/versions/$* --requirement $<
	@touch $@

# Clients of AgentOps judge the gateway as they are: beside them is nothing of ours.
.cache/versions/agentops-%/.sojourn-stamp: tools/versions/agentops-%.txt tools/environment.sh
	@PYTHON=$(PYTHON) bash tools/environment.sh .cache/versions/agentops-$* --bare --requirement $<
	@touch $@

.cache/versions/agentmark-%/.sojourn-stamp: tools/versions/agentmark-%.txt tools/environment.sh
	@PYTHON=$(PYTHON) bash tools/environment.sh .cache/versions/agentmark-$* --bare --requirement $<
	@touch $@

.cache/versions/exporters-%/.sojourn-stamp: tools/versions/exporters-%.txt tools/environment.sh
	@PYTHON=$(PYTHON) bash tools/environment.sh .cache/versions/exporters-$* --bare --requirement $<
	@touch $@

# So do those of Agentuity, which are written in JavaScript. Where npm reaches no registry all else is tested still.
.cache/versions/agentuity-%/.sojourn-stamp: tools/versions/agentuity-%/package.json tools/node_environment.sh
	@if bash tools/node_environment.sh .cache/versions/agentuity-$* tools/versions/agentuity-$*; then touch $@; \
	else echo "no $(@D): the tests that need it are skipped; \`make $@\` tries again" >&2; fi

.PHONY: venv
venv: $(STAMP) ## prepare .venv

.PHONY: environments
environments: $(STAMP) $(VERSIONS) ## prepare .venv and those of the tests (make -j3 environments: at the same time)

.PHONY: check
check: lint mypy pyright borders rules ## lint, types, import borders, the repository's own rules (make -j2 -O check)

.PHONY: lint mypy pyright borders rules
lint: $(STAMP)
	$(BIN)/ruff check
	$(BIN)/ruff format --check

mypy: $(STAMP)
	$(BIN)/mypy

pyright: $(STAMP)
	$(BIN)/pyright

borders: $(STAMP)
	$(BIN)/lint-imports --no-logo

rules: $(STAMP)
	$(BIN)/pytest tests/repo -q

.PHONY: browser
browser: ## see that there is a Chromium
	@bash tools/browser.sh

.PHONY: test
test: $(STAMP) $(VERSIONS) browser ## all tests but the long ones
	$(BIN)/pytest -m "not soak" --numprocesses=$(WORKERS) --dist=loadfile $(PYTEST_ARGS)

.PHONY: soak
soak: $(STAMP) $(MORE_VERSIONS) browser ## the long tests
	$(BIN)/pytest -m soak --timeout=3600 $(PYTEST_ARGS)

.PHONY: demo
demo: $(STAMP) ## two recorded programs, one session; ARGS=--live calls your provider
	@$(BIN)/sojourn demo $(ARGS)

.PHONY: serve
serve: $(STAMP) ## run the gateway: API, dashboard, OTLP
	@$(BIN)/sojourn dev

.PHONY: bench
bench: $(STAMP) ## measure what recording costs, and the gateway beside its peers
	@$(BIN)/python benchmarks/calls.py
	@$(BIN)/python -m benchmarks.sdk
	@$(BIN)/python -m benchmarks.overhead
	@$(BIN)/python -m benchmarks.gateway.ingest
	@$(BIN)/python -m benchmarks.gateway.queries
	@$(BIN)/python -m benchmarks.gateway

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
