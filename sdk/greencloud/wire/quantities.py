"""Amounts, instants and exact numbers.

An amount travels as whole units plus a fraction of the same sign (1 MJ = 10^9 mJ, 1 kg = 10^9 µg), as ``google.type.Money``
does it, so that a provider-year fits exactly. An exact number travels as a text, ``1/3`` or ``12``.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from fractions import Fraction
from typing import Final

from google.protobuf.timestamp_pb2 import Timestamp

from greencloud.errors import QuantityError
from greencloud.units import Emissions, Energy, parse_rational
from greencloud.v1 import quantity_pb2

__all__ = [
    "emissions_from_message",
    "emissions_to_message",
    "energy_from_message",
    "energy_to_message",
    "fill_emissions",
    "fill_energy",
    "fraction_from_text",
    "fraction_to_text",
    "instant_from_message",
    "instant_to_message",
]

_NANO: Final = 1_000_000_000
_LONGEST_NUMBER: Final = 400
_FRACTION: Final = re.compile(r"-?[0-9]+/[1-9][0-9]*|-?[0-9]+")


def energy_to_message(energy: Energy) -> quantity_pb2.Energy:
    message = quantity_pb2.Energy()
    fill_energy(message, energy)
    return message


def fill_energy(message: quantity_pb2.Energy, energy: Energy) -> None:
    """Set a field to the amount, zero included. In place, because a message that is made apart is copied into its row."""
    if energy.millijoules:
        message.megajoules, message.millijoules = _split(energy.millijoules)
    else:
        message.SetInParent()


def energy_from_message(message: quantity_pb2.Energy) -> Energy:
    return Energy(_join(message.megajoules, message.millijoules))


def emissions_to_message(emissions: Emissions) -> quantity_pb2.Emissions:
    message = quantity_pb2.Emissions()
    fill_emissions(message, emissions)
    return message


def fill_emissions(message: quantity_pb2.Emissions, emissions: Emissions) -> None:
    """As ``fill_energy``."""
    if emissions.micrograms:
        message.kilograms, message.micrograms = _split(emissions.micrograms)
    else:
        message.SetInParent()


def emissions_from_message(message: quantity_pb2.Emissions) -> Emissions:
    return Emissions(_join(message.kilograms, message.micrograms))


def instant_to_message(instant: datetime) -> Timestamp:
    message = Timestamp()
    message.FromDatetime(instant.astimezone(UTC))
    return message


def instant_from_message(message: Timestamp) -> datetime:
    """UTC. Raises QuantityError outside years 1 to 9999."""
    try:
        return message.ToDatetime(tzinfo=UTC)
    except (ValueError, OverflowError) as error:
        raise QuantityError(f"timestamp {message.seconds} s is out of range") from error


def fraction_to_text(number: Fraction | None) -> str:
    """Exact; "" for what is not known."""
    return "" if number is None else str(number)


def fraction_from_text(text: str, what: str) -> Fraction:
    """What ``fraction_to_text`` wrote, or a decimal as people write it. Raises QuantityError, which calls it ``what``."""
    if len(text) <= _LONGEST_NUMBER and _FRACTION.fullmatch(text):
        return Fraction(text)
    return parse_rational(text, what=what)


def _split(amount: int) -> tuple[int, int]:
    if amount >= 0:
        return divmod(amount, _NANO)
    whole, part = divmod(-amount, _NANO)
    return -whole, -part


def _join(whole: int, part: int) -> int:
    if abs(part) >= _NANO or whole * part < 0:
        raise QuantityError(f"amount {whole} + {part}e-9 is not normalised")
    return whole * _NANO + part
