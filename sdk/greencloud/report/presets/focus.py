"""Columns of FOCUS, the FinOps Open Cost and Usage Specification, with emissions in custom columns: to be joined with a cost table.

Source: FOCUS 1.2, column library (https://focus.finops.org/focus-specification/v1-2/) and "Custom columns", whose names begin with
``x_``. FOCUS has no column for emissions or energy. This is **no conformant FOCUS data set**: it has no costs. It has the columns
that a join needs, under their published names and with their published meaning:

``BillingAccountId BillingPeriodEnd BillingPeriodStart ChargeCategory ChargePeriodEnd ChargePeriodStart RegionId ServiceName SkuId
SubAccountId``; the billing period is the calendar month, ends are exclusive, ``ChargeCategory`` is always Usage.

Masses are exact decimals in kilograms; energy is in integer millijoules, because most have no finite decimal in kWh.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Final

from greencloud.report.dataset import Dataset, Field, Kind, Value
from greencloud.results import FootprintRow
from greencloud.units import Emissions

__all__ = ["GROUP_BY", "focus_data"]

GROUP_BY: Final = ("account", "service", "region", "sku", "methodology_version")

_FIELDS: Final = (
    Field("BillingAccountId"),
    Field("BillingPeriodEnd", Kind.INSTANT),
    Field("BillingPeriodStart", Kind.INSTANT),
    Field("ChargeCategory"),
    Field("ChargePeriodEnd", Kind.INSTANT),
    Field("ChargePeriodStart", Kind.INSTANT),
    Field("RegionId"),
    Field("ServiceName"),
    Field("SkuId"),
    Field("SubAccountId"),
    Field("x_EnergyMillijoules", Kind.AMOUNT),
    Field("x_Scope1KgCO2e", Kind.MASS),
    Field("x_Scope2LocationBasedKgCO2e", Kind.MASS),
    Field("x_Scope2MarketBasedKgCO2e", Kind.MASS),
    Field("x_Scope3UpstreamLocationBasedKgCO2e", Kind.MASS),
    Field("x_Scope3UpstreamMarketBasedKgCO2e", Kind.MASS),
    Field("x_Scope3EmbodiedKgCO2e", Kind.MASS),
    Field("x_TotalLocationBasedKgCO2e", Kind.MASS),
    Field("x_TotalMarketBasedKgCO2e", Kind.MASS),
    Field("x_MethodologyVersion"),
    Field("x_QualityFlags"),
    Field("x_Provisional", Kind.FLAG),
)


def focus_data(rows: Sequence[FootprintRow], payer: str = "") -> Dataset:
    """Of months, days or hours by ``GROUP_BY``."""
    return Dataset(_FIELDS, tuple(_row(row, payer) for row in rows))


def _row(row: FootprintRow, payer: str) -> tuple[Value, ...]:
    account, service, region, sku, version = (row.dimensions.get(name, "") for name in GROUP_BY)
    first = row.start.replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    amounts = (
        row.scope1,
        row.scope2_location_based,
        row.scope2_market_based,
        row.scope3_upstream_location_based,
        row.scope3_upstream_market_based,
        row.scope3_embodied,
        row.total_location_based,
        row.total_market_based,
    )
    return (
        payer or account,
        _next_month(first),
        first,
        "Usage",
        row.end,
        row.start,
        region,
        service,
        sku,
        account,
        row.energy.millijoules,
        *map(_kilograms, amounts),
        version,
        " ".join(row.quality_flags),
        row.provisional,
    )


def _next_month(first: datetime) -> datetime:
    return (first + timedelta(days=31)).replace(day=1)


def _kilograms(amount: Emissions) -> Decimal:
    return Decimal(f"{amount.micrograms}e-9")
