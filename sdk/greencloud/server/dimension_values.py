"""ListDimensionValues: what the footprint of a caller can be filtered by, the largest emitter first."""

from __future__ import annotations

from typing import Final

from greencloud.ledger import LABEL_KEYS, dimension_values
from greencloud.ledger.availability import EVER
from greencloud.ledger.stop import Stop
from greencloud.results import GROUPABLE, DimensionValue, FootprintQuery
from greencloud.server.answers import Answers
from greencloud.server.checks import Checks
from greencloud.server.credentials import Principal
from greencloud.server.paging import Cursor, Pages, fill
from greencloud.server.questions import query_from
from greencloud.server.services import Services
from greencloud.v1 import footprint_service_pb2 as messages
from greencloud.wire import dimension_value_to_message, instant_to_message

__all__ = ["DimensionValues"]

_DIMENSIONS: Final = tuple(name for name in GROUPABLE if name != "scope")
_LONGEST_LABEL: Final = 128
_DEFAULT_VALUES: Final = 1_000
_MOST_VALUES: Final = 10_000
_MOST_ANSWER: Final = 100_000
"""As of QueryFootprint: an answer is made and kept whole."""


class DimensionValues:
    """Lists values, a page at a time."""

    def __init__(self, services: Services, pages: Pages) -> None:
        self._services = services
        self._pages = pages
        self._answers: Answers[tuple[str, FootprintQuery], DimensionValue] = Answers()

    def page(
        self, request: messages.ListDimensionValuesRequest, principal: Principal, stop: Stop
    ) -> messages.ListDimensionValuesResponse:
        """A page for the principal.

        Raises:
            PermissionDeniedError: a tenant asks for an account that is not its own.
            RequestError: a field is wrong.
            TooLargeError: there are very many values.
            StoppedError: ``stop`` was set.
        """
        query, size = self._read(request, principal)
        cursor = self._pages.open(request, principal)
        version, values = self._answers.get(cursor.version, (request.dimension, query))
        if values is None:
            snapshot = self._services.snapshot(cursor.version)
            version, values = snapshot.version, dimension_values(snapshot, request.dimension, query, most=_MOST_ANSWER, stop=stop)
        page = fill((values[place] for place in range(cursor.offset, len(values))), size, dimension_value_to_message)
        response = messages.ListDimensionValuesResponse(values=page, total_size=len(values), ledger_version=version)
        reached = cursor.offset + len(page)
        if reached < len(values):
            self._answers.keep(version, (request.dimension, query), values, len(values))
            response.next_page_token = self._pages.seal(Cursor(version, reached), request, principal)
        return response

    def _read(self, request: messages.ListDimensionValuesRequest, principal: Principal) -> tuple[FootprintQuery, int]:
        checks = Checks()
        asked = messages.QueryFootprintRequest(
            start_time=request.start_time if request.HasField("start_time") else instant_to_message(EVER[0]),
            end_time=request.end_time if request.HasField("end_time") else instant_to_message(EVER[1]),
            filter=request.filter,
        )
        query = query_from(asked, principal, checks, self._services.members)
        kind, _, key = request.dimension.partition(":")
        if not request.dimension:
            checks.fault("dimension", "is required")
        elif request.dimension not in (*_DIMENSIONS, LABEL_KEYS) and not (kind == "label" and 0 < len(key) <= _LONGEST_LABEL):
            there = ", ".join(_DIMENSIONS)
            checks.fault("dimension", f"there is no dimension {request.dimension[:64]!r}; there are {there}, label:KEY and label")
        size = checks.page_size(request.page_size, default=_DEFAULT_VALUES, most=_MOST_VALUES)
        checks.done()
        assert query is not None
        return query, size
