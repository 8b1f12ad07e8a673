"""What two facility books say differently: one ``Difference`` for each key of each entry, with where and when it holds.

Entries are matched by what names them: a factor by zone, kind and time, a certificate, a machine, a host or an account by its
id, a reading by site, host and window. What names itself by no id (reservations, declared uses) is matched in order of time among
those of the same names. A factor that is cut into shorter periods is compared with what held at the same time.

Names are compared part by part: ids may hold dots, so that a path, which is for people, may stand for two entries. A difference has
an ``account`` only where what either book says is that account's own, so that a tenant may be shown it.

``kind`` says what sort of correction it is: a *figure* (a factor, a meter, a mass, a curve), the *mapping* of hosts, sites,
accounts and reservations to each other, or a *reading* that was not there before, which is late data and no correction.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Iterator
from dataclasses import dataclass, fields
from datetime import UTC, date, datetime
from enum import StrEnum
from fractions import Fraction
from itertools import pairwise, zip_longest
from typing import Any, Final

from greencloud.facility.book import Facility
from greencloud.facility.quantities import exact_text
from greencloud.facility.timeline import timelines
from greencloud.facility.values import FOREVER, Factor, HostReading
from greencloud.units import Window, format_instant

__all__ = ["Difference", "DifferenceKind", "differences"]

_EVER: Final = datetime.min.replace(tzinfo=UTC)
_PLACES: Final = {"path", "line"}  # where a factor was written, not what it says
_MAPPING: Final = {
    "facility": {"name", "window_seconds", "default_site"},
    "accounts": {"kind", "name", "passes", "payer"},
    "sites": {"region", "grid_zone", "unsold_to", "unlisted_hosts", "ramp_up_until", "mature_share"},
    "hosts": {"site", "dedicated_to", "aliases", "kind"},
    "hardware": {"site", "host", "kind"},
    "certificates": {"site", "zone", "purpose"},
    "direct_emissions": {"site"},
}
"""Keys that say what belongs to what; the others are figures."""

_NOT_TOLD: Final = {("accounts", "payer")}
"""What is said of an account and is not for it to see."""


class DifferenceKind(StrEnum):
    FIGURE = "figure"
    MAPPING = "mapping"
    READING = "reading"


@dataclass(frozen=True, slots=True)
class Difference:
    """``old`` and ``new`` are texts for people; "" where that book has no such entry. ``sites``: None for all."""

    path: str
    kind: DifferenceKind
    old: str
    new: str
    sites: frozenset[str] | None = None
    start: datetime = _EVER
    end: datetime = FOREVER
    account: str = ""

    def concerns(self, site: str, window: Window) -> bool:
        """Whether it can have changed what is charged for that window."""
        return (self.sites is None or site in self.sites) and self.start < window.end and window.start < self.end


def differences(old: Facility, new: Facility) -> tuple[Difference, ...]:
    """Everything that the books say differently, by path and time; empty exactly when their revisions are the same."""
    if old.revision == new.revision:
        return ()
    zones: dict[str, set[str]] = {}
    for book in (old, new):
        for site in book.sites.values():
            zones.setdefault(site.grid_zone, set()).add(site.id)

    def in_zone(zone: str) -> frozenset[str]:
        return frozenset(zones.get(zone, ()))

    found = [*_of_head(old, new), *_of_factors(old, new, in_zone), *_of_readings(old, new)]
    for section, of, name, where in _sections(in_zone):
        found += _of_entries(section, of(old), of(new), name, where)
    return tuple(sorted(found, key=_in_order))


def _in_order(each: Difference) -> tuple[object, ...]:
    # Down to what is not told by the path, so that two of one path have one order.
    return each.path, each.start, each.end, each.old, each.new, each.account, sorted(each.sites or ())


Name = tuple[str, ...]
Where = Callable[[Any], frozenset[str] | None]


def _sections(
    in_zone: Callable[[str], frozenset[str]],
) -> Iterator[tuple[str, Callable[[Facility], Iterable[Any]], Callable[[Any], Name], Where]]:
    def its_site(entry: Any) -> frozenset[str]:
        return frozenset({entry.site})

    def everywhere(_: Any) -> None:
        return None

    yield "accounts", lambda book: book.accounts.values(), lambda a: (a.id,), everywhere
    yield "declared_use", lambda book: book.declared_uses, lambda use: (use.account, use.caller), everywhere
    yield "curves", lambda book: book.curves.values(), lambda curve: (curve.name,), everywhere
    yield "sites", lambda book: book.sites.values(), lambda site: (site.id,), lambda site: frozenset({site.id})
    yield "hosts", lambda book: book.hosts.values(), lambda host: (host.id,), its_site
    yield "reservations", lambda book: book.reservations, lambda r: (r.account, r.site, r.service), its_site
    yield "certificates", lambda book: book.certificates, lambda c: (c.id,), lambda c: in_zone(c.zone)
    yield "hardware", lambda book: book.hardware, lambda asset: (asset.id,), its_site
    yield "direct_emissions", lambda book: book.direct_emissions, lambda d: (d.id,), its_site


def _of_head(old: Facility, new: Facility) -> Iterator[Difference]:
    for name in ("name", "window_seconds", "default_site", "gwp_set", "hardware_as_of"):
        yield from _of_values("facility", name, getattr(old, name), getattr(new, name))
    for section in ("weights", "uncertainties"):
        before, after = getattr(old, section), getattr(new, section)
        for part in fields(before):
            yield from _of_values(section, part.name, getattr(before, part.name), getattr(after, part.name))


def _of_values(section: str, name: str, old: Any, new: Any) -> Iterator[Difference]:
    if old != new:
        yield Difference(f"{section}.{name}", _kind(section, name), _text(old), _text(new))


def _of_entries(
    section: str, old: Iterable[Any], new: Iterable[Any], name: Callable[[Any], Name], where: Where
) -> Iterator[Difference]:
    before, after = _grouped(old, name), _grouped(new, name)
    for key in sorted(before.keys() | after.keys()):
        had, has = before.get(key, []), after.get(key, [])
        path = ".".join((section, *(part for part in key if part)))
        gone = [entry for entry in had if entry not in has]
        come = [entry for entry in has if entry not in had]
        for one, other in zip_longest(gone, come):
            yield from _of_pair(section, path, one, other, where)


def _of_pair(section: str, path: str, old: Any, new: Any, where: Where) -> Iterator[Difference]:
    there = [entry for entry in (old, new) if entry is not None]
    sites = [where(entry) for entry in there]
    held = None if None in sites else frozenset().union(*(each for each in sites if each is not None))
    start = min(getattr(entry, "start", _EVER) for entry in there)
    end = max(getattr(entry, "end", FOREVER) for entry in there)
    owner = _owner(section, there)
    if len(there) == 1:
        figures = {"curves", "certificates", "hardware", "direct_emissions"}
        kind = DifferenceKind.FIGURE if section in figures else DifferenceKind.MAPPING
        yield Difference(path, kind, _entry_text(old), _entry_text(new), held, start, end, owner)
        return
    for part in fields(old):
        one, other = getattr(old, part.name), getattr(new, part.name)
        if one != other:
            kind = _kind(section, part.name)
            its_own = owner if (section, part.name) not in _NOT_TOLD else ""
            yield Difference(f"{path}.{part.name}", kind, _text(one), _text(other), held, start, end, its_own)


def _owner(section: str, entries: Iterable[Any]) -> str:
    """The account whose own all of these are; "" where they are nobody's or of several."""
    key = {"accounts": "id", "reservations": "account"}.get(section)
    owners = {getattr(entry, key) for entry in entries} if key else set()
    return owners.pop() if len(owners) == 1 else ""


