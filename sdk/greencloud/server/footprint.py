"""FootprintService: what the accounts that a credential may see have used and emitted.

A tenant's question is narrowed to its own account and those it pays for before anything else is looked at; asking for any other
account, or for a pool, is refused in the same words whether or not it exists (AIP-211).
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from itertools import chain, islice
from typing import Any, Final

from greencloud.allocation import COMPONENTS
from greencloud.results import GROUPABLE, FootprintQuery, FootprintRow, Restatement
from greencloud.server.accounts import Members, allowed_account, allowed_accounts, is_tenant
from greencloud.server.answers import Answers
from greencloud.server.auth import require
from greencloud.server.checks import Checks
from greencloud.server.credentials import Principal
from greencloud.server.errors import RequestError
from greencloud.server.explanations import Explanations, explain_order_from
from greencloud.server.paging import PAGE_BYTES, Cursor, Pages, fill
from greencloud.server.restatements import RestatementQuery, restatement_page, restatements_for
from greencloud.server.roles import Permission
from greencloud.server.services import Record, Services
from greencloud.v1 import footprint_service_pb2 as messages
from greencloud.v1 import footprint_service_pb2_grpc as stubs
from greencloud.v1 import statement_pb2
from greencloud.wire import GRANULARITIES, log_entry_to_message, row_to_message, statement_to_message

__all__ = ["FootprintServicer", "query_from"]

_DEFAULT_ROWS: Final = 1_000
_MOST_ROWS: Final = 10_000
_MOST_DIMENSIONS: Final = 6
_LONGEST_LABEL: Final = 128
_GRANULARITIES: Final = {number: granularity for granularity, number in GRANULARITIES.items()}


class FootprintServicer(stubs.FootprintServiceServicer):
    def __init__(self, services: Services, pages: Pages) -> None:
        self._services = services
        self._pages = pages
        self._answers: Answers[FootprintQuery, FootprintRow] = Answers()
        self._records: Answers[tuple[datetime | None, datetime | None], Record] = Answers()
        self._begun: Answers[tuple[RestatementQuery, int], Restatement] = Answers()
        self._explanations = Explanations(services)

    def QueryFootprint(self, request: messages.QueryFootprintRequest, context: Any) -> messages.QueryFootprintResponse:  # noqa: N802
        principal = require(Permission.FOOTPRINT_READ)
        query, size = query_from(request, principal, self._services.members)
        cursor = self._pages.open(request, principal)
        version, rows = self._answers.get(cursor.version, query)
        if rows is None:
            snapshot = self._services.snapshot(cursor.version)
            version, rows = snapshot.version, snapshot.footprint(query)
        page = fill((rows[index] for index in range(cursor.offset, len(rows))), size, row_to_message)
        response = messages.QueryFootprintResponse(rows=page, ledger_version=version)
        reached = cursor.offset + len(page)
        if reached < len(rows):
            self._answers.keep(version, query, rows, len(rows))
            response.next_page_token = self._pages.seal(Cursor(version, reached), request, principal)
        return response

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
        response, following = self._explanations.page(order, self._pages.open(request, principal))
        if following:
            response.next_page_token = self._pages.seal(following, request, principal)
        return response

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


def query_from(request: messages.QueryFootprintRequest, principal: Principal, members: Members) -> tuple[FootprintQuery, int]:
    """The question that the principal may ask, and the page size.

    Raises:
        PermissionDeniedError: a tenant asks for an account that is not its own and that it does not pay for.
        RequestError: a field is wrong.
    """
    accounts = allowed_accounts(request.filter.accounts, principal, members)  # authorise before validating (AIP-211)
    checks = Checks()
    start, end = checks.period(request, required=True)
    wanted = request.filter
    checks.values("filter.accounts", wanted.accounts)
    components = checks.known("filter.components", wanted.components, COMPONENTS)
    group_by = _group_by(checks, request.group_by)
    if request.granularity not in _GRANULARITIES:
        checks.fault("granularity", f"there is no granularity {request.granularity}")
    size = checks.page_size(request.page_size, default=_DEFAULT_ROWS, most=_MOST_ROWS)
    services = checks.values("filter.services", wanted.services)
    regions = checks.values("filter.regions", wanted.regions)
    sites = checks.values("filter.sites", wanted.sites)
    skus = checks.values("filter.skus", wanted.skus)
    operations = checks.values("filter.operations", wanted.operations)
    checks.done()
    assert start is not None
    assert end is not None
    query = FootprintQuery(
        start=start,
        end=end,
        accounts=accounts,
        services=services,
        regions=regions,
        sites=sites,
        skus=skus,
        operations=operations,
        components=components,
        group_by=group_by,
        granularity=_GRANULARITIES[request.granularity],
    )
    return query, size


def _group_by(checks: Checks, asked: Sequence[str]) -> tuple[str, ...]:
    if len(asked) > _MOST_DIMENSIONS:
        checks.fault("group_by", f"has more than {_MOST_DIMENSIONS} dimensions")
        return ()
    if len(set(asked)) < len(asked):
        checks.fault("group_by", "names a dimension twice")
    for name in asked:
        kind, _, key = name.partition(":")
        if name not in GROUPABLE and not (kind == "label" and 0 < len(key) <= _LONGEST_LABEL):
            checks.fault("group_by", f"there is no dimension {name[:64]!r}; there are {', '.join(GROUPABLE)} and label:KEY")
    return tuple(asked)
