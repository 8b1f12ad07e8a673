"""The lines of every account that a close is made of, each account with at most as many as a statement may have."""

from __future__ import annotations

from collections.abc import Iterator

from greencloud.ledger import Snapshot
from greencloud.ledger.closed import LINE_DIMENSIONS, account_lines
from greencloud.proof import AccountLines, Line, Period, fold

__all__ = ["ClosingLines"]


class ClosingLines:
    """The lines of a period in a version of the ledger, to be gone through once. ``folded``: how many accounts had more so far."""

    def __init__(self, snapshot: Snapshot, period: Period) -> None:
        self._rows = account_lines(snapshot, period.start, period.end)
        self.folded = 0

    def __iter__(self) -> Iterator[AccountLines]:
        for account, rows in self._rows:
            lines = [Line(dict(zip(LINE_DIMENSIONS, values, strict=True)), amounts) for values, amounts in rows]
            fitting = fold(AccountLines(account, lines))
            self.folded += len(fitting.lines) < len(lines)
            yield fitting

    def notes(self) -> list[str]:
        """Without names: everybody reads them."""
        said = "the smallest are summed in one line of its statement"
        if not self.folded:
            return []
        return [f"lines were too many for a statement in {self.folded:,} account{'s' * (self.folded > 1)}: {said}"]
