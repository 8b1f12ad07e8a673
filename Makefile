# Two commands: `make demo` runs the main job, `make test` passes the tests. Each sets up what it needs in .venv.
PYTHON ?= python3
BIN := .venv/bin
SOURCES := pyproject.toml setup.py plugins/pyproject.toml $(shell find ext proto -name '*.p*' 2>/dev/null)

.PHONY: demo test test-packaging lint format clean

demo: .venv/demo.stamp
	$(BIN)/greencloud demo

# One process for each core; a test that stands still is ended after two minutes.
test: .venv/test.stamp
	$(BIN)/python -m pytest -n auto --dist worksteal

# Builds wheels from a clean copy and installs them bare: some two minutes of compiling.
test-packaging: .venv/test.stamp
	$(BIN)/python -m pytest -m packaging

lint: .venv/test.stamp
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/cython-lint ext
	$(BIN)/mypy
	$(BIN)/mypy --no-explicit-package-bases plugins/tests plugins/benchmarks
	$(BIN)/buf lint
	$(BIN)/buf format --diff --exit-code

format: .venv/test.stamp
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .
	$(BIN)/buf format --write

.venv/pyvenv.cfg:
	$(PYTHON) -m venv .venv

.venv/demo.stamp: .venv/pyvenv.cfg $(SOURCES)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[demo]' -e ./plugins
	touch $@

.venv/test.stamp: .venv/pyvenv.cfg $(SOURCES)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[test]' -e ./plugins
	touch $@ .venv/demo.stamp

clean:
	rm -rf .venv build plugins/build dist sdk/*.egg-info plugins/*.egg-info sdk/greencloud/*.so sdk/greencloud/v1/*_pb2*
