# Two commands: `make run` and `make test`. Each installs what is missing first, so a fresh machine needs only Rust, a C
# compiler and, on Debian, apt.

# One cargo form everywhere: with `--workspace`, features unify the same way for every target, so nothing is built twice.
CARGO ?= cargo

.DEFAULT_GOAL := help
.PHONY: help run build test lint format bench bench-ledger bench-proxy demo crash crash-ledger prove-ledger catalog-table bench-routing bench-rank compare-spark chaos

help: ## this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{ printf "  make %-14s %s\n", $$1, $$2 }'

run: ## installs what is missing to build, builds, and runs the whole product until Ctrl-C
	@scripts/install build
	@scripts/run

build: ## installs what is missing to build, and builds
	@scripts/install build
	$(CARGO) build --workspace --bins

test: ## installs what is missing to test, builds, and runs every test
	@scripts/install test
	@scripts/test

lint: ## formatting and clippy, warnings refused
	$(CARGO) fmt --all -- --check
	$(CARGO) clippy --workspace --all-targets -- -D warnings

format: ## formats the code
	$(CARGO) fmt --all

bench: ## measures the pure rooms
	$(CARGO) bench --workspace --bench pure

prove-ledger: ## random commands against the ledger's model: COMMANDS=10000000 SEED=20261120
	@BABYSEA_PROVE_COMMANDS=$${COMMANDS:-10000000} BABYSEA_PROVE_SEED=$${SEED:-20261120} \
		$(CARGO) test --release -p ledger-book --test prove -- --nocapture

bench-ledger: ## measures the ledger side by side with one statement per call, on a private Postgres
	@scripts/install test
	$(CARGO) bench --workspace --bench ledger

bench-proxy: ## measures the proxy beside bare Pingora, nginx and HAProxy, where they are installed: BENCH_ROUNDS=5
	$(CARGO) build --workspace --release --bin babysea-proxy
	$(CARGO) bench --workspace --bench proxy

catalog-table: ## writes the table of models and providers, proxy/normalize/CATALOG.md
	$(CARGO) run --quiet --workspace --example catalog_table > proxy/normalize/CATALOG.md.new
	@mv proxy/normalize/CATALOG.md.new proxy/normalize/CATALOG.md

demo: ## walks through a running stack with curl (start it with `make run`)
	@scripts/demo

crash: ## kills a stack in the middle of its work, over and over: ROUNDS=20
	@scripts/install build
	@BABYSEA_CRASH_ROUNDS=$${ROUNDS:-20} $(CARGO) test --workspace --test e2e crash:: -- --nocapture

crash-ledger: ## kills the ledger or Postgres under load, over and over: ROUNDS=200 SEED=20260527
	@scripts/install test
	@BABYSEA_CRASH_ROUNDS=$${ROUNDS:-200} BABYSEA_CRASH_SEED=$${SEED:-20260527} \
		$(CARGO) test --workspace --test crash -- --nocapture

# Where PyPI's DuckDB and PySpark are kept, apart from the machine's own Python.
VENV ?= $(HOME)/.cache/babysea/python
BENCH = $(CARGO) bench -p benches

bench-routing: ## routing policies in eight stories: SEEDS=40 TUNING=0
	BENCH_SEEDS=$${SEEDS:-40} BENCH_TUNING=$${TUNING:-0} $(BENCH) --bench routing

bench-rank: $(VENV)/ready ## ranks ten million attempts against DuckDB: ROWS=10000000 ROUNDS=5
	BENCH_ROWS=$${ROWS:-10000000} BENCH_ROUNDS=$${ROUNDS:-5} BENCH_PYTHON=$(VENV)/bin/python \
		BENCH_FOLDER=$(CURDIR)/target/tmp/bench-rank $(BENCH) --bench rank

compare-spark: $(VENV)/ready ## the policies as SQL in PySpark and DuckDB, equal to Polars to 1e-9 (needs Java 17)
	$(CARGO) build --workspace --bin babysea
	$(VENV)/bin/python intelligence/sql/compare.py "$${CARGO_TARGET_DIR:-target}/debug/babysea" target/tmp/compare-spark

$(VENV)/ready:
	python3 -m venv $(VENV)
	$(VENV)/bin/pip install --quiet duckdb==2.0.0 pyspark==4.3.0
	touch $@

chaos: ## random provider failures and kills together: GENERATIONS=10000 SEED=1
	@scripts/install build
	@BABYSEA_CHAOS_GENERATIONS=$${GENERATIONS:-10000} BABYSEA_CHAOS_SEED=$${SEED:-1} $(CARGO) test --workspace --test e2e chaos -- --nocapture
