"""Who may do what: roles, each a set of permissions. There is nothing else that decides it.

A role is on one of two sides. On the side ``tenant`` a caller is one account and sees that account and those it pays for; on the
side ``provider`` it sees every account. A permission says which methods a role may call, never which accounts it may see.

The roles ``tenant`` and ``provider`` of credentials from before there were seven are ``customer.admin`` and ``provider.admin``.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final, Literal

__all__ = ["Permission", "Role", "Side", "permissions_of", "role_named", "side_of"]

Side = Literal["tenant", "provider"]


class Permission(StrEnum):
    FOOTPRINT_READ = "greencloud.footprint.read"  # queries, streams, explanations, statements, restatements, comparisons
    TELEMETRY_WRITE = "greencloud.telemetry.write"  # OTLP
    BATCHES_READ = "greencloud.batches.read"
    ALLOCATION_RUN = "greencloud.allocation.run"  # allocate and restate
    FACILITY_READ = "greencloud.facility.read"
    FACILITY_WRITE = "greencloud.facility.write"
    GOALS_READ = "greencloud.goals.read"
    AUDIT_READ = "greencloud.audit.read"


class Role(StrEnum):
    CUSTOMER_VIEWER = "customer.viewer"
    CUSTOMER_ADMIN = "customer.admin"
    CUSTOMER_WRITER = "customer.writer"  # for workloads: sends telemetry and reads nothing
    PROVIDER_ANALYST = "provider.analyst"
    PROVIDER_ADMIN = "provider.admin"
    PROVIDER_WRITER = "provider.writer"  # for host agents: sends telemetry and reads nothing
    AUDITOR = "auditor"


_READ: Final = {Permission.FOOTPRINT_READ, Permission.BATCHES_READ, Permission.FACILITY_READ, Permission.GOALS_READ}

_PERMISSIONS: Final[dict[Role, frozenset[Permission]]] = {
    Role.CUSTOMER_VIEWER: frozenset({Permission.FOOTPRINT_READ}),
    Role.CUSTOMER_ADMIN: frozenset({Permission.FOOTPRINT_READ, Permission.TELEMETRY_WRITE}),
    Role.CUSTOMER_WRITER: frozenset({Permission.TELEMETRY_WRITE}),
    Role.PROVIDER_ANALYST: frozenset(_READ),
    Role.PROVIDER_ADMIN: frozenset(Permission),
    Role.PROVIDER_WRITER: frozenset({Permission.TELEMETRY_WRITE}),
    Role.AUDITOR: frozenset({*_READ, Permission.AUDIT_READ}),
}
_FORMER: Final = {"tenant": Role.CUSTOMER_ADMIN, "provider": Role.PROVIDER_ADMIN}


def role_named(name: str) -> Role:
    """The role of a credential. Raises ValueError where there is none of that name."""
    return _FORMER.get(name) or Role(name)


def permissions_of(role: Role) -> frozenset[Permission]:
    return _PERMISSIONS[role]


def side_of(role: Role) -> Side:
    return "tenant" if role.startswith("customer.") else "provider"
