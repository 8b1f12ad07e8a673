"""Where in a TOML text a table or key stands: ``tomllib`` gives values without lines, and an error without a line helps nobody.

This is a locator, not a parser: it runs after ``tomllib`` has accepted the text, and only has to know headers, keys at the start
of a line, and what can hide them (strings and arrays over several lines). What it cannot place, such as keys of an inline
table, falls back to the line of what contains it.
"""

from __future__ import annotations

import re
from collections import defaultdict

__all__ = ["Lines", "locate"]

_HEADER = re.compile(r"\s*(\[\[?)\s*([^\[\]#]+?)\s*\]\]?\s*(#.*)?$")
_KEY = re.compile(r"""\s*(["']?)([A-Za-z0-9_-]+)\1\s*[=.]""")


class Lines:
    """Lines (1-based) by table name, index among tables of that name, and key."""

    def __init__(self) -> None:
        # By table and index, since a book has tens of thousands of tables, and each is asked for its keys.
        self._lines: defaultdict[tuple[str, int], dict[str, int]] = defaultdict(dict)
        self._tables: dict[str, int] = {}

    def _open(self, table: str, line: int) -> int:
        index = self._tables.get(table, -1) + 1
        self._tables[table] = index
        self._lines[table, index][""] = line
        return index

    def of(self, table: str, index: int = 0, key: str = "") -> int:
        """The line of the key, else of its table, else of the top-level key that holds the table, else 1."""
        own, top = self._lines.get((table, index), {}), self._lines.get(("", 0), {})
        return own.get(key) or own.get("") or top.get(table) or 1

    def keys_of(self, table: str, index: int) -> dict[str, int]:
        return {key: line for key, line in self._lines.get((table, index), {}).items() if key}


def locate(text: str) -> Lines:
    """Read the places of headers and keys."""
    lines = Lines()
    table, index, inside = "", 0, _Inside()
    for number, line in enumerate(text.splitlines(), start=1):
        if inside.nothing:
            if header := _HEADER.match(line):
                table = header[2].strip("\"'")
                index = lines._open(table, number)
                continue
            if key := _KEY.match(line):
                lines._lines[table, index].setdefault(key[2], number)
        inside.read(line)
    return lines


class _Inside:
    """Which string or array the end of a line is in."""

    def __init__(self) -> None:
        self.depth = 0
        self.quote = ""

    @property
    def nothing(self) -> bool:
        return not self.depth and not self.quote

    def read(self, line: str) -> None:
        at = 0
        while at < len(line):
            if self.quote:
                at = self._close(line, at)
            elif line.startswith(('"""', "'''"), at):
                self.quote = line[at : at + 3]
                at += 3
            elif line[at] in "\"'":
                self.quote = line[at]
                at += 1
            elif line[at] == "#":
                break
            else:
                self.depth += (line[at] in "[{") - (line[at] in "]}")
                at += 1
        if len(self.quote) == 1:  # strings in single quotes end with their line
            self.quote = ""

    def _close(self, line: str, at: int) -> int:
        if line.startswith(self.quote, at):
            at += len(self.quote)
            self.quote = ""
            return at
        return at + 2 if line[at] == "\\" and self.quote[0] == '"' else at + 1
