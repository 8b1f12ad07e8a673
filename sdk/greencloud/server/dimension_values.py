"""ListDimensionValues: what the footprint of a caller can be filtered by, the largest emitter first."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from greencloud.ledger import LABEL_KEYS, dimension_values
from greencloud.ledger.availability import EVER
from greencloud.results import GROUPABLE, DimensionValue, FootprintQuery
from greencloud.server.accounts import allowed_accounts
from greencloud.server.answers import Answers
from greencloud.server.checks import Checks
from greencloud.server.credentials import Principal
from greencloud.server.errors import RequestError
from greencloud.server.paging import Cursor, Pages, fill
from greencloud.server.services import Services
from greencloud.v1 import footprint_service_pb2 as messages
from greencloud.wire import dimension_value_to_message, instant_to_message

__all__ = ["DimensionValues"]

_DIMENSIONS: Final = tuple(name for name in GROUPABLE if name != "scope")
_LONGEST_LABEL: Final = 128

QueryFrom = Callable[[messages.QueryFootprintRequest, Principal], tuple[FootprintQuery, int]]


class DimensionValues:
    """Lists values, a page at a time. ``query_from`` reads what it has in common with a query of the ledger."""

    def __init__(self, services: Services, pages: Pages, query_from: QueryFrom) -> None:
        self._services = services
        self._pages = pages
        self._query_from = query_from
        self._answers: Answers[tuple[str, FootprintQuery], DimensionValue] = Answers()

    def page(self, request: messages.ListDimensionValuesRequest, principal: Principal) -> messages.ListDimensionValuesResponse:
        """A page for the principal.

        Raises:
            PermissionDeniedError: a tenant asks for an account that is not its own.
            RequestError: a field is wrong.
        """
        query, size = self._read(request, principal)
        cursor = self._pages.open(request, principal)
        version, values = self._answers.get(cursor.version, (request.dimension, query))
        if values is None:
            snapshot = self._services.snapshot(cursor.version)
            version, values = snapshot.version, dimension_values(snapshot, request.dimension, query)
        page = fill((values[place] for place in range(cursor.offset, len(values))), size, dimension_value_to_message)
        response = messages.ListDimensionValuesResponse(values=page, total_size=len(values), ledger_version=version)
        reached = cursor.offset + len(page)
        if reached < len(values):
            self._answers.keep(version, (request.dimension, query), values, len(values))
            response.next_page_token = self._pages.seal(Cursor(version, reached), request, principal)
        return response

    def _read(self, request: messages.ListDimensionValuesRequest, principal: Principal) -> tuple[FootprintQuery, int]:
        allowed_accounts(request.filter.accounts, principal)  # authorise before validating (AIP-211)
        checks = Checks()
        kind, _, key = request.dimension.partition(":")
        if not request.dimension:
            checks.fault("dimension", "is required")
        elif request.dimension not in (*_DIMENSIONS, LABEL_KEYS) and not (kind == "label" and 0 < len(key) <= _LONGEST_LABEL):
            there = ", ".join(_DIMENSIONS)
            checks.fault("dimension", f"there is no dimension {request.dimension[:64]!r}; there are {there}, label:KEY and label")
        asked = messages.QueryFootprintRequest(
            start_time=request.start_time if request.HasField("start_time") else instant_to_message(EVER[0]),
            end_time=request.end_time if request.HasField("end_time") else instant_to_message(EVER[1]),
            filter=request.filter,
            page_size=request.page_size,
        )
        found: tuple[FootprintQuery, int] | None = None
        try:
            found = self._query_from(asked, principal)
        except RequestError as error:
            for violation in error.violations:
                checks.fault(*violation)
        checks.done()
        assert found
        return found
