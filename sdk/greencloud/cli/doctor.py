"""``greencloud doctor``: examine an installation and a data directory, with a remedy for each fault."""

from __future__ import annotations

import json
import os
import platform
import shutil
import sys
from collections.abc import Iterator
from dataclasses import asdict
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING

import click

from greencloud import __version__
from greencloud.cli._doctor_books import books_findings
from greencloud.cli._doctor_servers import feed_findings, lease_findings, shared_log_findings
from greencloud.cli._finding import Finding, guarded
from greencloud.cli._options import log_option, output_option
from greencloud.cli._source import Source, optional_server_options
from greencloud.errors import GreencloudError, NotFoundError, StoreError
from greencloud.units import format_instant

if TYPE_CHECKING:
    from greencloud.engine import DataDirectory
    from greencloud.results import BatchSummary

__all__ = ["command"]

LIBRARIES = ("grpcio", "protobuf", "click", "pyarrow", "deltalake", "duckdb", "opentelemetry-proto", "pyjwt", "greencloud-otel")
LOW_SPACE = 1 << 30


@click.command(name="doctor")
@click.option(
    "--data",
    type=click.Path(path_type=Path, file_okay=False),
    envvar="GREENCLOUD_DATA",
    metavar="DIR",
    help="Data directory to examine.",
)
@log_option
@optional_server_options
@output_option("table", "json")
def command(data: Path | None, log: str, source: Source | None, output: str) -> None:
    """Show versions, and the state of a data directory: facility book, keys, audit trail, log, usage, ledger and balance, closed
    periods, and the provider's books with their evidence.

    With --server or --profile: where each value is from, and the server's name, connection, TLS, health, credential, clock and
    version. Reads only. Ends with exit code 1 if there is a fault.

    \b
    Examples:
      greencloud doctor --data ./data
      greencloud doctor --profile prod -o json
    """
    findings = list(_installation())
    if data:
        findings += guarded("data directory", _data_directory(data))
        findings += guarded("shared log", shared_log_findings(data, log))
        findings += guarded("feed", feed_findings(data))
        findings += guarded("lease", lease_findings(data))
    if source:
        from greencloud.cli._server_check import server_findings

        findings += guarded("server", server_findings(source))
    if output == "json":
        click.echo(json.dumps([asdict(finding) for finding in findings], indent=2))
    else:
        for finding in findings:
            click.echo(f"{finding.status:5}  {finding.topic:15} {finding.text}")
            if finding.remedy:
                click.echo(f"{'':22} {finding.remedy}")
    if any(finding.status == "fault" for finding in findings):
        sys.exit(1)


def _installation() -> Iterator[Finding]:
    yield Finding(
        "greencloud", "ok", f"{__version__}, Python {platform.python_version()}, {platform.system()} {platform.machine()}"
    )
    versions = []
    for name in LIBRARIES:
        try:
            versions.append(f"{name} {metadata.version(name)}")
        except metadata.PackageNotFoundError:
            versions.append(f"{name} not installed")
    yield Finding("libraries", "ok", ", ".join(versions))


def _data_directory(path: Path) -> Iterator[Finding]:
    from greencloud.engine import DataDirectory
    from greencloud.inventory import Journal

    directory = DataDirectory.open(path, create=False)
    free = shutil.disk_usage(path).free
    low = free < LOW_SPACE
    remedy = "make room: below 64 MiB the server refuses telemetry, so that nothing stored is harmed" if low else ""
    yield Finding("disk", "note" if low else "ok", f"{free / (1 << 30):,.1f} GiB free", remedy)
    if directory.objects.remote:
        yield from guarded("store", _store(directory))
    yield from guarded("facility book", _facility(directory))
    yield from guarded("keys", _keys(directory))
    yield from guarded("audit trail", _audit(directory))
    yield from guarded("log", _log(directory))
    yield from guarded("usage", _usage(directory))
    yield from guarded("ledger", _ledger(directory))
    yield from guarded("closes", _closes(directory))
    yield from guarded("books", books_findings(Journal(directory.books_directory, objects=directory.objects)))


def _store(directory: DataDirectory) -> Iterator[Finding]:
    place = directory.store_place
    copies = sum(path.stat().st_size for path in directory.path.rglob("*") if path.is_file() and not path.stat().st_mode & 0o222)
    text = f"{place.uri}; copies of its objects take {copies / 10**9:,.1f} of {place.cache_bytes / 10**9:,.1f} GB here"
    try:
        place.examine(directory.path)
    except StoreError as error:
        yield Finding("store", "fault", error.message, error.advice)
    else:
        yield Finding("store", "ok", text)


def _facility(directory: DataDirectory) -> Iterator[Finding]:
    book = directory.facility()
    text = f"{len(book.sites)} sites, {len(book.hosts)} hosts, {len(book.accounts)} accounts, revision {book.revision[:12]}"
    if directory.facility_file() is None:
        remedy = "apply your own: greencloud serve --data DIR --facility facility.toml"
        yield Finding("facility book", "note", f"the starter book is in force: its factors are named defaults ({text})", remedy)
    else:
        yield Finding("facility book", "ok", text)


def _keys(directory: DataDirectory) -> Iterator[Finding]:
    keys = directory.keys_directory
    if not keys.exists():
        yield Finding("keys", "note", "no signing key yet", "greencloud serve and greencloud token make one")
        return
    exposed = [path.name for path in sorted(keys.iterdir()) if path.stat().st_mode & 0o077]
    if exposed:
        yield Finding("keys", "fault", f"others can read {', '.join(exposed)}", f"chmod -R go-rwx {keys}, then issue new tokens")
    else:
        yield Finding("keys", "ok", "readable by their owner only")


