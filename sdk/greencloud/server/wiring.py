"""What the API stands on, where it serves a data directory: the one place that knows services and engine both."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from greencloud.ledger.stop import Stop
from greencloud.results import AppliedFacilityBook, RuleComparison, RunSummary
from greencloud.server.members import BookMembers
from greencloud.server.services import ApplyOrder, CompareOrder, ExplainOrder, RestateOrder, Services
from greencloud.server.uploads import mistakes_in
from greencloud.serving import ServingCopy, with_copy

if TYPE_CHECKING:
    from greencloud.engine import DataDirectory
    from greencloud.telemetry.shared_log import SharedLog

__all__ = ["services_of"]

_MOST_EXPLAINED: Final = 100_000
"""Windows, by site and component, of an explained figure: as rows of QueryFootprint, each takes some 2.5 kB."""


def services_of(
    data: DataDirectory, clock: Callable[[], datetime], log: SharedLog | None = None, *, copy: ServingCopy | None = None
) -> Services:
    """The services on a data directory; ``clock`` is when they are asked, ``log`` the shared log that the directory follows.

    ``copy``: a serving copy to ask before the ledger.
    """
    from greencloud.allocation import RULES
    from greencloud.allocation.explanation import Where
    from greencloud.engine import LARGE_CHANGE, run_allocation
    from greencloud.engine.applied_books import AppliedBooks
    from greencloud.engine.cell_document import cell_document
    from greencloud.engine.compare import compare_rules, rule_comparison
    from greencloud.engine.explain import Cell, explain_cell
    from greencloud.engine.published import root_log, statement_of
    from greencloud.engine.statement_totals import statement_totals
    from greencloud.engine.uploaded_book import uploaded
    from greencloud.goal import ProviderBooks, take_over
    from greencloud.inventory import BookHardware, Journal

    books = ProviderBooks(
        Journal(data.books_directory, objects=data.objects),
        actor="",
        clock=clock,
        ledger=data.ledger.snapshot,
        hardware=lambda revision: BookHardware.of(data.facility_of(revision) if revision else data.facility()),
        statements=lambda start, end: statement_totals(data.closes, start, end),
    )

    def run_rule(rule: str, start: datetime | None, end: datetime | None, requested_by: str) -> RunSummary:
        return run_allocation(
            data,
            rule=rule,
            start=start,
            end=end,
            now=clock(),
            requested_by=requested_by,
            most_change=LARGE_CHANGE,
            log=log,
        )

    def restate(order: RestateOrder) -> RunSummary:
        run = run_allocation(
            data,
            rule=order.rule,
            start=order.start,
            end=order.end,
            now=clock(),
            requested_by=order.requested_by,
            reason=order.reason,
            most_change=None if order.unbounded else LARGE_CHANGE,
            dry_run=order.dry_run,
            log=log,
        )
        if order.dry_run:
            return run
        posted = {(batch.id, batch.created) for batch in run.posted if batch.causes}
        listed = data.ledger.snapshot().restatement_records(order.start, order.end) if posted else []
        return replace(run, restatements=tuple(each.read() for each in listed if (each.new.id, each.new.created) in posted))

    def explain(order: ExplainOrder, version: int | None, skip: int, stop: Stop) -> dict[str, Any]:
        where = Where(order.services, order.skus, order.operations, order.components, order.measures)
        cell = Cell(order.account, order.start, order.end, where, order.sites, "tenant" if order.tenant else "provider")
        found = explain_cell(
            data,
            cell,
            most=order.most,
            skip=skip,
            again="shown" if order.recompute else "none",
            snapshot=data.ledger.snapshot(version),
            most_rows=_MOST_EXPLAINED,
            stop=stop,
        )
        return cell_document(found)

    def compare(order: CompareOrder, go_on: Callable[[], None]) -> RuleComparison:
        compared = compare_rules(
            data,
            rules=order.rules,
            by=order.by,
            start=order.start,
            end=order.end,
            accounts=order.accounts,
            most_windows=order.most_windows,
            go_on=go_on,
        )
        return rule_comparison(compared, now=clock())

    def apply_facility(order: ApplyOrder) -> AppliedFacilityBook:
        with uploaded(order.files) as sent:
            if sent.examined.facility is None:
                raise mistakes_in(sent.folder, sent.examined)
            return AppliedBooks(data).apply(
                sent, applied_by=order.applied_by, now=clock(), expected=order.expected_revision, dry_run=order.validate_only
            )

    def books_by(subject: str) -> ProviderBooks:
        take_over(books, data.goal_directory)
        return books.by(subject)

    return Services(
        snapshot=with_copy(data.ledger.snapshot, copy),
        run_allocation=run_rule,
        restate=restate,
        explain=explain,
        statement=lambda account, period: statement_of(data.closes, account, period),
        root_log=lambda: root_log(data.closes),
        rules=RULES,
        compare=compare,
        facility_book=lambda revision: AppliedBooks(data).find(revision),
        facility_books=lambda: AppliedBooks(data).all(),
        apply_facility=apply_facility,
        members=BookMembers(lambda: AppliedBooks(data).mark, data.facility),
        audit=data.audit,
        books=books_by,
    )
