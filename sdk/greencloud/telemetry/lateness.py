"""Dead-letter files: what came too late to be counted, kept with its reason in a form that can be taken in again.

A record with such items becomes one file of OTLP JSON, named by its place in the log, so that writing it twice leaves one::

    beyond-the-horizon/tenant=acme/01795…-0000004711-000001-16-0.jsonl

``greencloud ingest --account acme FILE`` takes it in, as of any time, if the provider so decides; the hours that it is of are then
allocated anew. Files may be moved or deleted when they are dealt with.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Final
from urllib.parse import quote

from greencloud._otlp import Metrics, Traces
from greencloud.durable import replace_file
from greencloud.telemetry.admission import TOO_OLD, decoded, record_bounds
from greencloud.telemetry.index import Late
from greencloud.telemetry.otlp import items_as_json
from greencloud.telemetry.record import Record

__all__ = ["BEYOND_HORIZON", "SETTLED", "dead_letter_files", "write_late"]

BEYOND_HORIZON: Final = "beyond-the-horizon"
SETTLED: Final = "of-a-settled-hour"


def write_late(late: Late, directory: Path, settled_ns: int) -> int:
    """Keep the late items of a record in files of their own; gives how many they are.

    Raises:
        OSError: a file cannot be written.
    """
    record = late.record
    oldest_ns, newest_ns = record_bounds(record)
    beyond = _older(record, (oldest_ns, newest_ns))
    settled = _older(record, (max(oldest_ns, settled_ns), newest_ns)) - beyond if settled_ns > oldest_ns else set()
    who = f"tenant={quote(record.account, safe='')}" if record.role == "tenant" else "provider"
    for reason, items in ((BEYOND_HORIZON, beyond), (SETTLED, settled)):
        if items:
            document = items_as_json(record.signal, record.payload, items)
            name = f"{late.segment.removesuffix('.wal')}-{late.frame}-{late.number}.jsonl"
            replace_file(directory / reason / who / name, json.dumps(document, separators=(",", ":")) + "\n")
    return len(beyond) + len(settled)


def dead_letter_files(directory: Path) -> Iterator[Path]:
    """Every file that is there, in order."""
    yield from sorted(directory.glob("*/*/*.jsonl"))


def _older(record: Record, bounds: tuple[int, int]) -> set[int]:
    columns = Traces() if record.signal == "traces" else Metrics()
    decoded(columns, record.signal, record.payload, bounds)
    return {index for index, fault in enumerate(bytes(columns.fault)) if fault == TOO_OLD}