def _audit(directory: DataDirectory) -> Iterator[Finding]:
    trail = directory.audit
    faults = trail.faults()
    if faults:
        remedy = f"{trail.remedy}; nothing that is noted in it can be done before"
        yield from (Finding("audit trail", "fault", fault, remedy) for fault in faults)
        return
    lines, head = trail.head()
    open_ones = sum(not entry.outcome for entry in trail.entries())
    text = f"{lines:,} lines, each bound to the one before; the last is {head[:16]}" if lines else "nothing was done yet"
    yield Finding("audit trail", "ok", text + (f"; {open_ones:,} actions without an outcome" if open_ones else ""))


def _log(directory: DataDirectory) -> Iterator[Finding]:
    from greencloud.engine.gathering import gather
    from greencloud.telemetry import scan_log

    state = scan_log(directory.wal_directory)
    text = f"{state.records:,} requests in {state.segments} segments, {state.bytes / (1 << 20):,.1f} MiB"
    if state.torn:
        text += f"; {len(state.torn)} torn tails (never acknowledged, left out)"
    yield Finding("log", "ok", text)
    if state.faults:
        remedy = "restore the named segment from a backup; allocation stops here rather than leave telemetry out"
        yield from (Finding("log", "fault", fault, remedy) for fault in state.faults)
        return
    found = directory.telemetry.state()
    if found.settled_ns:
        until = format_instant(datetime.fromtimestamp(found.settled_ns // 10**9, UTC))
        yield Finding(
            "settled", "ok", f"hours before {until} are settled; {found.archive_bytes / (1 << 20):,.1f} MiB in the archive"
        )
    if found.late_files:
        remedy = "see docs/operations.md, Late telemetry: take them in with greencloud ingest, or delete them"
        yield Finding("late", "note", f"{len(found.late_files):,} dead-letter files", remedy)
    collected = gather(directory).collected
    yield Finding(
        "telemetry",
        "ok",
        f"{collected.span_count:,} spans in {found.hours:,} hours, {collected.duplicate_count:,} repeats left out",
    )
    for letter in collected.dead_letters:
        yield Finding("dead letters", "note", f"{letter.count:,} x {letter.reason} (first: {letter.example})")


def _usage(directory: DataDirectory) -> Iterator[Finding]:
    damaged = list(directory.segments.verify())
    if damaged:
        yield from (Finding("usage files", "fault", error.message, error.advice) for error in damaged)
        return
    usage = directory.segments.read()
    yield Finding("usage files", "ok", f"{usage.rows.num_rows:,} rows, {usage.readings.num_rows:,} host readings")


def _closes(directory: DataDirectory) -> Iterator[Finding]:
    closes = directory.closes
    faults = list(closes.faults())
    if faults:
        remedy = "restore closes/ and keys/closing/ from a backup; what customers hold of the log shows which copy is true"
        yield from (Finding("closes", "fault", fault, remedy) for fault in faults)
        return
    found = closes.in_force()
    yield Finding("closes", "ok", f"{len(found):,} periods closed" + (", every entry and tree as it was signed" if found else ""))
    for name in closes.changed(directory.ledger.snapshot()):
        remedy = f"greencloud ledger close --data DIR {name}: the new entry names the one that it restates"
        yield Finding("closes", "note", f"{name}: the ledger says something else now than was closed", remedy)


def _ledger(directory: DataDirectory) -> Iterator[Finding]:
    snapshot = directory.ledger.snapshot()
    batches = snapshot.batches()
    provisional = sum(batch.provisional for batch in batches)
    place = f"{directory.ledger_place.uri}, " if directory.ledger_place.uri else ""
    text = f"{place}version {snapshot.version}, {len(batches):,} batches visible, {provisional:,} provisional"
    yield Finding("ledger", "ok", text)
    faults = directory.ledger.verify()
    if faults:
        yield from (
            Finding("ledger", "fault", fault, "restore the named file from a backup; do not edit segments") for fault in faults
        )
    else:
        yield Finding("balance", "ok", "every visible batch adds up to its meters, difference 0")
    yield _inputs(directory, batches)
    waiting = datetime.now(UTC) - max((batch.created for batch in batches), default=datetime.now(UTC))
    if batches:
        yield Finding("freshness", "ok", f"last batch posted {int(waiting.total_seconds()):,} s ago")
    if os.geteuid() == 0:
        yield Finding("user", "note", "running as root", "a service account of its own is safer")


def _inputs(directory: DataDirectory, batches: list[BatchSummary]) -> Finding:
    """Batches that cannot be computed again. A note and no fault: the batches stand, and older ones never had their inputs kept.

    In an object store they are looked for and not read: that would be to fetch all that was ever known.
    """
    missing, damaged = [], []
    kept = set(directory.inputs.revisions()) if directory.objects.remote else set()
    for batch in batches:
        if directory.objects.remote:
            missing += [] if batch.usage_revision in kept else [batch]
            continue
        try:
            directory.inputs.read(batch.usage_revision)
        except NotFoundError:
            missing.append(batch)
        except GreencloudError as error:
            damaged.append((batch, error.message))
    if not missing and not damaged:
        return Finding("inputs", "ok", "every visible batch can be computed again from what it was made from")
    parts = [f"{len(missing):,} batches without their inputs (first: {_named(missing[0])})"] if missing else []
    parts += [f"{len(damaged):,} with damaged inputs (first: {_named(damaged[0][0])}: {damaged[0][1]})"] if damaged else []
    remedy = "restore the folder inputs from a backup; batches from before inputs were kept have none"
    return Finding("inputs", "note", "; ".join(parts), remedy)


def _named(batch: BatchSummary) -> str:
    return f"{batch.site} {format_instant(batch.start)}, usage revision {batch.usage_revision[:12]}"
