"""Requests, from keyword arguments: pure functions, which both clients share. Each is named as its method.

Times must say their zone; a wrong word is refused here, before a call is made. What only the server can judge is left to it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from enum import StrEnum
from pathlib import PurePosixPath
from typing import Any, Final, TypeVar

from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp

from greencloud.client.names import facility_book_name, several
from greencloud.errors import QuantityError
from greencloud.results import Granularity
from greencloud.results.goals import BusinessMetric, Goal
from greencloud.v1 import allocation_service_pb2 as allocation
from greencloud.v1 import facility_service_pb2 as facility
from greencloud.v1 import footprint_service_pb2 as footprint
from greencloud.v1 import goal_service_pb2 as goal
from greencloud.v1 import identity_service_pb2 as identity
from greencloud.wire import GRANULARITIES, business_metric_to_message, goal_to_message, instant_to_message

__all__ = [
    "StreamCompression",
    "StreamContent",
    "apply_facility_book",
    "compare_rules",
    "create_business_metric",
    "create_goal",
    "delete_goal",
    "explain_footprint",
    "get_business_metric",
    "get_caller_identity",
    "get_data_availability",
    "get_facility_book",
    "get_goal",
    "get_goal_progress",
    "get_statement",
    "list_audit_entries",
    "list_batches",
    "list_business_metrics",
    "list_dimension_values",
    "list_facility_books",
    "list_goals",
    "list_restatements",
    "list_root_log_entries",
    "query_footprint",
    "restate",
    "run_allocation",
    "stream_footprint",
    "update_business_metric",
    "update_goal",
]

E = TypeVar("E", bound=StrEnum)
M = TypeVar("M", bound=Message)


class StreamContent(StrEnum):
    """What a stream is of: the rows of a query, or every posting that its filter leaves."""

    ROWS = "rows"
    POSTINGS = "postings"


class StreamCompression(StrEnum):
    """How the buffers of a stream are compressed."""

    NONE = "none"
    LZ4 = "lz4"
    ZSTD = "zstd"


_CONTENTS: Final = {
    StreamContent.ROWS: footprint.STREAM_CONTENT_UNSPECIFIED,
    StreamContent.POSTINGS: footprint.STREAM_CONTENT_POSTINGS,
}
_COMPRESSIONS: Final = {
    StreamCompression.NONE: footprint.STREAM_COMPRESSION_UNSPECIFIED,
    StreamCompression.LZ4: footprint.STREAM_COMPRESSION_LZ4,
    StreamCompression.ZSTD: footprint.STREAM_COMPRESSION_ZSTD,
}


def query_footprint(
    *,
    start: datetime,
    end: datetime,
    group_by: Iterable[str],
    granularity: Granularity | str,
    fiscal_year_start_month: int,
    order_by: str | Iterable[str],
    page_size: int,
    **filters: Iterable[str],
) -> footprint.QueryFootprintRequest:
    return footprint.QueryFootprintRequest(
        **_period(start, end),
        filter=_filter(filters),
        group_by=several("group_by", group_by),
        granularity=GRANULARITIES[_word("granularity", granularity, Granularity)],
        fiscal_year_start_month=_month(fiscal_year_start_month),
        order_by=order_by if isinstance(order_by, str) else ", ".join(order_by),
        page_size=page_size,
    )


def stream_footprint(
    *,
    start: datetime,
    end: datetime,
    group_by: Iterable[str],
    granularity: Granularity | str,
    fiscal_year_start_month: int,
    content: StreamContent | str,
    compression: StreamCompression | str,
    **filters: Iterable[str],
) -> footprint.StreamFootprintRequest:
    return footprint.StreamFootprintRequest(
        **_period(start, end),
        filter=_filter(filters),
        group_by=several("group_by", group_by),
        granularity=GRANULARITIES[_word("granularity", granularity, Granularity)],
        fiscal_year_start_month=_month(fiscal_year_start_month),
        content=_CONTENTS[_word("content", content, StreamContent)],
        compression=_COMPRESSIONS[_word("compression", compression, StreamCompression)],
    )


def list_restatements(
    start: datetime | None, end: datetime | None, accounts: Iterable[str], page_size: int
) -> footprint.ListRestatementsRequest:
    return footprint.ListRestatementsRequest(accounts=several("accounts", accounts), page_size=page_size, **_period(start, end))


def explain_footprint(
    *, start: datetime, end: datetime, account: str, recompute: bool, **names: Iterable[str]
) -> footprint.ExplainFootprintRequest:
    """``names``: sites, services, skus, operations, components, measures."""
    values: dict[str, Any] = {field: several(field, each) for field, each in names.items()}
    return footprint.ExplainFootprintRequest(account=account, recompute=recompute, **values, **_period(start, end))


def compare_rules(  # noqa: PLR0917  in the order of the method
    start: datetime | None,
    end: datetime | None,
    rules: Iterable[str],
    group_by: Iterable[str],
    accounts: Iterable[str],
    page_size: int,
) -> footprint.CompareRulesRequest:
    return footprint.CompareRulesRequest(
        rules=several("rules", rules),
        group_by=several("group_by", group_by),
        accounts=several("accounts", accounts),
        page_size=page_size,
        **_period(start, end),
    )


def get_data_availability(accounts: Iterable[str]) -> footprint.GetDataAvailabilityRequest:
    return footprint.GetDataAvailabilityRequest(accounts=several("accounts", accounts))


def list_dimension_values(
    dimension: str, start: datetime | None, end: datetime | None, page_size: int, **filters: Iterable[str]
) -> footprint.ListDimensionValuesRequest:
    return footprint.ListDimensionValuesRequest(
        dimension=dimension, filter=_filter(filters), page_size=page_size, **_period(start, end)
    )


def get_statement(period: str, account: str) -> footprint.GetStatementRequest:
    return footprint.GetStatementRequest(account=account, period=period)


def list_root_log_entries(page_size: int) -> footprint.ListRootLogEntriesRequest:
    return footprint.ListRootLogEntriesRequest(page_size=page_size)


def run_allocation(start: datetime | None, end: datetime | None, rule: str) -> allocation.RunAllocationRequest:
    return allocation.RunAllocationRequest(rule=rule, **_period(start, end))


def restate(  # noqa: PLR0917  in the order of the method
    start: datetime, end: datetime, reason: str, rule: str, dry_run: bool, confirm_large_changes: bool
) -> allocation.RestateRequest:
    return allocation.RestateRequest(
        reason=reason, rule=rule, dry_run=dry_run, confirm_large_changes=confirm_large_changes, **_period(start, end)
    )


def list_batches(start: datetime | None, end: datetime | None, page_size: int) -> allocation.ListBatchesRequest:
    return allocation.ListBatchesRequest(page_size=page_size, **_period(start, end))


def get_goal_progress(name: str, ledger_year: int | None) -> goal.GetGoalProgressRequest:
    return goal.GetGoalProgressRequest(name=name, ledger_year=ledger_year or 0)


def create_goal(value: Goal, reason: str) -> goal.CreateGoalRequest:
    return goal.CreateGoalRequest(goal_id=value.id, goal=_said(goal_to_message(value)), reason=reason)


def get_goal(name: str) -> goal.GetGoalRequest:
    return goal.GetGoalRequest(name=name)


def list_goals(page_size: int) -> goal.ListGoalsRequest:
    return goal.ListGoalsRequest(page_size=page_size)


def update_goal(value: Goal, etag: str, reason: str) -> goal.UpdateGoalRequest:
    return goal.UpdateGoalRequest(goal=_said(goal_to_message(value), etag), reason=reason)


def delete_goal(name: str, etag: str, reason: str) -> goal.DeleteGoalRequest:
    return goal.DeleteGoalRequest(name=name, etag=etag, reason=reason)


def create_business_metric(value: BusinessMetric, reason: str) -> goal.CreateBusinessMetricRequest:
    message = _said(business_metric_to_message(value))
    return goal.CreateBusinessMetricRequest(business_metric_id=value.id, business_metric=message, reason=reason)


def get_business_metric(name: str) -> goal.GetBusinessMetricRequest:
    return goal.GetBusinessMetricRequest(name=name)


def list_business_metrics(page_size: int) -> goal.ListBusinessMetricsRequest:
    return goal.ListBusinessMetricsRequest(page_size=page_size)


def update_business_metric(value: BusinessMetric, etag: str, reason: str) -> goal.UpdateBusinessMetricRequest:
    message = _said(business_metric_to_message(value), etag)
    return goal.UpdateBusinessMetricRequest(business_metric=message, reason=reason)


def _said(message: M, etag: str = "") -> M:
    """What the caller says; who and when is the server's."""
    sent: Any = message
    sent.etag = etag
    for field in ("created_by", "update_time"):
        if field in sent.DESCRIPTOR.fields_by_name:
            sent.ClearField(field)
    return message


