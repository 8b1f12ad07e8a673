"""Who calls a server, and what was done with the provider's credentials."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

__all__ = ["AuditEntry", "CallerIdentity"]


@dataclass(frozen=True, slots=True)
class CallerIdentity:
    """``account`` is "" for the provider and for auditors; ``member_accounts`` are those that it pays for (the first 1,000)."""

    role: str
    account: str
    subject: str
    issuer: str
    expires: datetime
    permissions: tuple[str, ...]
    server_version: str
    server_time: datetime
    member_accounts: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """One thing that was done, or was tried: ``outcome`` is the name of a gRPC status."""

    index: int
    created: datetime
    action: str
    subject: str
    role: str
    request_id: str
    summary: str
    outcome: str
