# initlab: type `make` for help. Every target is a script or a program of .venv; nothing is hidden here.

.DEFAULT_GOAL := help
.PHONY: help lab doctor setup test quick lint vet bench image lock clean

ready = @test -x .venv/bin/initlab || { echo 'initlab is not set up here; next: make lab' >&2; exit 2; }

help: ## this list
	@sed -n 's/^\([a-z]*\):.*## /\1|/p' $(MAKEFILE_LIST) | while IFS='|' read -r name text; do printf '  make %-7s %s\n' "$$name" "$$text"; done

lab: ## set everything up and open JupyterLab in your workspace
	@scripts/setup workshop
	@.venv/bin/initlab open

doctor: ## what this computer can run, and what to mend
	$(ready)
	@.venv/bin/initlab doctor

setup: ## set up for working on the course itself
	@scripts/setup dev

test: ## set up and run everything CI runs (logs in build/logs)
	@scripts/setup dev
	@scripts/test

quick: ## what a developer runs all day: linters and the tests that boot nothing
	@scripts/test lint types unit

lint: ## linters and formatting only
	@scripts/test lint types

vet: ## the course's own compiler: solutions pass, wrong answers get their hints
	$(ready)
	@.venv/bin/initlab vet

bench: ## measure, side by side, what the design gives numbers for
	$(ready)
	@for part in $(basename $(notdir $(filter-out bench/__init__.py,$(wildcard bench/*.py)))); do \
		.venv/bin/python -m bench.$$part || exit; done

image: ## build the lab image, or check the one that is there
	$(ready)
	@.venv/bin/initlab image build

lock: ## write requirements/*.lock anew with the newest versions
	@scripts/lock

clean: ## remove .venv, build and caches of tools (your workspace and the lab image stay)
	rm -rf .venv build .mypy_cache .ruff_cache .pytest_cache .hypothesis *.egg-info
