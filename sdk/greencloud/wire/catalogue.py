"""What there are figures of. A time that is not known is not set."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from greencloud.results import DataAvailability, DimensionValue, SiteDataAvailability
from greencloud.v1 import footprint_service_pb2
from greencloud.wire.quantities import (
    emissions_from_message,
    emissions_to_message,
    energy_from_message,
    energy_to_message,
    instant_from_message,
    instant_to_message,
)

__all__ = [
    "availability_from_message",
    "availability_to_message",
    "dimension_value_from_message",
    "dimension_value_to_message",
]


def availability_to_message(found: DataAvailability) -> footprint_service_pb2.DataAvailability:
    return footprint_service_pb2.DataAvailability(
        start_time=found.start and instant_to_message(found.start),
        end_time=found.end and instant_to_message(found.end),
        final_until_time=found.final_until and instant_to_message(found.final_until),
        update_time=found.updated and instant_to_message(found.updated),
        methodology_versions=found.methodology_versions,
        sites=[_site_to_message(site) for site in found.sites],
        ledger_version=found.ledger_version,
    )


def availability_from_message(message: footprint_service_pb2.DataAvailability) -> DataAvailability:
    return DataAvailability(
        start=_instant_in(message, "start_time"),
        end=_instant_in(message, "end_time"),
        final_until=_instant_in(message, "final_until_time"),
        updated=_instant_in(message, "update_time"),
        methodology_versions=tuple(message.methodology_versions),
        sites=tuple(_site_from_message(site) for site in message.sites),
        ledger_version=message.ledger_version,
    )


def dimension_value_to_message(found: DimensionValue) -> footprint_service_pb2.DimensionValue:
    return footprint_service_pb2.DimensionValue(
        value=found.value,
        energy=energy_to_message(found.energy),
        total_location_based=emissions_to_message(found.total_location_based),
        total_market_based=emissions_to_message(found.total_market_based),
    )


def dimension_value_from_message(message: footprint_service_pb2.DimensionValue) -> DimensionValue:
    return DimensionValue(
        value=message.value,
        energy=energy_from_message(message.energy),
        total_location_based=emissions_from_message(message.total_location_based),
        total_market_based=emissions_from_message(message.total_market_based),
    )


def _site_to_message(site: SiteDataAvailability) -> footprint_service_pb2.SiteDataAvailability:
    return footprint_service_pb2.SiteDataAvailability(
        site=site.site,
        region=site.region,
        start_time=instant_to_message(site.start),
        end_time=instant_to_message(site.end),
        final_until_time=instant_to_message(site.final_until),
        update_time=instant_to_message(site.updated),
    )


def _site_from_message(message: footprint_service_pb2.SiteDataAvailability) -> SiteDataAvailability:
    return SiteDataAvailability(
        site=message.site,
        region=message.region,
        start=instant_from_message(message.start_time),
        end=instant_from_message(message.end_time),
        final_until=instant_from_message(message.final_until_time),
        updated=instant_from_message(message.update_time),
    )


def _instant_in(message: Any, field: str) -> datetime | None:
    return instant_from_message(getattr(message, field)) if message.HasField(field) else None
