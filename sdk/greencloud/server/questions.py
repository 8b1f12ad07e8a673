"""From the request of a footprint to the query that its caller may ask, field by field: what QueryFootprint and StreamFootprint
have in common, and the order of rows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from greencloud.allocation import COMPONENTS
from greencloud.results import GROUPABLE, FootprintQuery, FootprintRow
from greencloud.server.accounts import Members, allowed_accounts
from greencloud.server.checks import Checks
from greencloud.server.credentials import Principal
from greencloud.v1 import footprint_service_pb2 as messages
from greencloud.wire import GRANULARITIES

__all__ = ["ORDERABLE", "Order", "in_order", "order_from", "query_from"]

_MOST_DIMENSIONS: Final = 6
_LONGEST_LABEL: Final = 128
_GRANULARITIES: Final = {number: granularity for granularity, number in GRANULARITIES.items()}
_ATTRIBUTES: Final = {"start_time": "start", "end_time": "end"}

ORDERABLE: Final = (
    "start_time",
    "end_time",
    "energy",
    "scope1",
    "scope2_location_based",
    "scope2_market_based",
    "scope3_upstream_location_based",
    "scope3_upstream_market_based",
    "scope3_embodied",
    "total_location_based",
    "total_market_based",
    "operation_count",
    "measured_energy",
    "modelled_energy",
    "estimated_energy",
    "self_reported_energy",
)
"""Fields of a row that ``order_by`` may name."""

Order = tuple[tuple[str, bool], ...]
"""Fields, and whether each descends."""


def query_from(
    request: messages.QueryFootprintRequest | messages.StreamFootprintRequest,
    principal: Principal,
    checks: Checks,
    members: Members,
) -> FootprintQuery | None:
    """The question that the principal may ask; None where ``checks`` found a fault in the bounds, without which there is none.

    Raises:
        PermissionDeniedError: a tenant asks for an account that is not its own and that it does not pay for.
    """
    wanted = request.filter
    accounts = allowed_accounts(wanted.accounts, principal, members)  # authorise before validating (AIP-211)
    start, end = checks.period(request, required=True)
    checks.values("filter.accounts", wanted.accounts)
    if request.granularity not in _GRANULARITIES:
        checks.fault("granularity", f"there is no granularity {request.granularity}")
    if not 0 <= request.fiscal_year_start_month <= 12:
        checks.fault("fiscal_year_start_month", "a month is 1 to 12")
    fields: dict[str, Any] = {
        name: checks.values(f"filter.{name}", getattr(wanted, name))
        for name in ("services", "regions", "sites", "skus", "operations", "methodology_versions")
    }
    components = checks.known("filter.components", wanted.components, COMPONENTS)
    group_by = _group_by(checks, request.group_by)
    if start is None or end is None or request.granularity not in _GRANULARITIES:
        return None
    return FootprintQuery(
        start=start,
        end=end,
        accounts=accounts,
        **fields,
        components=components,
        group_by=group_by,
        granularity=_GRANULARITIES[request.granularity],
        fiscal_year_start_month=request.fiscal_year_start_month or 1,
    )


def order_from(checks: Checks, order_by: str) -> Order:
    """``order_by`` as AIP-132 writes it: fields separated by commas, each with " desc" or not. Spaces do not matter."""
    order: dict[str, bool] = {}
    for term in order_by.split(",") if order_by.strip() else ():
        name, *direction = term.split() or [""]
        if name not in ORDERABLE or direction not in ([], ["desc"]):
            checks.fault(
                "order_by", f"cannot order by {term.strip()[:64]!r}; there are {', '.join(ORDERABLE)}, each with desc or not"
            )
            break
        if name in order:
            checks.fault("order_by", f"names {name} twice")
        order[name] = bool(direction)
    return tuple(order.items())


def in_order(rows: list[FootprintRow], order: Order) -> list[FootprintRow]:
    """The rows in that order; what is equal in it keeps its own."""
    for name, descending in reversed(order):  # sorts are stable, reversed ones too
        attribute = _ATTRIBUTES.get(name, name)
        rows = sorted(rows, key=lambda row: _comparable(getattr(row, attribute)), reverse=descending)
    return rows


def _comparable(value: Any) -> Any:
    """An instant, a count, or the number in an amount."""
    return getattr(value, "millijoules", getattr(value, "micrograms", value))


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
