"""The reading end of StreamFootprint: record batches as they arrive, over breaks of the connection.

Messages end with whole record batches. So when a stream breaks off, every row that arrived has been given out, and the token of the
last message goes on after it: no row comes twice and none is missing. All of it is of one version of the ledger.

A stream is opened anew when the server cannot be reached or says that it cannot serve just now (UNAVAILABLE, AIP-194), and when it
gave the stream up because a reader took its time (CANCELLED), after a pause that doubles. What came in the meantime makes the tries
count from the beginning. Every other error is the caller's.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, AsyncIterable, Awaitable, Callable, Generator, Iterable, Iterator
from typing import TYPE_CHECKING, Any, Final

import grpc

from greencloud.client.errors import error_from
from greencloud.errors import MissingExtraError
from greencloud.v1.footprint_service_pb2 import StreamFootprintRequest, StreamFootprintResponse

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["batches", "batches_async"]

_FIRST_PAUSE_S: Final = 0.2
_LONGEST_PAUSE_S: Final = 5.0


def batches(
    open_stream: Callable[[StreamFootprintRequest], Iterable[StreamFootprintResponse]],
    request: StreamFootprintRequest,
    *,
    tries: int = 5,
    pause: Callable[[float], None] = time.sleep,
) -> Generator[pa.RecordBatch]:
    """The record batches of a stream; at least one, which has no row where the answer has none.

    Args:
        open_stream: calls the method; what it gives is cancelled when it has a ``cancel`` and the reader stops early.
        tries: how often to open a stream in a row of which nothing arrives.
        pause: waits for so many seconds.

    Raises:
        MissingExtraError: pyarrow is not installed.
        UnavailableError: the last try failed.
        GreencloudError: what the server answered.
    """
    progress = _Progress(request, tries)
    while not progress.done:
        call = None
        try:
            call = open_stream(progress.request())
            reader = _Reader()
            for message in call:
                yield from progress.take(reader, message)
            progress.done = True
        except grpc.RpcError as error:
            pause(progress.pause_after(error))
        finally:
            _cancel(call)


async def batches_async(
    open_stream: Callable[[StreamFootprintRequest], AsyncIterable[StreamFootprintResponse]],
    request: StreamFootprintRequest,
    *,
    tries: int = 5,
    pause: Callable[[float], Awaitable[None]] = asyncio.sleep,
) -> AsyncGenerator[pa.RecordBatch]:
    """As ``batches``."""
    progress = _Progress(request, tries)
    while not progress.done:
        call = None
        try:
            call = open_stream(progress.request())
            reader = _Reader()
            async for message in call:
                for batch in progress.take(reader, message):
                    yield batch
            progress.done = True
        except grpc.RpcError as error:
            await pause(progress.pause_after(error))
        finally:
            _cancel(call)


class _Progress:
    """How far a reader has come, over all streams that it opens."""

    def __init__(self, request: StreamFootprintRequest, tries: int) -> None:
        self._arrow = _arrow()
        self._request = StreamFootprintRequest()
        self._request.CopyFrom(request)
        self._tries = tries
        self._failed = 0
        self._begun = False
        self.done = False

    def request(self) -> StreamFootprintRequest:
        """What to open the next stream with."""
        return self._request

    def take(self, reader: _Reader, message: StreamFootprintResponse) -> Iterator[pa.RecordBatch]:
        """The batches of a message."""
        for batch in reader.batches(self._arrow, message.arrow_ipc):
            if batch.num_rows or not self._begun:
                self._begun = True
                yield batch
        self._request.resume_token = message.resume_token
        self._failed = 0

    def pause_after(self, error: grpc.RpcError) -> float:
        """How long to wait before the next try. Raises the error that it stands for where there is none."""
        self._failed += 1
        assert hasattr(error, "code"), "errors of a call have a status"
        if not _passes(error) or self._failed >= self._tries:
            raise error_from(error) from error
        return min(_FIRST_PAUSE_S * 2.0 ** (self._failed - 1), _LONGEST_PAUSE_S)


def _passes(error: grpc.RpcError) -> bool:
    """Whether a stream that ended so can go on."""
    if error.code() is grpc.StatusCode.CANCELLED:
        return "Channel closed" not in (error.details() or "")  # which the caller did
    return bool(error.code() is grpc.StatusCode.UNAVAILABLE)


class _Reader:
    """One Arrow IPC stream that arrives in messages. Arrow asks it for bytes, and gets views of what arrived: nothing is copied."""

    def __init__(self) -> None:
        self._rest = memoryview(b"")
        self._reader: Any = None
        self.closed = False

    def batches(self, arrow: Any, content: bytes) -> Iterator[pa.RecordBatch]:
        """The record batches that a message ends. Its bytes have to be used up before the next one comes."""
        self._rest = memoryview(content)
        if self._reader is None:
            self._reader = arrow.ipc.open_stream(arrow.PythonFile(self, mode="r"))
        while self._rest:
            yield self._reader.read_next_batch()

    def read(self, size: int = -1) -> memoryview:
        """For Arrow."""
        end = len(self._rest) if size < 0 else size
        found, self._rest = self._rest[:end], self._rest[end:]
        return found

    def readable(self) -> bool:
        return True

    def close(self) -> None:
        self.closed = True


def _arrow() -> Any:
    try:
        import pyarrow
        import pyarrow.ipc
    except ImportError as error:
        raise MissingExtraError("reading a stream", extra="arrow") from error
    return pyarrow


def _cancel(call: Any) -> None:
    """A call that is over does not mind."""
    if hasattr(call, "cancel"):
        call.cancel()
