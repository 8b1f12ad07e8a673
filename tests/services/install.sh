#!/usr/bin/env bash
# Installs the frameworks of the example services, and the plugin from this checkout, into tests/services/.venv: some 150 MB.
set -eu
cd "$(dirname "$0")"

if [ -f .venv/stamp ] && cmp -s requirements.txt .venv/stamp; then
  echo 'services: installed already'
  exit 0
fi
"${PYTHON:-python3}" -m venv .venv
.venv/bin/python -m pip install --quiet --disable-pip-version-check -r requirements.txt
.venv/bin/python -m pip install --quiet --disable-pip-version-check --no-deps -e ../../plugins
cp requirements.txt .venv/stamp
echo 'services: ready'
