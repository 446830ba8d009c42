# Each target does all of its own set-up, in .venv, with the Python that the variable names: make test PYTHON=python3.12
PYTHON ?= python3
BIN := .venv/bin
# Tests run in one process a core; BLAS threads of their own would only be in each other's way. They are handed out one
# by one, in the order of conftest.py: the longest first, so that no process ends long before the others. conftest.py
# shows the progress too, in place of pytest's percentages.
PYTEST := OPENBLAS_NUM_THREADS=1 $(BIN)/python -m pytest -n auto --maxschedchunk 1 -o console_output_style=classic

.PHONY: help train test test-all test-pythons lint format report bench clean

help:
	@echo "make train     trains Inception V3 on the pictures that ship with minigrad, into runs/"
	@echo "make test      installs the reference (torch) and runs the tests"
	@echo "make test-all  ten times the random examples, all tests on the reference kernels, and on the stand-in device"
	@echo "make test-pythons  the tests on every Python from 3.11 on that is installed, each in an environment of its own"
	@echo "make lint      ruff, mypy, and the floors of the architecture"
	@echo "make report    measures the parity figures anew, into docs/parity.md and README.md"
	@echo "make bench     steps, layers, overhead, scaling beside torch, into benchmarks/results.json and plots"

# An environment that could not be finished must not be taken for one the next time.
.venv/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { \
		found=$$($(PYTHON) --version 2>&1) || found="not there"; \
		echo "minigrad needs Python 3.11 or newer, but $(PYTHON) is $$found." >&2; \
		echo "Install a newer one (from python.org, with pyenv, or your system's packages) and name it:" >&2; \
		echo "    make $(or $(MAKECMDGOALS),test) PYTHON=python3.12" >&2; \
		exit 1; }
	$(PYTHON) -m venv .venv || { rm -rf .venv; exit 1; }

.venv/train.stamp: pyproject.toml | .venv/bin/python
	$(BIN)/python -m pip install --quiet --editable '.[train]'
	$(BIN)/python -m minigrad compile
	@touch $@

# torchvision is only read for its model definitions; with its dependencies it would bring another torch. CuPy is only
# asked what functions it has; where there is none for the machine, the tests that ask are skipped.
.venv/test.stamp: pyproject.toml | .venv/bin/python
	$(BIN)/python -m pip install --quiet torch==2.13.0
	$(BIN)/python -m pip install --quiet --editable '.[lint]'
	$(BIN)/python -m pip install --quiet --no-deps torchvision==0.28.0
	-$(BIN)/python -m pip install --quiet --editable '.[cupy]'
	@touch $@

train: .venv/train.stamp
	$(BIN)/python examples/train_inception.py

# Compiled once beforehand, by all cores; otherwise each of the processes would compile the same kernels.
test: .venv/test.stamp
	@$(BIN)/python -m minigrad compile
	@$(BIN)/python -m minigrad compile --dtype float64
	$(PYTEST)

test-all: .venv/test.stamp
	HYPOTHESIS_PROFILE=thorough $(PYTEST) -m ''
	MINIGRAD_KERNELS=reference $(PYTEST) -m ''
	$(PYTEST) --device stand_in

test-pythons:
	scripts/test_pythons.sh

lint: .venv/test.stamp
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo

format: .venv/test.stamp
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

report: .venv/test.stamp
	$(BIN)/python -m parity_tests.report

bench: .venv/test.stamp
	$(BIN)/python -m benchmarks

clean:
	rm -rf .venv build *.egg-info
