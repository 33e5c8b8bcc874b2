# Every command of the repository; `make help` lists them. PYTHON names the interpreter that makes .venv.
PYTHON ?= python3
BIN := .venv/bin
FAULTS ?= 12
SEED ?= 1
# Most tests wait for servers more than they compute, so there are more workers than cores. Files stay together.
SPREAD ?= -n 3 --dist loadscope
# Run by other commands: make e2e and make chaos (which make test starts beside the rest), make check-charts.
ELSEWHERE := $(foreach name,e2e chaos charts observability,--ignore=tests/$(name)) --ignore=cli/tests/e2e
TYPED := $(wildcard libs/*/src services/*/src sandbox/src standalone/src cli/src tools tests/chaos tests/observability tests/cluster bench)
POSTGRES_15 ?= /usr/lib/postgresql/15/bin
SHELL := /bin/sh
.DEFAULT_GOAL := help
.PHONY: help setup demo up up-processes test test-postgres-15 check lint types imports layout contracts settings unit e2e chaos test-cluster images bench lock clean rabbitmq chart-tools charts-docs check-charts rules observe dashboards-check game-day prometheus

help: ## List the commands
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / {printf "  make %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: ## Make .venv with the locked requirements; quick when nothing changed (PYTHON=python3.12 to choose)
	@command -v $(PYTHON) >/dev/null 2>&1 || { echo "error: $(PYTHON) is not installed; Waybill needs Python 3.11 or newer (make $@ PYTHON=...)" >&2; exit 1; }
	@$(PYTHON) tools/setup.py

demo: setup ## Play one order from sign-up to refund on the embedded default; ends with `demo ok`
	@$(BIN)/python -m waybill_standalone demo

up: setup ## Run the platform in one process until Ctrl-C; prints URLs and demo accounts
	@$(BIN)/python -m waybill_standalone up

up-processes: setup rabbitmq ## Run the platform as its real processes on PostgreSQL and RabbitMQ until Ctrl-C
	@$(BIN)/python -m waybill_standalone processes

test: setup rabbitmq prometheus ## Lint, types, import contracts, then every test on real PostgreSQL and RabbitMQ
	@$(MAKE) --no-print-directory lint types imports
	@mkdir -p .cache
	@# The suites that start whole platforms run one after another, beside the rest.
	@$(BIN)/python -m pytest tests/e2e cli/tests/e2e tests/chaos -q > .cache/platforms.log 2>&1 & platforms=$$!; \
	$(BIN)/python -m pytest -m "not cluster and not bench" $(ELSEWHERE) -q $(SPREAD) $(PYTEST); \
	rest=$$?; wait $$platforms; found=$$?; cat .cache/platforms.log; exit $$((rest || found))

test-postgres-15: setup ## Every statement of the services on PostgreSQL 15, the oldest that must work (where it is installed)
	@if [ -x $(POSTGRES_15)/postgres ]; then \
	  WAYBILL_TEST_POSTGRES_BIN=$(POSTGRES_15) $(BIN)/python -m pytest -q $(SPREAD) $(PYTEST) \
	    services/auth/tests/contract services/orders/tests/contract services/notifier/tests/contract sandbox/tests \
	    libs/common/tests/integration services/orders/tests/integration/test_placing.py; \
	else echo "not run: PostgreSQL 15 is not in $(POSTGRES_15) (Debian 12: apt install postgresql-15)"; fi

check: setup lint types imports ## Code checks in under a minute: lint, types, import contracts, sizes, structure, docs/layout.md
	@$(BIN)/python -m pytest tests/architecture -q

lint: setup ## Ruff (rules and format), file sizes, docs/layout.md
	@$(BIN)/ruff check --quiet .
	@$(BIN)/ruff format --quiet --check . || { echo "error: run $(BIN)/ruff format ." >&2; exit 1; }
	@$(BIN)/python tools/check_file_length.py
	@$(BIN)/python tools/write_layout.py --check

types: setup ## mypy, strict
	@$(BIN)/mypy $(TYPED)

imports: setup ## The import contracts
	@$(BIN)/lint-imports

layout: setup ## Write docs/layout.md anew from the modules' first sentences
	@$(BIN)/python tools/write_layout.py

contracts: setup ## Write contracts/http, contracts/metrics and docs/metrics.md anew from the code
	@$(BIN)/python tools/write_openapi.py
	@$(BIN)/python -m tools.write_metrics

settings: setup ## Write docs/settings.md anew from the settings classes
	@$(BIN)/python tools/write_settings.py

unit: setup ## The tests that need no server
	@$(BIN)/python -m pytest -m unit -q $(PYTEST)

e2e: setup rabbitmq ## The end-to-end scenarios, standalone and as processes
	@$(BIN)/python -m pytest tests/e2e cli/tests/e2e -q $(PYTEST)

chaos: setup rabbitmq ## The crash suite with its history checker (FAULTS=12 SEED=1)
	@$(BIN)/python -m tests.chaos --faults $(FAULTS) --seed $(SEED)

test-cluster: setup chart-tools ## Install, upgrade, roll back and break the platform on the cluster of the current kube context (CLUSTER=--short)
	@$(BIN)/python -m tests.cluster $(CLUSTER)

images: ## Build every image with podman or docker, and print what a node pulls of each beside its budget
	@tools/build-images.sh

bench: setup rabbitmq ## The benchmarks, as ratios to a floor measured in the same run; writes bench/results.json
	@$(BIN)/python -m bench

rules: setup ## Write the rules and dashboards of charts/platform/files anew from tools/
	@$(BIN)/python -m tools.write_rules
	@$(BIN)/python -m tools.write_dashboards

observe: setup rabbitmq prometheus ## Run the real processes watched by Prometheus and Alertmanager with the shipped rules, until Ctrl-C
	@$(BIN)/python -m tools.observe

dashboards-check: setup rabbitmq prometheus ## Run the platform under load and fail when a panel's query returns nothing
	@$(BIN)/python -m tests.observability

game-day: setup rabbitmq prometheus ## Make each fault on real processes until its alert fires, and repair it until it resolves
	@$(BIN)/python -m pytest tests/observability/test_game_day.py -q -ra $(PYTEST)

rabbitmq: setup
	@$(BIN)/python -m tools.ensure_rabbitmq

prometheus: setup
	@$(BIN)/python -m tools.ensure_prometheus

chart-tools: setup ## Install Helm, kubectl and what else the chart checks need into .cache
	@$(BIN)/python -m tools.charts.install

check-charts: chart-tools prometheus ## Charts, images, Kubernetes objects, rules: schemas, policies, renders on both Helms
	@$(BIN)/python -m tools.charts.check $(PYTEST)

charts-docs: setup ## Write the charts' values.schema.json and the tables of their READMEs anew
	@$(BIN)/python -m tools.charts.write_schemas
	@$(BIN)/python -m tools.charts.write_readmes

lock: setup ## Lock every requirements file anew, with hashes
	@tools/lock

clean: ## Remove .venv, caches and this folder's platform data (.waybill)
	@rm -rf .venv .waybill .cache .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache bench/out
	@find . -name __pycache__ -type d -not -path './.git/*' -prune -exec rm -rf {} +
