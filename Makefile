# Needs Python 3.11 or newer and make; everything else goes into .venv, from hashed pins.
# Choose the Python with `make PYTHON=python3.12 ...`.

PYTHON ?= $(shell scripts/find-python)
BIN := .venv/bin
CODE := $(wildcard src tests benchmarks examples)

.PHONY: help install demo check format lint types layers unit fix test bench bench-peers bench-compare soak tables screenshots pins clean

help: ## list the commands
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/make \1\t\2/p' Makefile | expand -t 16

install: ## make .venv, where it is not up to date
	@scripts/make-venv .venv "$(PYTHON)"

demo: install ## carry log records into a local emulator and read them back (ARGS=--json for machines)
	@$(BIN)/dcrlog demo $(ARGS)

check: format lint types layers unit ## format, lint, types, layers and unit tests: a minute at most

format: install
	$(BIN)/ruff format --check $(CODE)

lint: install
	$(BIN)/ruff check $(CODE)

types: install
	$(BIN)/mypy

layers: install
	$(BIN)/lint-imports --no-logo

unit: install
	$(BIN)/python -m pytest -q -n 2 --dist worksteal tests/unit

fix: install ## repair format, and what the linter can repair
	$(BIN)/ruff check --fix-only $(CODE)
	$(BIN)/ruff format $(CODE)

test: check ## every test; then OpenTelemetry's instrumentation, other Pythons, the oldest dependencies and the wheel
	$(BIN)/python -m pytest -q -n 2 --dist worksteal tests --ignore=tests/unit
	scripts/test-otel
	scripts/test-pythons
	scripts/test-lowest
	scripts/test-wheel

bench: install ## run every benchmark, beside the peers that are installed (ARGS=--quick for one short round)
	@set -e; for file in $(filter-out benchmarks/_%,$(wildcard benchmarks/*.py)); do echo "== $$file"; $(BIN)/python $$file $(ARGS); done

bench-peers: ## run every benchmark beside all peers, which go into .venvs/peers
	@scripts/make-venv .venvs/peers "$(PYTHON)" requirements/peers.txt
	@$(MAKE) bench BIN=.venvs/peers/bin

bench-compare: install ## measure this tree beside another commit, in turns (BASE=commit)
	@$(BIN)/python benchmarks/_compare.py $(or $(BASE),HEAD) $(ARGS)

soak: install ## the big matrices, on every Python present: takes long
	$(BIN)/python -m pytest -q -m soak tests
	MARKS="soak or not soak" scripts/test-otel
	MARKS="soak or not soak" scripts/test-pythons 3.11 3.12 3.13

tables: install ## write the tables of the documentation that come from the code anew
	@$(BIN)/python scripts/write-tables

screenshots: install ## take the pictures of the emulator's page in docs/ anew, with Chromium
	@$(BIN)/python scripts/screenshots.py

pins: install ## write requirements/*.txt anew from pyproject.toml (ARGS=--upgrade for newer versions)
	scripts/compile-pins $(ARGS)

clean: ## remove whatever the commands above made
	rm -rf .venv .venvs dist build .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis
