"""Compaction: the batches of a site's finished day in one segment, sorted by account and window.

A day of hourly segments has to be opened 24 times to answer for one account; one sorted segment a day is opened once, and the
account's rows lie together. No batch is changed by it: the version that it makes holds the same batches, of the same ids.

Only days that have ended and of which every batch is final are compacted, so that few are ever cut open again. What is copied is
added up by batch and measure first: a fault is named here and not carried on.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime, timedelta
from functools import partial
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc

from greencloud.errors import LeaseLostError, StorageFullError, StoreError, UnbalancedError
from greencloud.ledger.columns import MEASURES
from greencloud.ledger.header import Header
from greencloud.ledger.ledger import Ledger
from greencloud.ledger.segments import by_account, cached_headers, gather_headers, read_encoded
from greencloud.ledger.version import Commit, Segment, Version

__all__ = ["compact"]

_TRIES: Final = 20
_WIDE: Final = pa.decimal128(38, 0)

Day = tuple[str, date]


def compact(
    ledger: Ledger,
    until: datetime,
    *,
    lease: int | None = None,
    left: Callable[[str, date, StoreError], None] | None = None,
) -> int:
    """Compact every site's days that ended by ``until``, a commit each, and return how many were.

    ``left`` is told of each site's day that stays as it is since a segment of it is damaged; without, the first one ends it all.

    Raises:
        StoreError: a segment cannot be read, or does not hold what its headers say; that day stays as it is.
        StorageFullError: no room; that day and those after it stay as they are.
        LeaseLostError: another writer holds a later lease.
    """
    count = 0
    for day in sorted(_due(ledger.store.read(), until)):
        try:
            count += _compact(ledger, day, until, lease)
        except (LeaseLostError, StorageFullError):
            raise
        except StoreError as error:
            if left is None:
                raise
            left(*day, error)
    return count


def _due(version: Version, until: datetime) -> dict[Day, list[Segment]]:
    last = until.astimezone(UTC).date() - timedelta(days=1)
    found: dict[Day, list[Segment]] = defaultdict(list)
    for segment in version.segments(end=until):
        if segment.day <= last:
            found[segment.site, segment.day].append(segment)
    return {day: segments for day, segments in found.items() if len(segments) > 1}


def _compact(ledger: Ledger, day: Day, until: datetime, lease: int | None) -> bool:
    for _ in range(_TRIES):
        base = ledger.store.read()
        segments = _due(base, until).get(day, [])
        paths = [ledger.store.root / segment.path for segment in segments]
        gather_headers(paths, ledger.store.objects)
        headers = [header for path in paths for header in cached_headers(path, ledger.store.objects)]
        if not segments or any(header.summary.provisional for header in headers):
            return False
        rows = by_account(ledger.store.objects.read(paths, partial(_checked, ledger, segments)))
        with ledger.store.writing():
            merged = ledger.write(headers, rows)
            ledger.store.put([merged])
            ledger.checkpoint("segment_durable")
            commit = Commit([merged], segments, (), lease, {"greencloud.work": "compact"})
            try:
                done = ledger.store.commit(base, commit, ledger.clock())
            except BaseException:
                ledger.store.discard(base, [ledger.store.root / merged.path])
                raise
            if done:
                ledger.checkpoint("committed")
                return True
    return False  # others are at work on that day; the next time will do


def _checked(ledger: Ledger, segments: list[Segment]) -> list[pa.Table]:
    found = []
    for segment in segments:
        path = ledger.store.root / segment.path
        found.append(read_encoded(path, ledger.store.objects))
        check_sums(found[-1], cached_headers(path, ledger.store.objects), str(path))
    return found


def check_sums(rows: pa.Table, headers: Sequence[Header], path: str) -> None:
    """Raises StoreError where the rows of a segment are not those that its headers speak of."""
    wide = pa.table({"batch_id": rows["batch_id"], **{name: pc.cast(rows[name], _WIDE) for name in MEASURES}})
    sums = wide.group_by("batch_id").aggregate([(name, "sum") for name in MEASURES]).to_pylist()
    found = {each["batch_id"]: {name: int(each[f"{name}_sum"]) for name in MEASURES} for each in sums}
    for header in headers:
        posted = found.pop(header.summary.id, dict.fromkeys(MEASURES, 0))
        wrong = {name: header.totals[name] - posted[name] for name in MEASURES if header.totals[name] != posted[name]}
        if wrong:
            fault = UnbalancedError(f"{path}: {header.summary.site} at {header.summary.start}", residual=wrong)
            raise StoreError(f"{fault.message} does not add up to its header", path=path, advice="run greencloud doctor") from fault
    if found:
        raise StoreError(f"{path}: it holds postings of no batch", path=path, advice="run greencloud doctor")
