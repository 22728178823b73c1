# Needs make and Python 3.11 or newer; everything else is installed into .venv, once and again when a lock changes.

SHELL := /bin/sh
VENV := .venv
BIN := $(VENV)/bin
RUN := $(VENV)/.installed-run
DEV := $(VENV)/.installed-dev
PROJECT := $(VENV)/.installed-project
SDKS_VENV := .venv-sdks
SDKS := $(SDKS_VENV)/.installed
PIP = $(@D)/bin/python -m pip --disable-pip-version-check --no-input
LOCK := $(BIN)/pip-compile --quiet --generate-hashes --allow-unsafe --no-emit-index-url --no-emit-trusted-host \
	--no-emit-find-links --no-header --strip-extras --all-build-deps
WORKERS ?= 3
ARGS ?=

.DEFAULT_GOAL := help
.PHONY: help up test test-sdks torture check format bench docs lock clean
.NOTPARALLEL:

help: ## list what can be made
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-9s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))
	@echo '  Options go in ARGS: make up ARGS="--config my.yaml --port 4001", make test ARGS="tests/unit -x"'

up: $(RUN) $(PROJECT) ## run the gateway on http://localhost:4000
	@exec $(BIN)/meterhouse up $(ARGS)

test: $(DEV) $(PROJECT) ## run all tests
	$(BIN)/pytest --numprocesses $(WORKERS) --dist worksteal $(ARGS)

test-sdks: $(SDKS) ## hold the local provider servers to the heavy official SDKs
	$(SDKS_VENV)/bin/pytest $(or $(ARGS),tests/sdks)

torture: $(DEV) $(PROJECT) ## kill everything around 200 budgets for a minute, and look for what was broken
	$(BIN)/python -m tests.torture $(ARGS)

check: $(DEV) $(PROJECT) ## format, lint, import contracts and strict types
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/lint-imports
	$(BIN)/mypy

format: $(DEV) ## format the code and repair what can be repaired
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

bench: $(DEV) $(PROJECT) ## measure the gateway on this machine
	$(BIN)/python -m bench $(ARGS)

docs: $(DEV) $(PROJECT) ## write the tables of docs/settings.md and docs/providers.md anew
	$(BIN)/python -m shared.config.documentation.document docs/settings.md
	$(BIN)/python -m services.local.settings_page docs/settings.md
	$(BIN)/python -m services.local.providers_page docs/providers.md

lock: $(DEV) ## write the lock files anew from pyproject.toml
	$(LOCK) --output-file requirements.lock pyproject.toml
	$(LOCK) --output-file requirements-dev.lock --extra dev --constraint requirements.lock pyproject.toml
	@# ibm-watsonx-ai wants two packages older than the others have them
	sed -E '/^(pandas|jmespath)==/,/[^\]$$/d' requirements-dev.lock >$(VENV)/constraints.txt
	$(LOCK) --output-file requirements-sdks.lock --extra dev --extra sdks --constraint $(VENV)/constraints.txt pyproject.toml

clean: ## remove what was installed and cached; the data directory stays
	rm -rf $(VENV) $(SDKS_VENV) build dist *.egg-info
	rm -rf .bench .pytest_cache .ruff_cache .mypy_cache .import_linter_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(BIN)/python $(SDKS_VENV)/bin/python:
	@for python in python3.11 python3.12 python3.13 python3; do \
		if $$python -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1; then \
			echo "Making $(@:/bin/python=) with $$($$python --version)"; \
			exec $$python -m venv $(@:/bin/python=); \
		fi; \
	done; \
	echo "Meterhouse needs Python 3.11 or newer, and found $$(python3 --version 2>&1 || true): install one and try again." >&2; \
	exit 1

# $(1) is a lock file, the target a stamp in the environment that it is for. Says how far it is; keeps what pip said, and
# shows it only when it fails.
define install
@echo "Installing the packages of $(1) into $(@D) (once; about a minute)"
@{ $(PIP) install --progress-bar off --require-hashes --requirement $(1) 2>&1; echo "exit code $$?"; } \
	| tee $(@D)/install.log \
	| awk -v total="$$(grep -c == $(1))" \
		'/^(Collecting|Processing|Requirement already)/ { if (++done % 20 == 0) { print "  " done " of " total; fflush() } }'
@if [ "$$(tail -n 1 $(@D)/install.log)" != "exit code 0" ]; then \
	cat $(@D)/install.log >&2; echo "The packages of $(1) could not be installed." >&2; exit 1; \
fi
endef

$(RUN): requirements.lock | $(BIN)/python
	$(call install,requirements.lock)
	@touch $@

$(DEV): requirements-dev.lock | $(BIN)/python
	$(call install,requirements-dev.lock)
	@touch $(RUN) $@

$(SDKS): requirements-sdks.lock | $(SDKS_VENV)/bin/python
	$(call install,requirements-sdks.lock)
	@touch $@

# After the packages: setuptools, which builds the project, is one of them.
$(PROJECT): pyproject.toml | $(RUN)
	@$(PIP) install --quiet --no-deps --no-build-isolation --editable . 2>$(VENV)/project.log \
		|| { cat $(VENV)/project.log >&2; exit 1; }
	@touch $@
