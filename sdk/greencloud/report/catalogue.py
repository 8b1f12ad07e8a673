"""What there are figures of: the values of a dimension, and from when to when; for people and for programs.

Documents: ``greencloud.values/1`` has ``dimension values``, each ``value energy total_location_based total_market_based`` with
amounts as in a footprint; ``greencloud.availability/1`` has ``start end final_until updated methodology_versions sites
ledger_version``, each site ``site region start end final_until updated``. A time that is not known is null.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

from greencloud.report.amounts import EMISSION_UNITS, ENERGY_UNITS, kg_decimal, kwh_decimal, scale_for
from greencloud.report.dataset import Dataset, Field, Kind
from greencloud.report.sheet import Column, Sheet, printable
from greencloud.report.tables import table_text
from greencloud.results import DataAvailability, DimensionValue
from greencloud.units import format_instant

__all__ = [
    "availability_data",
    "availability_document",
    "availability_table",
    "values_data",
    "values_document",
    "values_table",
]

_VALUES_SCHEMA: Final = "greencloud.values/1"
_AVAILABILITY_SCHEMA: Final = "greencloud.availability/1"


def values_table(dimension: str, values: Sequence[DimensionValue]) -> str:
    """The largest emitter first."""
    if not values:
        return "Nothing is posted in that time.\n"
    energy = scale_for([value.energy.millijoules for value in values], ENERGY_UNITS)
    mass = scale_for(
        [amount.micrograms for value in values for amount in (value.total_location_based, value.total_market_based)], EMISSION_UNITS
    )
    columns = (
        Column((printable(dimension),)),
        Column(("energy", "", energy.unit), numeric=True),
        Column(("total", "location", mass.unit), numeric=True),
        Column(("total", "market", mass.unit), numeric=True),
    )
    body = tuple(
        (
            printable(value.value) or "(none)",
            energy.show(value.energy.millijoules),
            mass.show(value.total_location_based.micrograms),
            mass.show(value.total_market_based.micrograms),
        )
        for value in values
    )
    return "\n".join(table_text(Sheet(columns, body))) + "\n"


def values_document(dimension: str, values: Sequence[DimensionValue]) -> dict[str, Any]:
    return {
        "schema": _VALUES_SCHEMA,
        "dimension": dimension,
        "values": [
            {
                "value": value.value,
                "energy": {"millijoules": value.energy.millijoules, "kwh": kwh_decimal(value.energy.millijoules)},
                **{
                    name: {"micrograms": amount.micrograms, "kg_co2e": kg_decimal(amount.micrograms)}
                    for name, amount in (
                        ("total_location_based", value.total_location_based),
                        ("total_market_based", value.total_market_based),
                    )
                },
            }
            for value in values
        ],
    }


def values_data(dimension: str, values: Sequence[DimensionValue]) -> Dataset:
    fields = (
        Field(dimension),
        Field("energy_millijoules", Kind.AMOUNT, "energy"),
        Field("total_location_based_micrograms", Kind.AMOUNT, "total_location_based"),
        Field("total_market_based_micrograms", Kind.AMOUNT, "total_market_based"),
    )
    rows = (
        (each.value, each.energy.millijoules, each.total_location_based.micrograms, each.total_market_based.micrograms)
        for each in values
    )
    return Dataset(fields, tuple(rows))


def availability_table(found: DataAvailability) -> str:
    """From when to when, and the same by site."""
    if found.start is None:
        return "Nothing is posted.\n"
    lines = [
        f"Figures from {_time(found.start)} to {_time(found.end)}; final until {_time(found.final_until)}.",
        f"Newest posting: {_time(found.updated)}. Methodology: {', '.join(found.methodology_versions) or 'not stated'}.",
        "",
    ]
    columns = tuple(Column((name,)) for name in ("site", "region", "start", "end", "final until", "updated"))
    body = tuple(
        (printable(site.site), printable(site.region), *map(_time, (site.start, site.end, site.final_until, site.updated)))
        for site in found.sites
    )
    return "\n".join([*lines, *table_text(Sheet(columns, body))]) + "\n"


def availability_document(found: DataAvailability) -> dict[str, Any]:
    return {
        "schema": _AVAILABILITY_SCHEMA,
        **{name: _time(getattr(found, name)) or None for name in ("start", "end", "final_until", "updated")},
        "methodology_versions": list(found.methodology_versions),
        "sites": [
            {
                "site": site.site,
                "region": site.region,
                **{name: _time(getattr(site, name)) for name in ("start", "end", "final_until", "updated")},
            }
            for site in found.sites
        ],
        "ledger_version": found.ledger_version,
    }


def availability_data(found: DataAvailability) -> Dataset:
    """One row a site."""
    names = ("start", "end", "final_until", "updated")
    fields = (Field("site"), Field("region"), *(Field(name, Kind.INSTANT) for name in names))
    return Dataset(fields, tuple((site.site, site.region, *(getattr(site, name) for name in names)) for site in found.sites))


def _time(instant: datetime | None) -> str:
    return "" if instant is None else format_instant(instant)
