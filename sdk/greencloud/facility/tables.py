"""The files of a book as entries: TOML tables with their lines, and CSV rows with theirs.

CSV files are UTF-8 with one header line, plain or gzip-compressed (``.gz``). An empty cell means that the key is not
there, which is not zero.
"""

from __future__ import annotations

import csv
import gzip
import io
import re
import tomllib
import zlib
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

from greencloud.errors import FacilityError
from greencloud.facility.entry import Entry, did_you_mean
from greencloud.facility.locate import Lines, locate

__all__ = ["Document", "csv_entries", "read_document", "read_text"]


@dataclass(frozen=True, slots=True)
class Document:
    """A parsed TOML file. Decimals are ``Decimal``: a float would already have lost digits."""

    path: str
    data: dict[str, object]
    lines: Lines

    def table(self, name: str) -> Entry:
        """The single table ``[name]``; empty where there is none."""
        values = self.data.get(name, {})
        if not isinstance(values, dict):
            raise self._misplaced(name, f"[{name}]")
        return Entry(name, values, self.path, self.lines.of(name), self.lines.keys_of(name, 0))

    def tables(self, name: str) -> list[Entry]:
        """The tables ``[[name]]`` in order."""
        found = self.data.get(name, [])
        if not isinstance(found, list) or not all(isinstance(values, dict) for values in found):
            raise self._misplaced(name, f"[[{name}]]")
        return [
            Entry(name, values, self.path, self.lines.of(name, index), self.lines.keys_of(name, index))
            for index, values in enumerate(found)
        ]

    def _misplaced(self, name: str, header: str) -> FacilityError:
        return FacilityError(
            f"{name!r} has the wrong shape", path=self.path, line=self.lines.of(name), key=name, advice=f"write it under {header}"
        )


def read_text(path: Path, *, at: Entry | None = None, most: int | None = None) -> str:
    """The text of a file, plain or ``.gz``. ``at`` is the entry that names the file.

    Raises:
        FacilityError: it is not there, not readable, not UTF-8, or has more than ``most`` bytes.
    """
    try:
        with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as file:
            data = file.read() if most is None else file.read(most + 1)
        if most is not None and len(data) > most:
            raise FacilityError(f"more than {most} bytes", path=str(path), advice="divide the file into several")
        return data.decode("utf-8-sig")
    except (OSError, EOFError, zlib.error) as error:
        why = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        advice = "check the name; files are looked for beside the book" if at else "check the name"
        where, line = (at.path, at.line) if at else ("", 0)
        raise FacilityError(f"{path} cannot be read: {why}", path=where, line=line, advice=advice) from error
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise FacilityError("not UTF-8 text", path=str(path), line=line, advice="save the file as UTF-8") from error


def read_document(text: str, path: str) -> Document:
    """Parse TOML.

    Raises:
        FacilityError: it is not TOML.
    """
    try:
        data = tomllib.loads(text, parse_float=lambda digits: Decimal(digits.replace("_", "")))
    except (ValueError, ArithmeticError, RecursionError) as error:  # of the last two: numbers and nesting beyond all measure
        at = re.search(r"at line (\d+)", str(error))
        line = int(at[1]) if at else max(text.count("\n"), 1)
        message = re.sub(r" \(at .*\)$", "", str(error))
        raise FacilityError(f"not TOML: {message}", path=path, line=line, advice="see https://toml.io for the notation") from error
    return Document(path, data, locate(text))


def csv_entries(text: str, path: str, section: str, known: Collection[str], units: Collection[str] = ()) -> Iterator[Entry]:
    """The rows of a CSV text as entries of a section.

    Raises:
        FacilityError: the header has a column that means nothing, or a row is not as long as the header.
    """
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    try:
        header = [name.strip() for name in next(reader, [])]
        _check_header(header, path, section, known, units)
        before = reader.line_num
        for cells in reader:
            line, before = before + 1, reader.line_num
            if not cells:
                continue
            if len(cells) != len(header):
                said = f"the row has {len(cells)} cells, the header {len(header)}"
                raise FacilityError(
                    said, path=path, line=line, key=section, advice="write one cell for each column; it may be empty"
                )
            values = {name: cell.strip() for name, cell in zip(header, cells, strict=True) if cell.strip()}
            yield Entry(section, values, path, line, {})
    except csv.Error as error:
        raise FacilityError(
            f"not CSV: {error}", path=path, line=reader.line_num, key=section, advice="check the quotes of this row"
        ) from error


def _check_header(header: list[str], path: str, section: str, known: Collection[str], units: Collection[str]) -> None:
    def wrong(key: str, message: str, advice: str) -> FacilityError:
        return FacilityError(message, path=path, line=1, key=f"{section}.{key}", advice=advice)

    if not header:
        raise wrong("", "the file is empty", f"write a header line; columns are {', '.join(known)}")
    for position, name in enumerate(header):
        if name in header[:position]:
            raise wrong(name, f"column {name!r} is there twice", "keep one of them")
        if name not in known:
            listed = f"columns of {section} are {', '.join(known)}"
            if units and not any(unit in header for unit in units):
                listed = f"the unit must be in the name: write {' or '.join(units)}"
            raise wrong(
                name, f"unknown column {name!r}", did_you_mean(name, [column for column in known if column not in units], listed)
            )
    if units and not any(unit in header for unit in units):
        raise wrong("", f"{section} has no column with a unit", f"the unit must be in the name: write {' or '.join(units)}")
