"""Batches, and windows that were refused."""

from __future__ import annotations

from greencloud.results import BatchSummary, RefusedWindow
from greencloud.v1 import allocation_service_pb2
from greencloud.wire.quantities import energy_from_message, energy_to_message, instant_from_message, instant_to_message
from greencloud.wire.restatements import causes_from_message, causes_to_message

__all__ = ["batch_from_message", "batch_to_message", "refused_from_message", "refused_to_message"]


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
        causes=causes_to_message(batch.causes),
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
        causes=causes_from_message(message.causes),
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
