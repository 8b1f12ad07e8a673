"""Instruments, their retirements and uses. Days are texts, as ``2025-02-01``; numbers that are not whole are exact texts."""

from __future__ import annotations

from datetime import date
from typing import Any, Final

from greencloud.errors import QuantityError
from greencloud.results.instruments import Instrument, InstrumentKind, InstrumentPolicy, InstrumentUse, Retirement
from greencloud.results.reporting_year import ReportingYear
from greencloud.v1 import instrument_pb2 as messages
from greencloud.wire.inventory import word_of
from greencloud.wire.quantities import fraction_from_text, fraction_to_text, instant_from_message, instant_to_message

__all__ = [
    "INSTRUMENTS",
    "INSTRUMENT_KINDS",
    "instrument_from_message",
    "instrument_policy_from_message",
    "instrument_policy_to_message",
    "instrument_to_message",
    "retirement_from_message",
    "retirement_to_message",
    "use_from_message",
    "use_to_message",
]

INSTRUMENTS: Final = "instruments/"
"""What the name of an instrument begins with; its id follows."""

INSTRUMENT_KINDS: Final[dict[InstrumentKind, Any]] = {
    each: messages.InstrumentKind.Value(f"INSTRUMENT_KIND_{each.name}") for each in InstrumentKind
}


def instrument_to_message(instrument: Instrument) -> messages.Instrument:
    return messages.Instrument(
        name=instrument.name if instrument.id else "",
        kind=INSTRUMENT_KINDS[instrument.kind],
        registry=instrument.registry,
        project=instrument.project,
        serial_prefix=instrument.serial_prefix,
        serial_first=instrument.serial_first,
        serial_last=instrument.serial_last,
        vintage_start_date=instrument.vintage_start.isoformat(),
        vintage_end_date=instrument.vintage_end.isoformat(),
        geography=instrument.geography,
        method=instrument.method,
        durability_year_count=instrument.durability_years or 0,
        unit_cost=fraction_to_text(instrument.cost),
        currency_code=instrument.currency,
        retirement=None if instrument.retirement is None else retirement_to_message(instrument.retirement),
        uses=map(use_to_message, instrument.uses),
        cancelled_uses=map(use_to_message, instrument.cancelled_uses),
        revision=instrument.revision,
        created_by=instrument.created_by,
        etag=instrument.etag,
        unit_count=instrument.units,
        unused_unit_count=instrument.unused_units,
    )


def instrument_from_message(message: messages.Instrument) -> Instrument:
    """Raises QuantityError: a kind, day or number that is none."""
    return Instrument(
        id=message.name.removeprefix(INSTRUMENTS),
        kind=word_of(message.kind, INSTRUMENT_KINDS, "kind"),
        registry=message.registry,
        project=message.project,
        serial_prefix=message.serial_prefix,
        serial_first=message.serial_first,
        serial_last=message.serial_last,
        vintage_start=_day(message.vintage_start_date, "vintage_start_date"),
        vintage_end=_day(message.vintage_end_date, "vintage_end_date"),
        geography=message.geography,
        method=message.method,
        durability_years=message.durability_year_count or None,
        cost=fraction_from_text(message.unit_cost, "unit_cost") if message.unit_cost else None,
        currency=message.currency_code,
        retirement=retirement_from_message(message.retirement) if message.HasField("retirement") else None,
        uses=tuple(use_from_message(use) for use in message.uses),
        cancelled_uses=tuple(use_from_message(use) for use in message.cancelled_uses),
        revision=message.revision,
        created_by=message.created_by,
    )


def retirement_to_message(retirement: Retirement) -> messages.InstrumentRetirement:
    return messages.InstrumentRetirement(
        date=retirement.retired.isoformat(),
        beneficiary=retirement.beneficiary,
        reference=retirement.reference,
        evidence=retirement.evidence,
    )


def retirement_from_message(message: messages.InstrumentRetirement) -> Retirement:
    """Raises QuantityError."""
    return Retirement(_day(message.date, "date"), message.beneficiary, message.reference, tuple(message.evidence))


def use_to_message(use: InstrumentUse) -> messages.InstrumentUse:
    return messages.InstrumentUse(
        instrument=use.instrument,
        year=str(use.year),
        serial_first=use.serial_first,
        serial_last=use.serial_last,
        unit_count=use.units,
        used_by=use.used_by,
        use_time=use.used and instant_to_message(use.used),
        goal=use.goal,
        market=use.market,
        request_id=use.request_id,
        cancelled_by=use.cancelled_by,
        cancel_time=use.cancelled and instant_to_message(use.cancelled),
        cancel_reason=use.reason,
    )


def use_from_message(message: messages.InstrumentUse) -> InstrumentUse:
    """Raises QuantityError."""
    return InstrumentUse(
        instrument=message.instrument,
        year=ReportingYear.parse(message.year),
        serial_first=message.serial_first,
        serial_last=message.serial_last,
        used_by=message.used_by,
        used=instant_from_message(message.use_time) if message.HasField("use_time") else None,
        goal=message.goal,
        market=message.market,
        request_id=message.request_id,
        cancelled_by=message.cancelled_by,
        cancelled=instant_from_message(message.cancel_time) if message.HasField("cancel_time") else None,
        reason=message.cancel_reason,
    )


def instrument_policy_to_message(policy: InstrumentPolicy) -> messages.InstrumentPolicy:
    return messages.InstrumentPolicy(
        most_vintage_year_count=policy.most_vintage_years, revision=policy.revision, updated_by=policy.updated_by, etag=policy.etag
    )


def instrument_policy_from_message(message: messages.InstrumentPolicy) -> InstrumentPolicy:
    return InstrumentPolicy(message.most_vintage_year_count, message.revision, message.updated_by)


def _day(text: str, what: str) -> date:
    try:
        if len(text) != len("2025-02-01"):  # Python also takes 20250201 and weeks
            raise ValueError
        return date.fromisoformat(text)
    except ValueError:
        raise QuantityError(f"{what} {text[:32]!r} is not a day", advice="write it as 2025-02-01") from None