def _of_factors(old: Facility, new: Facility, in_zone: Callable[[str], frozenset[str]]) -> Iterator[Difference]:
    before, after = (timelines(book.factors, lambda f: (f.zone, f.kind)) for book in (old, new))
    for key in sorted(before.keys() | after.keys()):
        lines = [side.get(key) for side in (before, after)]
        cuts = sorted({at for line in lines if line for factor in line.things for at in (factor.start, factor.end)})
        path = f"factors.{key[0]}.{key[1].value}"
        held: Difference | None = None
        for start, end in pairwise(cuts):
            one, other = (line.covering(start, end) if line else None for line in lines)
            if one is other or (one and other and _said(one) == _said(other)):
                continue
            told = Difference(path, DifferenceKind.FIGURE, *_factor_texts(one, other), in_zone(key[0]), start, end)
            if held and held.end == start and (held.old, held.new) == (told.old, told.new):
                told = Difference(path, told.kind, told.old, told.new, told.sites, held.start, end)
            elif held:
                yield held
            held = told
        if held:
            yield held


def _factor_texts(old: Factor | None, new: Factor | None) -> tuple[str, str]:
    """The factors; where only their source, quality or uncertainty differs, that."""
    if old and new and old.micrograms_per_kwh == new.micrograms_per_kwh:
        changed = [name for name in ("source", "uncertainty", "data_quality") if getattr(old, name) != getattr(new, name)]
        texts = [", ".join(f"{name}={_text(getattr(side, name))}" for name in changed) for side in (old, new)]
        return texts[0], texts[1]
    shown = ["" if side is None else f"{exact_text(side.micrograms_per_kwh / 1_000_000)} g/kWh" for side in (old, new)]
    return shown[0], shown[1]


