# "make" shows what there is. Variables may be given on the command line: make demo V=1 TEMPLATE=vm
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
.NOTPARALLEL:

TEMPLATE ?= slurm# a name of the catalogue, or a path
CLOUD ?= local
DATABASE ?= sqlite# of the fault run: sqlite or postgres
INFRASTRUCTURE ?=# name; derived from the template when empty
INPUTS ?=# JSON mapping, e.g. INPUTS='{"wn_num": 4}'
V ?=# 1 shows everything
PYTEST_ARGS ?=
CORPUS ?=# folder of templates

export PATH := $(CURDIR)/.venv/bin:$(PATH)
export LC_ALL := C.UTF-8
export ANSIBLE_CONFIG := $(CURDIR)/ansible.cfg
export ANSIBLE_COLLECTIONS_PATH := $(CURDIR)/collections
export MYPYPATH := $(CURDIR)/collections

DEMO := --template '$(strip $(TEMPLATE))' --cloud '$(strip $(CLOUD))' $(if $(INFRASTRUCTURE),--infrastructure '$(INFRASTRUCTURE)') \
    $(if $(INPUTS),--inputs '$(subst ','\'',$(INPUTS))') $(if $(filter-out 0,$(V)),--verbose)
PACKAGE := ansible_collections.continuum.im.plugins
PYTHON_CODE := plugins service tests tools
# What some tests need of the system. Without it they are skipped, and say so.
TESTS_NEED := tools/setup-lab-openstack || true; tools/setup-postgres || true; tools/setup-nginx || true

.PHONY: help
help: ## show this list
	@echo "usage: make <target> [VARIABLE=value ...]"
	@sed -nE 's/^([a-z0-9-]+):[^#]*## (.*)/  \1\t\2/p' $(MAKEFILE_LIST) | expand -t 16
	@echo "variables: TEMPLATE=$(strip $(TEMPLATE)) CLOUD=$(strip $(CLOUD)) INFRASTRUCTURE= INPUTS='{\"wn_num\": 2}' V=1"

.PHONY: setup
setup: ## install system packages (as root), make .venv, link the collection
	@tools/setup

.PHONY: demo
demo: setup ## deploy TEMPLATE (slurm) on CLOUD (local) and run a job on it
	@.venv/bin/python tools/demo.py deploy $(DEMO)

.PHONY: destroy
destroy: setup ## remove what "make demo" made, and check that nothing is left
	@.venv/bin/python tools/demo.py destroy $(DEMO)

.PHONY: serve
serve: setup ## run the REST service on http://127.0.0.1:8800, until Ctrl-C
	@.venv/bin/python -m service serve

.PHONY: fault-run
fault-run: setup ## kill processes of the service (and its DATABASE) at random for 5 minutes on CLOUD, then compare what is wanted with what is there
	@.venv/bin/python tests/faults/fault_run.py --cloud '$(strip $(CLOUD))' --database '$(strip $(DATABASE))'

.PHONY: replay
replay: setup ## replay recorded exchanges with the Infrastructure Manager against the service, and compare
	@.venv/bin/python tools/replay_golden.py

.PHONY: lab-aws
lab-aws: setup ## start an AWS to play with on this machine, until Ctrl-C
	@cd tests && ../.venv/bin/python -m lab.aws serve

.PHONY: lab-openstack
lab-openstack: setup ## start an OpenStack to play with on this machine, until Ctrl-C
	@tools/setup-lab-openstack
	@cd tests && ../.venv/bin/python -m lab.openstack serve

.PHONY: test
test: lint-fast ## fast checks and all tests but the long ones, with coverage (under 15 minutes)
	@$(TESTS_NEED)
	.venv/bin/python -m pytest tests/unit -m "not long" -n auto --cov --cov-report=term-missing:skip-covered $(PYTEST_ARGS)
	.venv/bin/python -m pytest tests/e2e tests/integration -m "not long" -n 3 --dist loadfile --no-loadscope-reorder --durations=20 $(PYTEST_ARGS)

