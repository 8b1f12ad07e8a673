#!/usr/bin/env bash
# Installs the foreign OTLP senders into tests/senders/.venv: about 400 MB, nothing outside of this folder.
set -eu
cd "$(dirname "$0")"

if [ -f .venv/stamp ] && cmp -s requirements.txt .venv/stamp; then
  echo 'senders: installed already'
  exit 0
fi
"${PYTHON:-python3}" -m venv .venv
packages=$(grep -c '^[^#]' requirements.txt)
done=0
grep '^[^#]' requirements.txt | while read -r package; do
  done=$((done + 1))
  echo "senders: $done of $packages, $package"
  .venv/bin/python -m pip install --quiet --disable-pip-version-check "$package"
done
cp requirements.txt .venv/stamp
echo 'senders: ready'
