"""One book being read: its tables and files as entries, the entries as values, the values checked and put together.

Mistakes are collected and reading goes on, so that one look shows most of what there is to correct.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path, PurePath
from typing import Any, Final

from greencloud.errors import FacilityError
from greencloud.facility import checks, payers
from greencloud.facility.book import Facility
from greencloud.facility.declared import Declared
from greencloud.facility.entry import Entry, did_you_mean
from greencloud.facility.meters import METER_KEYS, METER_UNITS, read_meters
from greencloud.facility.problems import Problems
from greencloud.facility.records import SECTIONS, Head, head, uncertainties, weights
from greencloud.facility.revision import revision_of
from greencloud.facility.tables import Document, csv_entries, read_document, read_text
from greencloud.facility.values import HostReading, ResourceWeights, Uncertainties

__all__ = ["Examined", "Reading"]

_MOST_BYTES: Final = 256 << 20  # of one file, unpacked
_FILED: Final = (*(name for name, section in SECTIONS.items() if section.in_files), "meters")


@dataclass(frozen=True, slots=True)
class Examined:
    """What a look at a book found: the facility where there is no error, and every mistake where there is one."""

    facility: Facility | None
    errors: tuple[FacilityError, ...]
    notes: tuple[str, ...]  # what is allowed and worth knowing
    files: tuple[Path, ...]  # the book, then the files that it names
    untold: int = 0  # mistakes that were counted and left out


class Reading:
    """One book being read: its document, what it declares, and what is wrong with it.

    ``confined``: it is somebody else's word, and no file but those in the book's own folder is looked at.
    """

    def __init__(self, path: str, folder: Path, *, confined: bool = False) -> None:
        self.path = path
        self.folder = folder
        self.confined = confined
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
        said, table = Head(), document.table("facility")
        with self.problems.caught():
            said = head(table)
        self.declared.gwp_set = said.gwp_set
        filed = document.table("files")
        with self.problems.caught():
            filed.check_keys(_FILED)
        read = {section: self._section(section, document, filed) for section in SECTIONS}
        if said.default_site is not None:
            with self.problems.caught():
                table.reference("default_site", self.declared.sites, "sites")
        readings: tuple[HostReading, ...] = ()
        with self.problems.caught():
            entries = self._filed("meters", filed, METER_KEYS, METER_UNITS)
            readings = read_meters(entries, self.declared, said.window_seconds, self.problems)
        weighed, uncertain = ResourceWeights(), Uncertainties()
        with self.problems.caught():
            weighed = weights(document.table("weights"))
        with self.problems.caught():
            uncertain = uncertainties(document.table("uncertainty"))
        self._cross_check(read, document)
        values = {section: tuple(value for _, value in pairs) for section, pairs in read.items()}
        if said.default_site is None:
            said = replace(said, default_site=values["sites"][0].id if len(values["sites"]) == 1 else "")
        content = values | {"readings": readings, "head": said, "weights": weighed, "uncertainty": uncertain}
        facility = Facility(
            revision=revision_of(content),
            window_seconds=said.window_seconds,
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
            default_site=said.default_site or "",
            name=said.name,
            declared_uses=values["declared_use"],
            uncertainties=uncertain,
            gwp_set=said.gwp_set,
            hardware_as_of=said.hardware_as_of,
        )
        notes = [*checks.notes(values["sites"], values["hosts"], values["reservations"], readings)]
        return facility, (*notes, *checks.unmatched_losses(values["certificates"], values["factors"]))

    def _check_names(self, document: Document) -> None:
        known = ("facility", "files", "weights", "uncertainty", *SECTIONS)
        for name in document.data:
            if name not in known:
                advice = did_you_mean(name, known, f"sections are {', '.join(known)}")
                message = f"unknown section {name!r}"
                self.problems.add(FacilityError(message, path=self.path, line=document.lines.of(name), key=name, advice=advice))

    def _section(self, name: str, document: Document, filed: Entry) -> list[tuple[Entry, Any]]:
        section, read = SECTIONS[name], []
        with self.problems.caught():
            for entry in self._entries(name, document, filed):
                self.declared.take(entry)
                with self.problems.caught():
                    entry.check_keys((*section.keys, *section.refused), section.units)
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
            if "\0" in file or (self.confined and not _lies_within(file)):
                raise at.error(name, f"{file!r} names no file in the folder of the book", "keep the files of a book beside it")
            path = self.folder / file
            self.files.append(path)
            most = _MOST_BYTES if self.confined else None
            yield from csv_entries(read_text(path, at=at, most=most), str(path), name, tuple(keys), tuple(units))

    def _cross_check(self, read: dict[str, list[tuple[Entry, Any]]], document: Document) -> None:
        found: list[FacilityError] = []
        if not document.data.get("sites"):
            advice = "add [[sites]] with id, region and grid_zone"
            found.append(FacilityError("the book has no site", path=self.path, line=1, key="sites", advice=advice))
        for section in ("accounts", "sites", "hosts", "certificates", "hardware", "direct_emissions"):
            found += checks.repeats(read[section], "id", lambda value: str(value.id))
        found += checks.repeats(read["curves"], "name", lambda value: str(value.name))
        found += payers.payer_mistakes(read["accounts"])
        found += checks.host_names(read["hosts"])
        found += checks.overlaps(read["factors"], "the factor", lambda value: (value.zone, value.kind))
        found += checks.overlaps(read["reservations"], "the reservation", lambda value: (value.account, value.site, value.service))
        found += checks.overlaps(read["declared_use"], "the declared use", lambda value: (value.account, value.caller))
        found += checks.overdeclared(read["declared_use"])
        # What could not be read may be the very thing that seems to be missing.
        if not self.problems.in_section("factors"):
            found += checks.missing_factors(read["sites"], (factor for _, factor in read["factors"]))
        if not self.problems.in_section("direct_emissions"):
            found += checks.scope1(read["sites"], (emission for _, emission in read["direct_emissions"]))
        for error in found:
            self.problems.add(error)


def _lies_within(name: str) -> bool:
    """Whether a relative path stays in the folder that it is relative to, whatever lies there."""
    path = PurePath(name)
    return not path.is_absolute() and ".." not in path.parts
