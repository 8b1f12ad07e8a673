"""Who calls, and what was done."""

from __future__ import annotations

from greencloud.results import AuditEntry, CallerIdentity
from greencloud.v1 import identity_service_pb2
from greencloud.wire.quantities import instant_from_message

__all__ = ["audit_entry_from_message", "identity_from_message"]


def identity_from_message(message: identity_service_pb2.CallerIdentity) -> CallerIdentity:
    return CallerIdentity(
        role=message.role,
        account=message.account,
        subject=message.subject,
        issuer=message.issuer,
        expires=instant_from_message(message.expire_time),
        permissions=tuple(message.permissions),
        server_version=message.server_version,
        server_time=instant_from_message(message.server_time),
        member_accounts=tuple(message.member_accounts),
    )


def audit_entry_from_message(message: identity_service_pb2.AuditEntry) -> AuditEntry:
    return AuditEntry(
        index=message.index,
        created=instant_from_message(message.create_time),
        action=message.action,
        subject=message.subject,
        role=message.role,
        request_id=message.request_id,
        summary=message.summary,
        outcome=message.outcome,
    )
