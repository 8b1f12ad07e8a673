"""StreamFootprint: an answer of any size as Arrow IPC, cut into messages.

Every message is whole: its dictionaries and its record batch, so that a reader that has it has its rows. The first holds the schema
too, and all of them one after the other are one Arrow IPC stream. While one goes out the next is made, and no more, so that a slow
reader costs two threads and little memory.

A message brings the token that goes on after it: sealed like those of pages, bound to caller and request, and of one version.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, closing
from typing import Final, TypeVar

import pyarrow as pa

from greencloud.ledger.parts import Part, Place
from greencloud.ledger.stop import Stop
from greencloud.results import FootprintQuery
from greencloud.server.accounts import Members, allowed_accounts
from greencloud.server.checks import Checks
from greencloud.server.credentials import Principal
from greencloud.server.errors import RequestError
from greencloud.server.paging import Cursor, Pages
from greencloud.server.questions import query_from
from greencloud.server.services import Services
from greencloud.v1 import footprint_service_pb2 as messages

__all__ = ["Export", "Streaming"]

T = TypeVar("T")

Export = Callable[[str], AbstractContextManager[None]]
"""While it is open, a stream of the account goes on; each holds a thread for as long as it is read. ``Gate.export`` bounds them."""

_COMPRESSIONS: Final = {
    messages.STREAM_COMPRESSION_UNSPECIFIED: None,
    messages.STREAM_COMPRESSION_LZ4: "lz4",
    messages.STREAM_COMPRESSION_ZSTD: "zstd",
}
_OF_ROWS: Final = ("group_by", "granularity", "fiscal_year_start_month")


class Streaming:
    """The streams of a server."""

    def __init__(self, services: Services, pages: Pages, export: Export) -> None:
        self._services = services
        self._pages = pages.named("resume_token")
        self._export = export

    def answer(
        self, request: messages.StreamFootprintRequest, principal: Principal, stop: Stop
    ) -> Iterator[messages.StreamFootprintResponse]:
        """The messages of a stream; at least one.

        Raises:
            PermissionDeniedError, RequestError: as for a query.
            QuotaError, BusyError: the account, or all together, have as many streams as they may.
            AmountRangeError: a sum does not fit 64 bits; of rows before it messages may have gone out.
            StoreError: a segment is missing or torn.
        """
        query, options = _asked(request, principal, self._services.members)
        with self._export(principal.account), closing(self._made(request, principal, query, options=options, stop=stop)) as made:
            yield from _ahead(made)

    def _made(
        self,
        request: messages.StreamFootprintRequest,
        principal: Principal,
        query: FootprintQuery,
        *,
        options: pa.ipc.IpcWriteOptions,
        stop: Stop,
    ) -> Generator[messages.StreamFootprintResponse]:
        cursor = self._pages.open(request, principal)
        snapshot = self._services.snapshot(cursor.version)
        postings = request.content == messages.STREAM_CONTENT_POSTINGS
        parts = (snapshot.stream_postings if postings else snapshot.stream_rows)(query, Place(cursor.within, cursor.row), stop)
        offset, first = cursor.offset, True
        for part in parts:
            _still(request, principal, query, self._services.members)
            reached = Cursor(snapshot.version, offset + part.rows.num_rows, *part.reached)
            yield messages.StreamFootprintResponse(
                arrow_ipc=_encoded(part, options, schema=first),
                row_count=part.rows.num_rows,
                offset=offset,
                resume_token=self._pages.seal(reached, request, principal),
                ledger_version=snapshot.version,
            )
            offset, first = reached.offset, False


def _asked(
    request: messages.StreamFootprintRequest, principal: Principal, members: Members
) -> tuple[FootprintQuery, pa.ipc.IpcWriteOptions]:
    checks = Checks()
    query = query_from(request, principal, checks, members)
    if request.content not in messages.StreamContent.values():
        checks.fault("content", f"there is no content {request.content}")
    if request.content == messages.STREAM_CONTENT_POSTINGS:
        for field in _OF_ROWS:
            if getattr(request, field):
                checks.fault(field, "postings are not added up: leave it out, or ask for rows")
    if request.compression not in _COMPRESSIONS:
        checks.fault("compression", f"there is no compression {request.compression}")
    checks.done()
    assert query is not None
    return query, pa.ipc.IpcWriteOptions(compression=_COMPRESSIONS[request.compression], use_threads=False)


def _still(request: messages.StreamFootprintRequest, principal: Principal, query: FootprintQuery, members: Members) -> None:
    """A stream lasts long, and an account that is moved to another payer meanwhile is out of sight at once.

    Raises:
        PermissionDeniedError, RequestError: the principal sees other accounts than when the stream began.
    """
    if allowed_accounts(request.filter.accounts, principal, members) != query.accounts:
        raise RequestError([("filter.accounts", "other accounts are yours to see than when the stream began; begin again")])


def _encoded(part: Part, options: pa.ipc.IpcWriteOptions, *, schema: bool) -> bytes:
    """The dictionaries and the record batch, after the schema if that is wanted."""
    sink = pa.BufferOutputStream()
    writer = pa.ipc.new_stream(sink, part.rows.schema, options=options)
    writer.write_batch(part.rows)
    begin = 0 if schema else part.rows.schema.serialize().size
    return memoryview(sink.getvalue())[begin:].tobytes()


def _ahead(values: Iterator[T]) -> Iterator[T]:
    """The same, each made while the one before is in use."""
    with ThreadPoolExecutor(1, thread_name_prefix="greencloud-stream") as thread:
        coming = thread.submit(next, values, None)
        while (value := coming.result()) is not None:
            coming = thread.submit(next, values, None)
            yield value
