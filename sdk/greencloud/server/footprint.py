"""FootprintService: what the accounts that a credential may see have used and emitted.

A tenant's question is narrowed to its own account and those it pays for before anything else is looked at; asking for any other
account, or for a pool, is refused in the same words whether or not it exists (AIP-211).
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from itertools import chain, islice
from typing import Any, Final

from greencloud.results import FootprintQuery, FootprintRow, Restatement
from greencloud.server.accounts import allowed_account, allowed_accounts, is_tenant
from greencloud.server.answers import Answers
from greencloud.server.auth import facts, require
from greencloud.server.availability import availability_for
from greencloud.server.checks import Checks
from greencloud.server.comparisons import Comparisons
from greencloud.server.dimension_values import DimensionValues
from greencloud.server.errors import RequestError
from greencloud.server.explanations import Explanations, explain_order_from
from greencloud.server.paging import PAGE_BYTES, Cursor, Pages, fill
from greencloud.server.questions import Order, in_order, order_from, query_from
from greencloud.server.restatements import RestatementQuery, restatement_page, restatements_for
from greencloud.server.roles import Permission
from greencloud.server.services import Record, Services
from greencloud.server.streaming import Export, Streaming
from greencloud.v1 import footprint_service_pb2 as messages
from greencloud.v1 import footprint_service_pb2_grpc as stubs
from greencloud.v1 import statement_pb2
from greencloud.wire import log_entry_to_message, row_to_message, statement_to_message

__all__ = ["FootprintServicer"]

_DEFAULT_ROWS: Final = 1_000
_MOST_ROWS: Final = 10_000
_MOST_ANSWER: Final = 100_000
"""Rows of one answer, on all pages. Each takes some 2.5 kB, and an answer is kept whole while it is paged through."""


class FootprintServicer(stubs.FootprintServiceServicer):
    def __init__(self, services: Services, pages: Pages, export: Export) -> None:
        self._services = services
        self._pages = pages
        self._streaming = Streaming(services, pages, export)
        self._answers: Answers[tuple[FootprintQuery, Order], FootprintRow] = Answers()
        self._records: Answers[tuple[datetime | None, datetime | None], Record] = Answers()
        self._begun: Answers[tuple[RestatementQuery, int], Restatement] = Answers()
        self._explanations = Explanations(services)
        self._comparisons = Comparisons(services, pages)
        self._dimension_values = DimensionValues(services, pages)

    def QueryFootprint(self, request: messages.QueryFootprintRequest, context: Any) -> messages.QueryFootprintResponse:  # noqa: N802
        principal = require(Permission.FOOTPRINT_READ)
        checks = Checks()
        query = query_from(request, principal, checks, self._services.members)
        order = order_from(checks, request.order_by)
        size = checks.page_size(request.page_size, default=_DEFAULT_ROWS, most=_MOST_ROWS)
        checks.done()
        assert query is not None
        cursor = self._pages.open(request, principal)
        version, rows = self._answers.get(cursor.version, (query, order))
        if rows is None:
            snapshot = self._services.snapshot(cursor.version)
            rows = in_order(snapshot.footprint(query, most=_MOST_ANSWER, stop=facts().stop), order)
            version = snapshot.version
        page = fill((rows[index] for index in range(cursor.offset, len(rows))), size, row_to_message)
        response = messages.QueryFootprintResponse(rows=page, ledger_version=version, total_size=len(rows))
        reached = cursor.offset + len(page)
        if reached < len(rows):
            self._answers.keep(version, (query, order), rows, len(rows))
            response.next_page_token = self._pages.seal(Cursor(version, reached), request, principal)
        return response

    def StreamFootprint(  # noqa: N802
        self, request: messages.StreamFootprintRequest, context: Any
    ) -> Iterator[messages.StreamFootprintResponse]:
        return self._streaming.answer(request, require(Permission.FOOTPRINT_READ), facts().stop)

    def ListRestatements(  # noqa: N802
        self, request: messages.ListRestatementsRequest, context: Any
    ) -> messages.ListRestatementsResponse:
        principal = require(Permission.FOOTPRINT_READ)
        accounts = allowed_accounts(request.accounts, principal, self._services.members)  # authorise before validating (AIP-211)
        checks = Checks()
        start, end = checks.period(request, required=False)
        checks.values("accounts", request.accounts)
        size = checks.page_size(request.page_size, default=_DEFAULT_ROWS, most=_MOST_ROWS)
        checks.done()
        query = RestatementQuery(start, end, accounts, is_tenant(principal))
        cursor = self._pages.open(request, principal)
        version, records = self._records.get(cursor.version, (start, end))
        if records is None:
            snapshot = self._services.snapshot(cursor.version)
            version, records = snapshot.version, list(snapshot.restatement_records(start, end))
        begun = self._begun.get(cursor.version, (query, cursor.offset))[1] or []
        unread = restatements_for(query, islice(records, cursor.offset + len(begun), None))
        page = restatement_page(chain(begun, unread), cursor.within, size)
        response = messages.ListRestatementsResponse(restatements=page.messages, ledger_version=version)
        if (reached := cursor.offset + page.done) < len(records):
            self._records.keep(version, (start, end), records, len(records))
            if page.begun:
                self._begun.keep(version, (query, reached), [page.begun], len(page.begun.lines))
            response.next_page_token = self._pages.seal(Cursor(version, reached, page.within), request, principal)
        return response

    def ExplainFootprint(  # noqa: N802
        self, request: messages.ExplainFootprintRequest, context: Any
    ) -> messages.ExplainFootprintResponse:
        principal = require(Permission.FOOTPRINT_READ)
        order = explain_order_from(request, principal, self._services.members)
        response, following = self._explanations.page(order, self._pages.open(request, principal), principal, facts().stop)
        if following:
            response.next_page_token = self._pages.seal(following, request, principal)
        return response

    def CompareRules(self, request: messages.CompareRulesRequest, context: Any) -> messages.CompareRulesResponse:  # noqa: N802
        return self._comparisons.page(request, require(Permission.FOOTPRINT_READ), facts().stop)

    def GetDataAvailability(  # noqa: N802
        self, request: messages.GetDataAvailabilityRequest, context: Any
    ) -> messages.DataAvailability:
        return availability_for(self._services, request, require(Permission.FOOTPRINT_READ))

    def ListDimensionValues(  # noqa: N802
        self, request: messages.ListDimensionValuesRequest, context: Any
    ) -> messages.ListDimensionValuesResponse:
        return self._dimension_values.page(request, require(Permission.FOOTPRINT_READ), facts().stop)

    def GetStatement(self, request: messages.GetStatementRequest, context: Any) -> statement_pb2.Statement:  # noqa: N802
        checks = Checks()
        account = allowed_account(request.account, require(Permission.FOOTPRINT_READ), checks, self._services.members)
        if not request.period:
            checks.fault("period", "is required")
        checks.values("period", [request.period])
        checks.done()
        statement = statement_to_message(self._services.statement(account, request.period))
        if statement.ByteSize() > PAGE_BYTES:
            raise RequestError([("account", f"its statement takes {statement.ByteSize() / 1e6:.0f} MB, which no message holds")])
        return statement

    def ListRootLogEntries(  # noqa: N802
        self, request: messages.ListRootLogEntriesRequest, context: Any
    ) -> messages.ListRootLogEntriesResponse:
        principal = require(Permission.FOOTPRINT_READ)
        checks = Checks()
        size = checks.page_size(request.page_size, default=_DEFAULT_ROWS, most=_MOST_ROWS)
        checks.done()
        offset = self._pages.open(request, principal).offset
        log = self._services.root_log()  # it only grows, so that an offset into it stays
        page = fill(log[offset:], size, log_entry_to_message)
        response = messages.ListRootLogEntriesResponse(entries=page)
        if offset + len(page) < len(log):
            response.next_page_token = self._pages.seal(Cursor(None, offset + len(page)), request, principal)
        return response
