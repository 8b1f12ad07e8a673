"""AllocationService: run the allocation and show what it posted. For the provider."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import datetime
from typing import Any, Final

from greencloud.results import BatchSummary, RunSummary
from greencloud.server.answers import Answers
from greencloud.server.auth import require
from greencloud.server.checks import Checks
from greencloud.server.errors import BusyError
from greencloud.server.paging import Cursor, Pages, fill
from greencloud.server.restatements import restatement_page, units_of
from greencloud.server.roles import Permission
from greencloud.server.services import RestateOrder, Services
from greencloud.v1 import allocation_service_pb2 as messages
from greencloud.v1 import allocation_service_pb2_grpc as stubs
from greencloud.wire import batch_to_message, refused_to_message

__all__ = ["AllocationServicer"]

_DEFAULT_BATCHES: Final = 100
_MOST_BATCHES: Final = 1_000
_MOST_LINES: Final = 10_000
_LONGEST_REASON: Final = 1_000


class AllocationServicer(stubs.AllocationServiceServicer):
    def __init__(self, services: Services, pages: Pages) -> None:
        self._services = services
        self._pages = pages
        self._running = threading.Lock()
        self._answers: Answers[tuple[datetime | None, datetime | None], BatchSummary] = Answers()

    def RunAllocation(self, request: messages.RunAllocationRequest, context: Any) -> messages.RunAllocationResponse:  # noqa: N802
        principal = require(Permission.ALLOCATION_RUN)
        checks = Checks()
        start, end = checks.period(request, required=False)
        rule = self._rule(request, checks)
        checks.done()
        run = self._run(lambda: self._services.run_allocation(rule, start, end, principal.subject))
        return messages.RunAllocationResponse(
            posted_batches=[batch_to_message(batch) for batch in run.posted],
            unchanged_count=run.unchanged_count,
            refused_windows=[refused_to_message(refused) for refused in run.refused],
        )

    def Restate(self, request: messages.RestateRequest, context: Any) -> messages.RestateResponse:  # noqa: N802
        principal = require(Permission.ALLOCATION_RUN)
        checks = Checks()
        start, end = checks.period(request, required=True)
        rule = self._rule(request, checks)
        reason = " ".join(request.reason.split())
        if not reason:
            checks.fault("reason", "is required: customers read it")
        elif len(reason) > _LONGEST_REASON or not reason.isprintable():
            checks.fault("reason", f"must be printable text of at most {_LONGEST_REASON:,} characters")
        checks.done()
        assert start is not None
        assert end is not None
        order = RestateOrder(
            rule=rule,
            start=start,
            end=end,
            requested_by=principal.subject,
            reason=reason,
            dry_run=request.dry_run,
            unbounded=request.confirm_large_changes,
        )
        run = self._run(lambda: self._services.restate(order))
        page = restatement_page(run.restatements, 0, _MOST_LINES)
        return messages.RestateResponse(
            restatements=page.messages,
            lines_left_out_count=units_of(run.restatements[page.done :]) - page.within,
            posted_batches=[batch_to_message(batch) for batch in run.posted],
            unchanged_count=run.unchanged_count,
            refused_windows=[refused_to_message(refused) for refused in run.refused],
        )

    def _rule(self, request: Any, checks: Checks) -> str:
        rule: str = request.rule or self._services.rules[0]
        if rule not in self._services.rules:
            checks.fault("rule", f"there is no rule {rule[:64]!r}; there are {', '.join(self._services.rules)}")
        return rule

    def _run(self, run: Callable[[], RunSummary]) -> RunSummary:
        if not self._running.acquire(blocking=False):
            raise BusyError("another run of the allocation is under way")
        try:
            return run()
        finally:
            self._running.release()

    def ListBatches(self, request: messages.ListBatchesRequest, context: Any) -> messages.ListBatchesResponse:  # noqa: N802
        principal = require(Permission.BATCHES_READ)
        checks = Checks()
        start, end = checks.period(request, required=False)
        size = checks.page_size(request.page_size, default=_DEFAULT_BATCHES, most=_MOST_BATCHES)
        checks.done()
        cursor = self._pages.open(request, principal)
        version, batches = self._answers.get(cursor.version, (start, end))
        if batches is None:
            snapshot = self._services.snapshot(cursor.version)
            version, batches = snapshot.version, snapshot.batches(start, end)
        page = fill(batches[cursor.offset : cursor.offset + size], size, batch_to_message)
        response = messages.ListBatchesResponse(batches=page)
        reached = cursor.offset + len(page)
        if reached < len(batches):
            self._answers.keep(version, (start, end), batches, len(batches))
            response.next_page_token = self._pages.seal(Cursor(version, reached), request, principal)
        return response
