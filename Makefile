# One command each, the same on a laptop and in CI. A fresh machine needs Python >= 3.11 with venv, Node >= 20, npm, make.
#
# Set-up is remembered by stamp files that are written last: a second run starts at once, a changed lock or an
# interrupted set-up is done again.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PY_MADE := $(VENV)/.made
PY_STAMP := $(VENV)/.synced
NODE_STAMP := node_modules/.synced
UV := $(BIN)/uv --quiet
# On every core, the tests of a file one after the other: they share a host and a browser.
BY_FILE := -n auto --dist loadfile
# The machine's own certificates, as pip and npm use them: behind a company's proxy no others are good.
CERTIFICATES := $(firstword $(wildcard /etc/ssl/certs/ca-certificates.crt /etc/pki/tls/certs/ca-bundle.crt /etc/ssl/cert.pem))
export UV_SYSTEM_CERTS ?= $(if $(CERTIFICATES),1,0)

# Scripts in a virtual environment carry its path: a moved checkout, or an interpreter that is gone, makes a new one.
ifneq ($(shell $(BIN)/python -c 'print(open("$(PY_MADE)").read().strip())' 2>/dev/null),$(CURDIR))
$(PY_MADE): FORCE
endif

# What a machine must have, asked only when something is about to be installed.
define NEED_PYTHON
@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { \
  echo "polystep needs Python 3.11 or newer; '$(PYTHON)' is $$($(PYTHON) --version 2>/dev/null || echo missing)."; \
  echo "Install it (Debian, Ubuntu: apt install python3 python3-venv; macOS: brew install python), or name one:"; \
  echo "  make PYTHON=python3.12 $(MAKECMDGOALS)"; exit 1; } >&2
@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { \
  echo "$$($(PYTHON) --version) here cannot make virtual environments."; \
  echo "Install its venv module (Debian, Ubuntu: apt install python3-venv)."; exit 1; } >&2
endef

define NEED_NODE
@node -e 'process.exit(Number(process.versions.node.split(".")[0]) < 20 ? 1 : 0)' 2>/dev/null || { \
  echo "polystep needs Node 20 or newer; 'node' is $$(node --version 2>/dev/null || echo missing)."; \
  echo "Install it with your package manager (Debian, Ubuntu: apt install nodejs npm;"; \
  echo "macOS: brew install node)."; exit 1; } >&2
@npm --version >/dev/null 2>&1 || { \
  echo "polystep needs npm, which is missing. Install it (Debian, Ubuntu: apt install npm)."; exit 1; } >&2
endef

.DEFAULT_GOAL := help
.PHONY: help dev unit e2e test simulate crash versions bench screenshots wheel setup tools wrk redis check lock clean FORCE
.DELETE_ON_ERROR:

help:  ## show this list
	@awk -F ':.*## ' '/^[a-z0-9]+:.*## / { printf "  make %-11s %s\n", $$1, $$2 }' Makefile

dev: setup  ## set up and run the sample steps
	@$(BIN)/polystep dev

unit: setup  ## unit tests on every core: the fast loop
	@$(BIN)/pytest -q -n auto tests/unit

e2e: setup tools  ## tests of whole projects with real Node, Python, Ruby and a browser
	@$(BIN)/pytest -q $(BY_FILE) tests/e2e

test: tools check  ## every check and every test
	@echo "Python tests: unit and contract, with coverage…"
	@$(BIN)/pytest -q -n auto --cov --cov-report= tests/unit tests/contract
	@$(BIN)/python -m tests.coverage_floor
	@echo "Python tests: house, simulation, crash, conformance, end to end, bridge…"
	@$(BIN)/pytest -q $(BY_FILE) tests/house tests/simulation tests/crash tests/conformance tests/e2e bridges/python/tests
	@echo "Node tests…"
	@npm test --silent --workspaces --if-present
	@echo "Other versions of Python…"
	@$(BIN)/python -m tests.versions

simulate: setup  ## the bus over 100,000 lives of simulated events; ARGS="--seed 17" shows one world, ARGS=--mutants
	@$(BIN)/python -m tests.simulation $(ARGS)

crash: setup tools  ## kill -9 the host and its runners 200 times under load; ARGS="--seed 17 --kills 50"
	@$(BIN)/python -m tests.crash $(ARGS)

versions: setup  ## unit and contract tests on each Python that is supported and installed here
	@$(BIN)/python -m tests.versions

bench: setup wrk redis  ## measure; ARGS="--only http events --seconds 3", ARGS=--help
	@$(BIN)/python -m tests.bench $(ARGS)

