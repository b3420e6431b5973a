# make demo, make test: everything a newcomer needs. The rest is for those who work on the project.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
# Processes for tests; results do not depend on it.
JOBS ?= 2
# Folder with onnx/*.onnx and minimalloc/*.csv; the benchmarks of real networks are left out where it is absent.
MODELS ?= ../shared/models
# Packages by versions and hashes (.ci/lock.py): 1, or try, which says where that is not possible and goes on; empty: by setup.cfg.
LOCKED ?=
# Python beside the package.
BESIDE := tests benchmarks examples .ci

.PHONY: docs docs-tools help setup tools lock demo check test test-release test-slow random-networks lint one-root types cppcheck package bench bench-models clean
.DEFAULT_GOAL := help

help:
	@echo "make demo        compile the example network, run its firmware in QEMU, on two boards, write pictures to build/demo/"
	@echo "make check       lint, layers, types and the tests that need no compiler (1 minute on 2 cores)"
	@echo "make test        run the tests (8 minutes on 2 cores, half of that when its objects are there from before)"
	@echo "make test-release  what a release needs beyond that: mutations, sweeps, more random networks (20 minutes)"
	@echo "make test-slow   run everything, and let property tests explore (hours)"
	@echo "make random-networks  judge N=3000 random networks of SEED=1 against ONNX Runtime; goes on where it was (2 hours)"
	@echo "make lint types  ruff, mypy --strict, cppcheck over the C"
	@echo "make package     build the source distribution and the wheel, install and use them"
	@echo "make docs        build the documentation site into build/site/"
	@echo "make bench       print every table of the documentation (hours; MODELS=folder of networks)"
	@echo "make setup       install what the above need (they call it themselves; LOCKED=1 by .ci/locks, with hashes)"
	@echo "make lock        write .ci/locks for this Python and machine"

setup: tools $(STAMP)

# Debian packages: cross compiler, emulator and what a Python environment needs.
tools:
	@.ci/install-tools gcc=gcc make=make arm-none-eabi-gcc=gcc-arm-none-eabi \
	    +arm-none-eabi-newlib=libnewlib-arm-none-eabi qemu-system-arm=qemu-system-arm +python-venv=python3-venv

$(STAMP): setup.cfg pyproject.toml
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(if $(LOCKED),$(BIN)/python .ci/lock.py $(if $(filter try,$(LOCKED)),try,install))
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[dev]'
	@touch $@

# The versions that 'make setup LOCKED=1' installs, with the hashes of their files for this Python and machine.
lock: setup
	$(BIN)/python .ci/lock.py write

demo: setup
	$(BIN)/python examples/segmentation/demo.py

# A file's tests run in one process, which makes what they share once; files start in the order of their names, which
# ends with short ones.
PYTEST := $(BIN)/python -m pytest -n $(JOBS) --dist loadfile --no-loadscope-reorder

check: lint types
	$(PYTEST) -m "not slow and not release" $(NEED_NO_COMPILER)

# Without what runs real networks, which takes as long as all the others.
NEED_NO_COMPILER := $(addprefix tests/,boards network operators passes planner report) \
    --ignore tests/passes/test_model_census.py

test: setup
	$(PYTEST) -m "not slow and not release" tests

test-release: setup
	SANITIZERS=all $(PYTEST) -m release tests

test-slow: setup
	SANITIZERS=all $(PYTEST) --hypothesis-profile=explore tests

# Networks of a generator that knows ONNX alone, at random options; finds are printed, with the way to see them again.
N ?= 3000
SEED ?= 1
random-networks: setup
	$(BIN)/python -m tests.random_networks --count $(N) --seed $(SEED)

lint: setup one-root
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	cd build/types && $(CURDIR)/$(BIN)/lint-imports --no-cache --no-logo $(CURDIR)/.importlinter

# The package under one root, as it is installed, for what reads folders: relay_passes/ and codegen/ inside tinyseg_tvm/.
# Beside it all other Python, for mypy.
one-root:
	@rm -rf build/types && mkdir -p build/types/tinyseg_tvm
	@ln -s $(CURDIR)/tinyseg_tvm/* build/types/tinyseg_tvm/
	@ln -s $(CURDIR)/relay_passes $(CURDIR)/codegen build/types/tinyseg_tvm/
	@ln -s $(addprefix $(CURDIR)/,$(BESIDE)) build/types/

types: setup one-root
	cd build/types && $(CURDIR)/$(BIN)/python -m mypy --config-file $(CURDIR)/mypy.ini \
	    tinyseg_tvm $(filter-out .ci,$(BESIDE)) $(wildcard .ci/*.py)

cppcheck: setup
	@.ci/install-tools cppcheck=cppcheck
	$(BIN)/python .ci/check_c.py

# Source distribution and wheel in build/dist/, tried in an environment of their own.
package: setup
	$(BIN)/python .ci/check_package.py

# The documentation site, build/site/index.html; a warning is an error. Its packages are no part of 'make setup'.
DOCS_STAMP := $(VENV)/.installed-docs
docs: docs-tools
	NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build --quiet

docs-tools: setup $(DOCS_STAMP)

$(DOCS_STAMP): setup.cfg
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[docs]'
	@touch $@

# Hours: every network, kernel and core in QEMU.
bench: setup
	$(BIN)/python benchmarks/kernels.py
	$(BIN)/python benchmarks/line_codecs.py
	$(BIN)/python benchmarks/spilling.py
	$(BIN)/python benchmarks/endless.py --models $(MODELS)
	$(BIN)/python benchmarks/planner.py blocks
	$(BIN)/python benchmarks/planner.py chains
	$(BIN)/python benchmarks/planner.py unet
	@test -d $(MODELS)/onnx || echo "No networks in $(MODELS)/onnx: their tables are left out (make bench MODELS=folder)."
	@test ! -d $(MODELS)/onnx || $(MAKE) --no-print-directory bench-models
	@test ! -d $(MODELS)/minimalloc || $(BIN)/python benchmarks/planner.py minimalloc $(MODELS)/minimalloc

bench-models:
	$(BIN)/python benchmarks/streaming.py --models $(MODELS)
	$(BIN)/python benchmarks/models.py --models $(MODELS)
	$(BIN)/python benchmarks/mlperf_tiny.py --models $(MODELS)
	$(BIN)/python benchmarks/planner.py models $(MODELS)/onnx
	$(BIN)/python benchmarks/agreement.py $(MODELS)/onnx/*.onnx

clean:
	rm -rf build out
