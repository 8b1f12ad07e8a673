"""The sections of a book: which keys each has, in which of them a unit must be, and how an entry is read.

``SECTIONS`` are read in order, so that an entry can only name what was declared before it. The single tables, ``[facility]``,
``[weights]`` and ``[uncertainty]``, stand beside them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from datetime import date
from typing import Any, Final

from greencloud.errors import QuantityError
from greencloud.facility import carbon, estate
from greencloud.facility.declared import Declared
from greencloud.facility.entry import Entry
from greencloud.facility.gwp import GWP_SETS
from greencloud.facility.quantities import CERTIFICATE_UNITS, EMBODIED_UNITS, FACTOR_UNITS, parse_window
from greencloud.facility.values import ResourceWeights, Uncertainties

__all__ = ["HEAD_KEYS", "SECTIONS", "UNCERTAINTY_KEYS", "WEIGHT_KEYS", "Head", "Section", "head", "uncertainties", "weights"]

HEAD_KEYS: Final = ("name", "window", "default_site", "gwp", "hardware_as_of")
WEIGHT_KEYS: Final = tuple(weight.name for weight in fields(ResourceWeights))
UNCERTAINTY_KEYS: Final = tuple(default.name for default in fields(Uncertainties))
_QUALITY: Final = ("uncertainty", "data_quality")


@dataclass(frozen=True, slots=True)
class Head:
    """What ``[facility]`` says."""

    name: str = ""
    window_seconds: int = 3600
    default_site: str | None = None
    gwp_set: str = "AR6"
    hardware_as_of: date | None = None


@dataclass(frozen=True, slots=True)
class Section:
    keys: tuple[str, ...]
    read: Callable[[Entry, Declared], Any]
    units: Mapping[str, int] = field(default_factory=dict)
    in_files: bool = True  # whether [files] may name CSV files for it
    refused: tuple[str, ...] = ()  # keys that the reader refuses itself, with a remedy of their own


def head(entry: Entry) -> Head:
    entry.check_keys(HEAD_KEYS)
    seconds = Head().window_seconds
    if entry.has("window"):
        try:
            seconds = parse_window(entry.values["window"])
        except QuantityError as error:
            raise entry.error("window", error.message, error.advice) from error
    return Head(
        name=entry.text("name", ""),
        window_seconds=seconds,
        default_site=entry.text("default_site") if entry.has("default_site") else None,
        gwp_set=entry.choice("gwp", GWP_SETS, Head().gwp_set),
        hardware_as_of=entry.day("hardware_as_of") if entry.has("hardware_as_of") else None,
    )


def weights(entry: Entry) -> ResourceWeights:
    entry.check_keys(WEIGHT_KEYS)
    known = ResourceWeights()
    return ResourceWeights(**{key: entry.number(key, getattr(known, key)) for key in WEIGHT_KEYS})


def uncertainties(entry: Entry) -> Uncertainties:
    entry.check_keys(UNCERTAINTY_KEYS)
    given = {key: entry.uncertainty(key) for key in UNCERTAINTY_KEYS}
    return Uncertainties(**{key: value for key, value in given.items() if value is not None})


SECTIONS: Final = {
    "accounts": Section(("id", "kind", "name", "passes", "payer"), estate.account),
    "declared_use": Section(("account", "caller", "share", "start", "end", "source"), estate.declared_use),
    "curves": Section(("name", "per_vcpu", "points", "source", "uncertainty"), estate.curve, in_files=False),
    "sites": Section(
        (
            *("id", "region", "grid_zone", "pue", "pue_uncertainty", "meter_uncertainty", "unsold_to"),
            *("ramp_up_until", "mature_share", "scope1", "unlisted_hosts", "source"),
        ),
        estate.site,
        in_files=False,
    ),
    "hosts": Section(
        (
            *("id", "site", "kind", "vcpu", "memory", "gpus", "ssd", "hdd", "curve", "gpu_curve"),
            *("idle_watts", "meter_uncertainty", "dedicated_to", "aliases"),
        ),
        estate.host,
    ),
    "reservations": Section(
        ("account", "site", "vcpu", "memory", "gpus", "ssd", "hdd", "start", "end", "service"), estate.reservation
    ),
    "factors": Section(("zone", "kind", "start", "end", *FACTOR_UNITS, "source", *_QUALITY), carbon.factor, FACTOR_UNITS),
    "certificates": Section(
        ("id", "zone", "site", "purpose", "start", "end", *CERTIFICATE_UNITS, *FACTOR_UNITS, "source"),
        carbon.certificate,
        CERTIFICATE_UNITS,
    ),
    "hardware": Section(
        (
            *("id", "site", "host", "kind", *EMBODIED_UNITS, "in_service", "life_years", "life_days"),
            *("retired", "on_retirement", "source", *_QUALITY),
        ),
        carbon.hardware,
        EMBODIED_UNITS,
        refused=("life_months",),
    ),
    "direct_emissions": Section(
        ("id", "site", "start", "end", "gas", "fuel", *carbon.DIRECT_UNITS, "kg_per_unit", "source", *_QUALITY),
        carbon.direct_emission,
        carbon.DIRECT_UNITS,
    ),
}
