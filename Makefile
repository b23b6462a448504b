# Every command works from a bare clone; the environments are made when they are missing.
SHELL := /bin/sh
PYTHON ?= $(shell for p in python3.11 python3.12 python3 python; do \
	if "$$p" -c 'import sys; raise SystemExit(sys.version_info[:2] not in ((3, 11), (3, 12)))' 2>/dev/null; \
	then command -v "$$p"; break; fi; done)
TENURE := .venv/bin/tenure
.DEFAULT_GOAL := help
.PHONY: help demo test test-long lint up down land build train score dashboards bench clean python pipeline development superset-env

help: ## show this list
	@grep -hE '^[a-z-]+:.*## ' Makefile | awk -F ':.*## ' '{printf "  make %-12s %s\n", $$1, $$2}'

python:
	@if [ -z "$(PYTHON)" ]; then echo "tenure: Python 3.11 or 3.12 was not found: install one (e.g. apt-get install python3.11 python3.11-venv)" >&2; exit 1; fi

pipeline: python
	@"$(PYTHON)" tenure/bootstrap.py pipeline

development: python
	@"$(PYTHON)" tenure/bootstrap.py development

superset-env: pipeline
	@.venv/bin/python tenure/bootstrap.py superset

demo: pipeline ## from a bare clone to live dashboards on a simulated operator
	@$(TENURE) demo

test: development superset-env ## all that must hold before a merge, on its own database and ports
	@.venv/bin/python -m tests.run

test-long: development superset-env ## the exhaustive fault, kill and browser matrices as well
	@.venv/bin/python -m tests.run --long

lint: development ## format, types, SQL, YAML, import directions, unused dependencies
	@.venv/bin/python -m tests.lint

up: pipeline ## start database, Airflow and Superset
	@$(TENURE) up

down: ## stop everything that Tenure started here
	@if [ -x $(TENURE) ]; then $(TENURE) down; else echo "nothing was started here"; fi

land: pipeline ## land the extracts that have arrived
	@$(TENURE) land "$$($(TENURE) home)/extracts"

build: pipeline ## build and publish the marts
	@$(TENURE) build

train: pipeline ## train the models when there is a new month
	@$(TENURE) train

score: pipeline ## write the scores
	@$(TENURE) score

dashboards: pipeline superset-env ## install the dashboards
	@$(TENURE) dashboards

bench: development superset-env ## ratios against peers and limits (ONLY=name for one)
	@.venv/bin/python -m benchmarks $(ONLY)

clean: ## remove what was made here (data, environments), after asking
	@"$(PYTHON)" tenure/cleanup.py
