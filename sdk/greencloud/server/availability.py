"""GetDataAvailability: from when to when the accounts of a caller have figures."""

from __future__ import annotations

from typing import Final

from greencloud.ledger import data_availability
from greencloud.server.accounts import allowed_accounts
from greencloud.server.checks import Checks
from greencloud.server.credentials import Principal
from greencloud.server.paging import PAGE_BYTES
from greencloud.server.services import Services
from greencloud.v1 import footprint_service_pb2 as messages
from greencloud.wire import availability_to_message

__all__ = ["availability_for"]

_FEWER: Final = "what its sites have takes more than a message holds; name fewer accounts"


def availability_for(
    services: Services, request: messages.GetDataAvailabilityRequest, principal: Principal
) -> messages.DataAvailability:
    """The answer to the principal.

    Raises:
        PermissionDeniedError: a tenant asks for an account that is not its own and that it does not pay for.
        RequestError: a field is wrong, or there are very many sites.
    """
    accounts = allowed_accounts(request.accounts, principal, services.members)  # authorise before validating (AIP-211)
    checks = Checks()
    checks.values("accounts", request.accounts)
    checks.done()
    answer = availability_to_message(data_availability(services.snapshot(None), accounts))
    if answer.ByteSize() > PAGE_BYTES:
        checks.fault("accounts", _FEWER)
        checks.done()
    return answer
