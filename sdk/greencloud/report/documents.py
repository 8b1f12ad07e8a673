"""Documents for programs (``-o json``): every amount twice, exact and readable.

An energy is ``{"millijoules": int, "kwh": "decimal"}``; emissions are ``{"micrograms": int, "kg_co2e": "decimal"}``. The integers
are exact at any size (JSON has no limit; a reader that keeps numbers as doubles is exact up to 2^53, 9,007 t); ``kg_co2e`` is
exact too, ``kwh`` is rounded at the ninth place. Times are ISO 8601 in UTC; periods are half-open.

Footprint: ``schema account period group_by granularity rows total provisional quality_flags methodology_versions balance``.
``account`` is null for all that the asker may see; ``period`` is null where nothing was ever posted, and ``total`` where nothing is
posted in the period: not known is not zero. ``balance`` is null where the windows cannot be seen (a tenant's view of a
server), else ``windows provisional_windows metered accounts pools difference``, over **all** accounts of the period's windows.

Rows and total say how sure they are: ``evidence`` is their energy by what it rests on (``measured modelled estimated
self_reported``), ``half_width`` that of the 95 % intervals of ``energy total_location_based total_market_based``, added up as
if all postings erred together, ``updated`` when the newest posting behind them was made. Each is null where it is not known.

With a change asked for, rows and total have ``change``: ``measure unit old new difference percent``, the integers of one measure
before and now; null where nothing was posted, ``percent`` also where ``old`` is 0.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any, Final

from greencloud.report.amounts import kg_decimal, kwh_decimal
from greencloud.report.certainty import evidence_of
from greencloud.report.changes import Pair, amount_of
from greencloud.report.sheet import EMISSION_FIELDS, TOTAL_FIELDS, WIDTH_FIELDS, Changes, total_of
from greencloud.results import BatchSummary, FootprintRow
from greencloud.units import Emissions, Energy, format_instant

__all__ = ["balance_document", "change_document", "emissions_document", "footprint_document", "measures_document"]

_FOOTPRINT_SCHEMA: Final = "greencloud.footprint/1"


def footprint_document(
    rows: Sequence[FootprintRow],
    *,
    account: str | None,
    period: tuple[datetime, datetime] | None,
    group_by: Sequence[str] = (),
    granularity: str = "all",
    batches: Iterable[BatchSummary] | None = None,
    changes: Changes | None = None,
) -> dict[str, Any]:
    """One account's footprint with its total, and the balance of the windows where ``batches`` are given."""
    total = total_of(rows) if rows else None
    pairs = changes.pairs if changes else [None] * len(rows)
    return {
        "schema": _FOOTPRINT_SCHEMA,
        "account": account,
        "period": None if period is None else {"start": format_instant(period[0]), "end": format_instant(period[1])},
        "group_by": list(group_by),
        "granularity": granularity,
        "rows": [{**_row(row), **change_document(pair, changes)} for row, pair in zip(rows, pairs, strict=True)],
        "total": {**measures_document(total), **_certainty(total), **change_document(changes.total if changes else None, changes)}
        if total
        else None,
        "provisional": total.provisional if total else False,
        "quality_flags": list(total.quality_flags) if total else [],
        "methodology_versions": list(total.methodology_versions) if total else [],
        "balance": None if batches is None else balance_document(batches),
    }


def change_document(pair: Pair | None, changes: Changes | None) -> dict[str, Any]:
    """``change``: of which measure, in which unit, old and new amount, the difference, and that in percent; null: not known."""
    if pair is None or changes is None:
        return {}
    measure = changes.measure
    return {
        "change": {
            "measure": measure,
            "unit": "millijoules" if measure == "energy" else "micrograms",
            "old": None if pair.old is None else amount_of(pair.old, measure),
            "new": None if pair.new is None else amount_of(pair.new, measure),
            "difference": pair.difference(measure),
            "percent": pair.percent(measure),
        }
    }


def balance_document(batches: Iterable[BatchSummary]) -> dict[str, Any]:
    """What the meters of the windows say, and who was charged: metered = accounts + pools, so the difference is zero."""
    batches = list(batches)
    pools = sorted({pool for batch in batches for pool in batch.pool_energy})
    return {
        "windows": len(batches),
        "provisional_windows": sum(batch.provisional for batch in batches),
        "metered": _energy(sum((batch.metered_energy for batch in batches), Energy())),
        "accounts": _energy(sum((batch.account_energy for batch in batches), Energy())),
        "pools": {pool: _energy(sum((b.pool_energy.get(pool, Energy()) for b in batches), Energy())) for pool in pools},
        "difference": _energy(sum((batch.difference for batch in batches), Energy())),
    }


def _row(row: FootprintRow) -> dict[str, Any]:
    return {
        "start": format_instant(row.start),
        "end": format_instant(row.end),
        "dimensions": dict(row.dimensions),
        **measures_document(row),
        "quality_flags": list(row.quality_flags),
        "provisional": row.provisional,
        "methodology_versions": list(row.methodology_versions),
        **_certainty(row),
    }


def _certainty(row: FootprintRow) -> dict[str, Any]:
    evidence = evidence_of(row)
    widths = {name: getattr(row, width) for name, width in zip(TOTAL_FIELDS, WIDTH_FIELDS, strict=True)}
    return {
        "evidence": None if evidence is None else {kind: _energy(part) for kind, part in evidence.items()},
        "half_width": {
            "energy": None if row.energy_half_width is None else _energy(row.energy_half_width),
            **{name: None if width is None else emissions_document(width) for name, width in widths.items()},
        },
        "updated": None if row.updated is None else format_instant(row.updated),
    }


def measures_document(row: FootprintRow) -> dict[str, Any]:
    """Every amount of a row."""
    return {
        "energy": _energy(row.energy),
        **{name: emissions_document(getattr(row, name)) for name in (*EMISSION_FIELDS, *TOTAL_FIELDS)},
        "operation_count": row.operation_count,
    }


def _energy(energy: Energy) -> dict[str, Any]:
    return {"millijoules": energy.millijoules, "kwh": kwh_decimal(energy.millijoules)}


def emissions_document(emissions: Emissions) -> dict[str, Any]:
    """An amount, exact and readable."""
    return {"micrograms": emissions.micrograms, "kg_co2e": kg_decimal(emissions.micrograms)}