.PHONY: test-unit
test-unit: setup ## unit tests only: no network, no hosts, seconds
	.venv/bin/python -m pytest tests/unit -n auto $(PYTEST_ARGS)

.PHONY: test-e2e
test-e2e: setup ## whole deployments on real hosts, but the long ones
	@$(TESTS_NEED)
	.venv/bin/python -m pytest -m "e2e and not long" $(PYTEST_ARGS)

.PHONY: test-long
test-long: setup ## the long tests (tens of minutes)
	@$(TESTS_NEED)
	.venv/bin/python -m pytest -m long $(PYTEST_ARGS) || [ $$? -eq 5 ] # 5: there is none

.PHONY: lint-fast
lint-fast: setup ## formatting, style, types, layers: seconds
	.venv/bin/ruff check $(PYTHON_CODE)
	.venv/bin/ruff format --check $(PYTHON_CODE)
	.venv/bin/mypy -p $(PACKAGE)
	.venv/bin/mypy tools
	MYPYPATH=collections:tests .venv/bin/mypy -p lab
	MYPYPATH=collections:. .venv/bin/mypy -p service
	PYTHONPATH=collections:. .venv/bin/lint-imports --no-cache

.PHONY: lint
lint: lint-fast ## all gates: ansible-lint, changelog, documentation, ansible-test sanity
	.venv/bin/ansible-lint --offline
	.venv/bin/antsibull-changelog lint
	.venv/bin/antsibull-docs lint-collection-docs --plugin-docs --skip-rstcheck --validate-collection-refs all .
	tests/run_sanity.sh

.PHONY: format
format: setup ## format the Python code and mend what ruff can mend
	.venv/bin/ruff check --fix $(PYTHON_CODE)
	.venv/bin/ruff format $(PYTHON_CODE)

.PHONY: corpus
corpus: setup ## translate all templates of the folder CORPUS, lint their projects, print a table
	@.venv/bin/python tools/corpus.py --check $(CORPUS)

.PHONY: bench-translate
bench-translate: setup ## CPU time of the translator against bare tosca-parser, and the curve for large topologies
	@.venv/bin/python tools/bench_translate.py --plot docs/benchmark-translate.svg $(CORPUS)

.PHONY: bench
bench: bench-translate ## measure the translator, then deployments of 2 to 16 workers, and plot both
	@mkdir -p build && .venv/bin/python tools/bench.py --plot docs/benchmark.svg --json build/bench.json

.PHONY: bench-aws
bench-aws: setup ## measure 20, 100 and 500 hosts on AWS (the lab without hosts) against boto3 and Terraform
	@mkdir -p build && .venv/bin/python tools/bench_aws.py --json build/bench-aws.json

.PHONY: bench-openstack
bench-openstack: setup ## measure 10 and 50 servers on OpenStack (the lab without hosts) against openstack.cloud.server in a loop and openstacksdk
	@tools/setup-lab-openstack
	@mkdir -p build && .venv/bin/python tools/bench_openstack.py --json build/bench-openstack.json

.PHONY: bench-service
bench-service: setup ## requests a second, latency and memory of the service, empty and with 1,000 infrastructures, without and with event streams
	@mkdir -p build && .venv/bin/python tools/bench_service.py --json build/bench-service.json

.PHONY: lock
lock: setup ## pin requirements.txt and requirements-dev.in anew in requirements.lock
	@tools/lock

.PHONY: build
build: setup ## build the collection's tarball in dist/
	@.venv/bin/ansible-galaxy collection build --force --output-path dist

.PHONY: clean
clean: ## remove what tests and builds made (not .venv, not deployments)
	rm -rf build dist htmlcov tests/output .coverage .coverage.* .import_linter_cache .mypy_cache .pytest_cache .ruff_cache .hypothesis .cache
	find plugins tests tools -name __pycache__ -type d -prune -exec rm -rf {} +
