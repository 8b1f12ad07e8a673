"""The client: questions as keyword arguments, answers as the values of ``greencloud.results``.

::

    with Client("footprint.example:4317", token=token) as client:
        for row in client.query_footprint(start=start, end=end, group_by=["service"]):
            print(row.dimensions["service"], row.total_location_based)

Lists come as iterators that fetch the next page when it is needed; every page reads the same version of the ledger. Errors are
those of ``greencloud.errors``.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from datetime import datetime
from types import TracebackType
from typing import Any, Self

import grpc
from google.protobuf.timestamp_pb2 import Timestamp

from greencloud.client.channel import open_channel
from greencloud.client.errors import error_from
from greencloud.client.explanation import explanation_document
from greencloud.errors import QuantityError
from greencloud.results import (
    BatchSummary,
    FootprintRow,
    GoalProgress,
    Granularity,
    Restatement,
    RootLogEntry,
    RunSummary,
    Statement,
)
from greencloud.v1 import allocation_service_pb2 as allocation
from greencloud.v1 import allocation_service_pb2_grpc as allocation_stubs
from greencloud.v1 import footprint_service_pb2 as footprint
from greencloud.v1 import footprint_service_pb2_grpc as footprint_stubs
from greencloud.v1 import goal_service_pb2 as goal
from greencloud.v1 import goal_service_pb2_grpc as goal_stubs
from greencloud.wire import (
    GRANULARITIES,
    batch_from_message,
    goal_from_message,
    instant_to_message,
    log_entry_from_message,
    refused_from_message,
    restatement_from_message,
    row_from_message,
    statement_from_message,
)

__all__ = ["Client"]

_RUN_TIMEOUT = 600.0


class Client:
    """Asks a server at ``target`` (``HOST:PORT``).

    Args:
        token: the bearer token, or a function that gives one and is asked for each call, so that it may change.
        timeout: seconds for one call, retries included.
        root_certificates: PEM of the authorities to trust instead of those of the system.
        insecure: True for no TLS, False for TLS, None for no TLS only where the target is this machine.
    """

    def __init__(
        self,
        target: str,
        *,
        token: str | Callable[[], str] | None,
        timeout: float = 30.0,
        root_certificates: bytes | None = None,
        insecure: bool | None = None,
    ) -> None:
        self._token = token
        self._timeout = timeout
        self._channel = open_channel(target, root_certificates=root_certificates, insecure=insecure)
        self._footprint = footprint_stubs.FootprintServiceStub(self._channel)
        self._allocation = allocation_stubs.AllocationServiceStub(self._channel)
        self._goal = goal_stubs.GoalServiceStub(self._channel)

    def query_footprint(
        self,
        *,
        start: datetime,
        end: datetime,
        accounts: Iterable[str] = (),
        services: Iterable[str] = (),
        regions: Iterable[str] = (),
        sites: Iterable[str] = (),
        skus: Iterable[str] = (),
        operations: Iterable[str] = (),
        components: Iterable[str] = (),
        group_by: Iterable[str] = (),
        granularity: Granularity | str = Granularity.ALL,
        page_size: int = 0,
    ) -> Iterator[FootprintRow]:
        """Rows of ``[start, end)``, added up over the dimensions and periods asked for. No accounts: all that you may see."""
        try:
            period = GRANULARITIES[Granularity(granularity)]
        except ValueError:
            known = ", ".join(Granularity)
            raise QuantityError(f"there is no granularity {granularity!r}", advice=f"use one of {known}") from None
        request = footprint.QueryFootprintRequest(
            **_period(start, end),
            filter=footprint.FootprintFilter(
                accounts=accounts,
                services=services,
                regions=regions,
                sites=sites,
                skus=skus,
                operations=operations,
                components=components,
            ),
            group_by=group_by,
            granularity=period,
            page_size=page_size,
        )
        names = tuple(request.group_by)
        pages = self._pages(self._footprint.QueryFootprint, request)
        return (_ordered(row_from_message(row), names) for page in pages for row in page.rows)

    def run_allocation(
        self, start: datetime | None = None, end: datetime | None = None, rule: str = "", *, timeout: float = _RUN_TIMEOUT
    ) -> RunSummary:
        """Allocate what is due and post it. A run that outlives ``timeout`` goes on; running again does nothing twice."""
        request = allocation.RunAllocationRequest(rule=rule, **_period(start, end))
        response = self._call(self._allocation.RunAllocation, request, timeout)
        return RunSummary(
            posted=tuple(batch_from_message(batch) for batch in response.posted_batches),
            unchanged_count=response.unchanged_count,
            refused=tuple(refused_from_message(refused) for refused in response.refused_windows),
        )

    def list_batches(self, start: datetime | None = None, end: datetime | None = None) -> Iterator[BatchSummary]:
        """Batches that are visible, in order of window and site."""
        pages = self._pages(self._allocation.ListBatches, allocation.ListBatchesRequest(**_period(start, end)))
        return (batch_from_message(batch) for page in pages for batch in page.batches)

    def list_restatements(
        self,
        start: datetime | None = None,
        end: datetime | None = None,
        accounts: Iterable[str] = (),
        *,
        page_size: int = 0,
    ) -> Iterator[Restatement]:
        """What was restated of windows that start in ``[start, end)``, in the order in which it was. No accounts: all that you
        may see. Each comes whole, however many pages its lines take."""
        request = footprint.ListRestatementsRequest(accounts=accounts, page_size=page_size, **_period(start, end))
        pages = self._pages(self._footprint.ListRestatements, request)
        return _joined(message for page in pages for message in page.restatements)

    def restate(
        self,
        start: datetime,
        end: datetime,
        reason: str,
        *,
        rule: str = "",
        dry_run: bool = False,
        confirm_large_changes: bool = False,
        timeout: float = _RUN_TIMEOUT,
    ) -> RunSummary:
        """Allocate a period anew, for a reason that customers will read; ``dry_run`` posts nothing and shows what would come.

        The restatements of the answer have as many lines as fit into one message; ``list_restatements`` has them all once
        they are posted.
        """
        request = allocation.RestateRequest(
            reason=reason, rule=rule, dry_run=dry_run, confirm_large_changes=confirm_large_changes, **_period(start, end)
        )
        response = self._call(self._allocation.Restate, request, timeout)
        return RunSummary(
            posted=tuple(batch_from_message(batch) for batch in response.posted_batches),
            unchanged_count=response.unchanged_count,
            refused=tuple(refused_from_message(refused) for refused in response.refused_windows),
            restatements=tuple(restatement_from_message(restatement) for restatement in response.restatements),
        )

    def explain_footprint(
        self,
        *,
        start: datetime,
        end: datetime,
        account: str = "",
        sites: Iterable[str] = (),
        services: Iterable[str] = (),
        skus: Iterable[str] = (),
        operations: Iterable[str] = (),
        components: Iterable[str] = (),
        measures: Iterable[str] = (),
        windows: int = 1,
        recompute: bool = False,
        timeout: float = _RUN_TIMEOUT,
    ) -> dict[str, Any]:
        """How what an account bears came about: a document of the schema ``greencloud.explanation/1``, every number a text.

        Its ``windows`` are the largest, as many as asked for, with the arithmetic down to meters, usage and factors. No account:
        your own. No measures: all. With ``recompute`` every batch that the figure has a part of is computed a second time, whole,
        and ``recomputed`` says what came out. Each call to the server has ``timeout`` seconds.
        """
        request = footprint.ExplainFootprintRequest(
            account=account,
            sites=sites,
            services=services,
            skus=skus,
            operations=operations,
            components=components,
            measures=measures,
            recompute=recompute,
            **_period(start, end),
        )
        return explanation_document(request, windows, lambda: self._call(self._footprint.ExplainFootprint, request, timeout))

    def get_statement(self, period: str, account: str = "") -> Statement:
        """What an account is told of a closed period, with the proof that ``greencloud verify`` checks. No account: your own."""
        request = footprint.GetStatementRequest(account=account, period=period)
        return statement_from_message(self._call(self._footprint.GetStatement, request))

    def list_root_log_entries(self, *, page_size: int = 0) -> Iterator[RootLogEntry]:
        """The log of roots, oldest first: closes of periods, and the keys that signed them."""
        pages = self._pages(self._footprint.ListRootLogEntries, footprint.ListRootLogEntriesRequest(page_size=page_size))
        return (log_entry_from_message(entry) for page in pages for entry in page.entries)

    def get_goal_progress(self, name: str = "goals/-") -> GoalProgress:
        """The provider's goal and where it stands; ``goals/-`` is the only one."""
        return goal_from_message(self._call(self._goal.GetGoalProgress, goal.GetGoalProgressRequest(name=name)))

    def close(self) -> None:
        self._channel.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def _pages(self, method: Any, request: Any) -> Iterator[Any]:
        while True:
            page = self._call(method, request)
            yield page
            if not page.next_page_token:
                return
            request.page_token = page.next_page_token

    def _call(self, method: Any, request: Any, timeout: float | None = None) -> Any:
        metadata = [("x-request-id", uuid.uuid4().hex)]
        token = self._token() if callable(self._token) else self._token
        if token is not None:
            metadata.append(("authorization", f"Bearer {token}"))
        try:
            return method(request, timeout=self._timeout if timeout is None else timeout, metadata=metadata)
        except grpc.RpcError as error:
            raise error_from(error) from error


def _ordered(row: FootprintRow, names: tuple[str, ...]) -> FootprintRow:
    """Dimensions in the order asked for: a map on the wire has none, and a table's columns must not move."""
    return replace(row, dimensions={name: row.dimensions[name] for name in names if name in row.dimensions})


def _joined(messages: Iterable[Any]) -> Iterator[Restatement]:
    held: Restatement | None = None
    for message in messages:
        part = restatement_from_message(message)
        if message.continued and held:
            held = replace(held, lines=held.lines + part.lines)
            continue
        if held:
            yield held
        held = part
    if held:
        yield held


def _period(start: datetime | None, end: datetime | None) -> dict[str, Any]:
    return {name: _instant(name, instant) for name, instant in (("start_time", start), ("end_time", end)) if instant is not None}


def _instant(name: str, instant: datetime) -> Timestamp:
    if instant.tzinfo is None:
        raise QuantityError(f"{name} {instant.isoformat()} has no time zone", advice="a guess would move it: add tzinfo=UTC")
    return instant_to_message(instant)
