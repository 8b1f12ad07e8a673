#!/bin/sh
# Makes the data directory of a container ready, and becomes greencloud.
#
# GREENCLOUD_DATA       the data directory: a folder of a volume, made here where it is absent
# GREENCLOUD_STORE_URI  the store of which it is a cache, if any
# KEYS_FROM             a folder with the keys (signing-key.pem, closing/*.pem), as a mounted secret: copied for each start, since
#                       a secret's files belong to root, and greencloud wants keys that only it can read
set -eu
umask 077

if [ -n "${KEYS_FROM:-}" ]; then
  greencloud init >&2
  mkdir -p "$GREENCLOUD_DATA/keys/closing"
  for key in "$KEYS_FROM"/*.pem "$KEYS_FROM"/closing/*.pem; do
    [ -f "$key" ] || continue
    kept="$GREENCLOUD_DATA/keys${key#"$KEYS_FROM"}"
    cp "$key" "$kept.new"
    mv "$kept.new" "$kept"
  done
fi

exec greencloud "$@"
