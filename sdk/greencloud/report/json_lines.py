"""Data sets as JSON Lines: one object a row, in UTF-8, every number with all its digits.

JSON sets no limit to a number. A reader that keeps numbers as doubles is exact up to 2^53 (9,007 t of CO2e in micrograms); Python,
DuckDB and jq 1.7 keep the digits.
"""

from __future__ import annotations

import json
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from greencloud.report.dataset import Dataset
from greencloud.units import format_instant

__all__ = ["json_lines"]


def json_lines(data: Dataset) -> str:
    return "".join(f"{_written(record)}\n" for record in data.records())


def _written(value: Any) -> str:
    match value:
        case dict():
            return (
                "{" + ", ".join(f"{json.dumps(name, ensure_ascii=False)}: {_written(part)}" for name, part in value.items()) + "}"
            )
        case Decimal():
            return f"{value:f}"
        case datetime():
            return f'"{format_instant(value)}"'
        case date():
            return f'"{value.isoformat()}"'
        case _:
            return json.dumps(value, ensure_ascii=False)
