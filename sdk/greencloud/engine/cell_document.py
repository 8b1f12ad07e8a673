"""An explained cell as plain values, for programs and pages; every number is a text (``allocation.explanation_document``).

A tenant is told whether its batches came out the same again, and the differences of its own account alone.
"""

from __future__ import annotations

from typing import Any, Final

from greencloud.allocation.explanation_document import explanation_document
from greencloud.engine.explain import Amounts, Cell, ExplainedCell, ExplainedWindow
from greencloud.engine.recomputation import Recomputation, window_of
from greencloud.results import BatchSummary
from greencloud.units import format_instant

__all__ = ["SCHEMA", "cell_document"]

SCHEMA: Final = "greencloud.explanation/1"


def cell_document(found: ExplainedCell) -> dict[str, Any]:
    cell, measures = found.cell, found.cell.where.measures
    again = found.recomputations
    return {
        "schema": SCHEMA,
        "account": cell.account,
        "from": format_instant(cell.start),
        "to": format_instant(cell.end),
        "sites": list(cell.sites),
        "services": list(cell.where.services),
        "skus": list(cell.where.skus),
        "operations": list(cell.where.operations),
        "components": list(cell.where.components),
        "audience": cell.audience,
        "ledger_version": found.ledger_version,
        "amounts": _texts(found.amounts, measures),
        "by_component": {name: _texts(amounts, measures) for name, amounts in found.components.items()},
        "windows": [_window(window, measures) for window in found.windows],
        "rest": {"windows": found.rest_count, "amounts": _texts(found.rest, measures)},
        "recomputed": None if again is None else [_again(one, cell) for one in again],
    }


def _window(window: ExplainedWindow, measures: tuple[str, ...]) -> dict[str, Any]:
    return _batch(window.batch) | {
        "amounts": _texts(window.amounts, measures),
        "explanation": None if window.explanation is None else explanation_document(window.explanation),
        "reason": window.reason,
    }


def _batch(batch: BatchSummary) -> dict[str, Any]:
    return {
        "site": batch.site,
        "window_start": format_instant(batch.start),
        "window_s": window_of(batch).seconds,
        "batch_id": batch.id,
        "methodology_version": batch.methodology_version,
        "facility_revision": batch.facility_revision,
        "usage_revision": batch.usage_revision,
        "provisional": batch.provisional,
        "created": format_instant(batch.created),
    }


def _again(again: Recomputation, cell: Cell) -> dict[str, Any]:
    shown = [one for one in again.differences if cell.audience == "provider" or one.dimensions["account"] == cell.account]
    return _batch(again.batch) | {
        "same": again.same,
        "reason": again.reason,
        "postings": again.postings if cell.audience == "provider" else 0,
        "recomputed_id": again.recomputed_id,
        "differences": [
            {
                "dimensions": one.dimensions,
                "measure": one.measure,
                "posted": str(one.posted),
                "recomputed": str(one.recomputed),
            }
            for one in shown
        ],
    }


def _texts(amounts: Amounts, measures: tuple[str, ...]) -> dict[str, str]:
    return {measure: str(amounts[measure]) for measure in measures}
