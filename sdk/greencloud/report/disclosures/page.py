"""A disclosure as a document to read and to print: one HTML file that asks nothing of the network and runs no script.

Every figure has an anchor and names its evidence; the last chapter lists each piece of evidence once, with the figures that rest on
it and the command that shows it. Everything that is put in is escaped by Jinja2.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from functools import cache
from importlib.resources import files
from typing import Any, Final

from greencloud.errors import MissingExtraError
from greencloud.results.disclosures import Disclosure, DisclosureStandard, Figure
from greencloud.units import format_instant

__all__ = ["command_for", "disclosure_html"]

_SHOWN: Final = 3
"""Pieces of evidence beside a figure; the others are in the last chapter."""

_TITLES: Final = {
    DisclosureStandard.GHG_PROTOCOL: "Greenhouse gas inventory",
    DisclosureStandard.ISO_14064_1: "Greenhouse gas report",
    DisclosureStandard.ESRS_E1: "Climate change: metrics and targets",
    DisclosureStandard.IFRS_S2: "Climate-related metrics and targets",
    DisclosureStandard.PACT: "Product carbon footprints",
}
_COMMANDS: Final = {
    "inventoryEntries": "greencloud inventory show {name}",
    "inventoryYears": "greencloud inventory list --year {id}",
    "structuralChanges": "greencloud inventory change list",
    "instruments": "greencloud credits show {name}",
    "goals": "greencloud goal show {name}",
    "productFootprints": "greencloud inventory disclose {year} --standard pact -o json",
    "ledgerVersions": "greencloud report --from {start} --to {end} --group-by sku,region",
    "sha256": "greencloud inventory evidence get {id}",
}


@dataclass(frozen=True, slots=True)
class _Source:
    """A piece of evidence: its anchor, and the figures (anchor, words) that rest on it."""

    anchor: str
    name: str
    command: str
    figures: list[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class _Row:
    anchor: str
    figure: Figure
    value: str
    shown: list[_Source]
    more: int
    total: bool


def command_for(name: str, disclosure: Disclosure) -> str:
    """The command that shows a piece of evidence of a disclosure; "" where there is none."""
    kind, _, id_ = name.partition("/") if "/" in name else name.partition(":")
    start, end = (format_instant(instant)[:10] for instant in (disclosure.start, disclosure.end))
    return _COMMANDS.get(kind, "").format(name=name, id=id_, year=disclosure.year, start=start, end=end)


def disclosure_html(disclosure: Disclosure) -> bytes:
    """UTF-8. Raises MissingExtraError where Jinja2 is not installed."""
    sources: dict[str, _Source] = {}
    sections = []
    for number, section in enumerate(disclosure.sections, 1):
        rows = list(_rows(number, section.figures, sources, disclosure))
        sections.append({"number": number, "section": section, "rows": rows, "unit": _common_unit(section.figures)})
        sections[-1]["numbers"] = any(figure.unit for figure in section.figures)
    text: str = _template().render(
        title=_TITLES[disclosure.standard],
        disclosure=disclosure,
        start=format_instant(disclosure.start)[:10],
        end=format_instant(disclosure.end)[:10],
        created=format_instant(disclosure.created)[:19].replace("T", " "),
        sections=sections,
        sources=list(sources.values()),
    )
    return text.encode()


@cache
def _template() -> Any:
    try:
        from jinja2 import Environment, StrictUndefined
    except ImportError as error:
        raise MissingExtraError("a document", extra="goal") from error
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    return environment.from_string(files(__package__).joinpath("page.html.jinja").read_text(encoding="utf-8"))


def _rows(number: int, figures: tuple[Figure, ...], sources: dict[str, _Source], disclosure: Disclosure) -> Iterator[_Row]:
    for place, figure in enumerate(figures, 1):
        anchor = f"f{number}-{place}"
        found = []
        for name in figure.evidence:
            source = sources.setdefault(name, _Source(f"e{len(sources) + 1}", name, command_for(name, disclosure), []))
            source.figures.append((anchor, f"{number}.{place}"))
            found.append(source)
        value = "" if figure.value is None else _grouped(figure.value)
        total = "otal" in figure.label or "sum of the above" in figure.label
        yield _Row(anchor, figure, value, found[:_SHOWN], max(0, len(found) - _SHOWN), total)


def _common_unit(figures: tuple[Figure, ...]) -> str:
    """The unit of all figures that have one, if it is the same."""
    units = {figure.unit for figure in figures if figure.unit}
    return units.pop() if len(units) == 1 else ""


def _grouped(value: Decimal) -> str:
    """Thousands apart by a narrow space that does not break (ISO 80000-1, 7.3.1), with the places that the figure has."""
    return f"{value:,f}".replace(",", "\u202f").replace("-", "\u2212")
