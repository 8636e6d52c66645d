# Everything a newcomer needs: `make demo` and `make test`. Both set up .venv first; nothing else on the machine is
# touched. Another Python: make PYTHON=python3.12 demo
PYTHON ?= python3
VENV   ?= .venv
BIN     = $(abspath $(VENV))/bin
PIP     = $(BIN)/python -m pip install --quiet --disable-pip-version-check

.PHONY: demo test test-ci test-all lint setup reference clean
demo: $(VENV)/.installed
	@$(BIN)/python -m autotune run studies/ring

test: setup
	@$(BIN)/python -m pytest

test-ci: setup
	@$(BIN)/python -m pytest -m 'not slow' --durations=40

test-all: setup
	@$(BIN)/python -m pytest -m ''

lint: setup
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

setup: $(VENV)/.installed-dev

$(VENV)/.installed: pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 10))' || \
	  { echo "make: $(PYTHON) is not Python 3.10 or newer; name another one: make PYTHON=python3.12 ..."; exit 2; }
	@echo "Setting up $(VENV): a minute or two, once."
	@$(PYTHON) -m venv $(VENV)
	@$(PIP) --upgrade pip
	@$(PIP) --editable .
	@touch $@

$(VENV)/.installed-dev: $(VENV)/.installed
	@echo "Adding what the tests need."
	@$(PIP) --editable '.[dev]'
	@$(PIP) --editable '.[cross-check]' || echo "make: going on without libsonata or PySpike; their tests are skipped."
	@touch $@

reference: setup
	$(BIN)/python docs/make_reference.py

clean:
	rm -rf $(VENV) build *.egg-info
