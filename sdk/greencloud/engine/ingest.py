"""Taking files: OTLP goes through the same log as what arrives over gRPC, usage tables become usage segments.

Which a file is follows from its name: ``.json .jsonl .binpb .pb .otlp`` are OTLP, ``.parquet .arrow .feather .csv`` are usage
(rows or host readings); each may be compressed with ``.gz``. A file of the same content is taken once.

What was taken is remembered where it lies: telemetry in this directory, usage in the object store where the directory is a cache of
one, as ``ingested/SHA256.json``.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from greencloud.engine.data import DataDirectory
from greencloud.engine.following import check_followed
from greencloud.errors import NotFoundError, UsageDataError
from greencloud.telemetry import WriteAheadLog, records_from_file, take
from greencloud.telemetry.shared_log import RecordLog, SharedLog
from greencloud.usage import read_usage

__all__ = ["OTLP_SUFFIXES", "USAGE_SUFFIXES", "Ingested", "ingest_file"]

OTLP_SUFFIXES = (".json", ".jsonl", ".ndjson", ".binpb", ".pb", ".otlp")
USAGE_SUFFIXES = (".parquet", ".arrow", ".feather", ".csv")
RECORD = "ingested.jsonl"


@dataclass(frozen=True, slots=True)
class Ingested:
    """What became of one file. ``kind`` is "otlp", "usage" or "known" (the same content was taken before)."""

    path: str
    kind: str
    requests: int = 0
    rows: int = 0
    readings: int = 0
    rejected: int = 0
    message: str = ""


def ingest_file(
    data: DataDirectory,
    path: Path,
    *,
    account: str = "",
    received_ns: int | None = None,
    progress: Callable[[int], object] = int,
    log: SharedLog | None = None,
) -> Ingested:
    """Take one file. With ``account`` OTLP is taken as that tenant's own; without, as the provider's. It goes to the shared ``log``
    that the directory follows, if it follows one.

    Raises:
        NotFoundError: there is no such file.
        UsageDataError, DecodeError: its content is wrong; nothing of a usage file is kept then. Of an OTLP file, the requests
            before the fault are, and taking the mended file again counts them once.
    """
    if not path.is_file():
        raise NotFoundError(f"there is no file {path}")
    digest = _digest(path)
    stored = data.path.absolute() / "ingested" / f"{digest}.json"
    if any(entry["sha256"] == digest and entry.get("account", "") == account for entry in data.remembered(RECORD)):
        return Ingested(str(path), "known")
    suffix = (Path(path.stem).suffix if path.suffix.lower() == ".gz" else path.suffix).lower()
    if suffix in USAGE_SUFFIXES and account:
        raise UsageDataError(
            f"{path.name} is a usage table, whose rows name their accounts themselves; it cannot be taken for {account} alone",
            path=str(path),
            advice="leave --account out, and take only tables that you vouch for: they are the provider's word",
        )
    shared = suffix in USAGE_SUFFIXES and data.objects.remote
    if shared and data.objects.exists(stored):
        return Ingested(str(path), "known")
    if suffix in USAGE_SUFFIXES:
        taken = _usage(data, path)
    elif suffix in OTLP_SUFFIXES:
        taken = _otlp(data, path, account, time.time_ns() if received_ns is None else received_ns, progress, shared=log)
    else:
        raise UsageDataError(
            f"what {path.name} holds cannot be told from its name",
            path=str(path),
            advice=f"OTLP: {' '.join(OTLP_SUFFIXES)}; usage: {' '.join(USAGE_SUFFIXES)}; each may end in .gz",
        )
    entry = {"sha256": digest, "path": str(path), "account": account, "kind": taken.kind}
    if shared:
        data.objects.create(stored, json.dumps(entry, sort_keys=True).encode() + b"\n")
    else:
        data.remember(RECORD, entry)
    return taken


def _usage(data: DataDirectory, path: Path) -> Ingested:
    usage = read_usage(path)
    data.segments.write(usage)
    return Ingested(str(path), "usage", rows=usage.rows.num_rows, readings=usage.readings.num_rows)


def _otlp(
    data: DataDirectory, path: Path, account: str, received_ns: int, progress: Callable[[int], object], *, shared: SharedLog | None
) -> Ingested:
    role = "tenant" if account else "provider"
    requests = rejected = 0
    message = ""
    if shared is None:
        check_followed(data)
    own = WriteAheadLog(data.wal_directory)
    log: RecordLog = shared or own
    try:
        for record in records_from_file(path, role=role, account=account, received_ns=received_ns):
            admission = take(log, record.signal, record.payload, role=role, account=account, received_ns=received_ns, live=False)
            requests += 1
            rejected += admission.rejected
            message = message or admission.message
            progress(requests)
    finally:
        own.close()
    return Ingested(str(path), "otlp", requests=requests, rejected=rejected, message=message)


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
