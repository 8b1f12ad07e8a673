"""CompareRules: who would bear what under each rule, allocated anew for the caller.

That is work for the server: an account has one comparison made at a time, and two are made in all; who comes meanwhile is told to
come again. One ends when its caller is gone. What is paged through is kept; where it is not any more, or another process answers
the next page, the comparison is made again, and the page is refused if it came out differently: a comparison has no version of the
ledger to go by, since telemetry arrives all the time.
"""

from __future__ import annotations

from hashlib import sha256
from typing import Final

from greencloud.ledger.stop import Stop
from greencloud.results import RuleComparison
from greencloud.server.accounts import Members, allowed_accounts, is_tenant
from greencloud.server.answers import Answers
from greencloud.server.checks import Checks
from greencloud.server.credentials import Principal
from greencloud.server.errors import RequestError
from greencloud.server.paging import Cursor, Pages, fill
from greencloud.server.services import CompareOrder, Services
from greencloud.server.turns import Turns
from greencloud.v1 import footprint_service_pb2 as messages
from greencloud.wire import comparison_to_message, rule_row_to_message

__all__ = ["MOST_WINDOWS", "Comparisons", "compare_order_from"]

MOST_WINDOWS: Final = 2_000
"""Site-windows of one comparison: a month of hours at some three sites."""

_BY: Final = ("account", "service", "region", "site", "sku", "operation", "component")
_DEFAULT_ROWS: Final = 1_000
_MOST_ROWS: Final = 10_000


def compare_order_from(
    request: messages.CompareRulesRequest, principal: Principal, rules: tuple[str, ...], members: Members
) -> tuple[CompareOrder, int]:
    """What to compare for the principal, and the page size. ``rules``: those that there are.

    Raises:
        PermissionDeniedError: a tenant asks for an account that is not its own and that it does not pay for.
        RequestError: a field is wrong.
    """
    accounts = allowed_accounts(request.accounts, principal, members)  # authorise before validating (AIP-211)
    checks = Checks()
    checks.values("accounts", request.accounts)
    start, end = checks.period(request, required=False)
    named = {"rules": (request.rules, rules), "group_by": (request.group_by, _BY)}
    for field, (asked, _) in named.items():
        if len(set(asked)) < len(asked):
            checks.fault(field, "names one twice")
    chosen, by = (checks.known(field, *each) for field, each in named.items())
    size = checks.page_size(request.page_size, default=_DEFAULT_ROWS, most=_MOST_ROWS)
    checks.done()
    return CompareOrder(chosen or rules, by or ("account",), start, end, accounts, MOST_WINDOWS), size


class Comparisons:
    """Makes them, few at a time."""

    def __init__(self, services: Services, pages: Pages) -> None:
        self._services = services
        self._pages = pages
        self._answers: Answers[CompareOrder, RuleComparison] = Answers()
        self._turns = Turns("other comparisons of rules are being made", retry_after_s=5.0, cause="comparisons")

    def page(self, request: messages.CompareRulesRequest, principal: Principal, stop: Stop) -> messages.CompareRulesResponse:
        """A page for the principal.

        Raises:
            PermissionDeniedError, RequestError: as ``compare_order_from``; or the page before was of another state of telemetry.
            QuantityError: more site-windows than a comparison may be of.
            BusyError: others are being made.
            StoppedError: ``stop`` was set.
        """
        order, size = compare_order_from(request, principal, tuple(self._services.rules), self._services.members)
        cursor = self._pages.open(request, principal)
        state, kept = self._answers.get(cursor.version, order)
        found = kept[0] if kept else self._made(order, principal, stop)
        if not kept:
            state = _state_of(found)
            if cursor.version not in (None, state):
                raise RequestError([("page_token", "telemetry arrived since the page before; begin again without one")])
        page = fill((found.rows[place] for place in range(cursor.offset, len(found.rows))), size, rule_row_to_message)
        response = comparison_to_message(found, page)
        if is_tenant(principal):
            del response.notes[:]
        reached = cursor.offset + len(page)
        if reached < len(found.rows):
            self._answers.keep(state, order, [found], len(found.rows))
            response.next_page_token = self._pages.seal(Cursor(state, reached), request, principal)
        return response

    def _made(self, order: CompareOrder, principal: Principal, stop: Stop) -> RuleComparison:
        with self._turns.one_of(principal):
            return self._services.compare(order, stop.check)


def _state_of(found: RuleComparison) -> int:
    """A number that stands for everything that a comparison says."""
    digest = sha256(comparison_to_message(found).SerializeToString(deterministic=True)).digest()
    return int.from_bytes(digest[:7])
