"""StreamFootprint, over a real ledger: the figures of the query, resumption, who sees what, limits, and calls that are given up."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc
import polars as pl
import pyarrow as pa
import pytest
from google.rpc import error_details_pb2
from grpc_status import rpc_status

from greencloud.client.streaming import batches, batches_async
from greencloud.errors import PermissionDeniedError, RemoteError, UnavailableError
from greencloud.ledger import Ledger
from greencloud.ledger import streamed_postings as streaming
from greencloud.server import streaming as served
from greencloud.units import INT64_MAX
from greencloud.v1 import footprint_service_pb2 as footprint
from greencloud.v1 import footprint_service_pb2_grpc as stubs
from greencloud.wire import instant_to_message
from inprocess import World, serving
from ledger_builders import EVER, batch, hour
from test_ledger_rollups_random import WINDOWS, made

TIMES: dict[str, Any] = {"start_time": instant_to_message(EVER.start), "end_time": instant_to_message(EVER.end)}
POSTINGS = footprint.STREAM_CONTENT_POSTINGS


@dataclass
class Stand:
    """A server over a ledger."""

    world: World
    ledger: Ledger

    def wait_for_no_stream(self) -> None:
        """A stream that was given up makes room for the next as soon as the server has seen it."""
        server = self.world.server
        assert server is not None
        wait_for(lambda: not server.gate.calls)

    def stub(self, channel: grpc.Channel) -> Any:
        return stubs.FootprintServiceStub(channel)


@pytest.fixture(scope="module")
def stand(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stand]:
    folder = tmp_path_factory.mktemp("streams")
    ledger = Ledger(folder / "ledger")
    ledger.post_all([made(site, window, at) for at, window in enumerate(WINDOWS) for site in ("s", "t")])
    with serving(folder) as world:
        world.snapshot = ledger.snapshot  # type: ignore[method-assign,assignment]
        yield Stand(world, ledger)


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Parts of a few rows."""
    monkeypatch.setattr(streaming, "TARGET", 400)


def asked(**fields: Any) -> footprint.StreamFootprintRequest:
    return footprint.StreamFootprintRequest(**(TIMES | fields))


def parts(stand: Stand, request: footprint.StreamFootprintRequest, account: str = "") -> list[Any]:
    with stand.world.channel() as channel:
        return list(stand.stub(channel).StreamFootprint(request, timeout=10, metadata=stand.world.bearer(account)))


def table_of(messages: list[Any]) -> pa.Table:
    return pa.ipc.open_stream(b"".join(message.arrow_ipc for message in messages)).read_all()


def refusal(stand: Stand, request: footprint.StreamFootprintRequest, account: str = "") -> tuple[grpc.StatusCode, str, str]:
    """Code, text and reason."""
    with pytest.raises(grpc.RpcError) as caught:
        parts(stand, request, account)
    return told(caught.value)


def told(error: Any) -> tuple[grpc.StatusCode, str, str]:
    info = error_details_pb2.ErrorInfo()
    status = rpc_status.from_call(error)
    assert status is not None
    status.details[0].Unpack(info)
    return error.code(), error.details(), info.reason


def test_rows_are_those_of_the_query(stand: Stand) -> None:
    fields: dict[str, Any] = {
        "group_by": ["account", "label:team"],
        "granularity": footprint.GRANULARITY_QUARTER,
        "fiscal_year_start_month": 2,
    }
    messages = parts(stand, asked(**fields))
    with stand.world.channel() as channel:
        request = footprint.QueryFootprintRequest(**TIMES, **fields, page_size=10_000)
        answer = stand.stub(channel).QueryFootprint(request, timeout=10, metadata=stand.world.bearer())
    rows = table_of(messages).to_pylist()
    assert len(rows) == len(answer.rows) == answer.total_size == messages[-1].offset + messages[-1].row_count
    for row, meant in zip(rows, answer.rows, strict=True):
        assert (row["account"], row["label:team"]) == (meant.dimensions["account"], meant.dimensions["label:team"])
        assert row["start_time"] == meant.start_time.ToDatetime(tzinfo=EVER.start.tzinfo)
        assert row["operation_count"] == meant.operation_count
        assert row["quality_flags"] == list(meant.quality_flags)
    assert {message.ledger_version for message in messages} == {answer.ledger_version}


