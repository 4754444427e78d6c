# The commands of this project. `make` lists them; nothing is done in CI that is not a target.

SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help

VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
LOCKS := requirements.txt requirements-dev.txt

# The first Python of the right age; a shim that only says "not found" does not count.
RIGHT_AGE := import sys; sys.exit(sys.version_info[:2] not in ((3, 11), (3, 12)))
PYTHON ?= $(shell for python in python3.11 python3.12 python3 python; do \
	if "$$python" -c '$(RIGHT_AGE)' 2>/dev/null; then echo "$$python"; break; fi; done)
COMPOSE ?= $(shell if docker compose version >/dev/null 2>&1; then echo docker compose; else echo docker-compose; fi)

DEMO_ARGS ?=
BENCH_ARGS ?=
PYTEST_ARGS ?=
# Whole files to a worker: the tests of a file share servers and databases.
WORKERS ?= -n auto --maxprocesses 4 --dist loadfile
SANDBOX_ARGS ?=
DOCS_ARGS ?=

##@ Use

.PHONY: help
help: ## List the commands.
	@awk 'BEGIN {FS = ":.*## "} \
		/^##@ / {printf "\n%s\n", substr($$0, 5)} \
		/^[a-z-]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: setup
setup: $(READY) ## Make the virtual environment in .venv from the lock.
	@echo "setup: $(BIN) is ready"

.PHONY: demo
demo: $(READY) ## Sandbox, Airflow and a first policy run, until ctrl-C (DEMO_ARGS="--exit --port N").
	@exec $(BIN)/preheat demo $(DEMO_ARGS)

.PHONY: sandbox
sandbox: $(READY) ## Only the Harbor and Dragonfly stand-ins, seeded (SANDBOX_ARGS).
	@exec $(BIN)/preheat sandbox $(SANDBOX_ARGS)

.PHONY: policies
policies: $(READY) ## Check include/policies, all problems with file and line, and run its tests.
	@$(BIN)/preheat policy check include/policies
	@$(BIN)/preheat policy test

.PHONY: up
up: .env ## Build and start the compose stack, sandbox included, and wait until it is healthy.
	@$(COMPOSE) up --detach --build
	@docker/wait.sh $(COMPOSE)

.PHONY: down
down: ## Stop the compose stack; its data stays.
	@$(COMPOSE) down

##@ Check

.PHONY: test
test: lint types browser ## Lint, types and every test, on all cores; needs no Docker (PYTEST_ARGS).
	@$(BIN)/pytest $(WORKERS) $(PYTEST_ARGS)

.PHONY: browser
browser: $(READY) ## Make sure that there is a Chromium for the tests of the pages (PREHEAT_CHROMIUM).
	@scripts/chromium.sh $(BIN)/playwright

.PHONY: test-fast
test-fast: $(READY) ## The tests that need neither Airflow nor a server.
	@$(BIN)/pytest $(WORKERS) tests/unit $(PYTEST_ARGS)

.PHONY: test-dags
test-dags: $(READY) ## The DAGs as data, and whole runs.
	@$(BIN)/pytest tests/dags $(PYTEST_ARGS)

LIVE := $(addprefix PREHEAT_LIVE_,HARBOR_URL HARBOR_USER HARBOR_SECRET DRAGONFLY_URL DRAGONFLY_TOKEN PROJECT)

.PHONY: test-live
test-live: $(READY) ## The contract tests against the Harbor and Dragonfly named by PREHEAT_LIVE_*.
	@missing=; for name in $(LIVE); do [[ -n "$${!name:-}" ]] || missing+=" $$name"; done; \
	if [[ -n "$$missing" ]]; then echo "not set:$$missing" >&2; exit 2; fi
	@$(BIN)/pytest tests/contract -m live $(PYTEST_ARGS)

.PHONY: test-crash
test-crash: $(READY) ## Kill everything, on SQLite and PostgreSQL; writes the table of docs/crash-safety.md.
	@PREHEAT_CRASH_DOCS=docs/crash-safety.md $(BIN)/python -m pytest -m crash tests/crash -n 3 --dist loadscope $(PYTEST_ARGS)

.PHONY: lint
lint: $(READY) ## Ruff: rules and formatting.
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .

.PHONY: types
types: $(READY) ## mypy, strict.
	@$(BIN)/mypy

.PHONY: check
check: test policies ## Everything that a change must pass.

