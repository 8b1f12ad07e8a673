"""An explanation for people: what the ledger holds, and the arithmetic of it from meters to postings, in reading order.

It renders the plain values that programs get too (``-o json``, complete). Here long sums are cut: the first few operands are shown
and the rest of them added up, and steps that only cut operands use are counted. A name from telemetry cannot break out of its line.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from fractions import Fraction
from typing import Any, Final

from greencloud.report.sheet import printable
from greencloud.units import format_emissions, format_energy

__all__ = ["explanation_markdown", "explanation_text"]

_MOST: Final = 8
"""Operands of one name that are shown."""

_EXACT: Final = 10**9
"""Ratios of larger denominators are shown as decimals."""

_TITLE: Final = 60
"""Characters of another step's title that are shown beside its number."""

_STAGES: Final = {
    "meters": "Meters and curves",
    "pools": "Pools of the site",
    "usage": "Usage",
    "capacity": "Capacity",
    "claims": "Claims: who bears which part of a host or pool",
    "factors": "Factors",
    "emissions": "Emissions of energy",
    "embodied": "Embodied mass",
    "leaves": "Within the account: services and operations",
    "entries": "Entries, as allocated",
    "shared": "Internal services",
    "postings": "Postings",
}
_LEGEND: Final = (
    "[n] is the result of step n. floor rounds down, round to the nearest whole number (ties to even); ratios are exact."
)

Document = Mapping[str, Any]
Block = tuple[int, str, Sequence[str]]
"""Level and text of a heading, and the lines below it."""


def explanation_text(document: Document) -> str:
    """For a terminal."""
    lines: list[str] = []
    for level, heading, body in _blocks(document):
        lines += ["", heading, "=" * len(heading) if level == 1 else "-" * len(heading)] if level < 3 else ["", heading]
        lines += [f"  {line}".rstrip() for line in body]
    return "\n".join(lines[1:]) + "\n"


def explanation_markdown(document: Document) -> str:
    """For documents: the same, its lines as code, so that names stay names."""
    parts = []
    for level, heading, body in _blocks(document):
        parts.append(f"{'#' * (level + 1)} {heading}\n")
        if body:
            parts.append("\n".join(f"    {line}".rstrip() for line in body) + "\n")
    return "\n".join(parts)


def _blocks(document: Document) -> Iterator[Block]:
    for level, heading, body in _found(document):
        yield level, printable(heading), [line[: len(line) - len(line.lstrip())] + printable(line.lstrip()) for line in body]


def _found(document: Document) -> Iterator[Block]:
    head = [
        *_filters(document),
        f"ledger version {document['ledger_version']}; windows: {len(document['windows']) + document['rest']['windows']}",
    ]
    yield 1, f"{document['account']}, {document['from']} to {document['to']}", head
    yield 2, "What the ledger holds", _amounts(document["amounts"])
    for component, amounts in document["by_component"].items():
        if any(int(amount) for amount in amounts.values()):
            yield 3, component, _amounts(amounts)
    for window in document["windows"]:
        yield from _window(window)
    if rest := document["rest"]["windows"]:
        heading = f"Not explained here: {rest:,} smaller window{'s' if rest > 1 else ''}"
        yield 2, heading, _amounts(document["rest"]["amounts"])
    if document["recomputed"] is not None:
        yield from _recomputed(document["recomputed"])


def _filters(document: Document) -> Iterator[str]:
    for name in ("sites", "services", "skus", "operations", "components"):
        if document[name]:
            yield f"{name}: {', '.join(document[name])}"


def _amounts(amounts: Mapping[str, str]) -> list[str]:
    width = max((len(_number(amount)) for amount in amounts.values()), default=0)
    return [f"{name:28} {_number(amount):>{width}} {_unit(name)}  {_people(name, int(amount))}" for name, amount in amounts.items()]


def _unit(measure: str) -> str:
    return "mJ" if measure == "energy_mj" else "µg"


def _people(measure: str, amount: int) -> str:
    return f"({format_energy(amount) if measure == 'energy_mj' else format_emissions(amount) + ' CO2e'})"


