"""Facility books, by the name of their revision, and what one changes."""

from __future__ import annotations

from greencloud.results import AppliedFacilityBook, BookChange, FacilityBook
from greencloud.v1 import facility_service_pb2
from greencloud.wire.quantities import instant_from_message, instant_to_message

__all__ = [
    "FACILITY_BOOKS",
    "applied_book_from_message",
    "applied_book_to_message",
    "facility_book_from_message",
    "facility_book_to_message",
    "facility_change_from_message",
    "facility_change_to_message",
]

FACILITY_BOOKS = "facilityBooks/"
"""What the name of a book begins with; its revision follows."""


def facility_book_to_message(book: FacilityBook) -> facility_service_pb2.FacilityBook:
    return facility_service_pb2.FacilityBook(
        name=FACILITY_BOOKS + book.revision,
        display_name=book.title,
        apply_time=book.applied and instant_to_message(book.applied),
        applied_by=book.applied_by,
        site_count=book.site_count,
        host_count=book.host_count,
        account_count=book.account_count,
        files=[facility_service_pb2.FacilityFile(path=path, content=content) for path, content in book.files],
        in_force=book.in_force,
    )


def facility_book_from_message(message: facility_service_pb2.FacilityBook) -> FacilityBook:
    return FacilityBook(
        revision=message.name.removeprefix(FACILITY_BOOKS),
        title=message.display_name,
        site_count=message.site_count,
        host_count=message.host_count,
        account_count=message.account_count,
        applied=instant_from_message(message.apply_time) if message.HasField("apply_time") else None,
        applied_by=message.applied_by,
        in_force=message.in_force,
        files=tuple((file.path, file.content) for file in message.files),
    )


def facility_change_to_message(change: BookChange) -> facility_service_pb2.FacilityChange:
    return facility_service_pb2.FacilityChange(path=change.path, old_value=change.old, new_value=change.new)


def facility_change_from_message(message: facility_service_pb2.FacilityChange) -> BookChange:
    """Whose it is does not travel: it is for the provider."""
    return BookChange(message.path, message.old_value, message.new_value)


def applied_book_to_message(applied: AppliedFacilityBook) -> facility_service_pb2.ApplyFacilityBookResponse:
    return facility_service_pb2.ApplyFacilityBookResponse(
        facility_book=facility_book_to_message(applied.book),
        changes=[facility_change_to_message(change) for change in applied.changes],
        changes_left_out_count=applied.changes_left_out,
        notes=applied.notes,
    )


def applied_book_from_message(message: facility_service_pb2.ApplyFacilityBookResponse) -> AppliedFacilityBook:
    return AppliedFacilityBook(
        book=facility_book_from_message(message.facility_book),
        changes=tuple(facility_change_from_message(change) for change in message.changes),
        changes_left_out=message.changes_left_out_count,
        notes=tuple(message.notes),
    )