.PHONY: bench
bench: $(READY) ## Measure against the goals; exits 1 where one is missed (BENCH_ARGS=--json).
	@exec $(BIN)/python -m benchmarks $(BENCH_ARGS)

.PHONY: bench-policy
bench-policy: $(READY) ## Measure policies over 100,000 artifacts; exits 1 where a goal is missed (BENCH_ARGS).
	@exec $(BIN)/python -m benchmarks --only policy $(BENCH_ARGS)

.PHONY: bench-following
bench-following: $(READY) ## Measure 1,000 placements followed in one triggerer; exits 1 where a goal is missed.
	@exec $(BIN)/python -m benchmarks --only following $(BENCH_ARGS)

.PHONY: bench-events
bench-events: $(READY) ## Measure from a push to its job beside an empty DAG on an asset; exits 1 where a goal is missed.
	@exec $(BIN)/python -m benchmarks --only events $(BENCH_ARGS)

.PHONY: bench-webhook
bench-webhook: $(READY) ## Measure 200 deliveries a second to a real API server; exits 1 where a goal is missed.
	@exec $(BIN)/python -m benchmarks --only webhook $(BENCH_ARGS)

.PHONY: bench-coverage
bench-coverage: $(READY) ## Measure page and API over 50,000 placements beside SELECT 1; exits 1 where a goal is missed.
	@exec $(BIN)/python -m benchmarks --only coverage $(BENCH_ARGS)

##@ Change

.PHONY: schema
schema: $(READY) ## Write the JSON Schemas in include/, for editors, from the language.
	@$(BIN)/preheat policy schema --include include

.PHONY: reference
reference: $(READY) ## Write docs/reference: the language, and the API's OpenAPI document.
	@$(BIN)/python -m preheat.policy.reference docs/reference/policy.md
	@home=$$(mktemp -d); AIRFLOW_HOME=$$home $(BIN)/python -m preheat.web.document docs/reference/openapi.json >/dev/null; rm -r $$home

.PHONY: docs
docs: $(READY) ## Build the documentation as a site in build/site, and check its links.
	@NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --quiet
	@echo "docs: build/site/index.html"

.PHONY: docs-serve
docs-serve: $(READY) ## Show the site at http://127.0.0.1:8000, and again after each change (DOCS_ARGS).
	@NO_MKDOCS_2_WARNING=1 exec $(BIN)/mkdocs serve $(DOCS_ARGS)

.PHONY: screenshots
screenshots: browser ## Take the pictures of the page anew, into docs/pictures/screens.
	@$(BIN)/python -m scripts.screenshots

.PHONY: fmt
fmt: $(READY) ## Format, and fix what can be fixed.
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

.PHONY: lock
lock: $(READY) ## Pin the newest versions that pyproject.toml allows (LOCK_ARGS=--upgrade), for 3.11 and 3.12.
	@$(LOCK) pyproject.toml --output-file requirements.txt
	@$(LOCK) pyproject.toml --group dev --constraint requirements.txt --output-file requirements-dev.txt

.PHONY: clean
clean: ## Remove all that the commands above made here.
	@rm -rf $(VENV) .demo .mypy_cache .ruff_cache .hypothesis .coverage build dist
	@find src tests dags plugins scripts benchmarks -name __pycache__ -prune -exec rm -rf {} +

LOCK_ARGS ?=
LOCK = $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
	--no-header --no-emit-index-url --no-emit-find-links $(LOCK_ARGS)

.env:
	@umask 077; docker/env.sh > $@.part && mv $@.part $@

# Quick when nothing changed: one stamp, younger than the lock and pyproject.toml.
$(READY): $(LOCKS) pyproject.toml
	@test -n "$(PYTHON)" || { echo "Preheat needs Python 3.11 or 3.12: make $(MAKECMDGOALS) PYTHON=/path/to/python3.11" >&2; exit 1; }
	@$(BIN)/python -c '$(RIGHT_AGE)' 2>/dev/null && $(BIN)/python -m pip --version >/dev/null 2>&1 \
		|| { echo "setup: $$($(PYTHON) --version) environment in $(VENV)"; $(PYTHON) -m venv --clear $(VENV); }
	@echo "setup: installing the lock (the first time this downloads about 150 packages)"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check "$$(grep -o '^uv==[0-9.]*' requirements-dev.txt)"
	@$(BIN)/uv pip sync --quiet --require-hashes --python $(BIN)/python requirements-dev.txt
	@$(BIN)/uv pip install --quiet --no-deps --python $(BIN)/python --editable .
	@touch $@
