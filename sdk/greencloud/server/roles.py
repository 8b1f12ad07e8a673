"""Who may do what: roles, each a set of permissions, and the permission that each method needs. Nothing else decides it.

A role is on one of two sides. On the side ``tenant`` a caller is one account and sees that account and those it pays for; on the
side ``provider`` it sees every account. A permission says which methods a role may call, never which accounts it may see.

A call is authorised by its method before its message is read, and a method that is not in ``METHODS`` is for nobody.

The roles ``tenant`` and ``provider`` of credentials from before there were seven are ``customer.admin`` and ``provider.admin``.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final, Literal

__all__ = ["FORMER_ROLES", "METHODS", "Permission", "Role", "Side", "permissions_of", "role_named", "side_of"]

Side = Literal["tenant", "provider"]


class Permission(StrEnum):
    FOOTPRINT_READ = "greencloud.footprint.read"  # queries, streams, explanations, statements, restatements, comparisons
    TELEMETRY_WRITE = "greencloud.telemetry.write"  # OTLP
    BATCHES_READ = "greencloud.batches.read"
    ALLOCATION_RUN = "greencloud.allocation.run"  # allocate and restate
    FACILITY_READ = "greencloud.facility.read"
    FACILITY_WRITE = "greencloud.facility.write"
    GOALS_READ = "greencloud.goals.read"  # inventory, goals, instruments, disclosures
    GOALS_WRITE = "greencloud.goals.write"  # book, restate, submit a year
    GOALS_APPROVE = "greencloud.goals.approve"  # approve entries, close a year that another submitted
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
    Role.PROVIDER_ANALYST: frozenset({*_READ, Permission.GOALS_WRITE}),
    Role.PROVIDER_ADMIN: frozenset(Permission),
    Role.PROVIDER_WRITER: frozenset({Permission.TELEMETRY_WRITE}),
    Role.AUDITOR: frozenset({*_READ, Permission.AUDIT_READ}),
}
FORMER_ROLES: Final = {"tenant": Role.CUSTOMER_ADMIN, "provider": Role.PROVIDER_ADMIN}
"""Roles of credentials from before there were seven, and what they are now."""


def role_named(name: str) -> Role:
    """The role of a credential. Raises ValueError where there is none of that name."""
    return FORMER_ROLES.get(name) or Role(name)


def permissions_of(role: Role) -> frozenset[Permission]:
    return _PERMISSIONS[role]


def side_of(role: Role) -> Side:
    return "tenant" if role.startswith("customer.") else "provider"


_V1: Final = "/greencloud.v1."
METHODS: Final[dict[str, Permission | None]] = {
    f"{_V1}AllocationService/ListBatches": Permission.BATCHES_READ,
    f"{_V1}AllocationService/Restate": Permission.ALLOCATION_RUN,
    f"{_V1}AllocationService/RunAllocation": Permission.ALLOCATION_RUN,
    f"{_V1}FacilityService/ApplyFacilityBook": Permission.FACILITY_WRITE,
    f"{_V1}FacilityService/GetFacilityBook": Permission.FACILITY_READ,
    f"{_V1}FacilityService/ListFacilityBooks": Permission.FACILITY_READ,
    f"{_V1}FootprintService/CompareRules": Permission.FOOTPRINT_READ,
    f"{_V1}FootprintService/ExplainFootprint": Permission.FOOTPRINT_READ,
    f"{_V1}FootprintService/GetDataAvailability": Permission.FOOTPRINT_READ,
    f"{_V1}FootprintService/GetStatement": Permission.FOOTPRINT_READ,
    f"{_V1}FootprintService/ListDimensionValues": Permission.FOOTPRINT_READ,
    f"{_V1}FootprintService/ListRestatements": Permission.FOOTPRINT_READ,
    f"{_V1}FootprintService/ListRootLogEntries": Permission.FOOTPRINT_READ,
    f"{_V1}FootprintService/QueryFootprint": Permission.FOOTPRINT_READ,
    f"{_V1}FootprintService/StreamFootprint": Permission.FOOTPRINT_READ,
    f"{_V1}GoalService/ApproveInventoryEntries": Permission.GOALS_APPROVE,
    f"{_V1}GoalService/AssessBaseYear": Permission.GOALS_READ,
    f"{_V1}GoalService/BatchCreateInstruments": Permission.GOALS_WRITE,
    f"{_V1}GoalService/BookLedgerEntries": Permission.GOALS_WRITE,
    f"{_V1}GoalService/CancelInstrumentUse": Permission.GOALS_WRITE,
    f"{_V1}GoalService/CloseInventoryYear": Permission.GOALS_APPROVE,
    f"{_V1}GoalService/CreateBusinessMetric": Permission.GOALS_WRITE,
    f"{_V1}GoalService/CreateGoal": Permission.GOALS_WRITE,
    f"{_V1}GoalService/CreateInitiative": Permission.GOALS_WRITE,
    f"{_V1}GoalService/CreateInstrument": Permission.GOALS_WRITE,
    f"{_V1}GoalService/CreateInventoryEntry": Permission.GOALS_WRITE,
    f"{_V1}GoalService/CreateMeasure": Permission.GOALS_WRITE,
    f"{_V1}GoalService/CreateStructuralChange": Permission.GOALS_WRITE,
    f"{_V1}GoalService/DeleteGoal": Permission.GOALS_WRITE,
    f"{_V1}GoalService/DeleteInstrument": Permission.GOALS_WRITE,
    f"{_V1}GoalService/DeleteMeasure": Permission.GOALS_WRITE,
    f"{_V1}GoalService/ForecastGoal": Permission.GOALS_READ,
    f"{_V1}GoalService/GenerateDisclosure": Permission.GOALS_READ,
    f"{_V1}GoalService/GetBridge": Permission.GOALS_READ,
    f"{_V1}GoalService/GetBusinessMetric": Permission.GOALS_READ,
    f"{_V1}GoalService/GetEvidence": Permission.GOALS_READ,
    f"{_V1}GoalService/GetGoal": Permission.GOALS_READ,
    f"{_V1}GoalService/GetGoalProgress": Permission.GOALS_READ,
    f"{_V1}GoalService/GetInitiative": Permission.GOALS_READ,
    f"{_V1}GoalService/GetInstrument": Permission.GOALS_READ,
    f"{_V1}GoalService/GetInstrumentPolicy": Permission.GOALS_READ,
    f"{_V1}GoalService/GetInventory": Permission.GOALS_READ,
    f"{_V1}GoalService/GetInventoryEntry": Permission.GOALS_READ,
    f"{_V1}GoalService/GetInventoryPolicy": Permission.GOALS_READ,
    f"{_V1}GoalService/GetMeasure": Permission.GOALS_READ,
    f"{_V1}GoalService/GetNeutrality": Permission.GOALS_READ,
    f"{_V1}GoalService/GetScopeThreePlus": Permission.GOALS_READ,
    f"{_V1}GoalService/ImportInventoryEntries": Permission.GOALS_WRITE,
    f"{_V1}GoalService/ListBookRecords": Permission.GOALS_READ,
    f"{_V1}GoalService/ListBusinessMetrics": Permission.GOALS_READ,
    f"{_V1}GoalService/ListGoals": Permission.GOALS_READ,
    f"{_V1}GoalService/ListInitiatives": Permission.GOALS_READ,
    f"{_V1}GoalService/ListInstruments": Permission.GOALS_READ,
    f"{_V1}GoalService/ListInventoryEntries": Permission.GOALS_READ,
    f"{_V1}GoalService/ListInventoryEntryRevisions": Permission.GOALS_READ,
    f"{_V1}GoalService/ListInventoryRestatements": Permission.GOALS_READ,
    f"{_V1}GoalService/ListInventoryYears": Permission.GOALS_READ,
    f"{_V1}GoalService/ListMeasures": Permission.GOALS_READ,
    f"{_V1}GoalService/ListProductFootprints": Permission.GOALS_READ,
    f"{_V1}GoalService/ListStructuralChanges": Permission.GOALS_READ,
    f"{_V1}GoalService/PlanGoal": Permission.GOALS_READ,
    f"{_V1}GoalService/RecalculateBaseYear": Permission.GOALS_WRITE,
    f"{_V1}GoalService/RestateInventoryEntry": Permission.GOALS_WRITE,
    f"{_V1}GoalService/RetireInstrument": Permission.GOALS_WRITE,
    f"{_V1}GoalService/SubmitInventoryYear": Permission.GOALS_WRITE,
    f"{_V1}GoalService/UpdateBusinessMetric": Permission.GOALS_WRITE,
    f"{_V1}GoalService/UpdateGoal": Permission.GOALS_WRITE,
    f"{_V1}GoalService/UpdateInitiative": Permission.GOALS_WRITE,
    f"{_V1}GoalService/UpdateInstrumentPolicy": Permission.GOALS_WRITE,
    f"{_V1}GoalService/UpdateInventoryPolicy": Permission.GOALS_WRITE,
    f"{_V1}GoalService/UpdateMeasure": Permission.GOALS_WRITE,
    f"{_V1}GoalService/UploadEvidence": Permission.GOALS_WRITE,
    f"{_V1}GoalService/UseInstrument": Permission.GOALS_WRITE,
    f"{_V1}GoalService/VerifyInventoryEntries": Permission.GOALS_APPROVE,
    f"{_V1}GoalService/WithdrawInventoryEntry": Permission.GOALS_WRITE,
    f"{_V1}IdentityService/GetCallerIdentity": None,
    f"{_V1}IdentityService/ListAuditEntries": Permission.AUDIT_READ,
    "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo": None,
    **{
        f"/opentelemetry.proto.collector.{service}/Export": Permission.TELEMETRY_WRITE
        for service in (
            "trace.v1.TraceService",
            "metrics.v1.MetricsService",
            "logs.v1.LogsService",
            "profiles.v1development.ProfilesService",
        )
    },
}
"""What it takes to call a method; None: to be somebody."""
