"""The year that an inventory is reported for: a calendar year, ``2020``, or a fiscal year, ``FY2022``.

A fiscal year is named by the calendar year in which it ends, as annual reports do: with years that begin in April, ``FY2022`` is
from April 2021 to March 2022. The month that it begins with belongs to the provider (its inventory policy), not to the year.
Two years **overlap** where a day lies in both; an amount of that day would count twice.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from fractions import Fraction
from typing import Final

from greencloud.errors import QuantityError

__all__ = ["ReportingYear"]

_NAME: Final = re.compile(r"(FY)?((?:19|20|21)\d\d)")


@dataclass(frozen=True, slots=True, order=True)
class ReportingYear:
    """A year by its number; ``str`` gives what ``parse`` reads."""

    year: int
    fiscal: bool = False

    @classmethod
    def parse(cls, text: str) -> ReportingYear:
        """``2020`` or ``FY2022``. Raises QuantityError."""
        found = _NAME.fullmatch(text.strip())
        if not found:
            raise QuantityError(
                f"{text[:32]!r} is not a reporting year",
                advice="write 2020 for a calendar year, FY2022 for a fiscal year by its end",
            )
        return cls(int(found[2]), found[1] is not None)

    def __str__(self) -> str:
        return f"FY{self.year}" if self.fiscal else str(self.year)

    def start(self, fiscal_year_start_month: int) -> datetime:
        """Its first instant, UTC."""
        if not self.fiscal or fiscal_year_start_month == 1:
            return datetime(self.year, 1, 1, tzinfo=UTC)
        return datetime(self.year - 1, fiscal_year_start_month, 1, tzinfo=UTC)

    def end(self, fiscal_year_start_month: int) -> datetime:
        """The first instant after it, UTC."""
        if not self.fiscal or fiscal_year_start_month == 1:
            return datetime(self.year + 1, 1, 1, tzinfo=UTC)
        return datetime(self.year, fiscal_year_start_month, 1, tzinfo=UTC)

    def overlaps(self, other: ReportingYear, fiscal_year_start_month: int) -> bool:
        month = fiscal_year_start_month
        return self.start(month) < other.end(month) and other.start(month) < self.end(month)

    def years_until(self, later: ReportingYear, fiscal_year_start_month: int) -> Fraction:
        """Years from the end of this one to the end of a later one, exactly, in months: 2020 to FY2022 (April) are 5/4."""
        month = fiscal_year_start_month
        a, b = self.end(month), later.end(month)
        return Fraction((b.year - a.year) * 12 + b.month - a.month, 12)
