#!/bin/sh
# Fuzzes the OTLP decoder, guided by coverage, under AddressSanitizer and UndefinedBehaviorSanitizer (libFuzzer; needs clang).
#
#   tests/fuzz/fuzz.sh 3600            for an hour, on one core; the corpus grows in build/fuzz
#   tests/fuzz/fuzz.sh replay          the stored corpus once, no search
#   tests/fuzz/fuzz.sh minimise        the found corpus down to one input for each piece of coverage, into build/fuzz-minimised
#
# A finding stops it with a failure and leaves the input as build/crash-*. Afterwards `python tests/otlp_differential.py --replay
# build/fuzz` reads all that was found with protobuf as well, and compares verdicts and values.
set -eu
cd "$(dirname "$0")/../.."
mkdir -p build/fuzz
${CC:-clang} -g -O1 -fno-omit-frame-pointer -fsanitize=fuzzer,address,undefined -fno-sanitize-recover=all \
    -Iext/greencloud tests/fuzz/otlp_fuzz.c -o build/otlp_fuzz
common="-max_len=4096 -timeout=10 -rss_limit_mb=2048 -artifact_prefix=build/ -print_final_stats=1 -verbosity=${VERBOSITY:-0}"
# shellcheck disable=SC2086  # options are words
case ${1:-60} in
replay) build/otlp_fuzz $common -runs=0 tests/fuzz/corpus ;;
minimise)
    rm -rf build/fuzz-minimised && mkdir build/fuzz-minimised
    build/otlp_fuzz $common -merge=1 build/fuzz-minimised tests/fuzz/corpus build/fuzz
    ;;
*) build/otlp_fuzz $common -max_total_time="${1:-60}" -dict=tests/fuzz/otlp.dict build/fuzz tests/fuzz/corpus ;;
esac
