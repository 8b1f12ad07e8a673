"""Explanations: the document that programs and pages read (``greencloud.explanation/1``), and its pages on the wire.

Every number of the document is a text, and stays one. Maps have no order on the wire: measures come in that of ``measures``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any, Final

from greencloud.units import format_instant, parse_instant
from greencloud.v1 import explanation_pb2, footprint_service_pb2
from greencloud.wire.quantities import instant_from_message, instant_to_message

__all__ = ["explained_page_from_message", "explained_page_to_message"]

Document = Mapping[str, Any]
_DIMENSIONS: Final = ("account", "service", "sku", "operation", "component", "region")


def explained_page_to_message(page: Document) -> footprint_service_pb2.ExplainFootprintResponse:
    """Of a document, whose ``windows`` are those of the page and whose ``rest`` are all others."""
    return footprint_service_pb2.ExplainFootprintResponse(
        account=page["account"],
        measures=list(page["amounts"]),
        amounts=page["amounts"],
        components=[
            explanation_pb2.ComponentAmounts(component=component, amounts=amounts)
            for component, amounts in page["by_component"].items()
        ],
        window_count=len(page["windows"]) + page["rest"]["windows"],
        windows=[_window_to_message(window) for window in page["windows"]],
        recomputations=[_recomputation_to_message(one) for one in page["recomputed"] or ()],
        ledger_version=page["ledger_version"],
        audience=page["audience"],
    )


def explained_page_from_message(message: footprint_service_pb2.ExplainFootprintResponse) -> dict[str, Any]:
    """Of a document: ``account``, ``audience``, ``ledger_version``, ``amounts``, ``by_component``, ``windows``, ``recomputed``; and
    the ``window_count`` of the whole figure. Raises QuantityError where an instant is out of range."""
    measures = list(message.measures)
    return {
        "account": message.account,
        "audience": message.audience,
        "amounts": _ordered(message.amounts, measures),
        "by_component": {each.component: _ordered(each.amounts, measures) for each in message.components},
        "window_count": message.window_count,
        "windows": [_window_from_message(window, message.account, measures) for window in message.windows],
        "recomputed": [_recomputation_from_message(one) for one in message.recomputations],
        "ledger_version": message.ledger_version,
    }


def _window_to_message(window: Document) -> explanation_pb2.ExplainedWindow:
    found = window["explanation"]
    return explanation_pb2.ExplainedWindow(
        batch=_batch_to_message(window),
        amounts=window["amounts"],
        explanation=None if found is None else _explanation_to_message(found),
        reason=window["reason"],
    )


def _window_from_message(message: explanation_pb2.ExplainedWindow, account: str, measures: Sequence[str]) -> dict[str, Any]:
    batch = _batch_from_message(message.batch)
    found = _explanation_from_message(message.explanation, measures) if message.HasField("explanation") else None
    where = {name: batch[name] for name in ("site", "window_start", "window_s")}
    return batch | {
        "amounts": _ordered(message.amounts, measures),
        "explanation": None if found is None else where | {"account": account} | found,
        "reason": message.reason,
    }


def _batch_to_message(batch: Document) -> explanation_pb2.ExplainedBatch:
    start = parse_instant(batch["window_start"])
    return explanation_pb2.ExplainedBatch(
        site=batch["site"],
        start_time=instant_to_message(start),
        end_time=instant_to_message(start + timedelta(seconds=batch["window_s"])),
        id=batch["batch_id"],
        methodology_version=batch["methodology_version"],
        facility_revision=batch["facility_revision"],
        usage_revision=batch["usage_revision"],
        provisional=batch["provisional"],
        create_time=instant_to_message(parse_instant(batch["created"])),
    )


def _batch_from_message(message: explanation_pb2.ExplainedBatch) -> dict[str, Any]:
    start, end = instant_from_message(message.start_time), instant_from_message(message.end_time)
    return {
        "site": message.site,
        "window_start": format_instant(start),
        "window_s": int((end - start).total_seconds()),
        "batch_id": message.id,
        "methodology_version": message.methodology_version,
        "facility_revision": message.facility_revision,
        "usage_revision": message.usage_revision,
        "provisional": message.provisional,
        "created": format_instant(instant_from_message(message.create_time)),
    }


def _explanation_to_message(found: Document) -> explanation_pb2.Explanation:
    return explanation_pb2.Explanation(
        audience=found["audience"],
        methodology_version=found["methodology_version"],
        facility_revision=found["facility_revision"],
        postings=[
            explanation_pb2.ExplainedPosting(
                **{name: posting[name] for name in ("service", "sku", "operation", "labels", "component", "quality")},
                operation_count=posting["count"],
                amounts=posting["amounts"],
                steps=posting["steps"],
            )
            for posting in found["postings"]
        ],
        steps=[
            explanation_pb2.ExplainedStep(
                **{name: step[name] for name in ("id", "stage", "title", "formula", "result", "unit", "source")},
                operands=[explanation_pb2.ExplainedOperand(**operand) for operand in step["operands"]],
            )
            for step in found["steps"]
        ],
        notes=found["notes"],
    )


def _explanation_from_message(message: explanation_pb2.Explanation, measures: Sequence[str]) -> dict[str, Any]:
    return {
        "audience": message.audience,
        "methodology_version": message.methodology_version,
        "facility_revision": message.facility_revision,
        "postings": [
            {
                "service": posting.service,
                "sku": posting.sku,
                "operation": posting.operation,
                "labels": posting.labels,
                "component": posting.component,
                "quality": posting.quality,
                "count": posting.operation_count,
                "amounts": _ordered(posting.amounts, measures),
                "steps": _ordered(posting.steps, measures),
            }
            for posting in message.postings
        ],
        "steps": [
            {
                "id": step.id,
                "stage": step.stage,
                "title": step.title,
                "formula": step.formula,
                "operands": [
                    {name: getattr(operand, name) for name in ("name", "value", "unit", "step", "source")}
                    for operand in step.operands
                ],
                "result": step.result,
                "unit": step.unit,
                "source": step.source,
            }
            for step in message.steps
        ],
        "notes": list(message.notes),
    }


def _recomputation_to_message(one: Document) -> explanation_pb2.Recomputation:
    return explanation_pb2.Recomputation(
        batch=_batch_to_message(one),
        same=one["same"],
        reason=one["reason"],
        posting_count=one["postings"],
        recomputed_id=one["recomputed_id"],
        differences=[explanation_pb2.RecomputedDifference(**difference) for difference in one["differences"]],
    )


def _recomputation_from_message(message: explanation_pb2.Recomputation) -> dict[str, Any]:
    return _batch_from_message(message.batch) | {
        "same": message.same,
        "reason": message.reason,
        "postings": message.posting_count,
        "recomputed_id": message.recomputed_id,
        "differences": [
            {
                "dimensions": _ordered(one.dimensions, _DIMENSIONS),
                "measure": one.measure,
                "posted": one.posted,
                "recomputed": one.recomputed,
            }
            for one in message.differences
        ],
    }


def _ordered(texts: Mapping[str, str], names: Sequence[str]) -> dict[str, str]:
    return {name: texts[name] for name in names if name in texts}
