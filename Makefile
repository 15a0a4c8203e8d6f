# foodhub: everything a developer does, by name. `make` alone lists it.
# Another Python: `make setup PYTHON=python3.12`.

PYTHON ?= python3
BIN := .venv/bin
STAMP := .venv/.installed
CODE := foodhub tests $(if $(wildcard benchmarks/*.py),benchmarks)
LOCALE := foodhub/locale
POT := build/foodhub.pot

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
MAKEFLAGS += --no-print-directory
.DEFAULT_GOAL := help
.PHONY: help setup prerequisites demo test soak check bench format messages pot constraints clean

# Runs one check: its name, and its output only when it fails. `make check` runs them all before it fails.
define checking
printf '%-14s' "$(1)"; if said=$$($(2) 2>&1); then echo ok; else echo FAILED; echo "$$said"; failed=1; fi;
endef

help: ## list these targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: $(STAMP) ## make the virtual environment in .venv; does nothing while nothing changed

demo: $(STAMP) ## a farm, a buying group and a hub on this machine, end to end
	@$(BIN)/foodhub demo

test: $(STAMP) ## run the tests, a process for each core; ARGS="-k name" goes to pytest
	@$(BIN)/python -m pytest --numprocesses auto --maxprocesses 4 --dist loadfile $(ARGS)

# atheris has no wheel for every machine: without it the fuzzers are led by chance alone, and say so.
soak: $(STAMP) ## test for long: every crash, many storms, then fuzz each decoder for SECONDS=60; ONLY="run fold" some
	@$(BIN)/python -c 'import atheris' 2>/dev/null || $(BIN)/python -m pip install --quiet --disable-pip-version-check \
		--only-binary atheris --editable '.[soak]' --constraint constraints.txt 2>/dev/null || true
	@failed=0; \
	$(BIN)/python -m pytest -m soak $(ARGS) || failed=1; \
	$(BIN)/python -m tests.fuzz.soak $(or $(SECONDS),60) $(ONLY) || failed=1; \
	exit $$failed

check: $(STAMP) ## format, lint, types, layers, translations
	@failed=0; \
	$(call checking,format,$(BIN)/ruff format --check $(CODE)) \
	$(call checking,lint,$(BIN)/ruff check $(CODE)) \
	$(call checking,types,$(BIN)/mypy $(CODE)) \
	$(call checking,layers,$(BIN)/lint-imports --no-logo) \
	$(call checking,translations,$(MAKE) translated) \
	exit $$failed

bench: $(STAMP) ## measure; ONLY=name measures one figure; writes build/bench.json
	@$(BIN)/python -m benchmarks $(ONLY)

format: $(STAMP) ## format the code and repair what ruff can repair
	@$(BIN)/ruff check --fix-only --quiet $(CODE)
	@$(BIN)/ruff format $(CODE)

pot: $(STAMP)
	@mkdir -p build
	@$(BIN)/pybabel --quiet extract --project foodhub --version 0.1 --copyright-holder "the foodhub authors" \
		--no-default-keywords -k _ -k N_ -k ngettext:1,2 --add-location=file --add-comments=Translators: \
		--sort-by-file --width=120 --output $(POT) foodhub

# --no-fuzzy-matching: a guessed translation of a sentence about money is worse than none.
UPDATE = $(BIN)/pybabel --quiet update --domain foodhub --input-file $(POT) --output-dir $(LOCALE) \
	--no-fuzzy-matching --ignore-obsolete --ignore-pot-creation-date --width=120

messages: pot ## collect the texts, bring each catalog up to date, compile it
	@$(UPDATE)
	@$(BIN)/pybabel compile --domain foodhub --directory $(LOCALE) --statistics

.PHONY: translated
translated: pot
	@$(UPDATE) --check 2>/dev/null || { echo "texts have changed; run 'make messages' and translate what is new"; exit 1; }
	@for po in $(LOCALE)/*/LC_MESSAGES/foodhub.po; do \
		$(BIN)/pybabel --quiet compile --input-file "$$po" --output-file build/foodhub.mo; \
		cmp --silent build/foodhub.mo "$${po%.po}.mo" || { echo "$${po%.po}.mo is not $$po; run 'make messages'"; exit 1; }; \
	done

constraints: ## renew constraints.txt with the newest versions that fit
	@$(PYTHON) -m venv --clear build/fresh
	@build/fresh/bin/pip install --quiet --disable-pip-version-check --editable '.[dev,soak]'
	@sed -n '/^#/p' constraints.txt > build/constraints.txt
	@build/fresh/bin/pip freeze --exclude-editable --disable-pip-version-check >> build/constraints.txt
	@mv build/constraints.txt constraints.txt && rm -r build/fresh
	@git --no-pager diff --stat constraints.txt

clean: ## remove the virtual environment and everything that was built
	@rm -rf .venv build dist *.egg-info .hypothesis .import_linter_cache .mypy_cache .pytest_cache .ruff_cache
	@find . -name __pycache__ -not -path './.git/*' -prune -exec rm -r {} +

$(STAMP): pyproject.toml constraints.txt | prerequisites
	@echo "setup: installing into .venv (a minute or so)"
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	@PYTHONWARNINGS='ignore:Editable installation' $(BIN)/python -m pip install --quiet --disable-pip-version-check \
		--editable '.[dev]' --constraint constraints.txt
	@touch $@
	@echo "setup: done, $$($(BIN)/python --version)"

# py-libp2p brings fastecdsa, for which no wheel exists: it is compiled here and needs GMP.
prerequisites:
	@test -e $(STAMP) -a ! pyproject.toml -nt $(STAMP) -a ! constraints.txt -nt $(STAMP) && exit 0; \
	missing=(); \
	if ! command -v $(PYTHON) >/dev/null; then missing+=("$(PYTHON)"); \
	else \
		$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
			|| { echo "setup: foodhub needs Python 3.11 or newer, and $(PYTHON) is $$($(PYTHON) --version); try PYTHON=python3.11" >&2; exit 1; }; \
		$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || missing+=("the venv module"); \
		$(PYTHON) -c 'import os, sys, sysconfig; sys.exit(not os.path.exists(sysconfig.get_path("include") + "/Python.h"))' \
			|| missing+=("Python.h"); \
	fi; \
	if ! command -v gcc >/dev/null && ! command -v cc >/dev/null; then missing+=("a C compiler" "gmp.h"); \
	elif ! echo '#include <gmp.h>' | $$(command -v gcc || command -v cc) -E - >/dev/null 2>&1; then missing+=("gmp.h"); fi; \
	if (($${#missing[@]})); then \
		printf -v list '%s, ' "$${missing[@]}"; \
		echo "setup: missing: $${list%, }. This installs it:" >&2; \
		echo "  apt-get install -y gcc libgmp-dev $(notdir $(PYTHON))-dev $(notdir $(PYTHON))-venv" >&2; \
		exit 1; \
	fi
