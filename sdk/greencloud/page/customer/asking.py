"""Questions of a view, put to the server as the caller: several at once, and of answers that may be large no more than is shown.

A server answers a few questions of an account at a time and lets the others wait for their turn, so that asking at once takes
nothing from anybody else.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from typing import Any, Final

from greencloud.client import Client
from greencloud.client.questions import arguments_of, footprint_rows
from greencloud.errors import InvalidArgumentError, RateLimitedError, TooLargeError
from greencloud.page.asked import Asked
from greencloud.page.view import Caller
from greencloud.report.page.figures import hours_of
from greencloud.report.page.what_ifs import Hour
from greencloud.results import DataAvailability, FootprintQuery, FootprintRow

__all__ = [
    "MOST_READ",
    "all_at_once",
    "availability_of",
    "before_of",
    "bounded_rows",
    "hours_asked",
    "largest_rows",
    "many_notes",
    "rows_of_each",
    "several_accounts",
]

_AT_ONCE: Final = 4
MOST_READ: Final = 20_000
"""Rows of one question. Each takes some 2.5 kB."""

_TOO_MANY: Final = "narrow it by a filter or choose another dimension, or take it as a file: greencloud export"
_PAGE: Final = 5_000
_HOUR_COLUMNS: Final = ("energy_mj", "total_location_based_ug", "scope2_location_ug")


def all_at_once(*calls: Callable[[], Any]) -> list[Any]:
    """What each call gives, in order. Raises what the first of them raises that fails."""
    with ThreadPoolExecutor(min(_AT_ONCE, len(calls)), thread_name_prefix="page-question") as pool:
        return list(pool.map(lambda call: call(), calls))


def rows_of_each(
    caller: Caller, questions: Mapping[str, FootprintQuery], *calls: Callable[[], Any], optional: Collection[str] = ()
) -> tuple[dict[str, list[FootprintRow]], list[Any]]:
    """The rows of each question by its name, and what each of the ``calls`` gives, all asked at once.

    Names are those of telemetry, of which a sender may invent as many as it likes: a question of more than ``MOST_READ`` has no
    rows where it is ``optional``, which ``many_notes`` says.

    Raises:
        TooLargeError: any other has more.
    """

    def rows(name: str, query: FootprintQuery) -> list[FootprintRow]:
        try:
            return bounded_rows(caller.client, query, MOST_READ, advice=_TOO_MANY)
        except TooLargeError:
            if name in optional:
                return []
            raise

    asked = [partial(rows, name, query) for name, query in questions.items()]
    answers = all_at_once(*asked, *calls)
    return dict(zip(questions, answers, strict=False)), answers[len(questions) :]


def many_notes(answers: Mapping[str, Sequence[FootprintRow]], optional: Iterable[str], words: Mapping[str, str]) -> list[str]:
    """What is left out since there is too much of it; the whole is known to have rows."""
    names = [words[f"customer_{name}"] for name in optional if name in answers and not answers[name]]
    return [words["customer_many"].format(names=", ".join(names), most=f"{MOST_READ:,}")] if names else []


def bounded_rows(client: Client, query: FootprintQuery, most: int, *, advice: str) -> list[FootprintRow]:
    """All rows of a query that has no more than ``most``.

    Raises:
        TooLargeError: it has more; ``advice`` says what to do.
    """
    rows: list[FootprintRow] = []
    try:
        for page in client.query_footprint(**arguments_of(query), page_size=_PAGE).pages():
            if (page.total_size or 0) > most:
                raise TooLargeError(f"that is {page.total_size:,} rows, and the page gives {most:,}", advice=advice)
            rows += page
    except InvalidArgumentError as error:
        if error.reason != TooLargeError.reason:
            raise
        raise TooLargeError(error.message, advice=advice) from error
    return rows


def largest_rows(client: Client, query: FootprintQuery, most: int) -> tuple[Sequence[FootprintRow], int]:
    """The rows that emit most, location-based, and how many there are in all."""
    pages = client.query_footprint(**arguments_of(query), order_by="total_location_based desc", page_size=most).pages()
    first = next(pages)
    return first.items, first.total_size or len(first)


def before_of(asked: Asked) -> FootprintQuery:
    """The question of the period before."""
    before = asked.period.previous()
    return replace(asked.query(), start=before.start, end=before.end)


def hours_asked(client: Client, query: FootprintQuery) -> list[Hour]:
    """The hours of a query by region and hour: as columns, since there may be tens of thousands; as rows where the account has as
    many streams under way as it may.

    Raises:
        MissingExtraError: pyarrow is not installed.
    """
    found: list[Hour] = []
    try:
        for batch in client.stream_footprint(**arguments_of(query)):
            numbers = (int(start.timestamp()) // 3_600 for start in batch["start_time"].to_pylist())
            amounts = ((int(each) for each in batch[name].to_pylist()) for name in _HOUR_COLUMNS)
            found += map(Hour, numbers, batch["region"].to_pylist(), *amounts)
    except RateLimitedError:
        return hours_of(footprint_rows(client, query))
    return found


def availability_of(caller: Caller, asked: Asked) -> DataAvailability:
    return caller.client.get_data_availability([asked.account] if asked.account else [])


def several_accounts(caller: Caller, asked: Asked) -> bool:
    """Whether what is shown may be of more than one account."""
    return not asked.account and (caller.provider or bool(caller.identity.member_accounts))
