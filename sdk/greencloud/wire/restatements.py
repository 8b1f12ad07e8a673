"""Restatements, their lines and their causes."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from greencloud.results import BookChange, Restatement, RestatementLine
from greencloud.units import Emissions, Energy
from greencloud.v1 import restatement_pb2
from greencloud.wire.quantities import (
    emissions_from_message,
    emissions_to_message,
    energy_from_message,
    energy_to_message,
    instant_from_message,
    instant_to_message,
)

__all__ = [
    "causes_from_message",
    "causes_to_message",
    "restatement_from_message",
    "restatement_line_to_message",
    "restatement_to_message",
]

_CAUSES: Final = {
    "late_data": restatement_pb2.RESTATEMENT_CAUSE_LATE_DATA,
    "corrected_factor": restatement_pb2.RESTATEMENT_CAUSE_CORRECTED_FACTOR,
    "corrected_mapping": restatement_pb2.RESTATEMENT_CAUSE_CORRECTED_MAPPING,
    "model_version": restatement_pb2.RESTATEMENT_CAUSE_MODEL_VERSION,
    "unknown": restatement_pb2.RESTATEMENT_CAUSE_UNKNOWN,
}

_CAUSE_NAMES: Final[dict[int, str]] = {number: name for name, number in _CAUSES.items()}


def restatement_to_message(restatement: Restatement) -> restatement_pb2.Restatement:
    return restatement_pb2.Restatement(
        site=restatement.site,
        start_time=instant_to_message(restatement.start),
        end_time=instant_to_message(restatement.end),
        old_batch=restatement.old_batch,
        new_batch=restatement.new_batch,
        restate_time=instant_to_message(restatement.restated),
        causes=causes_to_message(restatement.causes),
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
        causes=causes_from_message(message.causes),
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


def causes_to_message(causes: Iterable[str]) -> list[restatement_pb2.RestatementCause]:
    return [_CAUSES[cause] for cause in causes]


def causes_from_message(causes: Iterable[int]) -> tuple[str, ...]:
    # A newer server may know more causes.
    return tuple(_CAUSE_NAMES.get(cause, "unknown") for cause in causes)
