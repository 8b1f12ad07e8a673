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
    "fill_emissions",
    "fill_energy",
    "instant_from_message",
    "instant_to_message",
]

_NANO: Final = 1_000_000_000


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


def _split(amount: int) -> tuple[int, int]:
    if amount >= 0:
        return divmod(amount, _NANO)
    whole, part = divmod(-amount, _NANO)
    return -whole, -part


def _join(whole: int, part: int) -> int:
    if abs(part) >= _NANO or whole * part < 0:
        raise QuantityError(f"amount {whole} + {part}e-9 is not normalised")
    return whole * _NANO + part
