"""Values to ``greencloud.v1`` messages and back: total and inverse, so that a figure is the same on both sides of the wire.

An amount travels as whole units plus a fraction of the same sign (1 MJ = 10^9 mJ, 1 kg = 10^9 µg), as ``google.type.Money``
does it, so that a provider-year fits exactly.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

from google.protobuf.timestamp_pb2 import Timestamp

from greencloud.errors import QuantityError
from greencloud.results import (
    BatchSummary,
    BookChange,
    FootprintRow,
    GoalProgress,
    GoalStatus,
    GoalYear,
    Granularity,
    RefusedWindow,
    Restatement,
    RestatementLine,
)
from greencloud.units import Emissions, Energy
from greencloud.v1 import allocation_service_pb2, footprint_service_pb2, goal_service_pb2, quantity_pb2, restatement_pb2

__all__ = [
    "GRANULARITIES",
    "batch_from_message",
    "batch_to_message",
    "emissions_from_message",
    "emissions_to_message",
    "energy_from_message",
    "energy_to_message",
    "goal_from_message",
    "goal_to_message",
    "instant_from_message",
    "instant_to_message",
    "refused_from_message",
    "refused_to_message",
    "restatement_from_message",
    "restatement_line_to_message",
    "restatement_to_message",
    "row_from_message",
    "row_to_message",
]

_NANO = 1_000_000_000

GRANULARITIES = {
    Granularity.ALL: footprint_service_pb2.GRANULARITY_UNSPECIFIED,
    Granularity.WINDOW: footprint_service_pb2.GRANULARITY_WINDOW,
    Granularity.HOUR: footprint_service_pb2.GRANULARITY_HOUR,
    Granularity.DAY: footprint_service_pb2.GRANULARITY_DAY,
    Granularity.MONTH: footprint_service_pb2.GRANULARITY_MONTH,
}

_EMISSION_FIELDS = (
    "scope1",
    "scope2_location_based",
    "scope2_market_based",
    "scope3_upstream_location_based",
    "scope3_upstream_market_based",
    "scope3_embodied",
)
_EVIDENCE_FIELDS = ("measured_energy", "modelled_energy", "estimated_energy", "self_reported_energy")
_EMISSION_WIDTHS = ("location_half_width", "market_half_width")

_CAUSES = {
    "late_data": restatement_pb2.RESTATEMENT_CAUSE_LATE_DATA,
    "corrected_factor": restatement_pb2.RESTATEMENT_CAUSE_CORRECTED_FACTOR,
    "corrected_mapping": restatement_pb2.RESTATEMENT_CAUSE_CORRECTED_MAPPING,
    "model_version": restatement_pb2.RESTATEMENT_CAUSE_MODEL_VERSION,
    "unknown": restatement_pb2.RESTATEMENT_CAUSE_UNKNOWN,
}
_CAUSE_NAMES: dict[int, str] = {number: name for name, number in _CAUSES.items()}

_KINDS = {
    "absolute": goal_service_pb2.GOAL_KIND_ABSOLUTE,
    "neutrality": goal_service_pb2.GOAL_KIND_NEUTRALITY,
}
_STATUSES = {
    GoalStatus.UNKNOWN: goal_service_pb2.GOAL_STATUS_UNSPECIFIED,
    GoalStatus.ON_TRACK: goal_service_pb2.GOAL_STATUS_ON_TRACK,
    GoalStatus.OFF_TRACK: goal_service_pb2.GOAL_STATUS_OFF_TRACK,
}


def _split(amount: int) -> tuple[int, int]:
    whole, part = divmod(abs(amount), _NANO)
    return (whole, part) if amount >= 0 else (-whole, -part)


def energy_to_message(energy: Energy) -> quantity_pb2.Energy:
    whole, part = _split(energy.millijoules)
    return quantity_pb2.Energy(megajoules=whole, millijoules=part)


def energy_from_message(message: quantity_pb2.Energy) -> Energy:
    return Energy(_join(message.megajoules, message.millijoules))


def emissions_to_message(emissions: Emissions) -> quantity_pb2.Emissions:
    whole, part = _split(emissions.micrograms)
    return quantity_pb2.Emissions(kilograms=whole, micrograms=part)


def emissions_from_message(message: quantity_pb2.Emissions) -> Emissions:
    return Emissions(_join(message.kilograms, message.micrograms))


def _join(whole: int, part: int) -> int:
    if abs(part) >= _NANO or whole * part < 0:
        raise QuantityError(f"amount {whole} + {part}e-9 is not normalised")
    return whole * _NANO + part


def instant_to_message(instant: datetime) -> Timestamp:
    message = Timestamp()
    message.FromDatetime(instant.astimezone(UTC))
    return message


def instant_from_message(message: Timestamp) -> datetime:
    """UTC. Raises QuantityError outside years 1 to 9999."""
    try:
        return message.ToDatetime(tzinfo=UTC)
    except (ValueError, OverflowError) as error:
        raise QuantityError(f"timestamp {message.seconds} s is out of range") from error


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


def batch_to_message(batch: BatchSummary) -> allocation_service_pb2.Batch:
    return allocation_service_pb2.Batch(
        id=batch.id,
        site=batch.site,
        start_time=instant_to_message(batch.start),
        end_time=instant_to_message(batch.end),
        rule=batch.rule,
        methodology_version=batch.methodology_version,
        facility_revision=batch.facility_revision,
        usage_revision=batch.usage_revision,
        supersedes=batch.supersedes,
        provisional=batch.provisional,
        metered_energy=energy_to_message(batch.metered_energy),
        account_energy=energy_to_message(batch.account_energy),
        pool_energy={name: energy_to_message(energy) for name, energy in batch.pool_energy.items()},
        difference=energy_to_message(batch.difference),
        create_time=instant_to_message(batch.created),
        notes=batch.notes,
        causes=[_CAUSES[cause] for cause in batch.causes],
        requested_by=batch.requested_by,
        reason=batch.reason,
    )


def batch_from_message(message: allocation_service_pb2.Batch) -> BatchSummary:
    return BatchSummary(
        id=message.id,
        site=message.site,
        start=instant_from_message(message.start_time),
        end=instant_from_message(message.end_time),
        rule=message.rule,
        methodology_version=message.methodology_version,
        facility_revision=message.facility_revision,
        usage_revision=message.usage_revision,
        supersedes=message.supersedes,
        provisional=message.provisional,
        metered_energy=energy_from_message(message.metered_energy),
        account_energy=energy_from_message(message.account_energy),
        pool_energy={name: energy_from_message(energy) for name, energy in message.pool_energy.items()},
        created=instant_from_message(message.create_time),
        notes=tuple(message.notes),
        causes=_causes_from(message.causes),
        requested_by=message.requested_by,
        reason=message.reason,
    )


def refused_to_message(refused: RefusedWindow) -> allocation_service_pb2.RefusedWindow:
    return allocation_service_pb2.RefusedWindow(
        site=refused.site,
        start_time=instant_to_message(refused.start),
        end_time=instant_to_message(refused.end),
        message=refused.message,
        reason=refused.reason,
    )


def refused_from_message(message: allocation_service_pb2.RefusedWindow) -> RefusedWindow:
    return RefusedWindow(
        site=message.site,
        start=instant_from_message(message.start_time),
        end=instant_from_message(message.end_time),
        message=message.message,
        reason=message.reason,
    )


def restatement_to_message(restatement: Restatement) -> restatement_pb2.Restatement:
    return restatement_pb2.Restatement(
        site=restatement.site,
        start_time=instant_to_message(restatement.start),
        end_time=instant_to_message(restatement.end),
        old_batch=restatement.old_batch,
        new_batch=restatement.new_batch,
        restate_time=instant_to_message(restatement.restated),
        causes=[_CAUSES[cause] for cause in restatement.causes],
        requested_by=restatement.requested_by,
        reason=restatement.reason,
        lines=[restatement_line_to_message(line) for line in restatement.lines],
        changes=[
            restatement_pb2.BookChange(path=each.path, old_value=each.old, new_value=each.new, account=each.account)
            for each in restatement.changes
        ],
        changes_left_out_count=restatement.changes_left_out,
        record_lost=not restatement.kept,
    )


def restatement_line_to_message(line: RestatementLine) -> restatement_pb2.RestatementLine:
    message = restatement_pb2.RestatementLine(
        account=line.account,
        service=line.service,
        region=line.region,
        sku=line.sku,
        component=line.component,
        measure=line.measure,
    )
    if line.measure == "energy":
        message.old_energy.CopyFrom(energy_to_message(Energy(line.old)))
        message.new_energy.CopyFrom(energy_to_message(Energy(line.new)))
    else:
        message.old_emissions.CopyFrom(emissions_to_message(Emissions(line.old)))
        message.new_emissions.CopyFrom(emissions_to_message(Emissions(line.new)))
    return message


def restatement_from_message(message: restatement_pb2.Restatement) -> Restatement:
    return Restatement(
        site=message.site,
        start=instant_from_message(message.start_time),
        end=instant_from_message(message.end_time),
        old_batch=message.old_batch,
        new_batch=message.new_batch,
        restated=instant_from_message(message.restate_time),
        causes=_causes_from(message.causes),
        requested_by=message.requested_by,
        reason=message.reason,
        lines=tuple(_line_from(line) for line in message.lines),
        changes=tuple(BookChange(each.path, each.old_value, each.new_value, each.account) for each in message.changes),
        changes_left_out=message.changes_left_out_count,
        kept=not message.record_lost,
    )


def _line_from(message: restatement_pb2.RestatementLine) -> RestatementLine:
    energy = message.measure == "energy"
    return RestatementLine(
        account=message.account,
        service=message.service,
        region=message.region,
        sku=message.sku,
        component=message.component,
        measure=message.measure,
        old=energy_from_message(message.old_energy).millijoules
        if energy
        else emissions_from_message(message.old_emissions).micrograms,
        new=energy_from_message(message.new_energy).millijoules
        if energy
        else emissions_from_message(message.new_emissions).micrograms,
    )


def _causes_from(causes: Iterable[int]) -> tuple[str, ...]:
    # A newer server may know more causes.
    return tuple(_CAUSE_NAMES.get(cause, "unknown") for cause in causes)


def goal_to_message(goal: GoalProgress) -> goal_service_pb2.GoalProgress:
    return goal_service_pb2.GoalProgress(
        name=goal.name,
        display_name=goal.display_name,
        kind=_KINDS[goal.kind],
        scopes=goal.scopes,
        base_year=goal.base_year,
        base_emissions=emissions_to_message(goal.base_emissions),
        target_year=goal.target_year,
        target_emissions=emissions_to_message(goal.target_emissions),
        years=[
            goal_service_pb2.GoalYear(
                year=year.year,
                path=emissions_to_message(year.path),
                actual=None if year.actual is None else emissions_to_message(year.actual),
            )
            for year in goal.years
        ],
        ledger_year=goal.ledger_year,
        ledger_covered_seconds=goal.ledger_covered_seconds,
        ledger_emissions=emissions_to_message(goal.ledger_emissions),
        path_emissions=emissions_to_message(goal.path_emissions),
        gap=emissions_to_message(goal.gap),
        status=_STATUSES[goal.status],
        as_of_time=instant_to_message(goal.as_of),
        notes=goal.notes,
    )


def goal_from_message(message: goal_service_pb2.GoalProgress) -> GoalProgress:
    kinds = {value: name for name, value in _KINDS.items()}
    statuses = {value: name for name, value in _STATUSES.items()}
    return GoalProgress(
        name=message.name,
        display_name=message.display_name,
        kind=kinds[message.kind],
        scopes=tuple(message.scopes),
        base_year=message.base_year,
        base_emissions=emissions_from_message(message.base_emissions),
        target_year=message.target_year,
        target_emissions=emissions_from_message(message.target_emissions),
        years=tuple(
            GoalYear(
                year=year.year,
                path=emissions_from_message(year.path),
                actual=emissions_from_message(year.actual) if year.HasField("actual") else None,
            )
            for year in message.years
        ),
        ledger_year=message.ledger_year,
        ledger_covered_seconds=message.ledger_covered_seconds,
        ledger_emissions=emissions_from_message(message.ledger_emissions),
        path_emissions=emissions_from_message(message.path_emissions),
        status=statuses[message.status],
        as_of=instant_from_message(message.as_of_time),
        notes=tuple(message.notes),
    )
