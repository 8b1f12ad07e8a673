#!/bin/sh
# Makes the data directory of a container ready, and becomes greencloud.
#
# GREENCLOUD_DATA       the data directory: a folder of a volume, made where it is absent
# GREENCLOUD_STORE_URI  the store of which it is a cache, if any
# KEYS_FROM             a folder with signing-key.pem, as a mounted secret
# CLOSING_KEYS_FROM     a folder with the keys of closes: FINGERPRINT.pem
#
# Keys are copied at each start: the files of a mounted secret belong to root, and greencloud refuses keys that others can read.
set -eu
umask 077

take() { # FROM TO
  mkdir -p "$2"
  for key in "$1"/*.pem; do
    [ -f "$key" ] || continue
    name=$(basename "$key")
    cp "$key" "$2/.$name.new"
    mv "$2/.$name.new" "$2/$name"
  done
}

if [ -n "${KEYS_FROM:-}${CLOSING_KEYS_FROM:-}" ]; then
  greencloud init >&2 # keys alone would make it a folder that is no data directory
  [ -z "${KEYS_FROM:-}" ] || take "$KEYS_FROM" "$GREENCLOUD_DATA/keys"
  [ -z "${CLOSING_KEYS_FROM:-}" ] || take "$CLOSING_KEYS_FROM" "$GREENCLOUD_DATA/keys/closing"
fi

exec greencloud "$@"
