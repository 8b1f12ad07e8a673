"""What restatements came to from end to end: a window that was replaced twice was moved once, from its first figure to its last.

Each restatement has its own difference, and differences add up. Amounts do not: the figure between two restatements of a window is
the new one of the first and the old one of the second, and added up it would count twice, and halve every percentage.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from greencloud.results import Restatement, RestatementLine

__all__ = ["end_to_end"]


def end_to_end(found: Iterable[Restatement]) -> list[RestatementLine]:
    """A line for each line of a window that any of its restatements changed: ``old`` is of the first, ``new`` of the last.

    Differences add up to those of ``found``; a line that came back to what it was is among them, with a difference of nothing.
    """
    lines: dict[tuple[object, ...], RestatementLine] = {}
    for each in sorted(found, key=lambda each: each.restated):
        for line in each.lines:
            key = (each.site, each.start, replace(line, old=0, new=0))
            before = lines.get(key)
            lines[key] = line if before is None else replace(line, old=before.old)
    return list(lines.values())
