"""Restatements for people (a table, summed over windows) and for programs (documents and CSV, one entry a line, exact).

Document of one restatement: ``site start end old_batch new_batch restated causes requested_by reason kept changes
changes_left_out lines``. A line has ``account service region sku component measure unit old new difference percent``: integers
in ``unit`` (millijoules or micrograms), and the difference in percent of the old amount, rounded at the fourth place, null where
that was zero.
"""

from __future__ import annotations

import csv
import io
import json
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final

from greencloud.report.amounts import EMISSION_UNITS, ENERGY_UNITS, percent, scale_for
from greencloud.report.delimited import inert
from greencloud.report.sheet import Column, Sheet
from greencloud.report.tables import table_text
from greencloud.results import Restatement, RestatementLine, RunSummary
from greencloud.units import format_instant

__all__ = [
    "dry_run_document",
    "percent",
    "restatement_document",
    "restatements_csv",
    "restatements_document",
    "restatements_jsonl",
    "restatements_table",
]

_SCHEMA: Final = "greencloud.restatements/1"
_DRY_RUN_SCHEMA: Final = "greencloud.dry_run/1"
_SCOPE_3: Final = "scope3_embodied"
_SHOWN: Final = {
    "energy": ("energy",),
    "location-based": ("scope1", "scope2_location_based", "scope3_upstream_location_based", _SCOPE_3),
    "market-based": ("scope1", "scope2_market_based", "scope3_upstream_market_based", _SCOPE_3),
}
_KEYS: Final = ("account", "service", "region", "sku", "component")


def restatements_table(restatements: Sequence[Restatement]) -> str:
    """What changed by account, service and component over all windows, each restatement's words, and what the book changed."""
    if not restatements:
        return "Nothing is restated.\n"
    lines = [f"{len(restatements):,} restatements, CO2e; exact figures by window: -o json", ""]
    body = tuple(_rows(restatements))
    heading = ("account", "service", "component", "measure", "old", "new", "difference", "percent", "cause")
    columns = tuple(Column((name,), numeric=name in {"old", "new", "difference", "percent"}) for name in heading)
    lines += table_text(Sheet(columns, body)) if body else ["No amount changes."]
    lines.append("")
    lines += dict.fromkeys(_said(each) for each in restatements)
    changes = dict.fromkeys((change.path, change.old, change.new) for each in restatements for change in each.changes)
    lines += [f"book: {path}: {old or '(none)'} -> {new or '(none)'}" for path, old, new in list(changes)[:20]]
    if len(changes) > 20:
        lines.append(f"book: {len(changes) - 20:,} more changes: -o json")
    lost = [each for each in restatements if not each.kept]
    lines += [f"lost: the record of {each.site} at {format_instant(each.start)}; greencloud doctor says more" for each in lost]
    return "\n".join(lines) + "\n"


def _rows(restatements: Sequence[Restatement]) -> Iterator[tuple[str, ...]]:
    sums: dict[tuple[str, ...], list[int]] = defaultdict(lambda: [0, 0])
    causes: dict[tuple[str, ...], dict[str, None]] = defaultdict(dict)
    for each in restatements:
        for line in each.lines:
            for shown, measures in _SHOWN.items():
                if line.measure in measures:
                    key: tuple[str, ...] = (line.account, line.service, line.component, shown)
                    sums[key][0] += line.old
                    sums[key][1] += line.new
                    causes[key].update(dict.fromkeys(each.causes))
    units = {name: ENERGY_UNITS if name == "energy" else EMISSION_UNITS for name in _SHOWN}
    scales = {
        name: scale_for([amount for key, both in sums.items() if key[-1] == name for amount in both], units[name])
        for name in _SHOWN
    }
    for key, (old, new) in sorted(sums.items()):
        if old != new:
            scale = scales[key[-1]]
            told = f"{key[-1]}, {scale.unit}"
            share = percent(old, new, places=2)
            yield (
                *key[:-1],
                told,
                scale.show(old),
                scale.show(new),
                scale.show(new - old),
                "" if share is None else f"{share} %",
                ", ".join(causes[key]),
            )


def _said(each: Restatement) -> str:
    who = f" by {each.requested_by}" if each.requested_by else ""
    return f"restated {format_instant(each.restated)}{who} ({', '.join(each.causes)})" + (f": {each.reason}" if each.reason else "")


def restatements_document(restatements: Iterable[Restatement]) -> dict[str, Any]:
    return {"schema": _SCHEMA, "restatements": [restatement_document(each) for each in restatements]}


def dry_run_document(run: RunSummary) -> dict[str, Any]:
    """What a run would do: the batches that it would post, the windows that it would refuse, and the restatements."""
    return {
        "schema": _DRY_RUN_SCHEMA,
        "would_post": [
            {
                "id": batch.id,
                "site": batch.site,
                "start": format_instant(batch.start),
                "end": format_instant(batch.end),
                "supersedes": batch.supersedes,
                "provisional": batch.provisional,
                "causes": list(batch.causes),
            }
            for batch in run.posted
        ],
        "unchanged": run.unchanged_count,
        "would_refuse": [
            {"site": each.site, "start": format_instant(each.start), "end": format_instant(each.end), "message": each.message}
            for each in run.refused
        ],
        "restatements": [restatement_document(each) for each in run.restatements],
    }


def restatements_jsonl(restatements: Iterable[Restatement]) -> str:
    """One document a line."""
    return "".join(json.dumps(restatement_document(each), ensure_ascii=False) + "\n" for each in restatements)


def restatement_document(restatement: Restatement) -> dict[str, Any]:
    return {
        "site": restatement.site,
        "start": format_instant(restatement.start),
        "end": format_instant(restatement.end),
        "old_batch": restatement.old_batch,
        "new_batch": restatement.new_batch,
        "restated": format_instant(restatement.restated),
        "causes": list(restatement.causes),
        "requested_by": restatement.requested_by,
        "reason": restatement.reason,
        "kept": restatement.kept,
        "changes": [{"path": each.path, "old": each.old, "new": each.new} for each in restatement.changes],
        "changes_left_out": restatement.changes_left_out,
        "lines": [_line(line) for line in restatement.lines],
    }


def _line(line: RestatementLine) -> dict[str, Any]:
    return {
        **{name: getattr(line, name) for name in _KEYS},
        "measure": line.measure,
        "unit": _unit(line),
        "old": line.old,
        "new": line.new,
        "difference": line.difference,
        "percent": percent(line.old, line.new),
    }


def restatements_csv(restatements: Iterable[Restatement]) -> str:
    """One row a line of a restatement; one that changes no amount has none."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n", quoting=csv.QUOTE_NONNUMERIC)
    head = ("site", "start", "end", "restated", "causes", "requested_by", "reason")
    writer.writerow([*head, *_KEYS, "measure", "unit", "old", "new", "difference", "percent", "old_batch", "new_batch"])
    for each in restatements:
        told = [
            inert(each.site),
            *(format_instant(instant) for instant in (each.start, each.end, each.restated)),
            " ".join(each.causes),
            inert(each.requested_by),
            inert(each.reason),
        ]
        for line in each.lines:
            writer.writerow(
                [
                    *told,
                    *(inert(getattr(line, name)) for name in _KEYS),
                    line.measure,
                    _unit(line),
                    line.old,
                    line.new,
                    line.difference,
                    percent(line.old, line.new) or "",
                    each.old_batch,
                    each.new_batch,
                ]
            )
    return text.getvalue()


def _unit(line: RestatementLine) -> str:
    return "millijoules" if line.measure == "energy" else "micrograms"
