"""Any value of ``greencloud.results`` as a document for programs, by its fields: exact, and amounts readable as well.

Emissions are ``{"micrograms": int, "kg_co2e": "decimal"}``, energy is ``{"millijoules": int, "kwh": "decimal"}``, a fraction is a
text, as ``1/20``, a time is ISO 8601 in UTC, a reporting year is ``2020`` or ``FY2022``. What is not known is null.
"""

from __future__ import annotations

from dataclasses import fields, is_dataclass
from datetime import datetime
from fractions import Fraction
from typing import Any

from greencloud.report.amounts import kg_decimal, kwh_decimal
from greencloud.results.reporting_year import ReportingYear
from greencloud.units import Emissions, Energy, format_instant

__all__ = ["document_of"]


def document_of(value: Any) -> Any:
    """Objects, lists, texts, integers, booleans and None."""
    match value:
        case Emissions():
            return {"micrograms": value.micrograms, "kg_co2e": kg_decimal(value.micrograms)}
        case Energy():
            return {"millijoules": value.millijoules, "kwh": kwh_decimal(value.millijoules)}
        case ReportingYear() | Fraction():
            return str(value)
        case datetime():
            return format_instant(value)
        case tuple() | list():
            return [document_of(each) for each in value]
        case str():
            return str(value)  # of an enum, its word
        case None | bool() | int():
            return value
        case _ if is_dataclass(value):
            return {field.name: document_of(getattr(value, field.name)) for field in fields(value)}
        case _:
            raise TypeError(f"no document has a {type(value).__name__}")
