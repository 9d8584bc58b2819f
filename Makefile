# Every target sets up what it needs by itself: Python 3.11 or newer and network access are enough.

VENV := .venv
BIN := $(VENV)/bin
# Newest supported interpreter of this machine that actually runs; `make PYTHON=/path/to/python3.12 test` overrides.
PYTHON ?= $(shell for p in python3 python3.13 python3.12 python3.11; do \
	$$p -c 'import sys, venv; sys.exit(not (3, 11) <= sys.version_info[:2])' >/dev/null 2>&1 && { echo $$p; break; }; done)
WORKERS ?= auto
PIP_INSTALL := $(BIN)/python -m pip install -qq --disable-pip-version-check
DEMO_STAMP := $(VENV)/.installed-demo
DEV_STAMP := $(VENV)/.installed-dev

.DEFAULT_GOAL := help
.PHONY: help demo test test-sqlite test-postgres browser proofs statemachine lint format types docs bench clean

help:
	@echo "make demo    the example site with a simulated Stripe, on http://127.0.0.1:8000 (DEMO_PORT=8000)"
	@echo "make test    the test suite on SQLite and on PostgreSQL (DATABASE_URL, else an embedded server), with a browser"
	@echo "make proofs  thousands of charges by many processes, some of them killed; with Redis and RabbitMQ where there are any"
	@echo "make statemachine  2,000 lives of a shop with payment plans (EXAMPLES=2000), on SQLite in memory"
	@echo "make lint    ruff and bandit; make types: mypy; make docs: docs/_build/html; make bench: the benchmarks"

$(BIN)/python:
	@test -n "$(PYTHON)" || { echo "Python 3.11 or newer is needed and was not found; try: make PYTHON=/path/to/python3" >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)

$(DEMO_STAMP): pyproject.toml | $(BIN)/python
	$(PIP_INSTALL) -e '.[demo]'
	@touch $@

$(DEV_STAMP): pyproject.toml | $(BIN)/python
	$(PIP_INSTALL) -e '.[dev]'
	@touch $@ $(DEMO_STAMP)

demo: $(DEMO_STAMP)
	@exec $(BIN)/python -m example_checkout.demo

browser: $(DEV_STAMP)
	@tools/browser.sh $(BIN)

test: test-sqlite test-postgres

test-sqlite: $(DEV_STAMP)
	env -u DATABASE_URL $(BIN)/python -m pytest -n $(WORKERS) -m "not browser and not statemachine and (pure or tables or not slow)"

# Everything that asks for a database once more, with the sweeps, the killed processes, and the browser: it needs a
# database that site and test can write at the same time.
test-postgres: $(DEV_STAMP) browser
	$(BIN)/python -m example_checkout.embedded $(BIN)/python -m pytest -n $(WORKERS) -m "browser or not (pure or tables or statemachine)"

proofs: $(DEV_STAMP)
	$(BIN)/python -m example_checkout.embedded $(BIN)/python -m example_checkout.tests.proof_run

# CI lives 500 of these. Each shard has a seed of its own, so a count and a failure come again.
EXAMPLES ?= 2000
statemachine: $(DEV_STAMP)
	env -u DATABASE_URL STATEMACHINE_EXAMPLES=$(EXAMPLES) STATEMACHINE_SHARDS=8 \
		$(BIN)/python -m pytest -n $(WORKERS) -m slow example_checkout/tests/test_state_machine.py

lint: $(DEV_STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/bandit -q -r -c pyproject.toml checkout example_checkout

format: $(DEV_STAMP)
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

types: $(DEV_STAMP)
	$(BIN)/mypy

docs: $(DEV_STAMP)
	$(BIN)/sphinx-build -W --keep-going -q -b html docs docs/_build/html

bench: $(DEV_STAMP)
	@for file in benchmarks/*.py; do $(BIN)/python "$$file" || exit 1; done

clean:
	rm -rf $(VENV) .bench .demo build dist docs/_build .mypy_cache .ruff_cache .pytest_cache
