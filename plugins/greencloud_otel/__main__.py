"""``opentelemetry-instrument python -m greencloud_otel``: what is active in a process that is started so. Exit code 1: nothing."""

from __future__ import annotations

import sys

from greencloud_otel._check import check

if __name__ == "__main__":
    report = check()
    sys.stdout.write(f"{report}\n")
    sys.exit(0 if report.active else 1)
