"""The carbon footprint table that Google Cloud exports to BigQuery, field for field, in the published order.

Source: Google Cloud, "Carbon Footprint export data schema" (https://cloud.google.com/carbon-footprint/docs/data-schema). A dot is a
field of a record: records in JSON Lines and Parquet (what ``bq load`` takes), dots in the names in CSV.

Values are kilograms, exact to the microgram (nine places) in CSV and JSON Lines; in Parquet they are doubles, as published (FLOAT).
``project.id`` is the account and ``project.number`` empty, as published for what has none; ``billing_account_id`` is who pays,
else the account itself. ``service.id`` and ``service.description`` are the service, ``location.location`` and ``location.region``
the region.
``carbon_model_version`` is an integer as published: the number of the methodology (2 of ``reserved_and_used/2``).

The published table has one Scope 3 where the GHG Protocol has two, because upstream emissions follow the method: here it is the
location-based one, and each total is the ledger's own. So ``total.market_based`` is not always the sum of the three columns.
``carbon_footprint_total_kgCO2e.after_offsets``, deprecated and never filled, is null: credits are not netted here.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from decimal import Decimal
from typing import Final

from greencloud.report.dataset import Dataset, Field, Kind, Value
from greencloud.results import FootprintRow
from greencloud.units import Emissions

__all__ = ["GROUP_BY", "google_carbon_data"]

GROUP_BY: Final = ("account", "service", "region", "methodology_version")

_FIELDS: Final = (
    Field("usage_month", Kind.DATE),
    Field("billing_account_id"),
    Field("project.id"),
    Field("project.number"),
    Field("service.description"),
    Field("service.id"),
    Field("location.location"),
    Field("location.region"),
    Field("carbon_model_version", Kind.COUNT),
    Field("carbon_footprint_total_kgCO2e.market_based", Kind.DOUBLE),
    Field("carbon_footprint_total_kgCO2e.location_based", Kind.DOUBLE),
    Field("carbon_footprint_total_kgCO2e.after_offsets", Kind.DOUBLE),
    Field("carbon_footprint_kgCO2e.scope1", Kind.DOUBLE),
    Field("carbon_footprint_kgCO2e.scope2.location_based", Kind.DOUBLE),
    Field("carbon_footprint_kgCO2e.scope2.market_based", Kind.DOUBLE),
    Field("carbon_footprint_kgCO2e.scope3", Kind.DOUBLE),
)


def google_carbon_data(rows: Sequence[FootprintRow], payer: str = "") -> Dataset:
    """Of months by ``GROUP_BY``."""
    return Dataset(_FIELDS, tuple(_row(row, payer) for row in rows), nested=True)


def _row(row: FootprintRow, payer: str) -> tuple[Value, ...]:
    account, service, region, version = (row.dimensions.get(name, "") for name in GROUP_BY)
    number = re.search(r"/(\d+)$", version)
    return (
        row.start.date(),
        payer or account,
        account,
        "",
        service,
        service,
        region,
        region,
        int(number[1]) if number else None,
        _kilograms(row.total_market_based),
        _kilograms(row.total_location_based),
        None,
        _kilograms(row.scope1),
        _kilograms(row.scope2_location_based),
        _kilograms(row.scope2_market_based),
        _kilograms(row.scope3_upstream_location_based + row.scope3_embodied),
    )


def _kilograms(amount: Emissions) -> Decimal:
    return Decimal(f"{amount.micrograms}e-9")
