# Two commands: `make demo` runs the main job, `make test` passes the tests. Each sets up what it needs in .venv.
PYTHON ?= python3
BIN := .venv/bin
SOURCES := constraints.txt pyproject.toml setup.py plugins/pyproject.toml plugins/setup.py plugins/greencloud_otel/_compiled.pyx $(shell find ext proto -name '*.p*' -o -name '*.h' 2>/dev/null)

.PHONY: demo test test-laws test-packaging senders services test-senders test-stress test-spark test-spark-standalone test-hostile test-browser crash-load lint reference pictures format clean

demo: .venv/demo.stamp
	$(BIN)/greencloud demo

# One process for each core, and temporary files in memory where there is room (tests/conftest.py): TMPDIR says otherwise. A test that
# stands still is ended after two minutes.
test: .venv/test.stamp
	$(BIN)/python -m pytest -n auto --dist worksteal

# The same with four times the examples of every law, or more: half an hour.
test-laws: .venv/test.stamp
	$(BIN)/python -m pytest -n auto --dist worksteal --hypothesis-profile thorough --timeout 900

# Builds wheels from a clean copy and installs them bare: some two minutes of compiling.
test-packaging: .venv/test.stamp
	$(BIN)/python -m pytest -m packaging

# Processes that are killed or race each other, full disks, and the crash load in its short form: some four minutes. On a disk, not
# in memory.
test-stress: .venv/test.stamp
	TMPDIR="$${TMPDIR:-/tmp}" $(BIN)/python -m pytest -n 0 -m 'stress and not spark'

# The same run on a real cluster of Spark on this machine: some three minutes and 4 GiB, after half a gigabyte that is fetched once.
# It needs Java 17 or newer, and is skipped without.
test-spark: .venv/spark.stamp
	$(BIN)/python -m pytest -n 0 -m 'spark and not stress'

# With a master and two workers of which one is killed, and an executor and the driver, over a folder and a store: some ten minutes.
test-spark-standalone: .venv/spark.stamp
	$(BIN)/python -m pytest -n 0 -m 'spark and stress'

# Nineteen attacks beside a neighbour whose latency is measured: some six minutes on a machine that does nothing else.
test-hostile: .venv/test.stamp
	$(BIN)/python -m pytest -n 0 -m hostile

# Every view of the page in every width, colour and language: some minutes. It needs Chromium (Debian: chromium fonts-noto-cjk).
test-browser: .venv/test.stamp
	$(BIN)/python -m pytest -n 0 -m browser

# Half an hour of load on a server that is killed every minute, its disk filled, its clock stepped. As root, with libfaketime
# (Debian: faketime) if it is to be all of that; CRASH_LOAD takes other options of tests/crash_load.py.
crash-load: .venv/test.stamp
	$(BIN)/python tests/crash_load.py --minutes 30 --kill-every 60 $(CRASH_LOAD)

# Programs of other projects that send OTLP, into a venv of their own: some 450 MB.
senders:
	PYTHON=$(PYTHON) tests/senders/install.sh

# Frameworks that the plugin is tried under, the same way: some 150 MB.
services:
	PYTHON=$(PYTHON) tests/services/install.sh

test-senders: .venv/test.stamp senders services
	$(BIN)/python -m pytest -m senders -n auto --dist worksteal

lint: .venv/test.stamp
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/cython-lint ext plugins/greencloud_otel
	$(BIN)/mypy
	$(BIN)/mypy --no-explicit-package-bases plugins/tests plugins/benchmarks
	$(BIN)/buf lint
	$(BIN)/buf format --diff --exit-code
	$(BIN)/buf breaking --against proto/greencloud-0.1.0.binpb

# docs/api-reference.md, from the comments of the protos.
reference: .venv/test.stamp
	PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/python docs/reference.py > docs/api-reference.md

# docs/pictures/*.png, of a real server's page on the testing data. It needs Chromium.
pictures: .venv/test.stamp
	$(BIN)/python docs/pictures.py

format: .venv/test.stamp
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .
	$(BIN)/buf format --write

.venv/pyvenv.cfg:
	$(PYTHON) -m venv .venv

.venv/demo.stamp: .venv/pyvenv.cfg $(SOURCES)
	$(BIN)/python -m pip install --quiet -c constraints.txt --disable-pip-version-check -e '.[demo]' -e ./plugins
	touch $@

.venv/spark.stamp: .venv/test.stamp
	$(BIN)/python -m pip install --quiet --disable-pip-version-check 'pyspark==4.3.*' 'zstandard>=0.25'
	touch $@

.venv/test.stamp: .venv/pyvenv.cfg $(SOURCES)
	$(BIN)/python -m pip install --quiet -c constraints.txt --disable-pip-version-check -e '.[test]' -e ./plugins
	touch $@ .venv/demo.stamp

clean:
	rm -rf .venv build plugins/build dist sdk/*.egg-info plugins/*.egg-info sdk/greencloud/*.so plugins/greencloud_otel/*.so sdk/greencloud/v1/*_pb2*
