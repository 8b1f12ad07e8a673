"""The carbon emissions table of AWS Data Exports (``CARBON_EMISSIONS``), column for column, in its alphabetical order.

Source: AWS Data Exports user guide, "Carbon emissions columns"
(https://docs.aws.amazon.com/cur/latest/userguide/carbon-emissions-columns.html). The columns by scope came with the model that
counts Scope 3 (v3); a query of the older ones finds them all here.

Values are metric tons, exact to the microgram (twelve places) in CSV and JSON Lines; in Parquet they are doubles, as published.
``product_code`` is the service, ``location`` and ``region_code`` are the region. ``payer_account_id`` is who pays, else the account
itself. ``model_version`` is the methodology that made the row. Times are ISO 8601 in UTC; the end of a period is exclusive.
``last_refresh_timestamp``: when the newest posting behind the row was made. Pools (unsold capacity and so on) are rows of accounts
in parentheses, where the reader may see them.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Final

from greencloud.report.dataset import Dataset, Field, Kind, Value
from greencloud.results import FootprintRow
from greencloud.units import Emissions

__all__ = ["GROUP_BY", "aws_carbon_data"]

GROUP_BY: Final = ("account", "service", "region", "methodology_version")

_UNIT: Final = "MTCO2e"
_TOTALS: Final = (
    "total_lbm",
    "total_mbm",
    "total_scope_1",
    "total_scope_2_lbm",
    "total_scope_2_mbm",
    "total_scope_3_lbm",
    "total_scope_3_mbm",
)
_FIELDS: Final = (
    Field("last_refresh_timestamp", Kind.INSTANT),
    Field("location"),
    Field("model_version"),
    Field("payer_account_id"),
    Field("product_code"),
    Field("region_code"),
    *(field for name in _TOTALS for field in (Field(f"{name}_emissions_unit"), Field(f"{name}_emissions_value", Kind.DOUBLE))),
    Field("usage_account_id"),
    Field("usage_period_end", Kind.INSTANT),
    Field("usage_period_start", Kind.INSTANT),
)


def aws_carbon_data(rows: Sequence[FootprintRow], payer: str = "") -> Dataset:
    """Of months by ``GROUP_BY``."""
    return Dataset(_FIELDS, tuple(_row(row, payer) for row in rows))


def _row(row: FootprintRow, payer: str) -> tuple[Value, ...]:
    account, service, region, version = (row.dimensions.get(name, "") for name in GROUP_BY)
    amounts = (
        row.total_location_based,
        row.total_market_based,
        row.scope1,
        row.scope2_location_based,
        row.scope2_market_based,
        row.scope3_upstream_location_based + row.scope3_embodied,
        row.scope3_upstream_market_based + row.scope3_embodied,
    )
    return (
        row.updated,
        region,
        version,
        payer or account,
        service,
        region,
        *(value for amount in amounts for value in (_UNIT, _tons(amount))),
        account,
        row.end,
        row.start,
    )


def _tons(amount: Emissions) -> Decimal:
    return Decimal(f"{amount.micrograms}e-12")
