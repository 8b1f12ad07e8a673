"""Options that several verbs share, and how times and lengths of time are read."""

from __future__ import annotations

import functools
import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from fractions import Fraction
from pathlib import Path
from typing import Any, ClassVar, TypeVar
from zoneinfo import ZoneInfo

import click

from greencloud.errors import QuantityError
from greencloud.units import parse_instant

__all__ = [
    "BOUND",
    "DURATION",
    "INSTANT",
    "MASS",
    "NAMES",
    "ORDER",
    "PLACE",
    "RULE",
    "SIZE",
    "ZONE",
    "Mass",
    "data_option",
    "directory_option",
    "facility_option",
    "log_option",
    "output_option",
]

F = TypeVar("F", bound=Callable[..., Any])


class Instant(click.ParamType[datetime]):
    """A time with an offset, or a date (midnight UTC)."""

    name = "time"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> datetime:
        if isinstance(value, datetime):
            return value
        try:
            return parse_instant(value)
        except QuantityError as error:
            self.fail("; ".join(filter(None, (error.message, error.advice))), param, ctx)


class Duration(click.ParamType[timedelta]):
    """A length of time: 30d, 12h, 15m or 90s."""

    name = "duration"
    units: ClassVar = {"d": "days", "h": "hours", "m": "minutes", "s": "seconds"}

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> timedelta:
        if isinstance(value, timedelta):
            return value
        found = re.fullmatch(r"(\d{1,8})([dhms])", value)
        if not found:
            self.fail(f"{value!r} is not a length of time: write 30d, 12h, 15m or 90s", param, ctx)
        return timedelta(**{self.units[found[2]]: int(found[1])})


class Bound(click.ParamType["Fraction | None"]):
    """A percentage, or none."""

    name = "percent"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Fraction | None:
        if value is None or isinstance(value, Fraction):
            return value
        if value == "none":
            return None
        found = re.fullmatch(r"(\d{1,6}(?:\.\d{1,6})?)\s?%", value)
        if not found:
            self.fail(f"{value!r} is not a bound: write 25%, 100% or none", param, ctx)
        return Fraction(found[1]) / 100


class RuleName(click.ParamType[str]):
    """A rule of allocation; the allocator is not loaded until one is named."""

    name = "rule"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        try:
            from greencloud.allocation import RULES
        except ModuleNotFoundError:  # a light client: the server knows its rules
            return str(value)
        if value not in RULES:
            self.fail(f"there is no rule {value!r}: choose one of {', '.join(RULES)}", param, ctx)
        return str(value)


class Size(click.ParamType[int]):
    """Bytes: 500MB, 10GB or 1TB."""

    name = "size"
    units: ClassVar = {"MB": 10**6, "GB": 10**9, "TB": 10**12}

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        if isinstance(value, int):
            return value
        found = re.fullmatch(r"(\d{1,6})([MGT]B)", value)
        if not found:
            self.fail(f"{value!r} is not a size: write 500MB, 10GB or 1TB", param, ctx)
        return int(found[1]) * int(self.units[found[2]])


@dataclass(frozen=True, slots=True)
class Mass:
    """A mass of CO2e as it was written, and in micrograms, rounded down: what is above one is above the other."""

    text: str
    micrograms: int


class MassOption(click.ParamType[Mass]):
    """A mass of CO2e: 500g, 100kg, 2.5t."""

    name = "mass"
    units: ClassVar = {"µg": 1, "mg": 10**3, "g": 10**6, "kg": 10**9, "t": 10**12, "kt": 10**15}

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Mass:
        if isinstance(value, Mass):
            return value
        found = re.fullmatch(r"(\d{1,15}(?:\.\d{1,12})?)\s?(µg|mg|g|kg|t|kt)", value)
        if not found:
            self.fail(f"{value!r} is not a mass: write 500g, 100kg or 2.5t", param, ctx)
        return Mass(value, math.floor(Fraction(found[1]) * self.units[found[2]]))


class Names(click.ParamType["tuple[str, ...]"]):
    """Names with commas between them."""

    name = "list"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[str, ...]:
        if isinstance(value, tuple):
            return value
        names = tuple(name.strip() for name in value.split(",") if name.strip())
        if len(set(names)) < len(names):
            self.fail("one is named twice", param, ctx)
        return names


class OrderOption(click.ParamType[Any]):
    """A field, and a direction."""

    name = "order"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        from greencloud.report import Order

        if isinstance(value, Order):
            return value
        try:
            return Order.of(value)
        except QuantityError as error:
            self.fail(f"{error.message}; {error.advice}", param, ctx)


class Zone(click.ParamType[ZoneInfo]):
    """A time zone of the IANA database, as Europe/Berlin."""

    name = "zone"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> ZoneInfo:
        if isinstance(value, ZoneInfo):
            return value
        try:
            return ZoneInfo(value)
        except (KeyError, ValueError, OSError):
            self.fail(f"{value!r} is not a time zone of this system: write one as Europe/Berlin or UTC", param, ctx)


INSTANT = Instant()
MASS = MassOption()
NAMES = Names()
ORDER = OrderOption()
ZONE = Zone()
DURATION = Duration()
RULE = RuleName()
BOUND = Bound()
SIZE = Size()
PLACE = "s3://BUCKET/PREFIX"


def directory_option(function: F) -> F:
    kind = click.Path(path_type=Path, file_okay=False)
    return click.option(
        "--data",
        "data",
        type=kind,
        required=True,
        envvar="GREENCLOUD_DATA",
        show_envvar=True,
        metavar="DIR",
        help="Data directory.",
    )(function)


def data_option(function: F) -> F:
    """``--data``, and ``--store``, which makes the directory a cache of that store before the verb begins."""

    @functools.wraps(function)
    def command(*, data: Path, store: str | None, **more: Any) -> Any:
        if store is not None:
            from greencloud.engine import DataDirectory

            DataDirectory.attach(store, data)
        return function(data=data, **more)

    option = click.option(
        "--store",
        metavar=PLACE,
        help="The object store of which DIR is a cache, where greencloud init did not say it.  [env var: GREENCLOUD_STORE_URI]",
    )
    found: Any = directory_option(option(command))
    return found  # type: ignore[no-any-return]


def facility_option(function: F) -> F:
    kind = click.Path(path_type=Path, exists=True, dir_okay=False)
    return click.option("--facility", type=kind, metavar="FILE", help="Facility book to put in force first.")(function)


def log_option(function: F) -> F:
    text = "Shared log of several servers (docs/several-servers.md)."
    kind = "nats://HOST:PORT/STREAM"
    return click.option("--log", default="", envvar="GREENCLOUD_LOG_URI", show_envvar=True, metavar=kind, help=text)(function)


def output_option(*formats: str) -> Callable[[F], F]:
    return click.option("-o", "--output", type=click.Choice(formats), default=formats[0], help="Output format.")
