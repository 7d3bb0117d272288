# The front door. `make` lists what there is.
SHELL := /bin/sh
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory
.PHONY: help demo up down status test test-conformance check bench bench-routing bench-outage bench-faults bench-kills schemas train-task-type clean toolchain

SERVERS := deploy/local/servers.sh
# Simulated models and a receiver for mail and webhooks run along; `make up UP=` leaves them out.
UP := --with-simulator
export NEPTUNE_SIMULATOR_CONFIG ?= $(CURDIR)/deploy/local/demo/simulator.yaml
BUILD_DIR := $(or $(CARGO_TARGET_DIR),target)
# Data for training and measuring; read in place.
NEPTUNE_SHARED ?= ../shared
NEPTUNE := $(BUILD_DIR)/local/neptune
# Tasks of `make bench-faults`.
TASKS := 10000
# Runs of `make bench-kills`.
RUNS := 1000

help: ## List the targets
	@echo 'Neptune. Targets:'
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-15s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))
	@echo 'Start here: make demo'

demo: up ## Start everything, send real tickets through it, show what happened
	@deploy/local/demo.sh

up: toolchain ## Start servers and services, and leave them running (address and keys: .neptune/env)
	@$(SERVERS) up
	@echo '==> building the services (some minutes the first time)'
	@cargo build --profile local --bins --workspace --exclude neptune-tests --exclude neptune-trainer || { \
	  echo 'error: the build failed, see above; the same command goes on from there, `make down` stops the servers' >&2; exit 1; }
	@$(NEPTUNE) up --detach $(UP)

down: ## Stop exactly what `make up` started
	@code=0; if [ -x $(NEPTUNE) ]; then $(NEPTUNE) down || code=$$?; fi; $(SERVERS) down || code=$$?; exit $$code

status: ## Show services and servers
	@if [ -x $(NEPTUNE) ]; then $(NEPTUNE) status; else $(SERVERS) status; fi

test: toolchain ## Run every gate: format, clippy, all tests against real servers, rustdoc
	@deploy/local/test.sh

test-conformance: toolchain ## Carry the official scenarios of the workflow language to their ends (shared data)
	@out=$$(cargo test --quiet -p neptune-rehearsal --test it conformance_kit -- --nocapture) || { echo "$$out"; exit 1; }; \
	  echo "$$out" | grep -E '^(conformance|skipped): ' | sed 's/^conformance: \(.*\) scenarios$$/\1/'

check: toolchain ## Format, clippy and rustdoc only (no servers)
	@deploy/local/test.sh --check-only

bench: toolchain ## Measure functions (criterion) and the whole system under load (results in target/)
	@$(SERVERS) up --state-dir .neptune/test
	@echo '==> building'
	@cargo build --profile local --bins
	@echo '==> functions'
	@cargo bench --quiet --profile local -p neptune-router
	@echo '==> the whole system, beside its floors'
	@code=0; (set -a; . .neptune/test/servers.env; set +a; \
	  $(BUILD_DIR)/local/bench && exec $(BUILD_DIR)/local/bench call 4) || code=$$?; \
	  $(SERVERS) down --state-dir .neptune/test; exit $$code

bench-routing: toolchain ## Compare routing decisions with the numbers to reach, on labelled tasks (shared data)
	@echo '==> building'
	@cargo build --profile local --bins
	@$(BUILD_DIR)/local/bench-routing

bench-outage: toolchain ## Let a model fail under 200 tasks a second, optimised; who sees a second attempt?
	@$(SERVERS) up --state-dir .neptune/test
	@echo '==> building'
	@cargo build --profile local --bins
	@code=0; (set -a; . .neptune/test/servers.env; set +a; \
	  exec cargo test --quiet --profile local -p neptune-tests --test it outage_of_a_model -- --nocapture) || code=$$?; \
	  $(SERVERS) down --state-dir .neptune/test; exit $$code

bench-faults: toolchain ## Run 10,000 tasks while three calls of ten fail in every way; is every pico right?
	@$(SERVERS) up --state-dir .neptune/test
	@echo '==> building'
	@cargo build --profile local --bins
	@code=0; (set -a; . .neptune/test/servers.env; set +a; exec $(BUILD_DIR)/local/bench faults $(TASKS)) || code=$$?; \
	  $(SERVERS) down --state-dir .neptune/test; exit $$code

bench-kills: toolchain ## Kill executors, router, governance and broker hundreds of times under 1,000 runs (ten minutes)
	@$(SERVERS) up --state-dir .neptune/test
	@echo '==> building'
	@cargo build --profile local --bins
	@code=0; (set -a; . .neptune/test/servers.env; set +a; exec $(BUILD_DIR)/local/bench kills $(RUNS)) || code=$$?; \
	  $(SERVERS) down --state-dir .neptune/test; exit $$code

schemas: toolchain ## Render schemas/ and deploy/nats/users.conf from the contracts anew
	@UPDATE_SCHEMAS=1 cargo test --quiet -p neptune-contracts -p neptune-ingress -p neptune-workflow
	@git --no-pager diff --stat -- schemas deploy/nats

train-task-type: toolchain ## Learn the router's task types anew from prompts and public sets, and measure them
	@cargo run --quiet --profile local -p neptune-trainer -- task-type --data $(NEPTUNE_SHARED)/data/routing

clean: ## Stop everything; delete build output, data and secrets
	@if [ -x $(NEPTUNE) ]; then $(NEPTUNE) down; fi
	@$(SERVERS) clean
	@$(SERVERS) clean --state-dir .neptune/test
	@rm -rf .neptune $(BUILD_DIR)

toolchain:
	@command -v cargo >/dev/null && command -v rustc >/dev/null || { \
	  echo 'error: Rust is missing. Install it from https://rustup.rs, then open a new shell' >&2; exit 1; }
	@command -v cc >/dev/null || { echo 'error: a C compiler is missing: sudo apt-get install -y build-essential' >&2; exit 1; }
