"""AllocationService: run the allocation and show what it posted. For the provider."""

from __future__ import annotations

import threading
from typing import Any, Final

from greencloud.results import RefusedWindow
from greencloud.server.auth import require_provider
from greencloud.server.checks import Checks
from greencloud.server.errors import BusyError
from greencloud.server.paging import Cursor, Pages, fill
from greencloud.server.services import Services
from greencloud.v1 import allocation_service_pb2 as messages
from greencloud.v1 import allocation_service_pb2_grpc as stubs
from greencloud.wire import batch_to_message, instant_to_message

__all__ = ["AllocationServicer"]

_DEFAULT_BATCHES: Final = 100
_MOST_BATCHES: Final = 1_000


class AllocationServicer(stubs.AllocationServiceServicer):
    def __init__(self, services: Services, pages: Pages) -> None:
        self._services = services
        self._pages = pages
        self._running = threading.Lock()

    def RunAllocation(self, request: messages.RunAllocationRequest, context: Any) -> messages.RunAllocationResponse:  # noqa: N802
        require_provider("running the allocation")
        checks = Checks()
        start, end = checks.period(request, required=False)
        rule = request.rule or self._services.rules[0]
        if rule not in self._services.rules:
            checks.fault("rule", f"there is no rule {rule[:64]!r}; there are {', '.join(self._services.rules)}")
        checks.done()
        if not self._running.acquire(blocking=False):
            raise BusyError("another run of the allocation is under way")
        try:
            run = self._services.run_allocation(rule, start, end)
        finally:
            self._running.release()
        return messages.RunAllocationResponse(
            posted_batches=[batch_to_message(batch) for batch in run.posted],
            unchanged_count=run.unchanged_count,
            refused_windows=[_refused_to_message(refused) for refused in run.refused],
        )

    def ListBatches(self, request: messages.ListBatchesRequest, context: Any) -> messages.ListBatchesResponse:  # noqa: N802
        principal = require_provider("listing batches")
        checks = Checks()
        start, end = checks.period(request, required=False)
        size = checks.page_size(request.page_size, default=_DEFAULT_BATCHES, most=_MOST_BATCHES)
        checks.done()
        cursor = self._pages.open(request, principal)
        snapshot = self._services.snapshot(cursor.version)
        batches = snapshot.batches(start, end)
        page = fill(batches[cursor.offset : cursor.offset + size], size, batch_to_message)
        response = messages.ListBatchesResponse(batches=page)
        reached = cursor.offset + len(page)
        if reached < len(batches):
            response.next_page_token = self._pages.seal(Cursor(snapshot.version, reached), request, principal)
        return response


def _refused_to_message(refused: RefusedWindow) -> messages.RefusedWindow:
    return messages.RefusedWindow(
        site=refused.site,
        start_time=instant_to_message(refused.start),
        end_time=instant_to_message(refused.end),
        message=refused.message,
        reason=refused.reason,
    )
