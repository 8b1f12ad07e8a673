"""Rows of a footprint. What is not known is not set."""

from __future__ import annotations

from typing import Any, Final

from greencloud.results import FootprintRow, Granularity
from greencloud.v1 import footprint_service_pb2
from greencloud.wire.quantities import (
    emissions_from_message,
    emissions_to_message,
    energy_from_message,
    energy_to_message,
    instant_from_message,
    instant_to_message,
)

__all__ = ["GRANULARITIES", "row_from_message", "row_to_message"]

GRANULARITIES: Final = {
    Granularity.ALL: footprint_service_pb2.GRANULARITY_UNSPECIFIED,
    Granularity.WINDOW: footprint_service_pb2.GRANULARITY_WINDOW,
    Granularity.HOUR: footprint_service_pb2.GRANULARITY_HOUR,
    Granularity.DAY: footprint_service_pb2.GRANULARITY_DAY,
    Granularity.MONTH: footprint_service_pb2.GRANULARITY_MONTH,
    Granularity.QUARTER: footprint_service_pb2.GRANULARITY_QUARTER,
    Granularity.YEAR: footprint_service_pb2.GRANULARITY_YEAR,
}

_EMISSION_FIELDS: Final = (
    "scope1",
    "scope2_location_based",
    "scope2_market_based",
    "scope3_upstream_location_based",
    "scope3_upstream_market_based",
    "scope3_embodied",
)

_EVIDENCE_FIELDS: Final = ("measured_energy", "modelled_energy", "estimated_energy", "self_reported_energy")

_EMISSION_WIDTHS: Final = ("location_half_width", "market_half_width")


def row_to_message(row: FootprintRow) -> footprint_service_pb2.FootprintRow:
    message = footprint_service_pb2.FootprintRow(
        start_time=instant_to_message(row.start),
        end_time=instant_to_message(row.end),
        dimensions=row.dimensions,
        energy=energy_to_message(row.energy),
        total_location_based=emissions_to_message(row.total_location_based),
        total_market_based=emissions_to_message(row.total_market_based),
        operation_count=row.operation_count,
        quality_flags=row.quality_flags,
        provisional=row.provisional,
        methodology_versions=row.methodology_versions,
    )
    for name in _EMISSION_FIELDS:
        getattr(message, name).CopyFrom(emissions_to_message(getattr(row, name)))
    for name in _EVIDENCE_FIELDS:
        getattr(message, name).CopyFrom(energy_to_message(getattr(row, name)))
    # What is not known is not set, which zero is.
    if row.energy_half_width is not None:
        message.energy_half_width.CopyFrom(energy_to_message(row.energy_half_width))
    for name in _EMISSION_WIDTHS:
        if (width := getattr(row, name)) is not None:
            getattr(message, name).CopyFrom(emissions_to_message(width))
    if row.updated is not None:
        message.update_time.CopyFrom(instant_to_message(row.updated))
    return message


def row_from_message(message: footprint_service_pb2.FootprintRow) -> FootprintRow:
    lines: dict[str, Any] = {name: emissions_from_message(getattr(message, name)) for name in _EMISSION_FIELDS}
    evidence: dict[str, Any] = {name: energy_from_message(getattr(message, name)) for name in _EVIDENCE_FIELDS}
    widths: dict[str, Any] = {
        name: emissions_from_message(getattr(message, name)) for name in _EMISSION_WIDTHS if message.HasField(name)
    }
    return FootprintRow(
        start=instant_from_message(message.start_time),
        end=instant_from_message(message.end_time),
        dimensions=dict(message.dimensions),
        energy=energy_from_message(message.energy),
        operation_count=message.operation_count,
        quality_flags=tuple(message.quality_flags),
        provisional=message.provisional,
        methodology_versions=tuple(message.methodology_versions),
        energy_half_width=energy_from_message(message.energy_half_width) if message.HasField("energy_half_width") else None,
        updated=instant_from_message(message.update_time) if message.HasField("update_time") else None,
        **lines,
        **evidence,
        **widths,
    )
