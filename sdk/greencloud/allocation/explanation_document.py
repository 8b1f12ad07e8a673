"""An explanation as plain values, for JSON: complete, so that a program can run the arithmetic again.

Every number is a text, ``"123"`` or ``"22/7"``, because amounts outgrow the numbers of many JSON readers and ratios are exact.
The language of formulas is told in ``greencloud.allocation.formula``.
"""

from __future__ import annotations

from typing import Any

from greencloud.allocation.explanation import ExplainedPosting, Explanation
from greencloud.allocation.steps import Operand, Step
from greencloud.units import format_instant

__all__ = ["explanation_document"]


def explanation_document(explanation: Explanation) -> dict[str, Any]:
    return {
        "site": explanation.site,
        "window_start": format_instant(explanation.window.start),
        "window_s": explanation.window.seconds,
        "account": explanation.account,
        "audience": explanation.audience,
        "methodology_version": explanation.methodology_version,
        "facility_revision": explanation.facility_revision,
        "postings": [_posting(posting) for posting in explanation.postings],
        "steps": [_step(step) for step in explanation.steps],
        "notes": list(explanation.notes),
    }


def _posting(posting: ExplainedPosting) -> dict[str, Any]:
    return {
        "service": posting.service,
        "sku": posting.sku,
        "operation": posting.operation,
        "labels": posting.labels,
        "component": posting.component,
        "quality": posting.quality,
        "count": str(posting.count),
        "amounts": {measure: str(amount) for measure, amount in posting.amounts.items()},
        "steps": dict(posting.steps),
    }


def _step(step: Step) -> dict[str, Any]:
    return {
        "id": step.id,
        "stage": step.stage,
        "title": step.title,
        "formula": step.formula,
        "operands": [_operand(operand) for operand in step.operands],
        "result": str(step.result),
        "unit": step.unit,
        "source": step.source,
    }


def _operand(operand: Operand) -> dict[str, str]:
    return {
        "name": operand.name,
        "value": str(operand.value),
        "unit": operand.unit,
        "step": operand.step,
        "source": operand.source,
    }
