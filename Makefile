# Two commands: `make run` and `make test`. Each installs what is missing first, so a fresh machine needs only Rust, a C
# compiler and, on Debian, apt.

# One cargo form everywhere: with `--workspace`, features unify the same way for every target, so nothing is built twice.
CARGO ?= cargo

.DEFAULT_GOAL := help
.PHONY: help run build test lint format bench demo crash chaos catalog-table

help: ## this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{ printf "  make %-13s %s\n", $$1, $$2 }'

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

catalog-table: ## writes the table of models and providers, proxy/normalize/CATALOG.md
	$(CARGO) run --quiet --workspace --example catalog_table > proxy/normalize/CATALOG.md.new
	@mv proxy/normalize/CATALOG.md.new proxy/normalize/CATALOG.md

demo: ## walks through a running stack with curl (start it with `make run`)
	@scripts/demo

crash: ## kills a stack in the middle of its work, over and over: ROUNDS=20
	@scripts/install build
	@BABYSEA_CRASH_ROUNDS=$${ROUNDS:-20} $(CARGO) test --workspace --test e2e crash -- --nocapture

chaos: ## random provider failures and kills together: GENERATIONS=10000 SEED=1
	@scripts/install build
	@BABYSEA_CHAOS_GENERATIONS=$${GENERATIONS:-10000} BABYSEA_CHAOS_SEED=$${SEED:-1} $(CARGO) test --workspace --test e2e chaos -- --nocapture
