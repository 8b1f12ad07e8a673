"""Who calls, and entries of the audit trail."""

from __future__ import annotations

from greencloud.results import AuditEntry, CallerIdentity
from greencloud.v1 import identity_service_pb2 as messages
from greencloud.wire.quantities import instant_from_message, instant_to_message

__all__ = ["audit_entry_from_message", "audit_entry_to_message", "identity_from_message", "identity_to_message"]


def identity_to_message(identity: CallerIdentity) -> messages.CallerIdentity:
    return messages.CallerIdentity(
        role=identity.role,
        account=identity.account,
        member_accounts=identity.member_accounts,
        subject=identity.subject,
        issuer=identity.issuer,
        expire_time=instant_to_message(identity.expires),
        permissions=identity.permissions,
        server_version=identity.server_version,
        server_time=instant_to_message(identity.server_time),
    )


def identity_from_message(message: messages.CallerIdentity) -> CallerIdentity:
    return CallerIdentity(
        role=message.role,
        account=message.account,
        member_accounts=tuple(message.member_accounts),
        subject=message.subject,
        issuer=message.issuer,
        expires=instant_from_message(message.expire_time),
        permissions=tuple(message.permissions),
        server_version=message.server_version,
        server_time=instant_from_message(message.server_time),
    )


def audit_entry_to_message(entry: AuditEntry) -> messages.AuditEntry:
    return messages.AuditEntry(
        index=entry.index,
        create_time=instant_to_message(entry.created),
        action=entry.action,
        subject=entry.subject,
        role=entry.role,
        request_id=entry.request_id,
        summary=entry.summary,
        outcome=entry.outcome,
    )


def audit_entry_from_message(message: messages.AuditEntry) -> AuditEntry:
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
