"""What the verbs of ``greencloud credits`` share: books that are written to, names and days as they are typed."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import date
from typing import TYPE_CHECKING, Any, Final

import click

from greencloud.cli._books import provider_books
from greencloud.cli._inventory import AMOUNT, show
from greencloud.cli._output import Output
from greencloud.cli._source import Source

if TYPE_CHECKING:
    from greencloud.client import Client
    from greencloud.goal import ProviderBooks
    from greencloud.results.instruments import Instrument
    from greencloud.units import Emissions

__all__ = ["BIG_AMOUNT", "DAY", "KIND", "SERIALS", "goal_named", "show_instrument", "writing"]

# As greencloud.results.instruments has them, which is not loaded for the help alone; a test compares them.
KIND: Final = click.Choice(("energy_certificate", "removal", "offset_credit"))


@contextmanager
def writing(source: Source, action: str, summary: str = "") -> Iterator[ProviderBooks | Client]:
    """The books, to change something in them: of a data directory it is told in the audit trail, before and after; a server
    does so itself. Raises as ``provider_books``, and StoreError where it cannot be noted."""
    with ExitStack() as stack:
        directory = source.directory()
        if directory is not None:
            from greencloud.cli._audit import audited

            stack.enter_context(audited(directory, f"credits {action}", summary))
        yield stack.enter_context(provider_books(source))


def goal_named(text: str) -> str:
    """The resource name of a goal, of which the id alone may be typed; "" stays."""
    return text if not text or "/" in text else f"goals/{text}"


def show_instrument(output: Output, instrument: Instrument) -> None:
    from greencloud.report.instruments import instrument_document, instrument_table

    show(output, lambda: instrument_table(instrument), lambda: instrument_document(instrument))


class DayOption(click.ParamType[date]):
    """A day: 2025-02-01."""

    name = "day"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> date:
        if isinstance(value, date):
            return value
        try:
            if not re.fullmatch(r"\d{4}-\d\d-\d\d", value):
                raise ValueError
            return date.fromisoformat(value)
        except ValueError:
            self.fail(f"{value!r} is not a day: write 2025-02-01", param, ctx)


class SerialsOption(click.ParamType["tuple[int, int]"]):
    """The first and the last serial: 1-500, or 7 for one."""

    name = "serials"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[int, int]:
        if isinstance(value, tuple):
            return value
        found = re.fullmatch(r"(\d{1,18})(?:-(\d{1,18}))?", value)
        if not found:
            self.fail(f"{value!r} are no serials: write 1-500, and what stands before them as --prefix", param, ctx)
        return int(found[1]), int(found[2] or found[1])


class BigAmountOption(click.ParamType["Emissions"]):
    """A mass of CO2e, exact, also in Mt and Gt: 1.5Gt."""

    name = "mass"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Emissions:
        from fractions import Fraction

        from greencloud.units import Emissions

        found = re.fullmatch(r"(\d{1,18}(?:\.\d{1,12})?)\s?([MG])t", value) if isinstance(value, str) else None
        if found is None:
            return AMOUNT.convert(value, param, ctx)
        micrograms = Fraction(found[1]) * (10**18 if found[2] == "M" else 10**21)
        return Emissions(int(micrograms))  # twelve places at the most, so it is whole


BIG_AMOUNT: Final = BigAmountOption()
DAY: Final = DayOption()
SERIALS: Final = SerialsOption()
