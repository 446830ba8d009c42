# Each target sets up what it needs, in .venv. Choose the Python with: make test PYTHON=python3.12
PYTHON ?= python3
BIN := .venv/bin
# Tests start hundreds of processes, each of which would compile all modules if none might keep their bytecode.
unexport PYTHONDONTWRITEBYTECODE
# Tests run in one process for each core, so BLAS gets one thread. They are handed out one by one in the order of
# conftest.py, the longest first, so that all processes end at about the same time. conftest.py also shows the progress.
PYTEST := OPENBLAS_NUM_THREADS=1 $(BIN)/python -m pytest -n auto --maxschedchunk 1 -o console_output_style=classic

.PHONY: help train test test-all test-pythons lint format report bench docs clean

help:
	@echo "make train     train Inception V3 on the images that ship with minigrad, into runs/"
	@echo "make test      install torch as the reference and run the tests"
	@echo "make test-all  test with ten times the random examples, on the reference kernels, and on the stand-in device"
	@echo "make test-pythons  test on every installed Python from 3.11 on, each in its own environment"
	@echo "make lint      run ruff, mypy, and the check that imports only go down"
	@echo "make format    format the code, and update the tables in docs/architecture.md"
	@echo "make report    measure the parity figures, into docs/parity.md and README.md"
	@echo "make docs      build the book, with a reference of every name, into build/book"
	@echo "make bench     measure speed, memory and rounding beside torch, into benchmarks/results, plots and README.md"

# A half-made environment is deleted, so that the next run does not use it.
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

# torchvision serves for its model definitions only; its dependencies would install another torch. CuPy serves for its
# list of functions only; without it, the tests that use the list are skipped.
.venv/test.stamp: pyproject.toml | .venv/bin/python
	$(BIN)/python -m pip install --quiet --editable '.[lint]'
	$(BIN)/python -m pip install --quiet --no-deps torchvision==0.28.0
	-$(BIN)/python -m pip install --quiet --no-build-isolation --editable '.[cupy]'
	@touch $@

.venv/docs.stamp: pyproject.toml | .venv/bin/python
	$(BIN)/python -m pip install --quiet --editable '.[docs]'
	@touch $@

train: .venv/train.stamp
	$(BIN)/python examples/train_inception.py

# The kernels are compiled once, on all cores, before the tests; otherwise each process would compile them.
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
	$(BIN)/python -m scripts.architecture

report: .venv/test.stamp
	$(BIN)/python -m parity_tests.report

bench: .venv/test.stamp
	$(BIN)/python -m benchmarks

# Code cells run, and a warning (a link that leads nowhere, a formula that is not understood) is an error.
docs: .venv/docs.stamp
	$(BIN)/python -m sphinx -W --keep-going -j auto -d build/book-doctrees book build/book
	@echo "open build/book/index.html"

clean:
	rm -rf .venv build *.egg-info
	find . -name __pycache__ -prune -exec rm -rf {} +
