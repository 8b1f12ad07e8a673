"""A raw lake of some telemetry, and what ingesting its files into a data directory makes of it."""

from __future__ import annotations

import gzip
import json
import random
from pathlib import Path

from greencloud.engine import DataDirectory, ingest_file
from greencloud.facility import Facility
from greencloud.telemetry import Collected, Record, TelemetryStore, WriteAheadLog
from greencloud.telemetry.otlp import items_as_json

__all__ = ["ingested", "laid_down"]


def laid_down(root: Path, records: list[Record], seed: int = 0) -> list[tuple[Path, str]]:
    """Write records to files of all kinds, as chance has it; gives the files of OTLP with their accounts."""
    chance = random.Random(seed)
    found = []
    with WriteAheadLog(root / "old" / "wal", min_free_bytes=0) as log:
        for number, record in enumerate(records):
            if chance.random() < 0.2:
                log.append(record)
                continue
            folder = root / "2026" / f"role={record.role}"
            if record.role == "tenant":
                folder /= f"account={record.account}"
            folder.mkdir(parents=True, exist_ok=True)
            kind = chance.choice(["jsonl", "binpb", "binpb.gz"])
            path = folder / f"{number:04}.{kind}"
            if kind == "jsonl":
                path.write_text(_json(record) + "\n")
            else:
                path.write_bytes(gzip.compress(record.payload) if kind.endswith("gz") else record.payload)
            found.append((path, record.account))
    return found


def ingested(data: Path, raw: Path, files: list[tuple[Path, str]], facility: Facility) -> Collected:
    """What a data directory into which all of it was taken makes of it."""
    directory = DataDirectory.open(data, create=True)
    for path in (raw / "old" / "wal").glob("*.wal"):
        directory.wal_directory.mkdir(exist_ok=True)
        (directory.wal_directory / path.name).write_bytes(path.read_bytes())
    for path, account in files:
        ingest_file(directory, path, account=account)
    return TelemetryStore(directory.wal_directory, data / "telemetry").collect(facility)


def _json(record: Record) -> str:
    return json.dumps(items_as_json(record.signal, record.payload, range(10_000)))