@pytest.mark.usefixtures("small")
@pytest.mark.parametrize("compression", footprint.StreamCompression.values())
def test_messages_are_one_arrow_stream_that_any_reader_reads(stand: Stand, compression: int) -> None:
    messages = parts(stand, asked(content=POSTINGS, compression=compression))
    whole = table_of(messages)
    assert len(messages) > 5
    assert [message.offset for message in messages] == [sum(m.row_count for m in messages[:at]) for at in range(len(messages))]
    by_polars = pl.read_ipc_stream(b"".join(message.arrow_ipc for message in messages))
    for name in ("account", "operation", "energy_mj", "site"):
        assert by_polars[name].cast(pl.String if name != "energy_mj" else pl.Int64).to_list() == whole[name].to_pylist()


@pytest.mark.usefixtures("small")
@pytest.mark.parametrize("content", footprint.StreamContent.values())
def test_a_stream_goes_on_after_every_message_whatever_is_posted_meanwhile(stand: Stand, content: int) -> None:
    request = asked(content=content, **({} if content else {"group_by": ["account"], "granularity": footprint.GRANULARITY_WINDOW}))
    messages = parts(stand, request)
    rows = table_of(messages).to_pylist()
    stand.ledger.post(batch({"late": 7}, window=hour(5)))
    for message in messages:
        again = parts(stand, asked_again(request, message.resume_token))
        done = message.offset + message.row_count
        assert again[0].offset == done
        assert table_of(again).to_pylist() == rows[done:]
        assert {each.ledger_version for each in again} == {messages[0].ledger_version}


def asked_again(request: footprint.StreamFootprintRequest, token: str) -> footprint.StreamFootprintRequest:
    other = footprint.StreamFootprintRequest()
    other.CopyFrom(request)
    other.resume_token = token
    return other


def test_a_token_is_good_for_its_caller_and_its_question_alone(stand: Stand) -> None:
    (message, *_) = parts(stand, asked(content=POSTINGS, filter={"accounts": ["a"]}), "a")
    for request, account in (
        (asked(content=POSTINGS, filter={"accounts": ["a"]}), ""),
        (asked(content=POSTINGS), "a"),
        (asked(filter={"accounts": ["a"]}), "a"),
    ):
        code, text, _ = refusal(stand, asked_again(request, message.resume_token), account)
        assert (code, "belongs to another request" in text) == (grpc.StatusCode.INVALID_ARGUMENT, True)
    assert refusal(stand, asked(resume_token="x"))[0] is grpc.StatusCode.INVALID_ARGUMENT


@pytest.mark.parametrize("content", footprint.StreamContent.values())
def test_a_tenant_s_stream_is_of_its_own_account_and_asking_for_another_is_refused(stand: Stand, content: int) -> None:
    fields = {} if content else {"group_by": ["account"]}
    table = table_of(parts(stand, asked(content=content, **fields), "a"))
    assert set(table["account"].to_pylist()) == {"a"}
    assert "zoë".encode() not in b"".join(message.arrow_ipc for message in parts(stand, asked(content=content, **fields), "a"))
    assert refusal(stand, asked(content=content, filter={"accounts": ["b"]}), "a")[0] is grpc.StatusCode.PERMISSION_DENIED


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"content": POSTINGS, "group_by": ["account"]}, "group_by"),
        ({"content": POSTINGS, "granularity": footprint.GRANULARITY_DAY}, "granularity"),
        ({"content": POSTINGS, "fiscal_year_start_month": 4}, "fiscal_year_start_month"),
        ({"fiscal_year_start_month": 13}, "fiscal_year_start_month"),
        ({"content": 9}, "content"),
        ({"compression": 9}, "compression"),
        ({"end_time": TIMES["start_time"]}, "end_time"),
        ({"group_by": ["host"]}, "group_by"),
    ],
)
def test_what_is_wrong_is_named(stand: Stand, fields: dict[str, Any], field: str) -> None:
    code, text, reason = refusal(stand, asked(**fields))
    assert (code, reason) == (grpc.StatusCode.INVALID_ARGUMENT, "INVALID_REQUEST")
    assert text.startswith(f"{field}: ")


def test_a_sum_beyond_64_bits_is_out_of_range_with_advice(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "ledger")
    ledger.post_all([batch({"a": INT64_MAX}, window=hour(at)) for at in range(2)])
    with serving(tmp_path) as world:
        world.snapshot = ledger.snapshot  # type: ignore[method-assign,assignment]
        code, text, reason = refusal(Stand(world, ledger), asked())
    assert (code, reason) == (grpc.StatusCode.OUT_OF_RANGE, "AMOUNT_OUT_OF_RANGE")
    assert "shorter" in text


