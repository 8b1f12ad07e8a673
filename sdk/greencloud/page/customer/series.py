"""What one operation emits over time, beside its service: ratios of sums, and a gap where nothing was counted.

Milligrams of an operation are all that is allocated to it in a time over the operations counted in that time; those of the service
are all of the service's emissions over all operations counted in it. Where none is counted there is no ratio: it is not zero.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from fractions import Fraction
from typing import Any, Final

from greencloud.report.amounts import EMISSION_UNITS, kg_decimal, scale_for, scale_in
from greencloud.report.drawing import COLOURS
from greencloud.report.page import charts
from greencloud.report.page.sections import Chart, Section, Table
from greencloud.results import FootprintRow, Granularity
from greencloud.units import format_instant

__all__ = ["MILLIGRAMS", "Moment", "moments_of", "per_operation_section"]

MILLIGRAMS: Final = scale_in("mg", EMISSION_UNITS)
"""Of one operation: what is not nothing never shows as 0."""


@dataclass(frozen=True, slots=True)
class Moment:
    """One time of the series; micrograms of one operation, None where none was counted."""

    start: datetime
    count: int
    micrograms: int
    each_location: Fraction | None
    each_market: Fraction | None
    service_location: Fraction | None


def moments_of(own: Sequence[FootprintRow], service: Sequence[FootprintRow]) -> list[Moment]:
    """Of rows of an operation and of its service by time."""
    beside = {row.start: _each(row) for row in service}
    return [
        Moment(
            row.start,
            row.operation_count,
            row.total_location_based.micrograms,
            _each(row),
            _each(row, market=True),
            beside.get(row.start),
        )
        for row in own
    ]


def per_operation_section(moments: Sequence[Moment], step: Granularity, words: Mapping[str, str]) -> Section:
    drawn: list[Chart] = [lambda width: _lines(moments, step, words, width)]
    return Section(
        "per-operation",
        words["operation_over_time"],
        words["operation_over_time_help"].format(step=words[str(step)]),
        drawn,
        _table(moments, words),
    )


def _each(row: FootprintRow, *, market: bool = False) -> Fraction | None:
    total = row.total_market_based if market else row.total_location_based
    return Fraction(total.micrograms, row.operation_count) if row.operation_count else None


def _lines(moments: Sequence[Moment], step: Granularity, words: Mapping[str, str], width: int) -> dict[str, Any]:
    known = [each for moment in moments for each in (moment.each_location, moment.service_location) if each is not None]
    scale = scale_for([int(each) + 1 for each in known], EMISSION_UNITS)
    values = [
        {
            "time": moment.start.strftime("%Y-%m-%dT%H:%M:%SZ"),
            "name": words[name],
            "amount": None if each is None else float(each / scale.size),
        }
        for moment in moments
        for name, each in (("operation_this", moment.each_location), ("operation_service", moment.service_location))
    ]
    names = [words["operation_this"], words["operation_service"]]
    return charts.chart(
        width,
        220,
        values,
        {"type": "line", "point": {"size": 14}, "strokeWidth": 2},
        {
            "x": {
                "field": "time",
                "type": "temporal",
                "timeUnit": charts.TIME_UNITS[step],
                "title": None,
                "axis": charts.time_axis(len(moments), step, width),
            },
            "y": {
                "field": "amount",
                "type": "quantitative",
                "title": f"{scale.unit} CO2e {words['per_operation']}",
                "axis": {"tickCount": 5},
            },
            "color": {
                "field": "name",
                "type": "nominal",
                "sort": None,
                "scale": {"domain": names, "range": [COLOURS["blue"], COLOURS["orange"]]},
                "legend": {"title": None, "columns": 2 if width > charts.NARROW_CHART else 1, "labelLimit": 320},
            },
        },
    )


def _table(moments: Sequence[Moment], words: Mapping[str, str]) -> Table:
    scale = scale_for([moment.micrograms for moment in moments], EMISSION_UNITS)
    heading = [
        words["time"],
        words["operations"],
        f"{words['location']}, {scale.unit}",
        f"mg {words['per_operation']}, {words['location']}",
        f"mg {words['per_operation']}, {words['market']}",
        f"mg, {words['operation_service']}",
    ]
    names = ("start", "operation_count", "kg_co2e_location_based", "mg_each_location", "mg_each_market", "mg_each_of_service")
    rows: list[Sequence[str]] = []
    exact: list[Sequence[str]] = [names]
    unknown = words["customer_unknown"]
    for moment in moments:
        each = (moment.each_location, moment.each_market, moment.service_location)
        time, count = format_instant(moment.start), moment.count
        rows.append(
            (time, f"{count:,}", scale.show(moment.micrograms), *(unknown if one is None else MILLIGRAMS.show(one) for one in each))
        )
        exact.append(
            (time, str(count), kg_decimal(moment.micrograms), *("" if one is None else f"{float(one / 1000):.6f}" for one in each))
        )
    return Table(heading, rows, exact)
