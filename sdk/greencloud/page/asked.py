"""What an address asks for: period, account, filters, language; read from the query string and written back into links.

Parameters: ``period`` (a name as the CLI has it, ``last-month`` if left out) or ``from`` and ``to`` (RFC 3339); ``account``;
``service``, ``operation``, ``region``, ``sku``, ``component`` as filters; ``lang``; ``live=1``; and what a view asks for besides
(``rule``, ``against``). Everything comes from a stranger: each value is bounded, and a wrong one is refused with what to write
instead.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final, Self
from urllib.parse import urlencode

from greencloud.errors import QuantityError
from greencloud.report.page import LANGUAGES
from greencloud.results import FootprintQuery, Granularity
from greencloud.results.periods import Period, period_named
from greencloud.units import parse_instant

__all__ = ["DEFAULT_PERIOD", "FILTERS", "Asked"]

DEFAULT_PERIOD: Final = "last-month"
FILTERS: Final = ("service", "operation", "region", "sku", "component")
_QUERY_FIELDS: Final = {
    "service": "services",
    "operation": "operations",
    "region": "regions",
    "sku": "skus",
    "component": "components",
}
_LONGEST_VALUE: Final = 1_000
_MOST_PARAMETERS: Final = 24
_LONGEST_PERIOD: Final = timedelta(days=3_660)


@dataclass(frozen=True, slots=True)
class Asked:
    """``path`` is that of the view; ``parameters`` are all that were given, for links."""

    path: str
    parameters: Mapping[str, str]
    now: datetime
    period: Period
    period_text: str
    account: str = ""
    language: str = "en"
    live: bool = False
    filters: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, path: str, parameters: Mapping[str, str], now: datetime) -> Self:
        """Raises QuantityError: a parameter is wrong."""
        given = {key: value.strip() for key, value in parameters.items() if value.strip()}
        if len(given) > _MOST_PARAMETERS or any(len(key) + len(value) > _LONGEST_VALUE for key, value in given.items()):
            raise QuantityError("the address asks for too much at once", advice="leave out some of its parameters")
        language = given.get("lang", "en")
        if language not in LANGUAGES:
            raise QuantityError(f"the page does not speak {language!r}", advice=f"use one of {', '.join(LANGUAGES)}")
        period, text = _period(given, now)
        return cls(
            path=path,
            parameters=given,
            now=now,
            period=period,
            period_text=text,
            account=given.get("account", ""),
            language=language,
            live=given.get("live") == "1",
            filters={name: given[name] for name in FILTERS if name in given},
        )

    def link(self, path: str | None = None, **changes: str | None) -> str:
        """The address of ``path`` (this view if None) with the same parameters but for ``changes``; None leaves one out."""
        merged = {**self.parameters, **changes}
        query = urlencode({key: value for key, value in merged.items() if value is not None})
        return (self.path if path is None else path) + (f"?{query}" if query else "")

    def query(self, *, group_by: tuple[str, ...] = (), granularity: Granularity = Granularity.ALL) -> FootprintQuery:
        """The question that the period, the account and the filters make."""
        narrowed = {_QUERY_FIELDS[name]: (value,) for name, value in self.filters.items()}
        return FootprintQuery(
            self.period.start,
            self.period.end,
            **({"accounts": (self.account,)} if self.account else {}) | narrowed,  # type: ignore[arg-type]
            group_by=group_by,
            granularity=granularity,
        )


def _period(given: Mapping[str, str], now: datetime) -> tuple[Period, str]:
    if "from" not in given and "to" not in given:
        name = given.get("period", DEFAULT_PERIOD)
        return period_named(name, now), name
    if "from" not in given or "to" not in given or "period" in given:
        raise QuantityError("a time has both from and to, and then no period", advice="give from and to, or period alone")
    start, end = parse_instant(given["from"]), parse_instant(given["to"])
    if not start < end or end - start > _LONGEST_PERIOD:
        raise QuantityError("from must be before to, and at most ten years before", advice="choose another time")
    return Period(start, end), f"{given['from']}/{given['to']}"
