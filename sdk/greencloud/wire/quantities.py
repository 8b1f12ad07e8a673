"""Amounts and instants.

An amount travels as whole units plus a fraction of the same sign (1 MJ = 10^9 mJ, 1 kg = 10^9 µg), as ``google.type.Money``
does it, so that a provider-year fits exactly.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final

from google.protobuf.timestamp_pb2 import Timestamp

from greencloud.errors import QuantityError
from greencloud.units import Emissions, Energy
from greencloud.v1 import quantity_pb2

__all__ = [
    "emissions_from_message",
    "emissions_to_message",
    "energy_from_message",
    "energy_to_message",
    "instant_from_message",
    "instant_to_message",
]

_NANO: Final = 1_000_000_000


def energy_to_message(energy: Energy) -> quantity_pb2.Energy:
    whole, part = _split(energy.millijoules)
    return quantity_pb2.Energy(megajoules=whole, millijoules=part)


def energy_from_message(message: quantity_pb2.Energy) -> Energy:
    return Energy(_join(message.megajoules, message.millijoules))


def emissions_to_message(emissions: Emissions) -> quantity_pb2.Emissions:
    whole, part = _split(emissions.micrograms)
    return quantity_pb2.Emissions(kilograms=whole, micrograms=part)


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


def _split(amount: int) -> tuple[int, int]:
    whole, part = divmod(abs(amount), _NANO)
    return (whole, part) if amount >= 0 else (-whole, -part)


def _join(whole: int, part: int) -> int:
    if abs(part) >= _NANO or whole * part < 0:
        raise QuantityError(f"amount {whole} + {part}e-9 is not normalised")
    return whole * _NANO + part
