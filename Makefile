# Needs Python 3.11 or newer and make; everything else is installed into .venv.
# DATABASE_URL and REDIS_URL, where set, are used instead of the embedded database and the file broker.

PYTHON ?= python3
BIN := .venv/bin
PY := $(BIN)/python
PIP := $(PY) -m pip install --quiet --disable-pip-version-check
TEMPORARY := $(PY) -m contactops.embedded --temporary --
PYTEST = $(TEMPORARY) $(PY) -m pytest -n auto --dist loadgroup

RUNTIME := .venv/runtime.installed
DEV := .venv/dev.installed

.PHONY: run test test-all check bench faults screenshots lock messages

run: $(RUNTIME)
	@exec $(PY) -m contactops.run --bound-to-parent

test: $(DEV)
	@$(PY) manage.py build_translations
	@exec $(PYTEST) -m "not long" $(ARGS)

test-all: $(DEV)
	@$(PY) manage.py build_translations
	@exec $(PYTEST) $(ARGS)

check: $(DEV)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy .
	$(BIN)/lint-imports
	$(PY) manage.py check_translations
	$(PY) manage.py check_templates
	$(TEMPORARY) $(PY) manage.py makemigrations --check --dry-run
	$(TEMPORARY) $(PY) manage.py load_plans --check

# Its data stays between runs in a directory of its own, because the large fixtures take time to build.
bench: $(DEV)
	@exec env DATA_DIR=.cache/bench $(PY) -m contactops.embedded -- $(PY) -m bench

# SEEDS=n plays so many of each fault, ONLY="kill all,stop redis" some of them, JOBS=n at once.
faults: $(DEV)
	@exec $(PY) -m tests.faults

screenshots: $(DEV)
	@exec $(PY) -m tests.browser.screenshots

messages: $(DEV)
	$(PY) manage.py make_translations

# Add UPGRADE=--upgrade to move to the newest versions. No index address is written: pip's own configuration counts.
COMPILE = $(BIN)/pip-compile --quiet --generate-hashes --strip-extras --allow-unsafe --no-header \
	--no-emit-index-url --no-emit-find-links --no-emit-trusted-host $(UPGRADE)
lock: $(DEV)
	$(COMPILE) --extra embedded --output-file requirements.lock pyproject.toml
	$(COMPILE) --extra embedded --extra dev --constraint requirements.lock --output-file requirements-dev.lock pyproject.toml
	sed -i '1i # Made from pyproject.toml by `make lock`.' requirements.lock requirements-dev.lock

$(PY):
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "ContactOps needs Python 3.11 or newer: make PYTHON=python3.12")'
	$(PYTHON) -m venv .venv || { rm -rf .venv; exit 1; }

$(RUNTIME): requirements.lock | $(PY)
	$(PIP) -r requirements.lock
	@touch $@

$(DEV): requirements-dev.lock | $(PY)
	$(PIP) -r requirements-dev.lock
	@touch $@
