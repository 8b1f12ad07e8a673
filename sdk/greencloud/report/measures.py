"""Measures that reduce emissions: a table for people, a document and CSV for programs.

Document: ``greencloud.measures/1`` (``schema measures``). Amounts are as in ``greencloud.report.documents``; shares and money are
exact, as ``1/20``.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from fractions import Fraction
from typing import Any, Final

from greencloud.report.amounts import EMISSION_UNITS, kg_decimal, scale_for
from greencloud.report.dataset import Dataset, Field, Kind
from greencloud.report.delimited import csv_text
from greencloud.report.documents import emissions_document
from greencloud.report.goals import number_text
from greencloud.report.sheet import Column, Sheet
from greencloud.report.tables import table_text
from greencloud.results.forecasts import Measure
from greencloud.units import Emissions, round_half_even

__all__ = ["kg_cell", "measure_document", "measures_csv", "measures_document", "measures_table", "money_cell"]

_MEASURES: Final = "greencloud.measures/1"


def measures_table(measures: Sequence[Measure]) -> str:
    """A line a measure."""
    if not measures:
        return "There are no measures.\n"
    scale = scale_for([measure.reduction.micrograms for measure in measures], EMISSION_UNITS)
    columns = (
        Column(("measure",)),
        Column(("name",)),
        Column(("scopes",)),
        Column(("start",)),
        Column(("reduction", f"{scale.unit} a year"), numeric=True),
        Column(("ramp", "years"), numeric=True),
        Column(("life", "years"), numeric=True),
        Column(("capital",), numeric=True),
        Column(("a year",), numeric=True),
        Column(("currency",)),
        Column(("committed",)),
    )
    rows = tuple(
        (
            measure.name,
            measure.display_name,
            ", ".join(measure.scopes),
            str(measure.start),
            scale.show(measure.reduction.micrograms),
            str(measure.ramp_years),
            str(measure.lifetime_years),
            number_text(measure.capital_cost, 2),
            number_text(measure.annual_cost, 2),
            measure.currency,
            "yes" if measure.committed else "",
        )
        for measure in measures
    )
    return "\n".join(table_text(Sheet(columns, rows))) + "\n"


def measures_csv(measures: Sequence[Measure]) -> str:
    """A line a measure; money with six decimals at the most, and exactly in the document."""
    fields = (
        *(Field(name) for name in ("measure", "display_name", "scopes", "start")),
        Field("reduction_kg_co2e", Kind.MASS),
        *(Field(name, Kind.COUNT) for name in ("ramp_years", "lifetime_years")),
        *(Field(name, Kind.DOUBLE) for name in ("capital_cost", "annual_cost")),
        Field("currency"),
        Field("committed", Kind.FLAG),
        Field("source"),
    )
    rows = tuple(
        (
            measure.name,
            measure.display_name,
            " ".join(measure.scopes),
            str(measure.start),
            kg_cell(measure.reduction),
            measure.ramp_years,
            measure.lifetime_years,
            money_cell(measure.capital_cost),
            money_cell(measure.annual_cost),
            measure.currency,
            measure.committed,
            measure.source,
        )
        for measure in measures
    )
    return csv_text(Dataset(fields, rows))


def measures_document(measures: Sequence[Measure]) -> dict[str, Any]:
    return {"schema": _MEASURES, "measures": [measure_document(measure) for measure in measures]}


def measure_document(measure: Measure) -> dict[str, Any]:
    return {
        "name": measure.name,
        "display_name": measure.display_name,
        "scopes": list(measure.scopes),
        "start": str(measure.start),
        "reduction": emissions_document(measure.reduction),
        "ramp_years": measure.ramp_years,
        "lifetime_years": measure.lifetime_years,
        "capital_cost": str(measure.capital_cost),
        "annual_cost": str(measure.annual_cost),
        "currency": measure.currency,
        "overlaps": [{"measure": overlap.measure, "share": str(overlap.share)} for overlap in measure.overlaps],
        "committed": measure.committed,
        "source": measure.source,
        "etag": measure.etag,
        "created_by": measure.created_by,
    }


def kg_cell(amount: Emissions | None) -> Decimal | None:
    """Kilograms, exactly."""
    return None if amount is None else Decimal(kg_decimal(amount.micrograms))


def money_cell(cost: Fraction) -> Decimal:
    """To a millionth, half to even."""
    return Decimal(round_half_even(cost * 10**6)).scaleb(-6)