screenshots: setup tools  ## write docs/screenshots: every page of the Workbench in both themes, desk and phone
	@$(BIN)/python -m tests.e2e.screenshots

wheel: setup  ## build dist/polystep_host-….whl, which installs anywhere
	@echo "Building the wheel…"
	@$(BIN)/python -m hatchling build -t wheel

setup: $(PY_STAMP) $(NODE_STAMP)  ## install the locked Python and Node packages, build the Workbench
	@node host/workbench/build.mjs

comma := ,

# What tests use beside the locked packages. Debian's is taken where root can install it; elsewhere the tests say what
# is missing.
define TOOL
@{ $(1); } >/dev/null 2>&1 && exit 0; \
if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
  echo "Setting up $(2)…"; \
  { apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $(3); } \
    >/dev/null 2>&1 && exit 0; \
fi; \
{ echo "$(2) is missing, so the tests of $(4) are skipped (in CI they fail)."; \
  echo "Install it (Debian, Ubuntu: apt-get install $(3); macOS: $(5))."; } >&2
endef

tools: wrk  ## install the browser, Ruby, Perl, PostgreSQL and wrk for the tests, where that can be done
	$(call TOOL,command -v chromium || command -v chromium-browser || command -v google-chrome,Chromium,chromium,the \
	  Workbench,brew install --cask google-chrome$(comma) and put its program on PATH as google-chrome)
	$(call TOOL,ruby -e "require 'msgpack'",Ruby with msgpack,ruby ruby-msgpack,Ruby \
	  steps,brew install ruby && gem install msgpack)
	$(call TOOL,perl -MJSON::PP -MTime::HiRes -e "use v5.36",Perl 5.36 with its modules,perl,foreign \
	  runners,brew install perl)
	$(call TOOL,command -v initdb || ls /usr/lib/postgresql/*/bin/initdb,PostgreSQL,postgresql,stores on \
	  PostgreSQL,brew install postgresql)

wrk:
	$(call TOOL,command -v wrk,wrk,wrk,the benchmark,brew install wrk)

redis:
	$(call TOOL,command -v redis-server,Redis,redis-server,the hand-built stack,brew install redis)

check: setup  ## format, lint, types and layers, nothing is changed
	@echo "Python: format, lint, types, layers…"
	@$(BIN)/ruff format --quiet --check .
	@$(BIN)/ruff check --quiet .
	@$(BIN)/mypy --no-error-summary
	@$(BIN)/mypy --no-error-summary bridges/python/tests
	@PYTHONPATH=bridges/python $(BIN)/lint-imports --no-logo
	@echo "TypeScript: types, lint…"
	@npm run --silent typecheck
	@npm run --silent lint

lock: setup  ## resolve both locks again
	@echo "Locking Python packages…"
	@$(UV) pip compile pyproject.toml --extra dev --extra postgres --universal --python-version 3.11 --generate-hashes --upgrade \
	  --no-header --no-emit-index-url --no-emit-find-links -o requirements.lock >/dev/null
	@echo "Locking Node packages…"
	@npm update --loglevel=error --ignore-scripts --package-lock-only >/dev/null
	@$(MAKE) --no-print-directory setup

clean:  ## remove everything that set-up and tests made
	rm -rf $(VENV) node_modules bridges/node/node_modules dist host/workbench/dist .mypy_cache .ruff_cache .pytest_cache \
	  .hypothesis .import_linter_cache .coverage
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# uv itself comes from the lock, with its hashes; everything else comes through uv.
$(PY_MADE):
	$(NEED_PYTHON)
	@echo "Setting up Python ($(VENV))…"
	@rm -rf $(VENV)
	@$(PYTHON) -m venv $(VENV)
	@awk '/^[a-z0-9]/ { keep = /^uv==/ } keep' requirements.lock > $(VENV)/uv.lock
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r $(VENV)/uv.lock
	@echo "$(CURDIR)" > $@

$(PY_STAMP): $(PY_MADE) pyproject.toml requirements.lock
	@echo "Setting up Python packages…"
	@rm -f $@
	@$(UV) pip sync --python $(BIN)/python --require-hashes requirements.lock
	@$(UV) pip install --python $(BIN)/python --no-deps --no-build-isolation --editable .
	@touch $@

$(NODE_STAMP): package.json package-lock.json bridges/node/package.json host/workbench/package.json
	$(NEED_NODE)
	@echo "Setting up Node packages…"
	@rm -f $@
	@npm ci --loglevel=error --ignore-scripts >/dev/null
	@touch $@

FORCE:
