"""A table of texts from a file: CSV, or the sheet of an Excel workbook.

Rows are numbered as a spreadsheet shows them, the header being row 1. Nothing is understood here: cells are texts of words with
one blank between, and an empty row is none.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import PurePath
from typing import Final

from greencloud.errors import GoalError
from greencloud.results.inventory import RowError

__all__ = ["MOST_BYTES", "MOST_ROWS", "Sheet", "read_sheet"]

MOST_ROWS: Final = 50_000
MOST_BYTES: Final = 16 << 20
_MOST_COLUMNS: Final = 64


@dataclass(frozen=True, slots=True)
class Sheet:
    """``rounded``: its numbers are binary ones of 15 decimal digits, as those of a workbook, and so never exact amounts."""

    header: tuple[str, ...]
    rows: tuple[tuple[int, tuple[str, ...]], ...]
    problems: tuple[RowError, ...] = ()  # cells that hold no value
    rounded: bool = False


def read_sheet(content: bytes, file_name: str) -> Sheet:
    """The table in a file, by the end of its name.

    Raises:
        GoalError: it is not what its name says, has no header, or is too large.
        MissingExtraError: a workbook, and openpyxl is not installed.
    """
    ending = PurePath(file_name).suffix.lower()
    if len(content) > MOST_BYTES:
        raise GoalError("the file is larger than 16 MiB", path=file_name, key="content", advice="split it up, by year for example")
    if ending == ".xlsx":
        from greencloud.inventory.workbook import workbook_rows

        problems: list[RowError] = []
        sheet = _table(iter(workbook_rows(content, file_name, problems, columns=_MOST_COLUMNS)), file_name)
        return Sheet(sheet.header, sheet.rows, tuple(problems), rounded=True)
    if ending != ".csv":
        advice = "save it as CSV in UTF-8, or as an Excel workbook (.xlsx)"
        raise GoalError(f"a file that ends in {ending or 'nothing'!r} is not read", path=file_name, key="file_name", advice=advice)
    return _table(_csv_rows(content, file_name), file_name)


def _csv_rows(content: bytes, file_name: str) -> Iterator[tuple[int, tuple[str, ...]]]:
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise GoalError("the file is not UTF-8 text", path=file_name, key="content", advice="save it as CSV in UTF-8") from error
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    number = 0
    try:
        for number, cells in enumerate(reader, start=1):
            yield number, tuple(" ".join(cell.split()) for cell in cells)
    except csv.Error as error:
        advice = 'quote texts that contain commas, and write " within them twice'
        raise GoalError(f"row {number + 1} is not CSV: {error}", path=file_name, key="content", advice=advice) from error


def _table(rows: Iterator[tuple[int, tuple[str, ...]]], file_name: str) -> Sheet:
    _, header = next(rows, (0, ()))
    if not any(header):
        raise GoalError("the file has no header", path=file_name, key="content", advice="name the columns in row 1")
    if len(header) == 1 and ";" in header[0]:
        raise GoalError("the fields are separated by semicolons", path=file_name, key="content", advice="save it with commas")
    while header[-1] == "":
        header = header[:-1]
    found: list[tuple[int, tuple[str, ...]]] = []
    for number, cells in rows:
        if not any(cells):
            continue
        if len(found) == MOST_ROWS:
            raise GoalError(f"the file has more than {MOST_ROWS:,} rows", path=file_name, key="content", advice="split it up")
        width = max((index for index, cell in enumerate(cells, start=1) if cell), default=0)
        found.append((number, cells[: max(width, len(header))]))
    return Sheet(header, tuple(found))
