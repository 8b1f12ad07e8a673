"""The options that say which time is asked for: a period in words, or a start and an end."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, TypeVar

import click

from greencloud.cli._options import INSTANT
from greencloud.errors import QuantityError
from greencloud.results.periods import WORDS, Period, period_named

__all__ = ["EVER", "Span", "read_period", "span_options"]

F = TypeVar("F", bound=Callable[..., Any])

EVER = (datetime(1970, 1, 1, tzinfo=UTC), datetime(9999, 1, 1, tzinfo=UTC))


@dataclass(frozen=True, slots=True)
class Span:
    """``[start, end)``, either end open (None). ``period`` where both are known."""

    start: datetime | None = None
    end: datetime | None = None
    period: Period | None = None
    fiscal_year_start_month: int = 1

    @property
    def bounds(self) -> tuple[datetime, datetime]:
        """With open ends far away."""
        return self.start or EVER[0], self.end or EVER[1]


def read_period(text: str, fiscal_year_start_month: int, hint: str = "--period") -> Period:
    """Raises click.BadParameter."""
    try:
        return period_named(text, datetime.now(UTC), fiscal_year_start_month)
    except QuantityError as error:
        raise click.BadParameter("; ".join(filter(None, (error.message, error.advice))), param_hint=hint) from None


def span_options(function: F) -> F:
    """``--period`` or ``--from`` and ``--to``, with ``--fiscal-year-start``, handed over as ``span``."""

    @functools.wraps(function)
    def command(*, period: str | None, start: datetime | None, end: datetime | None, fiscal_year_start: int, **more: Any) -> Any:
        if period is not None and (start is not None or end is not None):
            raise click.UsageError("Give either --period or --from and --to.")
        if start is not None and end is not None and start >= end:
            raise click.UsageError("--from must be before --to.")
        found = None
        if period is not None:
            found = read_period(period, fiscal_year_start)
            start, end = found.start, found.end
        elif start is not None and end is not None:
            found = Period(start, end)
        return function(span=Span(start, end, found, fiscal_year_start), **more)

    options = (
        click.option(
            "--period",
            metavar="PERIOD",
            shell_complete=lambda _ctx, _parameter, text: [word for word in WORDS if word.startswith(text)],
            help="last-month, yesterday, last-7d, 2026, 2026-Q1, 2026-03, 2026-W12, 2026-03-05, FY2026, FY2026-Q2; "
            "greencloud help periods tells all.",
        ),
        click.option("--from", "start", type=INSTANT, metavar="TIME", help="Start, inclusive; the first window by default."),
        click.option("--to", "end", type=INSTANT, metavar="TIME", help="End, exclusive; the last window by default."),
        click.option(
            "--fiscal-year-start",
            type=click.IntRange(1, 12),
            default=1,
            envvar="GREENCLOUD_FISCAL_YEAR_START",
            show_envvar=True,
            metavar="MONTH",
            help="The month, 1 to 12, that quarters and years begin with.",
        ),
    )
    found: Any = command
    for option in reversed(options):
        found = option(found)
    return found  # type: ignore[no-any-return]
