"""A disclosure as an Excel workbook: a sheet with what it is of, then a sheet a section, a row a figure.

It is written row by row (openpyxl's write-only mode). Numbers are numbers, and every text is a text cell by its type, so that
nothing that came from outside is run as a formula.
"""

from __future__ import annotations

import io
import re
from typing import Any, Final

from greencloud.errors import MissingExtraError
from greencloud.results.disclosures import Disclosure, DisclosureSection, Figure
from greencloud.units import format_instant

__all__ = ["disclosure_xlsx"]

_HEADINGS: Final = ("Field", "Figure", "Value", "Unit", "Remark", "Evidence")
_WIDTHS: Final = (24, 56, 18, 14, 56, 60)
_NOT_IN_TITLES: Final = re.compile(r"[\[\]:*?/\\]|^'|'$")
_NOT_IN_CELLS: Final = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
_LONGEST: Final = 32_767  # characters of a cell in Excel


def disclosure_xlsx(disclosure: Disclosure) -> bytes:
    """Raises MissingExtraError where openpyxl is not installed."""
    try:
        from openpyxl import Workbook
    except ImportError as error:
        raise MissingExtraError("an Excel workbook", extra="goal") from error
    book = Workbook(write_only=True)
    book.properties.creator = "greencloud"
    book.properties.created = book.properties.modified = disclosure.created.replace(tzinfo=None, microsecond=0)
    _front(book.create_sheet("Disclosure"), disclosure)
    titles = {"disclosure"}
    for number, section in enumerate(disclosure.sections, 1):
        _sheet(book.create_sheet(_title(section.title, number, titles)), section)
    buffer = io.BytesIO()
    book.save(buffer)
    return buffer.getvalue()


def _front(sheet: Any, disclosure: Disclosure) -> None:
    sheet.column_dimensions["A"].width = 20
    sheet.column_dimensions["B"].width = 110
    rows = [
        ("Standard", disclosure.version),
        ("Organization", disclosure.organization),
        ("Reporting year", str(disclosure.year)),
        ("Period", f"{format_instant(disclosure.start)} to {format_instant(disclosure.end)}"),
        ("Journal record", str(disclosure.as_of)),
        ("Created", format_instant(disclosure.created)),
        *(("Note", note) for note in disclosure.notes),
    ]
    for name, value in rows:
        sheet.append([_text(sheet, name, bold=True), _text(sheet, value)])


def _sheet(sheet: Any, section: DisclosureSection) -> None:
    for letter, width in zip("ABCDEF", _WIDTHS, strict=True):
        sheet.column_dimensions[letter].width = width
    sheet.freeze_panes = "A3"
    sheet.append([_text(sheet, section.title, bold=True), _text(sheet, section.reference)])
    sheet.append([_text(sheet, heading, bold=True) for heading in _HEADINGS])
    for figure in section.figures:
        sheet.append(_row(sheet, figure))
    for note in section.notes:
        sheet.append([_text(sheet, "Note"), _text(sheet, note)])


def _row(sheet: Any, figure: Figure) -> list[Any]:
    value: Any = None
    if figure.value is not None:
        from openpyxl.cell import WriteOnlyCell

        value = WriteOnlyCell(sheet, value=figure.value)
        places = max(0, -int(figure.value.as_tuple().exponent))
        value.number_format = "#,##0" + (f".{'0' * places}" if places else "")
    texts = (figure.unit, figure.text, " ".join(figure.evidence))
    return [_text(sheet, figure.field), _text(sheet, figure.label), value, *(_text(sheet, text) for text in texts)]


def _text(sheet: Any, text: str, *, bold: bool = False) -> Any:
    from openpyxl.cell import WriteOnlyCell
    from openpyxl.styles import Alignment, Font

    cell = WriteOnlyCell(sheet)
    cell.value = _NOT_IN_CELLS.sub(" ", text)[:_LONGEST]
    cell.data_type = "s"  # whatever it begins with
    cell.alignment = Alignment(vertical="top", wrap_text=True)
    if bold:
        cell.font = Font(bold=True)
    return cell


def _title(title: str, number: int, taken: set[str]) -> str:
    """A sheet's title: at most 31 characters, each once whatever its case."""
    plain = _NOT_IN_CELLS.sub(" ", _NOT_IN_TITLES.sub(" ", title)).strip()[:31] or f"Section {number}"
    if plain.lower() in taken:
        plain = f"{plain[: 30 - len(str(number))]} {number}"
    taken.add(plain.lower())
    return plain
