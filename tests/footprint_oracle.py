"""What a footprint query over batches must give, by a plain loop over their postings."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import fields
from datetime import datetime, timedelta
from fractions import Fraction
from math import ceil
from typing import Any

from greencloud.allocation import POSTING_MEASURES
from greencloud.ledger import Batch
from greencloud.results import FootprintQuery, FootprintRow, Granularity
from greencloud.units import Emissions, Energy, Window

LINES = tuple(field.name for field in fields(FootprintRow) if field.name.startswith("scope"))
TOTALS = {
    "energy": ("energy_mj",),
    "location": ("scope1_ug", "scope2_location_ug", "scope3_upstream_location_ug", "scope3_embodied_ug"),
    "market": ("scope1_ug", "scope2_market_ug", "scope3_upstream_market_ug", "scope3_embodied_ug"),
}


def period_of(query: FootprintQuery, window: Window) -> tuple[datetime, datetime]:
    at = window.start
    day = at.replace(hour=0, minute=0)
    match query.granularity:
        case Granularity.ALL:
            return query.start, query.end
        case Granularity.WINDOW:
            return at, window.end
        case Granularity.HOUR:
            return at.replace(minute=0), at.replace(minute=0) + timedelta(hours=1)
        case Granularity.DAY:
            return day, day + timedelta(days=1)
        case Granularity.MONTH:
            month = day.replace(day=1)
            return month, next_month(month)
        case Granularity.QUARTER | Granularity.YEAR:
            begins = {query.fiscal_year_start_month}
            if query.granularity is Granularity.QUARTER:
                begins = {(query.fiscal_year_start_month - 1 + 3 * quarter) % 12 + 1 for quarter in range(4)}
            start = day.replace(day=1)
            while start.month not in begins:
                start = (start - timedelta(days=1)).replace(day=1)
            end = next_month(start)
            while end.month not in begins:
                end = next_month(end)
            return start, end


def next_month(month: datetime) -> datetime:
    return month.replace(month=month.month % 12 + 1, year=month.year + month.month // 12)


SCOPE_LINES = {
    "scope1": {"scope1_ug"},
    "scope2": {"energy_mj", "scope2_location_ug", "scope2_market_ug"},
    "scope3": {"scope3_upstream_location_ug", "scope3_upstream_market_ug", "scope3_embodied_ug"},
    "": {*POSTING_MEASURES, "count"},
}


def expected(query: FootprintQuery, batches: Sequence[Batch]) -> list[FootprintRow]:
    groups: dict[tuple[Any, ...], list[tuple[dict[str, Any], Batch, str]]] = defaultdict(list)
    for each in batches:
        if not query.start <= each.summary.start < query.end:
            continue
        for row in each.postings.to_pylist():
            if query.accounts is not None and row["account"] not in query.accounts:
                continue
            filters = {
                "service": query.services, "region": query.regions, "site": query.sites,
                "sku": query.skus, "operation": query.operations, "component": query.components,
            }  # fmt: skip
            if any(values and row[name] not in values for name, values in filters.items()):
                continue
            row["methodology_version"] = each.summary.methodology_version
            if query.methodology_versions and row["methodology_version"] not in query.methodology_versions:
                continue
            labels = json.loads(row["labels"])
            for scope in ("scope1", "scope2", "scope3") if "scope" in query.group_by else ("",):
                values = [
                    scope if name == "scope" else labels.get(name[6:], "") if name.startswith("label:") else row[name]
                    for name in query.group_by
                ]
                groups[(*period_of(query, each.window), *values)].append((row, each, scope))
    rows = []
    for key, members in sorted(groups.items()):
        kept = SCOPE_LINES[members[0][2]]
        sums = {name: sum(row[name] for row, _, _ in members) if name in kept else 0 for name in (*POSTING_MEASURES, "count")}
        emissions: dict[str, Any] = {line: Emissions(sums[name]) for line, name in zip(LINES, POSTING_MEASURES[1:], strict=True)}
        rows.append(
            FootprintRow(
                start=key[0],
                end=key[1],
                dimensions=dict(zip(query.group_by, key[2:], strict=True)),
                energy=Energy(sums["energy_mj"]),
                **emissions,
                operation_count=sums["count"],
                quality_flags=tuple(sorted({flag for row, _, _ in members for flag in row["quality"].split(",") if flag})),
                provisional=any(each.summary.provisional for _, each, _ in members),
                methodology_versions=tuple(sorted({each.summary.methodology_version for _, each, _ in members})),
                **energy_by_class(members),
                **half_widths(members),
                updated=max(each.summary.created for _, each, _ in members),
            )
        )
    return rows


def energy_by_class(members: list[tuple[dict[str, Any], Batch, str]]) -> dict[str, Any]:
    """Of scope rows, on scope2 alone."""
    sums = dict.fromkeys(("measured", "modelled", "estimated", "self_reported"), 0)
    for row, _, scope in members:
        flags = row["quality"].split(",")
        weakest = next((name for name in ("self_reported", "estimated", "modelled") if name in flags), "measured")
        sums[weakest] += row["energy_mj"] if scope in {"", "scope2"} else 0
    return {f"{name}_energy": Energy(amount) for name, amount in sums.items()}


def half_widths(members: list[tuple[dict[str, Any], Batch, str]]) -> dict[str, Any]:
    """Of scope rows, that of energy alone, on scope2."""
    found: dict[str, Any] = {}
    for name, lines in TOTALS.items():
        ratios = [row[f"{name}_uncertainty_ppm"] for row, _, _ in members]
        amounts = [sum(row[line] for line in lines) for row, _, _ in members]
        width = sum(ceil(Fraction(amount * ratio, 10**6)) for amount, ratio in zip(amounts, ratios, strict=True))
        meant = members[0][2] == "" or (members[0][2] == "scope2" and name == "energy")
        kind = Energy if name == "energy" else Emissions
        found[f"{name}_half_width"] = kind(width) if meant and min(ratios) >= 0 else None
    return found
