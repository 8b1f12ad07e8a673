"""From the ledger to product footprints: what each SKU in each region emitted over a period, and where it was restated.

A product's reference period begins with the first window that a site of its region has in the period asked for, and ends with the
last. Emissions that are charged to no SKU (unsold capacity that the provider keeps, use that is of nobody) are no product's; their
share of the region is told with each of its products.

A restatement that changed a line of a product makes another footprint of it. All batches that one run restated count as one step.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from fractions import Fraction
from typing import Any, Final, Protocol, runtime_checkable

from greencloud.inventory.books import LedgerSnapshot
from greencloud.ledger.coverage import Span, covered_by_all, seconds_in, union_of
from greencloud.results import BatchSummary, FootprintQuery, FootprintRow, Restatement
from greencloud.results.disclosures import LedgerEnergy
from greencloud.results.product_footprints import ProductFootprint, product_footprint_id
from greencloud.units import Emissions, Energy, format_instant

__all__ = ["ProductLedger", "RegionZones", "ledger_energy", "product_footprints"]

_LINES: Final = (
    "scope1",
    "scope2_location_based",
    "scope2_market_based",
    "scope3_upstream_location_based",
    "scope3_upstream_market_based",
    "scope3_embodied",
)
_MOST_PRECEDING: Final = 100


class ProductLedger(LedgerSnapshot, Protocol):
    """The part of a ledger's snapshot that product footprints need."""

    def restatements(self, start: datetime | None = None, end: datetime | None = None) -> list[Restatement]: ...

    def lives(self) -> dict[str, tuple[datetime, datetime]]: ...


@runtime_checkable
class RegionZones(Protocol):
    """What the facility book says of where regions are."""

    def grid_zones(self) -> Mapping[str, tuple[str, ...]]: ...


@dataclass(frozen=True, slots=True)
class _Step:
    """A restatement of a product: when, and why."""

    at: datetime
    reason: str


def product_footprints(
    ledger: ProductLedger, start: datetime, end: datetime, zones: Mapping[str, tuple[str, ...]] | None = None
) -> list[ProductFootprint]:
    """Of every (SKU, region) that was charged in ``[start, end)``, in order of SKU, then region."""
    rows = ledger.footprint(FootprintQuery(start, end, group_by=("sku", "region", "site")))
    grouped: dict[tuple[str, str], list[FootprintRow]] = {}
    for row in rows:
        grouped.setdefault((row.dimensions["sku"], row.dimensions["region"]), []).append(row)
    spans = _spans_by_region(rows, ledger.batches(start, end))
    steps = _steps(ledger.restatements(start, end))
    exempted = _exempted(rows)
    return [
        _product(key, of, spans[key[1]], steps.get(key, []), exempted[key[1]], ledger.version, (zones or {}).get(key[1], ()))
        for key, of in sorted(grouped.items())
        if key[0] and spans.get(key[1])
    ]


def ledger_energy(ledger: LedgerSnapshot, start: datetime, end: datetime) -> LedgerEnergy | None:
    """Energy of all sites in the period, and for how much of it; None where the ledger holds nothing of it."""
    batches = [batch for batch in ledger.batches(start, end) if not batch.withdrawn]
    if not batches:
        return None
    rows = ledger.footprint(FootprintQuery(start, end))
    common = covered_by_all(batches, {batch.site for batch in batches})
    return LedgerEnergy(
        energy=sum((row.energy for row in rows), Energy()),
        measured=sum((row.measured_energy for row in rows), Energy()),
        covered_seconds=seconds_in((first, min(last, end)) for first, last in common),
        year_seconds=seconds_in([(start, end)]),
        ledger_version=ledger.version,
    )


def _product(  # noqa: PLR0917  one call, all of it needed
    key: tuple[str, str],
    rows: Sequence[FootprintRow],
    spans: Sequence[Span],
    steps: Sequence[_Step],
    exempted: Fraction,
    version: int,
    zones: tuple[str, ...],
) -> ProductFootprint:
    sku, region = key
    start, end, covered = spans[0][0], spans[-1][1], seconds_in(spans)
    updated = max((row.updated for row in rows if row.updated is not None), default=None)
    provisional = any(row.provisional for row in rows)
    # What is provisional changes without a restatement, so it is another footprint with each posting.
    last = f"provisional {format_instant(updated)}" if provisional and updated else ""
    states = [last, *(f"{last}{format_instant(step.at)}" for step in steps)]
    ids = [product_footprint_id(sku, region, start=start, end=end, covered_seconds=covered, state=state) for state in states]
    energy = sum((row.energy for row in rows), Energy())
    measured = sum((row.measured_energy for row in rows), Energy())
    amounts: dict[str, Any] = {name: sum((getattr(row, name) for row in rows), Emissions()) for name in _LINES}
    return ProductFootprint(
        id=ids[-1],
        sku=sku,
        region=region,
        start=start,
        end=end,
        covered_seconds=covered,
        ledger_version=version,
        energy=energy,
        **amounts,
        operation_count=sum(row.operation_count for row in rows),
        exempted=exempted,
        measured_share=Fraction(measured.millijoules, energy.millijoules) if energy.millijoules else Fraction(0),
        methodology_versions=tuple(sorted({each for row in rows for each in row.methodology_versions})),
        grid_zones=zones,
        provisional=provisional,
        updated=updated,
        preceding=tuple(ids[-2::-1][:_MOST_PRECEDING]),
        restatement_reason=steps[-1].reason if steps else "",
    )


def _steps(restatements: Iterable[Restatement]) -> dict[tuple[str, str], list[_Step]]:
    """The steps that changed each product, in order of time."""
    found: dict[tuple[str, str], dict[datetime, str]] = {}
    for each in restatements:
        reason = each.reason or ", ".join(each.causes).replace("_", " ")
        for line in each.lines:  # those that differ
            found.setdefault((line.sku, line.region), {}).setdefault(each.restated, reason)
    return {key: [_Step(at, reason) for at, reason in sorted(steps.items())] for key, steps in found.items()}


def _spans_by_region(rows: Iterable[FootprintRow], batches: Iterable[BatchSummary]) -> dict[str, list[Span]]:
    """The time that a site of each region covers, merged and in order."""
    regions = {row.dimensions["site"]: row.dimensions["region"] for row in rows}
    found: dict[str, list[Span]] = {}
    for batch in batches:
        if not batch.withdrawn and batch.site in regions:
            found.setdefault(regions[batch.site], []).append((batch.start, batch.end))
    return {region: union_of(spans) for region, spans in found.items()}


def _exempted(rows: Iterable[FootprintRow]) -> dict[str, Fraction]:
    """Of each region, the share of emissions (market-based) that is charged to no SKU."""
    totals: dict[str, list[int]] = {}
    for row in rows:
        sums = totals.setdefault(row.dimensions["region"], [0, 0])
        sums[0] += row.total_market_based.micrograms
        sums[1] += 0 if row.dimensions["sku"] else row.total_market_based.micrograms
    return {region: Fraction(none, whole) if whole else Fraction(0) for region, (whole, none) in totals.items()}
