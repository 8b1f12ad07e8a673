"""What the API stands on, as functions that are passed in: the services know no store and no engine."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from greencloud.errors import NotFoundError
from greencloud.goal import ProviderBooks
from greencloud.ledger.availability import FilledWindow
from greencloud.ledger.parts import Part, Place
from greencloud.ledger.stop import Stop
from greencloud.results import (
    AppliedFacilityBook,
    AuditEntry,
    BatchSummary,
    FacilityBook,
    FootprintQuery,
    FootprintRow,
    Restatement,
    RootLogEntry,
    RuleComparison,
    RunSummary,
    Statement,
)

__all__ = ["ApplyOrder", "Audit", "CompareOrder", "ExplainOrder", "Record", "RestateOrder", "Services", "Snapshot", "nobody"]


class Record(Protocol):
    """A restatement that is yet to be read; ``greencloud.ledger.Record`` is one."""

    def read(self, accounts: Collection[str] | None = None) -> Restatement: ...


class Audit(Protocol):
    """A record of what was done; ``greencloud.engine.audit.AuditTrail`` is one."""

    def begin(self, action: str, *, subject: str, role: str, request_id: str, summary: str) -> int:
        """Note durably what is about to be done; the place of the note. Raises StoreError, and then it must not be done."""

    def end(self, index: int, outcome: str) -> None:
        """Note how that ended, as the name of a gRPC status."""

    def entries(self) -> Sequence[AuditEntry]:
        """All of them, oldest first. It only grows."""


class Snapshot(Protocol):
    """The ledger at one version; ``greencloud.ledger.Snapshot`` is one."""

    @property
    def version(self) -> int: ...

    def batches(self, start: datetime | None = None, end: datetime | None = None) -> list[BatchSummary]: ...

    def footprint(self, query: FootprintQuery, *, most: int | None = None, stop: Stop | None = None) -> list[FootprintRow]: ...

    def stream_rows(self, query: FootprintQuery, place: Place, stop: Stop) -> Iterator[Part]: ...

    def stream_postings(self, query: FootprintQuery, place: Place, stop: Stop) -> Iterator[Part]: ...

    def windows(self, query: FootprintQuery) -> Sequence[FilledWindow]: ...

    def restatement_records(self, start: datetime | None = None, end: datetime | None = None) -> Sequence[Record]: ...


@dataclass(frozen=True, slots=True)
class RestateOrder:
    """What to allocate anew, for whom and why; ``unbounded`` takes large changes as well."""

    rule: str
    start: datetime
    end: datetime
    requested_by: str
    reason: str
    dry_run: bool = False
    unbounded: bool = False


@dataclass(frozen=True, slots=True)
class ExplainOrder:
    """Which figure to explain, and how many of its windows. ``tenant``: whether what is of others is to be kept from the caller.
    ``recompute``: whether to compute the batches of these windows again, and compare."""

    account: str
    start: datetime
    end: datetime
    sites: tuple[str, ...] = ()
    services: tuple[str, ...] = ()
    skus: tuple[str, ...] = ()
    operations: tuple[str, ...] = ()
    components: tuple[str, ...] = ()
    measures: tuple[str, ...] = ()
    tenant: bool = True
    recompute: bool = False
    most: int = 1


def nobody(_account: str) -> frozenset[str]:
    """Members of an account that pays for no other."""
    return frozenset()


@dataclass(frozen=True, slots=True)
class CompareOrder:
    """Which rules to compare, by which dimensions, over which windows, for which accounts (None: all), and of how many site-windows
    at the most."""

    rules: tuple[str, ...]
    by: tuple[str, ...]
    start: datetime | None = None
    end: datetime | None = None
    accounts: tuple[str, ...] | None = None
    most_windows: int | None = None


@dataclass(frozen=True, slots=True)
class ApplyOrder:
    """The files of a facility book as (path, content), the book itself first; who puts it in force, over which book (its revision;
    "" for any). ``validate_only``: put nothing in force."""

    files: tuple[tuple[str, bytes], ...]
    applied_by: str
    expected_revision: str = ""
    validate_only: bool = False


def _none_kept(*_: object) -> Any:
    raise NotFoundError("this server keeps no facility books, and compares no rules")


@dataclass(frozen=True, slots=True)
class Services:
    """``members(account)`` are the accounts that it pays for by the facility book in force, asked on every call. ``audit`` is the
    trail of what was done, None where none is kept.

    ``snapshot(None)`` is the latest version. ``run_allocation(rule, start, end, requested_by)`` posts what is due.
    ``restate(order)`` does so too, or says what would come; both ways with the restatements.

    ``explain(order, version, skip, stop)`` gives the document of the figure (``greencloud.explanation/1``) in a version, with the
    windows after the first ``skip``; it raises NotFoundError where the account has nothing that fits, as
    ``statement(account, period)`` does where the period is not closed or says nothing of the account. ``root_log()`` is the log of
    roots, oldest first.

    ``books(subject)`` are the provider's books, open for a person.

    ``compare(order, go_on)`` calls ``go_on`` before each site-window, which may raise. ``facility_book(revision)`` is a book with
    its files ("" for the one in force); it raises NotFoundError where it is not kept. ``facility_books()`` are the books as they
    were put in force, the latest last, without their files. ``apply_facility(order)`` raises RequestError where the book is
    wrong, and ConflictError where another than expected is in force.
    """

    snapshot: Callable[[int | None], Snapshot]
    run_allocation: Callable[[str, datetime | None, datetime | None, str], RunSummary]
    restate: Callable[[RestateOrder], RunSummary]
    explain: Callable[[ExplainOrder, int | None, int, Stop], Mapping[str, Any]]
    statement: Callable[[str, str], Statement]
    root_log: Callable[[], Sequence[RootLogEntry]]
    rules: Sequence[str] = ("reserved_and_used",)
    compare: Callable[[CompareOrder, Callable[[], None]], RuleComparison] = _none_kept
    facility_book: Callable[[str], FacilityBook] = _none_kept
    facility_books: Callable[[], Sequence[FacilityBook]] = _none_kept
    apply_facility: Callable[[ApplyOrder], AppliedFacilityBook] = _none_kept
    members: Callable[[str], frozenset[str]] = nobody
    audit: Audit | None = None
    books: Callable[[str], ProviderBooks] = _none_kept
