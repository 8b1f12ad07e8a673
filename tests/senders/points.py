"""Counts with Temporal's Rust core, which sends deltas: points.py URL TOKEN ROUNDS. No Temporal server is needed for it.

In each round one more job is done and one second of CPU used. Ends when it is told to: the core flushes nothing at its end.
"""

from __future__ import annotations

import signal
import sys
import time
from datetime import timedelta

from temporalio.runtime import OpenTelemetryConfig, OpenTelemetryMetricTemporality, Runtime, TelemetryConfig

url, token, rounds = sys.argv[1:]
exporter = OpenTelemetryConfig(
    url=url,
    headers={"authorization": f"Bearer {token}"},
    metric_periodicity=timedelta(milliseconds=300),
    metric_temporality=OpenTelemetryMetricTemporality.DELTA,
)
runtime = Runtime(telemetry=TelemetryConfig(metrics=exporter, global_tags={"service.name": "temporal-worker"}))
jobs = runtime.metric_meter.create_counter("jobs_done", "jobs", "1")
cpu = runtime.metric_meter.create_counter("process.cpu.time", "CPU time", "s")
for _ in range(int(rounds)):
    jobs.add(1, {"queue": "orders"})
    cpu.add(1, {"cpu.mode": "user"})
    time.sleep(0.1)  # the pace of the work, so that there are several deltas
signal.pause()
