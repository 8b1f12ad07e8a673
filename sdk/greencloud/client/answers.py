"""Answers, as the values of ``greencloud.results``: pure functions, which both clients share.

A *reader* takes the messages of one list, page by page, and gives the items that are whole by then.
A *conversation* asks several times to give one value: a generator that yields requests, is sent the responses, and returns the
value, so that one text of it serves a client that waits and one that awaits.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from dataclasses import replace
from typing import Any, TypeAlias

from greencloud.results import FootprintRow, Restatement, RuleComparison, RunSummary
from greencloud.v1 import allocation_service_pb2 as allocation
from greencloud.v1 import footprint_service_pb2 as footprint
from greencloud.wire import batch_from_message, refused_from_message, restatement_from_message, row_from_message
from greencloud.wire.comparison import comparison_from_messages

__all__ = ["Conversation", "Reader", "RestatementReader", "compared", "items_of", "rows_of", "run_from_message"]

Reader: TypeAlias = Callable[[Any], Sequence[Any]]
Conversation: TypeAlias = Generator[Any, Any, Any]


def items_of(field: str, from_message: Callable[[Any], Any]) -> Callable[[], Reader]:
    """Makes readers of lists whose pages hold whole items in ``field``."""

    def read(message: Any) -> Sequence[Any]:
        return [from_message(item) for item in getattr(message, field)]

    return lambda: read


def rows_of(names: Sequence[str]) -> Callable[[], Reader]:
    """Makes readers of rows. Dimensions come in the order asked for: a map on the wire has none, columns must not move."""
    order = tuple(dict.fromkeys(names))

    def row(message: footprint.FootprintRow) -> FootprintRow:
        found = row_from_message(message)
        return replace(found, dimensions={name: found.dimensions[name] for name in order if name in found.dimensions})

    return items_of("rows", row)


class RestatementReader:
    """Puts restatements together whose lines go on over several pages."""

    def __init__(self) -> None:
        self._held: Restatement | None = None

    def __call__(self, message: footprint.ListRestatementsResponse) -> Sequence[Restatement]:
        whole: list[Restatement] = []
        for each in message.restatements:
            part = restatement_from_message(each)
            if each.continued and self._held:
                self._held = replace(self._held, lines=self._held.lines + part.lines)
                continue
            whole += [self._held] if self._held else []
            self._held = part
        if not message.next_page_token and self._held:
            whole.append(self._held)
            self._held = None
        return whole


def run_from_message(message: allocation.RunAllocationResponse | allocation.RestateResponse) -> RunSummary:
    """What a run did; that of a restatement has the restatements as well."""
    restatements = message.restatements if isinstance(message, allocation.RestateResponse) else ()
    return RunSummary(
        posted=tuple(batch_from_message(batch) for batch in message.posted_batches),
        unchanged_count=message.unchanged_count,
        refused=tuple(refused_from_message(refused) for refused in message.refused_windows),
        restatements=tuple(restatement_from_message(restatement) for restatement in restatements),
    )


def compared(request: footprint.CompareRulesRequest) -> Generator[Any, footprint.CompareRulesResponse, RuleComparison]:
    """A conversation: all pages of a comparison as one value."""
    pages = []
    while True:
        page = yield request
        pages.append(page)
        request.page_token = page.next_page_token
        if not request.page_token:
            return comparison_from_messages(pages)
