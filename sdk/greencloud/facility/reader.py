"""Reading a facility book: ``facility.toml`` and the CSV files that it names, checked and turned into a ``Facility``.

A book is one TOML file. It needs a site and the factors of its grid zone; the rest is optional::

    [facility]
    name = "North data centres"
    window = "1h"                  # 5min, 6min, 10min, 12min, 15min, 20min, 30min or 1h
    default_site = "osl1"          # where use on hosts that the book does not list is booked; a single site is its own default

    [files]                        # paths relative to this file; one or a list; CSV with a header line, plain or .gz
    factors = ["no.csv", "se.csv"] # same columns as the keys of [[factors]]; likewise accounts, hosts, reservations,
    meters = "meters.csv"          # certificates, hardware, direct_emissions. Meters: window_start, window_s, site, host (empty:
                                   # the whole facility), energy_kwh or energy_j, covered_s, busy_cpu_ns, memory_byte_s

    [weights]                      # relative power of one core, one GiB, one GPU; these are the defaults
    cpu = 1
    memory_gib = 0.05
    gpu = 20

    [[accounts]]
    id = "payments"                # cloud.account.id
    kind = "tenant"                # or "internal": it works for other accounts
    name = "Payments Ltd"

    [[curves]]
    name = "cascade-lake"
    per_vcpu = true                # watts per vCPU; false: of the whole host
    points = [[0, 0.64], [1, 3.97]]  # busy share of the CPU and watts, ascending from 0 to 1, linear between
    source = "Cloud Carbon Footprint"

    [[sites]]
    id = "osl1"
    region = "eu-north"
    grid_zone = "NO"
    pue = 1.12                     # leave out where facility meters are read
    unsold_to = "tenants"          # who bears idle capacity that nobody reserved; or "provider"
    # scope1 = "none"              # says that there is none; here [[direct_emissions]] books some
    unlisted_hosts = "cascade-lake"  # per-vCPU curve that prices use on hosts that are not listed; left out, such use is refused
    source = "meter report 2026"   # of the PUE

    [[hosts]]
    id = "n01"
    site = "osl1"
    vcpu = 8
    memory = "16 GiB"
    curve = "cascade-lake"         # left out, the host must be metered
    idle_watts = 52.5              # recorded idle; left out, the curve at 0
    dedicated_to = "payments"
    aliases = ["10.0.0.1"]         # other names that telemetry gives it; in CSV with blanks between

    [[reservations]]
    account = "payments"
    site = "osl1"
    service = "checkout"           # optional
    vcpu = 4
    memory = "8 GiB"
    start = 2026-01-01             # a date is midnight UTC; a time of day needs its offset
    end = 2027-01-01T00:00:00Z     # the first instant that no longer counts; left out, it has no end

    [[factors]]
    zone = "NO"
    kind = "location"              # location, residual and upstream: a site's zone needs all three
    start = 2026-01-01
    end = 2027-01-01
    g_per_kwh = 17.2               # or kg_per_mwh
    source = "NVE 2026"

    [[certificates]]               # one for each hour and zone
    id = "go-1"
    zone = "NO"
    start = 2026-11-23T14:00:00Z
    end = 2026-11-23T15:00:00Z
    mwh = 1.5
    g_per_kwh = 0
    source = "registry, serial 1"

    [[hardware]]
    id = "n01-server"
    site = "osl1"
    host = "n01"                   # left out, the whole site shares it
    embodied_kg = 1344
    in_service = 2025-03-01
    life_years = 4                 # whole calendar years from in_service; or life_days
    source = "maker's declaration"

    [[direct_emissions]]
    id = "diesel-2026"
    site = "osl1"
    start = 2026-01-01
    end = 2027-01-01
    kg = 5300
    source = "fuel book"
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any, Final

from greencloud.errors import FacilityError, QuantityError
from greencloud.facility import checks
from greencloud.facility.book import Facility
from greencloud.facility.entry import Entry, did_you_mean
from greencloud.facility.meters import METER_KEYS, METER_UNITS, read_meters
from greencloud.facility.problems import Problems
from greencloud.facility.quantities import parse_window
from greencloud.facility.records import SECTIONS, Declared, weights
from greencloud.facility.revision import revision_of
from greencloud.facility.tables import Document, csv_entries, read_document, read_text
from greencloud.facility.values import HostReading, ResourceWeights

__all__ = ["Examined", "examine_facility", "read_facility", "starter_facility"]

_HEAD: Final = ("name", "window", "default_site")
_FILED: Final = (*(name for name, section in SECTIONS.items() if section.in_files), "meters")
_STARTER: Final = "starter.toml"


@dataclass(frozen=True, slots=True)
class Examined:
    """What a look at a book found: the facility where there is no error, and every mistake where there is one."""

    facility: Facility | None
    errors: tuple[FacilityError, ...]
    notes: tuple[str, ...]  # what is allowed and worth knowing
    files: tuple[Path, ...]  # the book, then the files that it names
    untold: int = 0  # mistakes that were counted and left out


def read_facility(path: Path | str) -> Facility:
    """Read a book.

    Raises:
        FacilityError: the first mistake, with its file, line, key and remedy.
    """
    return _sound(examine_facility(path))


def starter_facility() -> Facility:
    """The book of named defaults that holds where a data directory has none. It needs no file outside the package."""
    text = files("greencloud.facility").joinpath(_STARTER).read_text(encoding="utf-8")
    return _sound(_Reading(_STARTER, Path()).examine(lambda: text))


def examine_facility(path: Path | str) -> Examined:
    """Read a book and collect its mistakes instead of stopping at the first."""
    path = Path(path)
    return _Reading(str(path), path.parent).examine(lambda: read_text(path))


def _sound(examined: Examined) -> Facility:
    if examined.facility is not None:
        return examined.facility
    first, others = examined.errors[0], len(examined.errors) + examined.untold - 1
    if others:
        more = f"{others} more mistake{'s' if others > 1 else ''}: greencloud facility check shows them"
        first.advice = f"{first.advice} ({more})" if first.advice else more
    raise first


class _Reading:
    """One book being read: its document, what it declares, and what is wrong with it."""

    def __init__(self, path: str, folder: Path) -> None:
        self.path = path
        self.folder = folder
        self.files = [Path(path)]
        self.declared = Declared()
        self.problems = Problems()

    def examine(self, text: Callable[[], str]) -> Examined:
        facility: Facility | None = None
        notes: tuple[str, ...] = ()
        with self.problems.caught():
            facility, notes = self._read(read_document(text(), self.path))
        errors = tuple(self.problems.errors)
        return Examined(None if errors else facility, errors, notes, tuple(self.files), self.problems.untold)

    def _read(self, document: Document) -> tuple[Facility, tuple[str, ...]]:
        self._check_names(document)
        name, window_seconds, default_site = "", 3600, None
        head = document.table("facility")
        with self.problems.caught():
            name, window_seconds, default_site = _head(head)
        filed = document.table("files")
        with self.problems.caught():
            filed.check_keys(_FILED)
        read = {section: self._section(section, document, filed) for section in SECTIONS}
        if default_site is not None:
            with self.problems.caught():
                head.reference("default_site", self.declared.sites, "sites")
        readings: tuple[HostReading, ...] = ()
        with self.problems.caught():
            entries = self._filed("meters", filed, METER_KEYS, METER_UNITS)
            readings = read_meters(entries, self.declared, window_seconds, self.problems)
        weighed = ResourceWeights()
        with self.problems.caught():
            weighed = weights(document.table("weights"))
        self._cross_check(read, document)
        values = {section: tuple(value for _, value in pairs) for section, pairs in read.items()}
        if default_site is None:
            default_site = values["sites"][0].id if len(values["sites"]) == 1 else ""
        facility = Facility(
            revision=revision_of(values | {"readings": readings, "head": (name, window_seconds, default_site), "weights": weighed}),
            window_seconds=window_seconds,
            accounts={account.id: account for account in values["accounts"]},
            sites={site.id: site for site in values["sites"]},
            hosts={(host.site, host.id): host for host in values["hosts"]},
            curves={curve.name: curve for curve in values["curves"]},
            reservations=values["reservations"],
            factors=values["factors"],
            certificates=values["certificates"],
            hardware=values["hardware"],
            direct_emissions=values["direct_emissions"],
            readings=readings,
            weights=weighed,
            default_site=default_site,
            name=name,
        )
        return facility, tuple(checks.notes(values["sites"], values["hosts"], values["reservations"], readings))

    def _check_names(self, document: Document) -> None:
        known = ("facility", "files", "weights", *SECTIONS)
        for name in document.data:
            if name not in known:
                advice = did_you_mean(name, known, f"sections are {', '.join(known)}")
                message = f"unknown section {name!r}"
                self.problems.add(FacilityError(message, path=self.path, line=document.lines.of(name), key=name, advice=advice))

    def _section(self, name: str, document: Document, filed: Entry) -> list[tuple[Entry, Any]]:
        section, read = SECTIONS[name], []
        with self.problems.caught():
            for entry in self._entries(name, document, filed):
                self._declare(entry)
                with self.problems.caught():
                    # Columns of a file are checked once, with its header; months are told with their own remedy.
                    entry.check_keys((*section.keys, "life_months") if name == "hardware" else section.keys, section.units)
                    read.append((entry, section.read(entry, self.declared)))
        return read

    def _entries(self, name: str, document: Document, filed: Entry) -> Iterator[Entry]:
        yield from document.tables(name)
        if SECTIONS[name].in_files:
            yield from self._filed(name, filed, SECTIONS[name].keys, SECTIONS[name].units)

    def _filed(self, name: str, filed: Entry, keys: Iterable[str], units: Iterable[str]) -> Iterator[Entry]:
        if not filed.has(name):
            return
        given = filed.values[name]
        names = [given] if isinstance(given, str) else filed.words(name)
        at = Entry("files", filed.values, filed.path, filed.lines.get(name, filed.line), filed.lines)
        for file in names:
            path = self.folder / file
            self.files.append(path)
            yield from csv_entries(read_text(path, at=at), str(path), name, tuple(keys), tuple(units))

    def _declare(self, entry: Entry) -> None:
        id_ = entry.values.get("name" if entry.section == "curves" else "id")
        if not isinstance(id_, str):
            return
        match entry.section:
            case "accounts":
                self.declared.accounts.add(id_)
            case "sites":
                self.declared.sites.add(id_)
            case "curves":
                self.declared.curves.setdefault(id_, entry.values.get("per_vcpu") is True)
            case "hosts":
                self.declared.host_sites.setdefault(id_, str(entry.values.get("site")))
                self.declared.hosts[id_] = id_
                aliases = entry.values.get("aliases", ())
                for alias in aliases.split() if isinstance(aliases, str) else aliases if isinstance(aliases, list) else ():
                    self.declared.hosts.setdefault(str(alias), id_)

    def _cross_check(self, read: dict[str, list[tuple[Entry, Any]]], document: Document) -> None:
        found: list[FacilityError] = []
        if not document.data.get("sites"):
            advice = "add [[sites]] with id, region and grid_zone"
            found.append(FacilityError("the book has no site", path=self.path, line=1, key="sites", advice=advice))
        for section in ("accounts", "sites", "hosts", "certificates", "hardware", "direct_emissions"):
            found += checks.repeats(read[section], "id", lambda value: str(value.id))
        found += checks.repeats(read["curves"], "name", lambda value: str(value.name))
        found += checks.host_names(read["hosts"])
        found += checks.overlaps(read["factors"], "the factor", lambda value: (value.zone, value.kind))
        found += checks.overlaps(read["reservations"], "the reservation", lambda value: (value.account, value.site, value.service))
        # What could not be read may be the very thing that seems to be missing.
        if not self.problems.in_section("factors"):
            found += checks.missing_factors(read["sites"], (factor for _, factor in read["factors"]))
        if not self.problems.in_section("direct_emissions"):
            found += checks.scope1(read["sites"], (emission for _, emission in read["direct_emissions"]))
        for error in found:
            self.problems.add(error)


def _head(head: Entry) -> tuple[str, int, str | None]:
    head.check_keys(_HEAD)
    seconds = 3600
    if head.has("window"):
        try:
            seconds = parse_window(head.values["window"])
        except QuantityError as error:
            raise head.error("window", error.message, error.advice) from error
    return head.text("name", ""), seconds, head.text("default_site") if head.has("default_site") else None
