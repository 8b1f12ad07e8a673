"""The rows of an Excel workbook (Office Open XML), read by openpyxl, with bounds.

A workbook is a zip of XML from a stranger: before openpyxl opens it, its parts are counted and unpacked under a limit, and one with
a document type, which is where entities come from, is refused. Formulas count with the value that Excel saved beside them; one
without is a problem of its cell, never empty. Excel's numbers have 15 decimal digits (its specification), and so have ours from it.
"""

from __future__ import annotations

import io
import re
import warnings
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, datetime
from itertools import repeat
from typing import Any, Final

from greencloud.errors import GoalError, MissingExtraError
from greencloud.results.inventory import RowError

__all__ = ["workbook_rows"]

_MOST_PARTS: Final = 1_000
_MOST_UNPACKED: Final = 128 << 20
_LAST_ROW: Final = 60_000  # rows that are empty count here, and nowhere else
_BELOW: Final = "delete the empty rows below the table, or save it as CSV"
_ERRORS: Final = ("#DIV/0!", "#N/A", "#NAME?", "#NULL!", "#NUM!", "#REF!", "#VALUE!", "#GETTING_DATA", "#SPILL!", "#CALC!")
_SHEET: Final = "inventory"
_FORMULAS: Final = (b"<f>", b"<f ", b":f>", b":f ")
_DOCUMENT_TYPES: Final = tuple(
    mark.encode(code) for mark in ("<!DOCTYPE", "<!ENTITY") for code in ("utf-8", "utf-16-le", "utf-16-be")
)
_ENCODING: Final = re.compile(rb"<\?xml[^>]{0,128}encoding=[\"']([^\"']{1,32})")


def workbook_rows(content: bytes, file_name: str, problems: list[RowError], *, columns: int) -> list[tuple[int, tuple[str, ...]]]:
    """(number, cells) of every row of the sheet; cells without a value are added to ``problems``, with the header's name.

    Raises:
        GoalError: it is no workbook, too large unpacked, or has several sheets and none named "inventory".
        MissingExtraError: openpyxl is not installed.
    """
    has_formulas = _check_parts(content, file_name)
    with _opened(content, file_name, values=True) as values:
        sheet = _sheet(values, file_name)
        if not has_formulas:
            return list(_rows(_cells(sheet, columns), repeat(()), problems, file_name))
        with _opened(content, file_name, values=False) as formulas:
            return list(_rows(_cells(sheet, columns), _cells(formulas[sheet.title], columns), problems, file_name))


def _check_parts(content: bytes, file_name: str) -> bool:
    """Whether a sheet has formulas. Raises GoalError where the zip is not to be opened."""
    has_formulas, unpacked = False, 0
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as parts:
            members = parts.infolist()
            if len(members) > _MOST_PARTS or sum(member.file_size for member in members) > _MOST_UNPACKED:
                raise _refused("the workbook is too large unpacked", file_name, "save the sheet alone, or as CSV")
            for member in members:
                with parts.open(member) as part:
                    text = part.read(_MOST_UNPACKED - unpacked + 1)
                unpacked += len(text)
                if unpacked > _MOST_UNPACKED:
                    raise _refused("the workbook is too large unpacked", file_name, "save the sheet alone, or as CSV")
                if _is_foreign(text, member.filename):
                    raise _refused("the workbook has parts that Excel does not write", file_name, "save it again, or as CSV")
                has_formulas = has_formulas or any(mark in text for mark in _FORMULAS)
    except GoalError:
        raise
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError, EOFError, OSError, ValueError) as error:
        raise _refused("the file is not an Excel workbook", file_name, "save it as .xlsx without a password, or as CSV") from error
    return has_formulas


def _is_foreign(text: bytes, name: str) -> bool:
    """Whether a part has a document type, or an encoding that could hide one."""
    encoding = _ENCODING.search(text[:256])
    return (
        any(mark in text for mark in _DOCUMENT_TYPES)
        or (encoding is not None and encoding[1].lower() not in {b"utf-8", b"us-ascii"})
        or (name.endswith((".xml", ".rels", ".vml")) and b"\0" in text[:64])
    )


@contextmanager
def _opened(content: bytes, file_name: str, *, values: bool) -> Iterator[Any]:
    try:
        import openpyxl
    except ImportError as error:
        raise MissingExtraError("a workbook", extra="goal") from error
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of styles and validations, which nobody reads here
            book = openpyxl.load_workbook(io.BytesIO(content), read_only=True, data_only=values, keep_links=False)
            try:
                yield book
            finally:
                book.close()
    except (GoalError, GeneratorExit):
        raise
    except Exception as error:  # openpyxl raises whatever it meets in a file that is damaged
        raise _refused("the file is not an Excel workbook", file_name, "save it again as .xlsx, or as CSV") from error


def _sheet(book: Any, file_name: str) -> Any:
    sheets = [sheet for sheet in book.worksheets if hasattr(sheet, "iter_rows")]
    named = [sheet for sheet in sheets if sheet.title.strip().lower() == _SHEET]
    if len(sheets) != 1 and len(named) != 1:
        names = ", ".join(repr(sheet.title[:32]) for sheet in sheets[:10])
        message = f"the workbook has the sheets {names}" if sheets else "the workbook has no sheet"
        raise _refused(message, file_name, f'name the one to read "{_SHEET}"')
    return (named or sheets)[0]


def _cells(sheet: Any, columns: int) -> Any:
    sheet.reset_dimensions()  # what a workbook says of its size is not to be trusted
    return sheet.iter_rows(max_row=_LAST_ROW + 1, max_col=columns)


def _rows(rows: Any, formulas: Any, problems: list[RowError], file_name: str) -> Iterator[tuple[int, tuple[str, ...]]]:
    header: tuple[str, ...] = ()
    blank: object = None
    for number, (cells, written) in enumerate(zip(rows, formulas, strict=False), start=1):
        if number > _LAST_ROW:
            raise _refused(f"the sheet has rows below row {_LAST_ROW:,}", file_name, _BELOW)
        if cells is blank:  # one and the same for all rows that are not there
            continue
        texts = tuple(_text(cell) for cell in cells)
        blank = blank if any(texts) else cells
        header = header or texts
        for index, text in enumerate(texts):
            formula = index < len(written) and getattr(written[index], "data_type", "") == "f"
            if text in _ERRORS or (formula and not text):
                column = header[index] if index < len(header) else ""
                message = f"the cell says {text}" if text else "the cell is a formula without a saved value"
                problems.append(RowError(number, column, message, "open it in Excel and save it, or write the value"))
        yield number, texts


def _text(cell: Any) -> str:
    value = cell.value
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float | int):
        if (cell.number_format or "").endswith("%"):
            return f"{value * 100:.15g} %"  # as it is shown
        return str(value) if isinstance(value, int) else f"{value:.15g}"
    if isinstance(value, datetime | date):
        return value.isoformat()
    return " ".join(str(value).split())


def _refused(message: str, file_name: str, advice: str) -> GoalError:
    return GoalError(message, path=file_name, key="content", advice=advice)