def _window(window: Document) -> Iterator[Block]:
    provisional = ", provisional" if window["provisional"] else ""
    head = [
        f"batch          {window['batch_id']}{provisional}, posted {window['created']}",
        f"rule           {window['methodology_version']}",
        f"facility book  {window['facility_revision']}",
        f"usage          {window['usage_revision']}",
        "",
        *_amounts(window["amounts"]),
    ]
    yield 2, f"Window {window['window_start']}, {window['window_s']} s, site {window['site']}", head
    explanation = window["explanation"]
    if explanation is None:
        yield 3, "It cannot be explained", [window["reason"]]
        return
    steps = {step["id"]: step for step in explanation["steps"]}
    shown = _reached(explanation, steps)
    for stage, title in _STAGES.items():
        lines = [line for name in shown if steps[name]["stage"] == stage for line in _step(steps[name], steps)]
        if lines:
            yield 3, title, lines
    yield 3, "Postings", [line for posting in explanation["postings"] if posting["steps"] for line in _posting(posting)]
    if len(shown) < len(steps):
        yield 3, "Left out here", [f"{len(steps) - len(shown):,} steps behind operands that are cut; -o json has all"]
    if explanation["notes"]:
        yield 3, "Notes of the allocation", explanation["notes"]
    yield 3, "How to read it", [_LEGEND]


def _reached(explanation: Document, steps: Mapping[str, Document]) -> list[str]:
    """The steps that postings rest on through operands that are shown, in order."""
    todo = [step for posting in explanation["postings"] for step in posting["steps"].values()]
    found: set[str] = set()
    while todo:
        name = todo.pop()
        if name not in found:
            found.add(name)
            todo += [operand["step"] for group in _groups(steps[name]).values() for operand in group[:_MOST] if operand["step"]]
    return [name for name in steps if name in found]


def _groups(step: Document) -> dict[str, list[Document]]:
    groups: dict[str, list[Document]] = {}
    for operand in step["operands"]:
        groups.setdefault(operand["name"], []).append(operand)
    return groups


def _step(step: Document, steps: Mapping[str, Document]) -> Iterator[str]:
    yield f"[{step['id']}] {step['title']} = {_valued(step['result'], step['unit'])}"
    source = f"   ({step['source']})" if step["source"] else ""
    yield f"      {step['formula'] or 'given'}{source}"
    rows = []
    for group in _groups(step).values():
        rows += [
            (operand["name"], _valued(operand["value"], operand["unit"]), _whence(operand, steps)) for operand in group[:_MOST]
        ]
        if rest := group[_MOST:]:
            total = str(sum(Fraction(operand["value"]) for operand in rest))
            rows.append((f"{len(rest):,} more", _valued(total, rest[0]["unit"]), "added up; each is in -o json"))
    widths = [max((len(row[column]) for row in rows), default=0) for column in (0, 1)]
    for name, value, whence in rows:
        yield f"        {name:<{widths[0]}}  {value:>{widths[1]}}  {whence}"


def _whence(operand: Document, steps: Mapping[str, Document]) -> str:
    if not operand["step"]:
        return str(operand["source"])
    title = steps[operand["step"]]["title"]
    return f"[{operand['step']}] {title if len(title) <= _TITLE else title[: _TITLE - 1] + '…'}"


def _posting(posting: Document) -> Iterator[str]:
    names = (posting["component"], posting["service"], posting["sku"], posting["operation"])
    labels = "" if posting["labels"] == "{}" else posting["labels"]
    quality = f"   ({posting['quality'].replace(',', ', ')})" if posting["quality"] else ""
    yield " / ".join(name for name in (*names, labels) if name) + quality
    for measure, amount in posting["amounts"].items():
        if int(amount):
            yield f"    {measure:28} {_number(amount):>20} {_unit(measure)}  [{posting['steps'][measure]}]"


def _recomputed(batches: Sequence[Document]) -> Iterator[Block]:
    same = sum(batch["same"] for batch in batches)
    lines = [f"{same:,} of {len(batches):,} batches came out the same: every integer of every posting, and the batch id"]
    for batch in batches:
        if not batch["same"]:
            lines.append(f"{batch['window_start']} {batch['site']}: {batch['reason']}")
            lines += [
                f"    {one['measure']} of {', '.join(text for text in one['dimensions'].values() if text)}: "
                f"posted {_number(one['posted'])}, now {_number(one['recomputed'])}"
                for one in batch["differences"][:_MOST]
            ]
    yield 2, "Computed again from the inputs that are kept", lines


def _valued(value: str, unit: str) -> str:
    return f"{_number(value)} {unit}".rstrip()


def _number(value: str) -> str:
    number = Fraction(value)
    if number.denominator == 1:
        return f"{number.numerator:,}"
    if number.denominator < _EXACT:
        decimal = _decimal(number)
        return decimal or f"{number.numerator:,}/{number.denominator:,}"
    return f"about {float(number):.9g}"


def _decimal(number: Fraction) -> str:
    """The number in digits, where few of them say it exactly; else nothing."""
    for digits in range(1, 10):
        if (number * 10**digits).denominator == 1:
            sign = "-" if number < 0 else ""
            whole, part = divmod(abs(number * 10**digits).numerator, 10**digits)
            return f"{sign}{whole:,}.{part:0{digits}d}"
    return ""