def test_an_account_has_so_many_streams_at_once_and_others_have_theirs(stand: Stand, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streaming, "TARGET", 1)
    go = threading.Event()
    monkeypatch.setattr(served, "_encoded", lambda *_, **__: go.wait(10) and b"")
    with stand.world.channel() as channel:
        stub = stand.stub(channel)
        held = [stub.StreamFootprint(asked(content=POSTINGS), metadata=stand.world.bearer("a")) for _ in range(2)]
        wait_for(lambda: stand.world.server is not None and stand.world.server.gate.calls == 2)
        time_limit = time.monotonic() + 5
        while True:  # the two may not have begun yet
            third = stub.StreamFootprint(asked(content=POSTINGS), timeout=0.5, metadata=stand.world.bearer("a"))
            with pytest.raises(grpc.RpcError) as caught:
                next(third)
            if caught.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED or time.monotonic() > time_limit:
                break
        assert "2 exports at once" in str(caught.value.details())
        go.set()
        assert all(list(call) for call in held)
        assert next(stub.StreamFootprint(asked(content=POSTINGS), timeout=5, metadata=stand.world.bearer("b")))


def test_a_stream_ends_when_its_payer_pays_for_other_accounts(stand: Stand, small: None, monkeypatch: pytest.MonkeyPatch) -> None:
    del small
    monkeypatch.setitem(stand.world.members, "org", frozenset({"a", "b"}))
    go = threading.Event()
    encoded = served._encoded
    monkeypatch.setattr(served, "_encoded", lambda *given, **more: (len(seen) and go.wait(10), encoded(*given, **more))[1])
    seen: list[Any] = []
    with stand.world.channel() as channel:
        for filter_, code in (({}, grpc.StatusCode.INVALID_ARGUMENT), ({"accounts": ["b"]}, grpc.StatusCode.PERMISSION_DENIED)):
            request = asked(content=POSTINGS, filter=footprint.FootprintFilter(**filter_))
            call = stand.stub(channel).StreamFootprint(request, metadata=stand.world.bearer("org"), timeout=20)
            seen.append(next(call))
            stand.world.members["org"] = frozenset({"a"})
            go.set()
            with pytest.raises(grpc.RpcError) as caught:
                seen.extend(call)
            assert caught.value.code() is code
            stand.world.members["org"] = frozenset({"a", "b"})
            seen.clear()
            go.clear()


def wait_for(holds: Any, seconds: float = 10.0) -> None:
    until = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < until
        threading.Event().wait(0.01)


class Broken:
    """Streams that break off after so many messages, with this status."""

    def __init__(self, stand: Stand, channel: grpc.Channel, breaks: list[int], account: str = "") -> None:
        self.stand, self.breaks = stand, breaks
        self.opened = 0
        self._stub = stand.stub(channel)
        self._account = account

    def __call__(self, request: footprint.StreamFootprintRequest) -> Iterator[Any]:
        self.opened += 1
        call = self._stub.StreamFootprint(request, timeout=10, metadata=self.stand.world.bearer(self._account))
        after = self.breaks.pop(0) if self.breaks else None
        for at, message in enumerate(call):
            if at == after:
                call.cancel()
                raise Unavailable
            yield message


class Unavailable(grpc.RpcError):
    @staticmethod
    def code() -> grpc.StatusCode:
        return grpc.StatusCode.UNAVAILABLE

    @staticmethod
    def details() -> str:
        return "gone"

    @staticmethod
    def trailing_metadata() -> tuple[()]:
        return ()


@pytest.mark.usefixtures("small")
@pytest.mark.parametrize("breaks", [[], [0, 1, 2, 0, 3], [1] * 12, [5, 0, 0, 0, 2]])
def test_a_reader_gets_every_row_once_over_any_breaks(stand: Stand, breaks: list[int]) -> None:
    request = asked(content=POSTINGS)
    whole = table_of(parts(stand, request)).to_pylist()
    pauses: list[float] = []
    with stand.world.channel() as channel:
        opening = Broken(stand, channel, list(breaks))

        def pause(seconds: float) -> None:
            pauses.append(seconds)
            stand.wait_for_no_stream()

        got = pa.Table.from_batches(batches(opening, request, pause=pause))
    assert got.to_pylist() == whole
    assert opening.opened == len(breaks) + 1
    assert max(pauses, default=0.2) <= 5.0
    assert request.resume_token == ""


