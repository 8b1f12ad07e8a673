#!/bin/sh
# Builds the kernels with AddressSanitizer and UndefinedBehaviorSanitizer in a temporary directory and runs their tests.
#
#   PYTHON=.venv/bin/python tests/asan.sh                      # all of them
#   PYTHON=.venv/bin/python KERNELS=_otlp tests/asan.sh tests/test_otlp_decoder.py    # others stay as they are built in sdk/
#
# Needs gcc with libasan and libubsan, and what the test extra brings. Any report of a sanitizer ends the run with a failure.
# pytest must leave the file of standard error alone, or reports would vanish with it.
# The interpreter keeps memory to its end, so leaks are not looked for; PYTHONMALLOC=malloc lets overruns of Python's own small
# objects be seen.
set -eu
cd "$(dirname "$0")/.."
all=$(cd ext/greencloud && for source in *.pyx; do echo "${source%.pyx}"; done)
kernels=$(echo ${KERNELS:-$all})
tests="tests/test_allocation_kernel.py tests/test_allocation_shapley.py tests/test_allocation_fleet.py tests/test_telemetry_series.py
    tests/test_telemetry_spans.py tests/test_otlp_decoder.py tests/test_ledger_sums_kernel.py"
[ $# -eq 0 ] || tests=$*
python=$(command -v "${PYTHON:-python}")
case $python in /*) ;; *) python=$PWD/$python ;; esac
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cp -R setup.py pyproject.toml README.md LICENSE MANIFEST.in proto ext sdk tests "$work/"
cd "$work"
for kernel in $all; do
    case " $kernels " in
        *" $kernel "*) rm -f sdk/greencloud/"$kernel".*.so ;;
        *) rm ext/greencloud/"$kernel".pyx ;;
    esac
done
flags="-fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer -g1 -O1"
"$python" - <<'PY'
import re
from pathlib import Path

path = Path("setup.py")  # the temporary copy: sanitizers want their own optimisation level
path.write_text(re.sub(r"extra_compile_args=\[[^]]*\]", "extra_compile_args=[]", path.read_text()))
PY
CC=gcc CFLAGS="$flags" LDFLAGS="-fsanitize=address,undefined" "$python" setup.py -q build_ext --inplace
for kernel in $kernels; do
    nm -D sdk/greencloud/"$kernel".*.so | grep -q __asan_report  # it is instrumented, so a clean run means something
done
LD_PRELOAD="$(gcc -print-file-name=libasan.so):$(gcc -print-file-name=libubsan.so)" \
ASAN_OPTIONS=detect_leaks=0:abort_on_error=0 UBSAN_OPTIONS=print_stacktrace=1 \
PYTHONMALLOC=malloc PYTHONPATH="$work/sdk" PYTHONDONTWRITEBYTECODE=1 \
"$python" -c '
import importlib, sys
work, kernels, tests = sys.argv[1:]
for name in kernels.split():
    kernel = importlib.import_module(f"greencloud.{name}")
    assert kernel.__file__.startswith(work), kernel.__file__
import pytest
raise SystemExit(pytest.main(["-p", "no:cacheprovider", "-o", "timeout=0", "--capture=sys", *tests.split()]))
' "$work" "$kernels" "$tests"
