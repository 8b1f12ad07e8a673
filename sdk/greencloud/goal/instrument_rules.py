"""What holds of an instrument, of its retirement and of a use: pure checks, each of which refuses by the name of its field.

- An instrument is a block of consecutive serials of one registry under one prefix. A prefix ends in no digit, so that a serial is
  written in one way alone, and blocks are the same by registry and prefix whatever their case, width, spaces or kind of dash. What
  only looks the same, by characters that nobody sees or by letters of another script, is refused.
- A removal says for how long it stores the carbon; nothing else stores any.
- A use needs a retirement in the registry, for the provider (GHG Protocol Scope 2 Guidance, table 7.1, criteria 2 and 3; ISO
  14068-1:2023, ch. 9: a credit is retired for whoever claims it).
- **Vintage**. An energy certificate counts for the year that its electricity was made in, and for consumption in its own market
  (Scope 2 Guidance, table 7.1, criteria 4 and 5). A removal or an offset has happened by the end of the reporting year, and began
  no more than ``InstrumentPolicy.most_vintage_years`` years before that year did.
- What a kind may be claimed as is fixed: an offset credit is no removal, and an energy certificate stands for no tonne (Oxford
  Principles for Net Zero Aligned Carbon Offsetting, 2024; Scope 2 Guidance, 6.3).
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterable
from datetime import date
from typing import Final

from greencloud.errors import GoalError
from greencloud.results.instruments import Instrument, InstrumentKind, InstrumentPolicy, Retirement
from greencloud.results.inventory import InventoryPolicy
from greencloud.results.reporting_year import ReportingYear

__all__ = [
    "CLAIMS",
    "MOST_SERIAL",
    "block_of",
    "check_evidence",
    "check_id",
    "check_instrument",
    "check_retirement",
    "check_text",
    "check_use",
]

MOST_SERIAL: Final = 10**18
CLAIMS: Final = {
    InstrumentKind.ENERGY_CERTIFICATE: "energy",
    InstrumentKind.REMOVAL: "removal",
    InstrumentKind.OFFSET_CREDIT: "offset",
}
"""What a unit of each kind may be claimed as: MWh of the market-based method, tonnes removed, tonnes offset."""

_ID: Final = re.compile(r"[a-z0-9][a-z0-9._-]{0,62}")
_COUNTRY: Final = re.compile(r"[A-Z]{2}(-[A-Z0-9]{1,3})?")
_ZONE: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._/-]{0,62}")
_CURRENCY: Final = re.compile(r"[A-Z]{3}")
_LONGEST: Final = 1_000
_INVISIBLE: Final = (
    *(("\u034f", "\u034f"), ("\u115f", "\u1160"), ("\u17b4", "\u17b5"), ("\u180b", "\u180f"), ("\u2800", "\u2800")),
    *(("\u3164", "\u3164"), ("\ufe00", "\ufe0f"), ("\uffa0", "\uffa0"), ("\U000e0000", "\U000e0fff")),
)
"""Ranges that are printable and show nothing (Default_Ignorable_Code_Point of Unicode, and the empty Braille pattern)."""
_ALIKE: Final = {"LATIN", "CYRILLIC", "GREEK", "ARMENIAN", "CHEROKEE"}
"""Scripts that share the shapes of letters (Unicode Technical Standard 39)."""


def check_instrument(instrument: Instrument) -> None:
    """What holds of every instrument by itself, its retirement aside. Raises GoalError."""
    check_id(instrument.id, "instrument")
    for key in ("registry", "project"):
        check_text(getattr(instrument, key), key)
    for key in ("serial_prefix", "method"):
        check_text(getattr(instrument, key), key, required=False)
    for key in ("registry", "serial_prefix"):
        _check_looks(getattr(instrument, key), key)
    if instrument.serial_prefix[-1:].isdigit():
        raise _wrong(
            "serial_prefix", "ends in a digit", "digits at its end belong to the serials: SN-1 and 20 to 29 are SN- and 120 to 129"
        )
    if not 0 <= instrument.serial_first <= instrument.serial_last <= MOST_SERIAL:
        raise _wrong("serial_last", "the serials are no range", "write the first and the last serial, both of them in the block")
    if instrument.vintage_start > instrument.vintage_end:
        raise _wrong("vintage_end", "the vintage ends before it starts", "write its first and its last day")
    _check_geography(instrument)
    _check_durability(instrument)
    if (instrument.cost is None) != (not instrument.currency):
        raise _wrong("currency", "a cost needs a currency, and a currency a cost", "write both, as 12.50 and EUR")
    if instrument.cost is not None and (instrument.cost < 0 or not _CURRENCY.fullmatch(instrument.currency)):
        raise _wrong("cost", "is no price of a unit", "write an amount of 0 or more, and a currency of ISO 4217, as EUR")


def check_retirement(instrument: Instrument, retirement: Retirement, policy: InventoryPolicy, today: date) -> None:
    """Raises GoalError."""
    check_text(retirement.beneficiary, "beneficiary")
    check_text(retirement.reference, "reference")
    if retirement.retired > today:
        raise _wrong("retired", f"{retirement.retired} has not come yet", "record a retirement once the registry has made it")
    if retirement.retired < instrument.vintage_end:
        raise _wrong(
            "retired",
            f"it was retired on {retirement.retired}, before its vintage ended on {instrument.vintage_end}",
            "a unit stands for what has happened: one that was issued ahead of time counts for nothing",
        )
    _check_beneficiary(retirement, policy)


def check_use(
    instrument: Instrument,
    year: ReportingYear,
    *,
    policy: InstrumentPolicy,
    inventory_policy: InventoryPolicy,
    claimed_as: str = "",
    market: str = "",
) -> None:
    """Whether units of an instrument may count for a year. Raises GoalError."""
    own = CLAIMS[instrument.kind]
    if claimed_as and claimed_as != own:
        raise _wrong("claimed_as", f"{instrument.name} is claimed as {claimed_as[:32]!r}", _NOT_CLAIMED[instrument.kind])
    if instrument.retirement is None:
        raise _wrong(
            "retirement", f"{instrument.name} is not retired", "retire it in its registry, then: greencloud credits retire"
        )
    _check_beneficiary(instrument.retirement, inventory_policy)
    month = inventory_policy.fiscal_year_start_month
    start, end = year.start(month).date(), year.end(month).date()
    vintage = f"the vintage of {instrument.name} is {instrument.vintage_start} to {instrument.vintage_end}"
    if instrument.kind is InstrumentKind.ENERGY_CERTIFICATE:
        if not start <= instrument.vintage_start <= instrument.vintage_end < end:
            raise _wrong(
                "vintage", f"{vintage}, and does not lie in {year}", "use certificates of electricity that was made in that year"
            )
        if market != instrument.geography:
            raise _wrong(
                "market",
                f"{instrument.name} is of the market {instrument.geography!r}" + (f", not {market[:64]!r}" if market else ""),
                "say the market in which the electricity was consumed; it must be that of the certificate",
            )
        return
    if market:
        raise _wrong(
            "market", f"{instrument.name} is no energy certificate", "only the use of a certificate has a market of consumption"
        )
    if instrument.vintage_end >= end:
        raise _wrong("vintage", f"{vintage}, and ends after {year}", "use units of what had happened by the end of the year")
    years = policy.most_vintage_years
    if instrument.vintage_start < _years_before(start, years):
        raise _wrong(
            "vintage",
            f"{vintage}, and began more than {years} years before {year}",
            "use a later vintage, or change the policy: greencloud credits policy --most-vintage-years",
        )


def block_of(instrument: Instrument) -> tuple[str, str]:
    """Registry and prefix: among blocks of the same, no serial is twice."""
    registry, prefix = (
        "".join("-" if unicodedata.category(each) == "Pd" else each for each in unicodedata.normalize("NFKC", text).casefold())
        for text in (instrument.registry, instrument.serial_prefix)
    )
    return " ".join(registry.split()), "".join(prefix.split())


def check_evidence(digests: Iterable[str], has: Callable[[str], bool]) -> None:
    """Raises GoalError where a document is not kept."""
    for digest in digests:
        if not has(digest):
            raise _wrong("evidence", f"there is no document {digest[:64]!r}", "upload it first; its name is its SHA-256")


def check_id(text: str, what: str) -> None:
    if not _ID.fullmatch(text):
        raise _wrong(
            "id", f"{text[:64]!r} is not the id of an {what}", "use small letters, digits, dots and dashes, 63 at the most"
        )


def check_text(text: str, key: str, *, required: bool = True) -> None:
    """A line of text that people can read. Raises GoalError."""
    if required and not text.strip():
        raise _wrong(key, "is empty", "an auditor needs it")
    if len(text) > _LONGEST or not text.isprintable():
        raise _wrong(
            key, f"is not a line of text of up to {_LONGEST:,} characters", "shorten it, and leave out what cannot be printed"
        )


_NOT_CLAIMED: Final = {
    InstrumentKind.ENERGY_CERTIFICATE: "a certificate stands for MWh of the market-based method, never for tonnes",
    InstrumentKind.REMOVAL: "a removal is claimed as removal",
    InstrumentKind.OFFSET_CREDIT: "an offset credit removes nothing: claim it as offset, or use a removal",
}


def _check_looks(text: str, key: str) -> None:
    if any(first <= each <= last for each in text for first, last in _INVISIBLE):
        raise _wrong(key, "has characters that nobody sees", "write it as the registry does")
    scripts = {unicodedata.name(each, "").partition(" ")[0] for each in unicodedata.normalize("NFKC", text) if each.isalpha()}
    if len(scripts & _ALIKE) > 1:
        raise _wrong(key, f"mixes {' and '.join(sorted(scripts & _ALIKE)).title()} letters", "write it as the registry does")


def _check_geography(instrument: Instrument) -> None:
    certificate = instrument.kind is InstrumentKind.ENERGY_CERTIFICATE
    if not (_ZONE if certificate else _COUNTRY).fullmatch(instrument.geography):
        advice = "write the grid zone, as DE-LU" if certificate else "write a code of ISO 3166, as IS or US-TX"
        raise _wrong("geography", f"{instrument.geography[:64]!r} is not where it comes from", advice)


def _check_durability(instrument: Instrument) -> None:
    years = instrument.durability_years
    if instrument.kind is not InstrumentKind.REMOVAL:
        if years is not None:
            raise _wrong("durability_years", "only a removal stores carbon", "leave it out, or record a removal")
    elif years is None or not 1 <= years <= 1_000_000:
        raise _wrong("durability_years", "a removal has none", "say for how many years the carbon is stored at the least")


def _check_beneficiary(retirement: Retirement, policy: InventoryPolicy) -> None:
    if policy.organization and _folded(retirement.beneficiary) != _folded(policy.organization):
        raise _wrong(
            "beneficiary",
            f"it was retired for {retirement.beneficiary[:64]!r}, not for {policy.organization[:64]!r}",
            "only who it was retired for may claim it; the provider's name is in the inventory policy",
        )


def _folded(text: str) -> str:
    return " ".join(text.casefold().split())


def _years_before(day: date, years: int) -> date:
    """Reporting years start on the first of a month, so the day is there in every year."""
    return day.replace(year=max(day.year - years, 1))


def _wrong(key: str, message: str, advice: str) -> GoalError:
    return GoalError(f"{key}: {message}", key=key, advice=advice)
