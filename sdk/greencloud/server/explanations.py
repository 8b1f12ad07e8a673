"""Explanations over the API: an account's figure, its windows a few at a time, the largest first.

Each window is allocated again from its inputs, which is work for the server: explanations are made few at a time, one of an account
(``greencloud.server.turns``).
"""

from __future__ import annotations

from typing import Any, Final

from greencloud.allocation import COMPONENTS, POSTING_MEASURES
from greencloud.ledger.stop import Stop
from greencloud.server.accounts import Members, allowed_account, is_tenant
from greencloud.server.checks import Checks
from greencloud.server.credentials import Principal
from greencloud.server.errors import RequestError
from greencloud.server.paging import PAGE_BYTES, Cursor
from greencloud.server.services import ExplainOrder, Services
from greencloud.server.turns import Turns
from greencloud.v1 import footprint_service_pb2 as messages
from greencloud.wire import explained_page_to_message

__all__ = ["Explanations", "explain_order_from"]

_DEFAULT_WINDOWS: Final = 1
_MOST_WINDOWS: Final = 8


def explain_order_from(request: messages.ExplainFootprintRequest, principal: Principal, members: Members) -> ExplainOrder:
    """What to explain to the principal. A payer is shown a member's figure as the member is: nothing of what is of others.

    Raises:
        PermissionDeniedError: a tenant asks for an account that is not its own and that it does not pay for.
        RequestError: a field is wrong.
    """
    checks = Checks()
    account = allowed_account(request.account, principal, checks, members)
    start, end = checks.period(request, required=True)
    wanted = {name: checks.values(name, getattr(request, name)) for name in ("sites", "services", "skus", "operations")}
    components = checks.known("components", request.components, COMPONENTS)
    measures = checks.known("measures", request.measures, POSTING_MEASURES)
    size = checks.page_size(request.page_size, default=_DEFAULT_WINDOWS, most=_MOST_WINDOWS)
    checks.done()
    assert start is not None
    assert end is not None
    return ExplainOrder(
        account,
        start,
        end,
        components=components,
        measures=tuple(name for name in POSTING_MEASURES if name in measures or not measures),
        tenant=is_tenant(principal),
        recompute=request.recompute,
        most=size,
        **wanted,
    )


class Explanations:
    """Makes them, few at a time."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._turns = Turns("another explanation is being worked out", retry_after_s=2.0, cause="explanations")

    def page(
        self, order: ExplainOrder, cursor: Cursor, principal: Principal, stop: Stop
    ) -> tuple[messages.ExplainFootprintResponse, Cursor | None]:
        """A page, and where the next begins; None after the last.

        Raises:
            BusyError: another explanation is being made.
            RequestError: a single window is too large for a message.
            NotFoundError: the account has nothing that fits.
            TooLargeError: the figure is of very many windows.
            StoppedError: ``stop`` was set.
        """
        with self._turns.one_of(principal):
            document = self._services.explain(order, cursor.version, cursor.offset, stop)
        page = explained_page_to_message(document)
        _fit(page)
        reached = cursor.offset + len(page.windows)
        more = reached < page.window_count
        return page, Cursor(page.ledger_version, reached) if more else None


def _fit(page: Any) -> None:
    """Leave windows to the next page until the message is small enough for stock clients."""
    while page.ByteSize() > PAGE_BYTES:
        if len(page.windows) == 1:
            text = f"the explanation of one window takes {page.ByteSize() / 1e6:.0f} MB, which no message holds"
            raise RequestError([("measures", f"{text}; name fewer measures, components, services or operations")])
        del page.windows[-1]
        del page.recomputations[len(page.windows) :]