def _said(factor: Factor) -> tuple[object, ...]:
    return factor.micrograms_per_kwh, factor.source, factor.uncertainty, factor.data_quality


def _of_readings(old: Facility, new: Facility) -> Iterator[Difference]:
    def by_place(readings: Iterable[HostReading]) -> dict[tuple[str, str, Window], HostReading]:
        return {(reading.site, reading.host, reading.window): reading for reading in readings}

    before, after = by_place(old.readings), by_place(new.readings)
    for key in before.keys() | after.keys():
        one, other = before.get(key), after.get(key)
        if one != other:
            kind = DifferenceKind.READING if one is None else DifferenceKind.FIGURE
            site, host, window = key
            path = f"meters.{site}.{host or '(facility)'}"
            yield Difference(path, kind, _reading_text(one), _reading_text(other), frozenset({site}), window.start, window.end)


def _reading_text(reading: HostReading | None) -> str:
    if reading is None:
        return ""
    told = {name: getattr(reading, name) for name in ("energy_mj", "covered_s", "busy_cpu_ns", "memory_byte_s", "quality")}
    return ", ".join(f"{name}={_text(value)}" for name, value in told.items() if value is not None)


def _grouped(entries: Iterable[Any], name: Callable[[Any], Hashable]) -> dict[Any, list[Any]]:
    groups: dict[Any, list[Any]] = {}
    for entry in entries:
        groups.setdefault(name(entry), []).append(entry)
    for group in groups.values():
        group.sort(key=lambda entry: (getattr(entry, "start", _EVER), getattr(entry, "end", FOREVER)))
    return groups


def _kind(section: str, name: str) -> DifferenceKind:
    mapped = section in {"reservations", "declared_use"} or name in _MAPPING.get(section, ())
    return DifferenceKind.MAPPING if mapped else DifferenceKind.FIGURE


def _entry_text(entry: Any) -> str:
    if entry is None:
        return ""
    left_out = _PLACES | {name for _, name in _NOT_TOLD}
    told = {part.name: getattr(entry, part.name) for part in fields(entry) if part.name not in left_out}
    return ", ".join(f"{name}={_text(value)}" for name, value in told.items() if value not in (None, "", ()))


def _text(value: object) -> str:
    match value:
        case None | "":
            return "none"
        case bool():
            return str(value).lower()
        case Fraction():
            return exact_text(value)
        case datetime():
            return "no end" if value == FOREVER else format_instant(value)
        case date():
            return value.isoformat()
        case tuple():
            return f"[{', '.join(_text(item) for item in value)}]"
    return str(value)
