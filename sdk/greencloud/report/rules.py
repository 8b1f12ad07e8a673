"""Allocation rules side by side: what each charges to whom, and how far that is from the first rule.

Rows are footprint rows with a dimension ``rule`` beside those compared by. The sheet shows one measure: a column for each rule, and
behind every rule but the first the change from it. A rule changes who pays, never how much, so the totals are the same; what must
be known of the figures stands below the sheet, once for all rows.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from fractions import Fraction
from typing import Any, Final

from greencloud.report.amounts import EMISSION_UNITS, ENERGY_UNITS, scale_for
from greencloud.report.documents import measures_document
from greencloud.report.markdown import table_markdown
from greencloud.report.sheet import EMISSION_FIELDS, PROVISIONAL, TOTAL_FIELDS, Column, Sheet, printable, total_of
from greencloud.report.tables import table_text
from greencloud.results import FootprintRow
from greencloud.units import format_instant

__all__ = ["rules_document", "rules_markdown", "rules_table"]

_RULES_SCHEMA: Final = "greencloud.rules/1"
_TITLES: Final = {
    "energy": "Energy",
    "total_location_based": "CO2e, location-based,",
    "total_market_based": "CO2e, market-based,",
    "scope3_embodied": "CO2e, embodied,",
}
"""Of the measures that a sheet can show."""


def rules_table(rows: Sequence[FootprintRow], by: Sequence[str], rules: Sequence[str], measure: str) -> str:
    """For a terminal."""
    if not rows:
        return "There is nothing to compare.\n"
    head = [_title(rules, measure), _period(rows), ""]
    return "\n".join([*head, *table_text(_sheet(rows, by, rules, measure)), *_remarks(rows)]) + "\n"


def rules_markdown(rows: Sequence[FootprintRow], by: Sequence[str], rules: Sequence[str], measure: str) -> str:
    """For documents."""
    if not rows:
        return "There is nothing to compare.\n"
    head = [f"{_title(rules, measure)}; {_period(rows)}.", ""]
    return "\n".join([*head, *table_markdown(_sheet(rows, by, rules, measure)), *_remarks(rows)]) + "\n"


def rules_document(rows: Sequence[FootprintRow], by: Sequence[str], rules: Sequence[str], notes: Iterable[str]) -> dict[str, Any]:
    """For programs: ``schema rules by provisional rows notes``; a row is ``dimensions rules``, the latter by rule with every
    measure, its ``quality_flags`` and the exact ``difference`` from the first rule.
    """
    return {
        "schema": _RULES_SCHEMA,
        "rules": list(rules),
        "by": list(by),
        "provisional": any(row.provisional for row in rows),
        "rows": [
            {"dimensions": dict(zip(by, key, strict=True)), "rules": {rule: _ruled(found, rule, rules[0]) for rule in rules}}
            for key, found in _grouped(rows, by).items()
        ],
        "notes": list(notes),
    }


def _ruled(found: Mapping[str, FootprintRow], rule: str, first: str) -> dict[str, Any]:
    row = found[rule]
    return {**measures_document(row), "quality_flags": list(row.quality_flags), "difference": _differences(row, found[first])}


def _differences(row: FootprintRow, first: FootprintRow) -> dict[str, int]:
    return {
        "energy_millijoules": row.energy.millijoules - first.energy.millijoules,
        **{f"{name}_micrograms": _amount(row, name) - _amount(first, name) for name in (*EMISSION_FIELDS, *TOTAL_FIELDS)},
    }


def _sheet(rows: Sequence[FootprintRow], by: Sequence[str], rules: Sequence[str], measure: str) -> Sheet:
    groups = _grouped(rows, by)
    totals = {rule: sum(_amount(found[rule], measure) for found in groups.values()) for rule in rules}
    scale = scale_for(totals.values(), ENERGY_UNITS if measure == "energy" else EMISSION_UNITS)
    columns = [Column((name,)) for name in by]
    for rule in rules:
        columns.append(Column((rule, scale.unit), numeric=True))
        if rule != rules[0]:
            columns.append(Column(("change",), numeric=True))

    def cells(amounts: Mapping[str, int]) -> list[str]:
        shown = []
        for rule in rules:
            shown.append(scale.show(amounts[rule]))
            if rule != rules[0]:
                shown.append(_change(amounts[rule], amounts[rules[0]]))
        return shown

    body = tuple(
        (*(printable(value) or "(none)" for value in key), *cells({rule: _amount(found[rule], measure) for rule in rules}))
        for key, found in groups.items()
    )
    lead = ("total", *[""] * (len(by) - 1)) if by else ()
    return Sheet(tuple(columns), body, (*lead, *cells(totals)) if len(groups) > 1 else None)


def _change(amount: int, first: int) -> str:
    if amount == first:
        return "0 %"
    return f"{float(Fraction(amount - first, first)):+,.1%}".replace("%", " %") if first else "new"


def _grouped(rows: Sequence[FootprintRow], by: Sequence[str]) -> dict[tuple[str, ...], dict[str, FootprintRow]]:
    groups: dict[tuple[str, ...], dict[str, FootprintRow]] = {}
    for row in rows:
        groups.setdefault(tuple(row.dimensions[name] for name in by), {})[row.dimensions["rule"]] = row
    return groups


def _amount(row: FootprintRow, measure: str) -> int:
    return row.energy.millijoules if measure == "energy" else int(getattr(row, measure).micrograms)


def _title(rules: Sequence[str], measure: str) -> str:
    return f"{_TITLES[measure]} by rule" + (f", and the change from {rules[0]}" if len(rules) > 1 else "")


def _remarks(rows: Sequence[FootprintRow]) -> list[str]:
    total = total_of(rows)
    lines = [f"Quality: {', '.join(total.quality_flags)}."] if total.quality_flags else []
    lines += [PROVISIONAL] if total.provisional else []
    return ["", *lines] if lines else []


def _period(rows: Sequence[FootprintRow]) -> str:
    return f"{format_instant(min(row.start for row in rows))} to {format_instant(max(row.end for row in rows))}"
