"""Data sets as CSV and TSV, one line a row, and no total line: whoever sums a column would add the total up again.

**CSV** (RFC 4180, lines end with a line feed): texts are quoted and numbers are not. Names come from telemetry and may hold any
character, so a text that a spreadsheet would run as a formula gets an apostrophe in front. What is not known is an empty text.

**TSV** is for ``cut`` and ``awk``: nothing is quoted, and a tab, line end or backslash within a text is written as ``\\t``,
``\\n``, ``\\r`` or ``\\\\`` (as PostgreSQL's COPY does), so that a line is a row and a tab a column, always.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from decimal import Decimal

from greencloud.report.dataset import Dataset, Value
from greencloud.report.footprint_data import footprint_data
from greencloud.results import FootprintRow
from greencloud.units import format_instant

__all__ = ["csv_text", "footprint_csv", "inert", "plain", "tsv_text"]

_FORMULA = ("=", "+", "-", "@", "\t", "\r")
_ESCAPES = str.maketrans({"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r"})


def csv_text(data: Dataset) -> str:
    """A heading line, then the rows."""
    lines = [",".join(_quoted(field.name) for field in data.fields)]
    lines += [",".join(_csv_cell(value) for value in row) for row in data.rows]
    return "".join(f"{line}\n" for line in lines)


def tsv_text(data: Dataset) -> str:
    """A heading line, then the rows."""
    lines = ["\t".join(field.name.translate(_ESCAPES) for field in data.fields)]
    lines += ["\t".join(plain(value).translate(_ESCAPES) for value in row) for row in data.rows]
    return "".join(f"{line}\n" for line in lines)


def footprint_csv(rows: Sequence[FootprintRow], group_by: Sequence[str]) -> str:
    """Rows of a footprint; the columns are those of ``footprint_data``."""
    return csv_text(footprint_data(rows, group_by))


def inert(text: str) -> str:
    """Names come from telemetry: a spreadsheet must not run one as a formula."""
    return f"'{text}" if text.startswith(_FORMULA) else text


def plain(value: Value) -> str:
    """A value with every digit and no quotes; what is not known is empty."""
    match value:
        case None:
            return ""
        case bool():
            return str(value).lower()
        case datetime():
            return format_instant(value)
        case date():
            return value.isoformat()
        case Decimal():
            return f"{value:f}"
        case _:
            return str(value)


def _csv_cell(value: Value) -> str:
    number = isinstance(value, int | Decimal) and not isinstance(value, bool)
    return plain(value) if number else _quoted(inert(value) if isinstance(value, str) else plain(value))


def _quoted(text: str) -> str:
    return '"' + text.replace('"', '""') + '"'
