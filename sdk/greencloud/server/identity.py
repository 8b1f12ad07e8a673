"""IdentityService: who the caller is to this server, and what was done with the provider's credentials."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any, Final

import greencloud
from greencloud.results import CallerIdentity
from greencloud.server.auth import caller, facts, require
from greencloud.server.checks import Checks
from greencloud.server.paging import Cursor, Pages, fill
from greencloud.server.roles import Permission, permissions_of, role_named
from greencloud.server.services import Services
from greencloud.v1 import identity_service_pb2 as messages
from greencloud.v1 import identity_service_pb2_grpc as stubs
from greencloud.wire import audit_entry_to_message, identity_to_message

__all__ = ["IdentityServicer"]

_DEFAULT_ENTRIES: Final = 100
_MOST_ENTRIES: Final = 1_000
_MOST_MEMBERS: Final = 1_000


class IdentityServicer(stubs.IdentityServiceServicer):
    def __init__(self, services: Services, pages: Pages, *, clock: Callable[[], datetime]) -> None:
        self._services = services
        self._pages = pages
        self._clock = clock

    def GetCallerIdentity(self, request: messages.GetCallerIdentityRequest, context: Any) -> messages.CallerIdentity:  # noqa: N802
        principal = caller()
        role = role_named(principal.role)
        members = sorted(self._services.members(principal.account)) if principal.account else []
        return identity_to_message(
            CallerIdentity(
                role=role.value,
                account=principal.account,
                member_accounts=tuple(members[:_MOST_MEMBERS]) if principal.may(Permission.FOOTPRINT_READ) else (),
                subject=principal.subject,
                issuer=principal.issuer,
                expires=facts().credential.expires,
                permissions=tuple(sorted(permission.value for permission in permissions_of(role))),
                server_version=greencloud.__version__,
                server_time=self._clock(),
            )
        )

    def ListAuditEntries(self, request: messages.ListAuditEntriesRequest, context: Any) -> messages.ListAuditEntriesResponse:  # noqa: N802
        principal = require(Permission.AUDIT_READ)
        checks = Checks()
        start, end = checks.period(request, required=False)
        size = checks.page_size(request.page_size, default=_DEFAULT_ENTRIES, most=_MOST_ENTRIES)
        checks.done()
        offset = self._pages.open(request, principal).offset
        trail = self._services.audit.entries() if self._services.audit else ()
        asked = [entry for entry in trail if (start is None or entry.created >= start) and (end is None or entry.created < end)]
        page = fill(asked[offset:], size, audit_entry_to_message)  # the trail only grows, so that an offset into it stays
        response = messages.ListAuditEntriesResponse(entries=page)
        if offset + len(page) < len(asked):
            response.next_page_token = self._pages.seal(Cursor(None, offset + len(page)), request, principal)
        return response