def get_facility_book(name: str) -> facility.GetFacilityBookRequest:
    """``name`` may be the revision alone."""
    return facility.GetFacilityBookRequest(name=name if "/" in name else facility_book_name(name))


def list_facility_books(page_size: int) -> facility.ListFacilityBooksRequest:
    return facility.ListFacilityBooksRequest(page_size=page_size)


def apply_facility_book(
    files: Mapping[str, bytes] | Iterable[tuple[str, bytes]], expected_revision: str, validate_only: bool
) -> facility.ApplyFacilityBookRequest:
    pairs = list(files.items()) if isinstance(files, Mapping) else list(files)
    for path, _ in pairs:
        if PurePosixPath(path).is_absolute() or ".." in PurePosixPath(path).parts or "\\" in path:
            raise QuantityError(
                f"{path!r} does not lie beside the book", advice="name files relative to the book, with forward slashes"
            )
    return facility.ApplyFacilityBookRequest(
        files=[facility.FacilityFile(path=path, content=content) for path, content in pairs],
        expected_revision=expected_revision,
        validate_only=validate_only,
    )


def get_caller_identity() -> identity.GetCallerIdentityRequest:
    return identity.GetCallerIdentityRequest()


def list_audit_entries(start: datetime | None, end: datetime | None, page_size: int) -> identity.ListAuditEntriesRequest:
    return identity.ListAuditEntriesRequest(page_size=page_size, **_period(start, end))


def _filter(filters: Mapping[str, Iterable[str]]) -> footprint.FootprintFilter:
    return footprint.FootprintFilter(**{name: several(name, values) for name, values in filters.items()})


def _month(month: int) -> int:
    # A calendar year is what a server without fiscal years knows, so it is not said.
    return 0 if month == 1 else month


def _word(field: str, value: str, kind: type[E]) -> E:
    try:
        return kind(value)
    except ValueError:
        raise QuantityError(f"there is no {field} {value!r}", advice=f"use one of {', '.join(kind)}") from None


def _period(start: datetime | None, end: datetime | None) -> dict[str, Any]:
    return {name: _instant(name, instant) for name, instant in (("start_time", start), ("end_time", end)) if instant is not None}


def _instant(name: str, instant: datetime) -> Timestamp:
    if not isinstance(instant, datetime):
        raise QuantityError(f"{name} {instant!r} is no datetime", advice="write datetime(2026, 3, 1, tzinfo=UTC)")
    if instant.tzinfo is None:
        raise QuantityError(f"{name} {instant.isoformat()} has no time zone", advice="a guess would move it: add tzinfo=UTC")
    return instant_to_message(instant)