def test_a_reader_gives_up_after_so_many_tries_in_a_row(stand: Stand) -> None:
    pauses: list[float] = []
    with stand.world.channel() as channel, pytest.raises(UnavailableError, match="gone"):
        list(batches(Broken(stand, channel, [0] * 9), asked(content=POSTINGS), tries=3, pause=pauses.append))
    assert pauses == [0.2, 0.4]


def test_a_reader_tells_what_the_server_refuses(stand: Stand) -> None:
    with stand.world.channel() as channel:
        opening = Broken(stand, channel, [], "a")
        with pytest.raises(PermissionDeniedError):
            list(batches(opening, asked(filter={"accounts": ["b"]}), pause=lambda _: None))
        with pytest.raises(RemoteError, match="no dimension"):
            list(batches(opening, asked(group_by=["host"]), pause=lambda _: None))


@pytest.mark.usefixtures("small")
@pytest.mark.anyio
async def test_an_asynchronous_reader_reads_the_same(stand: Stand) -> None:
    request = asked(content=POSTINGS)
    whole = table_of(parts(stand, request)).to_pylist()
    async with grpc.aio.insecure_channel(stand.world.target) as channel:
        stub: Any = stubs.FootprintServiceStub(channel)
        breaks = [2, 0, 1]

        async def opened(request: footprint.StreamFootprintRequest) -> Any:
            after = breaks.pop(0) if breaks else None
            at = 0
            call = stub.StreamFootprint(request, metadata=stand.world.bearer())
            async for message in call:
                if at == after:
                    call.cancel()
                    raise Unavailable
                at += 1
                yield message

        async def pause(_: float) -> None:
            await asyncio.to_thread(stand.wait_for_no_stream)

        got = [batch async for batch in batches_async(opened, request, pause=pause)]
    assert pa.Table.from_batches(got).to_pylist() == whole


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


def ordered(stand: Stand, order_by: str, **fields: Any) -> list[Any]:
    found: list[Any] = []
    request = footprint.QueryFootprintRequest(
        **TIMES, group_by=["account"], granularity=footprint.GRANULARITY_DAY, order_by=order_by, page_size=3, **fields
    )
    with stand.world.channel() as channel:
        while True:
            page = stand.stub(channel).QueryFootprint(request, timeout=10, metadata=stand.world.bearer())
            found += page.rows
            request.page_token = page.next_page_token
            if not page.next_page_token:
                assert page.total_size == len(found)
                return found


def test_rows_come_in_the_order_asked_for(stand: Stand) -> None:
    plain = ordered(stand, "")

    counts = [row.operation_count for row in ordered(stand, " operation_count   desc ")]
    assert counts == sorted((row.operation_count for row in plain), reverse=True)
    by_time = ordered(stand, "start_time desc, operation_count")
    assert [(-row.start_time.seconds, row.operation_count) for row in by_time] == sorted(
        (-row.start_time.seconds, row.operation_count) for row in plain
    )
    # What is equal keeps the default order.
    assert [row.dimensions["account"] for row in ordered(stand, "start_time")] == [row.dimensions["account"] for row in plain]


@pytest.mark.parametrize(
    "order_by", ["account", "energy asc", "energy desc desc", ",", "energy,", "energy, energy desc", "update_time"]
)
def test_another_order_is_refused_with_those_that_there_are(stand: Stand, order_by: str) -> None:
    with pytest.raises(grpc.RpcError) as caught:
        ordered(stand, order_by)
    code, text, _ = told(caught.value)
    assert code is grpc.StatusCode.INVALID_ARGUMENT
    assert "order_by" in text
    assert "total_location_based" in text or "twice" in text


def test_an_answer_of_too_many_rows_is_refused_with_what_to_do(stand: Stand, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("greencloud.server.footprint._MOST_ANSWER", 5)
    with pytest.raises(grpc.RpcError) as caught:
        ordered(stand, "")
    code, text, reason = told(caught.value)
    assert (code, reason) == (grpc.StatusCode.INVALID_ARGUMENT, "ANSWER_TOO_LARGE")
    assert "StreamFootprint" in text
