"""A disclosure for programs: JSON with every field, and CSV with a row a figure.

Numbers are decimal texts in JSON, so that no reader rounds them. In CSV several names of evidence are in one cell, apart by spaces
(a resource name has none); a text that a spreadsheet would run as a formula gets an apostrophe in front.
"""

from __future__ import annotations

import json
from typing import Any

from greencloud.report.dataset import Dataset, Field, Kind
from greencloud.report.delimited import csv_text
from greencloud.results.disclosures import Disclosure, Figure
from greencloud.units import format_instant

__all__ = ["disclosure_csv", "disclosure_document", "disclosure_json"]

_FIELDS = (
    Field("section"),
    Field("reference"),
    Field("field"),
    Field("label"),
    Field("value", Kind.DOUBLE),
    Field("unit"),
    Field("text"),
    Field("evidence"),
)


def disclosure_document(disclosure: Disclosure) -> dict[str, Any]:
    """``greencloud.disclosure/1``."""
    return {
        "schema": "greencloud.disclosure/1",
        "standard": disclosure.standard.value,
        "version": disclosure.version,
        "organization": disclosure.organization,
        "year": str(disclosure.year),
        "start": format_instant(disclosure.start),
        "end": format_instant(disclosure.end),
        "as_of": disclosure.as_of,
        "created": format_instant(disclosure.created),
        "notes": list(disclosure.notes),
        "sections": [
            {
                "title": section.title,
                "reference": section.reference,
                "figures": [_figure(figure) for figure in section.figures],
                "notes": list(section.notes),
            }
            for section in disclosure.sections
        ],
    }


def disclosure_json(disclosure: Disclosure) -> bytes:
    return (json.dumps(disclosure_document(disclosure), indent=2, ensure_ascii=False) + "\n").encode()


def disclosure_csv(disclosure: Disclosure) -> bytes:
    rows = tuple(
        (
            section.title,
            section.reference,
            figure.field,
            figure.label,
            figure.value,
            figure.unit,
            figure.text,
            " ".join(figure.evidence),
        )
        for section in disclosure.sections
        for figure in section.figures
    )
    return csv_text(Dataset(_FIELDS, rows)).encode()


def _figure(figure: Figure) -> dict[str, Any]:
    return {
        "field": figure.field,
        "label": figure.label,
        "value": None if figure.value is None else f"{figure.value:f}",
        "unit": figure.unit,
        "text": figure.text,
        "evidence": list(figure.evidence),
    }
