"""GoalService: documents of evidence, and the journal of the provider's books."""

from __future__ import annotations

from typing import Any

from greencloud.inventory.journal import MOST_EVIDENCE_BYTES
from greencloud.server.book_pages import BookPages
from greencloud.server.inventory_checks import InventoryChecks
from greencloud.server.paging import PAGE_BYTES
from greencloud.server.roles import Permission
from greencloud.v1 import inventory_pb2 as messages
from greencloud.wire.inventory_years import EVIDENCE, record_to_message

__all__ = ["RecordMethods"]


class RecordMethods(BookPages):
    def UploadEvidence(  # noqa: N802
        self, request: messages.UploadEvidenceRequest, context: Any
    ) -> messages.UploadEvidenceResponse:
        books = self._books(Permission.GOALS_WRITE)
        checks = InventoryChecks()
        if not request.content:
            checks.fault("content", "is required")
        elif len(request.content) > MOST_EVIDENCE_BYTES:
            checks.fault("content", f"has more than {MOST_EVIDENCE_BYTES >> 20} MiB; send the page that the figure was taken from")
        checks.done()
        return messages.UploadEvidenceResponse(name=EVIDENCE + books.upload_evidence(request.content))

    def GetEvidence(self, request: messages.GetEvidenceRequest, context: Any) -> messages.Evidence:  # noqa: N802
        books = self._books(Permission.GOALS_READ)
        checks = InventoryChecks()
        digest = checks.evidence(request)
        if request.offset < 0:
            checks.fault("offset", "must not be negative")
        checks.done()
        content = books.get_evidence(digest)
        part = content[request.offset : request.offset + PAGE_BYTES]
        return messages.Evidence(name=EVIDENCE + digest, content=part, total_size=len(content))

    def ListBookRecords(  # noqa: N802
        self, request: messages.ListBookRecordsRequest, context: Any
    ) -> messages.ListBookRecordsResponse:
        books = self._books(Permission.GOALS_READ)
        checks = InventoryChecks()
        if request.after_index < 0:
            checks.fault("after_index", "must not be negative")
        response = messages.ListBookRecordsResponse()
        return self._page(
            request,
            response,
            checks,
            books=books,
            values=lambda then: then.list_book_records(after=request.after_index),
            to_message=record_to_message,
        )
