"""Small batches for the tests of the ledger: postings written as ``{account: millijoules}`` or as dictionaries of columns."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa

from greencloud.allocation import POSTING_MEASURES
from greencloud.ledger import Batch, Ledger, make_batch
from greencloud.ledger.columns import ROWS, UNCERTAINTIES, UNKNOWN
from greencloud.results import FootprintQuery
from greencloud.units import Window

START = datetime(2026, 1, 31, 22, tzinfo=UTC)  # two hours before the end of a day and of a month
CREATED = datetime(2026, 11, 23, 12, 30, 0, 250_000, tzinfo=UTC)
EVER = FootprintQuery(datetime(2000, 1, 1, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC))
EVER_BY_ACCOUNT = FootprintQuery(EVER.start, EVER.end, group_by=("account",))

DEFAULTS: dict[str, Any] = {
    "region": "r",
    "account": "a",
    "service": "",
    "sku": "",
    "operation": "",
    "labels": "{}",
    "component": "dynamic",
    "quality": "",
    "count": 0,
    **dict.fromkeys(POSTING_MEASURES, 0),
    **dict.fromkeys(UNCERTAINTIES, UNKNOWN),
}


@dataclass(frozen=True)
class Allocated:
    """What allocation hands over."""

    site: str
    window: Window
    postings: pa.Table
    totals: dict[str, int]
    rule: str = "reserved_and_used"
    methodology_version: str = "greencloud/1"
    facility_revision: str = "f" * 64
    notes: tuple[str, ...] = ()


def hour(number: int, seconds: int = 3600) -> Window:
    return Window(START + timedelta(hours=number), seconds)


def allocated(rows: Iterable[Mapping[str, Any]], site: str = "s", window: Window | None = None, **fields: Any) -> Allocated:
    window = window or hour(0)
    place = {"window_start": window.start, "window_s": window.seconds, "site": site}
    full = [{**DEFAULTS, **row, **place} for row in rows]
    totals = {name: sum(row[name] for row in full) for name in POSTING_MEASURES}
    return Allocated(site, window, pa.Table.from_pylist(full, ROWS), totals, **fields)


def batch(
    energy: Mapping[str, int], site: str = "s", window: Window | None = None, *, provisional: bool = False, **fields: Any
) -> Batch:
    rows = ({"account": account, "energy_mj": amount} for account, amount in energy.items())
    return make_batch(allocated(rows, site, window, **fields), usage_revision="u" * 64, provisional=provisional, created=CREATED)


def batch_of(rows: Iterable[Mapping[str, Any]], site: str = "s", window: Window | None = None, **fields: Any) -> Batch:
    return make_batch(allocated(rows, site, window, **fields), usage_revision="u" * 64, provisional=False, created=CREATED)


def energy_of(ledger: Ledger | Path, version: int | None = None) -> dict[str, int]:
    """Millijoules by account in what is visible."""
    opened = Ledger(ledger) if isinstance(ledger, Path) else ledger
    rows = opened.snapshot(version).footprint(EVER_BY_ACCOUNT)
    return {row.dimensions["account"]: row.energy.millijoules for row in rows}
