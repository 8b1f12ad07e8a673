"""Calls of GoalService: evidence, and the journal of the provider's books, sync and async."""

from __future__ import annotations

import hashlib
from collections.abc import Generator
from typing import TYPE_CHECKING, Any

from greencloud.client import answers
from greencloud.client.pages import AsyncPager, Pager
from greencloud.client.provider_calls import AsyncProviderCalls, ProviderCalls
from greencloud.errors import QuantityError, RemoteError
from greencloud.v1 import inventory_pb2 as messages

if TYPE_CHECKING:
    from greencloud.results.inventory import BookRecord

__all__ = ["AsyncRecordCalls", "RecordCalls"]


class RecordCalls(ProviderCalls):
    """Documents of evidence, and the journal of the provider's books."""

    def upload_evidence(self, content: bytes, *, timeout: float | None = None) -> str:
        """Keep a document of at most 32 MiB that figures are taken from; its SHA-256."""
        from greencloud.wire import inventory_years as wire

        request = messages.UploadEvidenceRequest(content=bounded(content, 32))
        answer = self._call(self.raw.goal.UploadEvidence, request, timeout)
        return str(answer.name).removeprefix(wire.EVIDENCE)

    def get_evidence(self, digest: str, *, timeout: float | None = None) -> bytes:
        """A document by its SHA-256."""
        content: bytes = self._converse(self.raw.goal.GetEvidence, whole_document(digest), timeout)
        return content

    def list_book_records(self, *, after: int = 0, page_size: int = 0, timeout: float | None = None) -> Pager[BookRecord]:
        """The journal of the provider's books, after a record."""
        from greencloud.wire.inventory_years import record_from_message

        request = messages.ListBookRecordsRequest(after_index=after, page_size=page_size)
        reader = answers.items_of("book_records", record_from_message)
        return Pager(self._asker(self.raw.goal.ListBookRecords, timeout), request, reader)


class AsyncRecordCalls(AsyncProviderCalls):
    """Documents of evidence, and the journal of the provider's books."""

    async def upload_evidence(self, content: bytes, *, timeout: float | None = None) -> str:
        """Keep a document of at most 32 MiB that figures are taken from; its SHA-256."""
        from greencloud.wire import inventory_years as wire

        request = messages.UploadEvidenceRequest(content=bounded(content, 32))
        answer = await self._call(self.raw.goal.UploadEvidence, request, timeout)
        return str(answer.name).removeprefix(wire.EVIDENCE)

    async def get_evidence(self, digest: str, *, timeout: float | None = None) -> bytes:
        """A document by its SHA-256."""
        content: bytes = await self._converse(self.raw.goal.GetEvidence, whole_document(digest), timeout)
        return content

    def list_book_records(self, *, after: int = 0, page_size: int = 0, timeout: float | None = None) -> AsyncPager[BookRecord]:
        """The journal of the provider's books, after a record."""
        from greencloud.wire.inventory_years import record_from_message

        request = messages.ListBookRecordsRequest(after_index=after, page_size=page_size)
        reader = answers.items_of("book_records", record_from_message)
        return AsyncPager(self._asker(self.raw.goal.ListBookRecords, timeout), request, reader)


def bounded(content: bytes, mebibytes: int) -> bytes:
    """The content of a request. Raises QuantityError where it is more than a server takes."""
    if len(content) > mebibytes << 20:
        raise QuantityError(
            f"the file has {len(content):,} bytes, and a server takes {mebibytes} MiB",
            advice="split it, or send the part that counts",
        )
    return content


def whole_document(digest: str) -> Generator[Any, Any, bytes]:
    """A conversation: a document part by part, checked against its name."""
    parts = bytearray()
    while True:
        answer = yield messages.GetEvidenceRequest(name=f"evidence/{digest}", offset=len(parts))
        parts += answer.content
        if len(parts) >= answer.total_size or not answer.content:
            break
    if hashlib.sha256(parts).hexdigest() != digest:
        raise RemoteError("the document that came is not the one that was asked for", code="DATA_LOSS", advice="ask again")
    return bytes(parts)
