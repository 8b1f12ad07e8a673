"""Postings for the benchmarks of the ledger: 10,000 accounts of 8 services, an hour at a time, the same in every run.

An hour is 138,889 postings: each account's dynamic energy of each service and the overhead on most of them, so that 720 hours are
100 million. Amounts vary as they do in a real site: by account over four orders of magnitude (lognormal), by hour, and by a factor
of the grid that is one for the hour; emissions are apportioned from the hour's totals, so that each line is the energy times a
ratio, rounded.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import numpy as np
import pyarrow as pa

from greencloud.allocation import POSTING_MEASURES, POSTINGS
from greencloud.ledger import Batch, make_batch
from greencloud.units import Window

ACCOUNTS, SERVICES, ROWS = 10_000, 8, 138_889
SITE = "hall-a"


@dataclass(frozen=True, slots=True)
class Allocated:
    site: str
    window: Window
    postings: pa.Table
    totals: Mapping[str, int]
    rule: str = "reserved_and_used"
    methodology_version: str = "greencloud/1 reserved_and_used"
    facility_revision: str = "f" * 64
    notes: tuple[str, ...] = field(default=())


class Hours:
    """``accounts`` and ``rows`` scale the whole down for a trial."""

    def __init__(self, accounts: int = ACCOUNTS, rows: int = ROWS) -> None:
        generator = np.random.default_rng(7)
        place = np.arange(rows)
        self.rows = rows
        account, rest = place % accounts, place // accounts
        service, overhead = rest % SERVICES, rest >= SERVICES
        self._account = pa.array([f"account-{number:05}" for number in range(accounts)]).take(pa.array(account))
        self._service = pa.array([f"service-{number}" for number in range(SERVICES)]).take(pa.array(service))
        self._component = pa.array(["dynamic", "overhead"]).take(pa.array(overhead.astype("int32")))
        self._scale = generator.lognormal(12.0, 1.6, rows) * np.where(overhead, 0.2, 1.0)  # some 160 J, to MJ

    def postings(self, window: Window) -> pa.Table:
        generator = np.random.default_rng(window.start_us // 1_000_000)
        energy = np.maximum(1, self._scale * generator.lognormal(0.0, 0.3, self.rows)).astype("int64")
        grid = 300 + 200 * np.sin(window.start_us / 3.6e9 / 24 * 6.283)  # g/kWh; in µg/mJ it is grid / 3,600
        lines = {
            "energy_mj": energy,
            "scope1_ug": np.zeros(self.rows, "int64"),
            "scope2_location_ug": _rounded(energy, grid / 3600),
            "scope2_market_ug": _rounded(energy, grid / 3600 * 0.4),
            "scope3_upstream_location_ug": _rounded(energy, 60 / 3600),
            "scope3_upstream_market_ug": _rounded(energy, 40 / 3600),
            "scope3_embodied_ug": np.zeros(self.rows, "int64"),
        }
        count = self.rows
        columns = {
            "window_start": pa.repeat(pa.scalar(window.start, pa.timestamp("us", tz="UTC")), count),
            "window_s": pa.repeat(pa.scalar(window.seconds, pa.int32()), count),
            "site": pa.repeat(SITE, count),
            "region": pa.repeat("eu-1", count),
            "account": self._account,
            "service": self._service,
            "sku": pa.repeat("", count),
            "operation": pa.repeat("", count),
            "labels": pa.repeat("{}", count),
            "component": self._component,
            "quality": pa.repeat("", count),
            "count": pa.repeat(pa.scalar(0, pa.int64()), count),
            **{name: pa.array(values) for name, values in lines.items()},
        }
        return pa.table([columns[name] for name in POSTINGS.names], schema=POSTINGS)

    def batch(self, window: Window) -> Batch:
        postings = self.postings(window)
        totals = {name: int(np.asarray(postings[name]).sum()) for name in POSTING_MEASURES}
        allocated = Allocated(SITE, window, postings, totals)
        return make_batch(allocated, usage_revision="u" * 64, provisional=False, created=window.end)


def windows(start: datetime, hours: int) -> Iterator[Window]:
    for number in range(hours):
        yield Window(start + timedelta(hours=number), 3600)


def _rounded(energy: np.ndarray, ratio: float) -> np.ndarray:
    return np.floor(energy * ratio + 0.5).astype("int64")


MONTH = datetime(2026, 10, 1, tzinfo=UTC)
