"""Sends spans with the stock Python SDK, set up by the usual OTEL_* variables alone: spans.py COUNT [SPANS_A_SECOND]"""

from __future__ import annotations

import sys
import time

from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor

count = int(sys.argv[1])
pace = float(sys.argv[2]) if len(sys.argv) > 2 else 0.0
provider = TracerProvider()
provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(), max_queue_size=10_000, max_export_batch_size=200))
tracer = provider.get_tracer("sender")
start = time.time_ns() - 1_000_000_000
for index in range(count):
    tracer.start_span(f"job {index % 3}", start_time=start, attributes={"index": index}).end(start + 20_000_000)
    if pace and index % 100 == 99:
        time.sleep(100 / pace)
provider.shutdown()
