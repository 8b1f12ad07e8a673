"""What changed from one period, account or region to another: rows paired by their dimensions, and the exact difference.

A pair has the row as it is and as it was; either may be missing, which is not zero: nothing was posted. The difference is of one
measure, in micrograms (energy: millijoules), and in percent of the old amount, rounded half to even at the fourth place. There is
no difference to what was not posted, and no percentage of nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal

from greencloud.report.amounts import percent
from greencloud.report.totals import total_of
from greencloud.results import FootprintRow

__all__ = ["MEASURES", "OTHERS", "Pair", "amount_of", "key_of", "limited", "paired", "total_pair"]

OTHERS = "(others)"
"""What the rows beyond a limit are added up under."""

MEASURES = {"location": "total_location_based", "market": "total_market_based", "energy": "energy"}
"""The measure of a change by the name of its method."""


@dataclass(frozen=True, slots=True)
class Pair:
    """``old`` and ``new`` are not both None."""

    new: FootprintRow | None
    old: FootprintRow | None = None

    @property
    def row(self) -> FootprintRow:
        found = self.new or self.old
        assert found is not None, "a pair has a row"
        return found

    def difference(self, measure: str) -> int | None:
        """New less old; None where one of them was not posted."""
        return None if self.new is None or self.old is None else amount_of(self.new, measure) - amount_of(self.old, measure)

    def percent(self, measure: str, places: int = 4) -> str | None:
        """Signed, rounded half to even; None also where the old amount is zero."""
        if self.new is None or self.old is None:
            return None
        return percent(amount_of(self.old, measure), amount_of(self.new, measure), places)

    def ratio(self, measure: str) -> Decimal | None:
        """The same as a number."""
        found = self.percent(measure)
        return None if found is None else Decimal(found)

    def moved(self, measure: str) -> int:
        """How much this pair adds to the change of the whole: what was not posted counts as nothing there."""
        return (amount_of(self.new, measure) if self.new else 0) - (amount_of(self.old, measure) if self.old else 0)


def amount_of(row: FootprintRow, measure: str) -> int:
    """Millijoules of ``energy``, micrograms of every other measure."""
    return row.energy.millijoules if measure == "energy" else int(getattr(row, measure).micrograms)


def key_of(row: FootprintRow, names: Sequence[str]) -> tuple[str, ...]:
    """The values of its dimensions."""
    return tuple(row.dimensions.get(name, "") for name in names)


def paired(
    new: Iterable[FootprintRow],
    old: Iterable[FootprintRow],
    key_new: Callable[[FootprintRow], Hashable],
    key_old: Callable[[FootprintRow], Hashable],
) -> list[Pair]:
    """Rows with equal keys; the new ones in their order, then those of the old ones that have no new one, in theirs."""
    before = {key_old(row): row for row in old}
    pairs = [Pair(row, before.pop(key_new(row), None)) for row in new]
    return pairs + [Pair(None, row) for row in before.values()]


def total_pair(pairs: Sequence[Pair]) -> Pair:
    """The sum of what is new and of what is old. ``pairs`` must not be empty."""
    new = [pair.new for pair in pairs if pair.new]
    old = [pair.old for pair in pairs if pair.old]
    return Pair(total_of(new) if new else None, total_of(old) if old else None)


def limited(pairs: Sequence[Pair], limit: int, names: Sequence[str]) -> list[Pair]:
    """The first ``limit`` pairs of each period, and one for the sum of its others: nothing is left out of a total.

    Without dimensions a period has one row, and there is nothing to cut.
    """
    if not names:
        return list(pairs)
    of_period: dict[object, list[Pair]] = {}
    for pair in pairs:
        of_period.setdefault((pair.row.start, pair.row.end), []).append(pair)
    # Each period's others follow the last of its rows that is kept.
    last = {id(found[:limit][-1]): found[limit:] for found in of_period.values()}
    kept = {id(pair) for found in of_period.values() for pair in found[:limit]}
    result: list[Pair] = []
    for pair in pairs:
        if id(pair) not in kept:
            continue
        result.append(pair)
        if rest := last.get(id(pair)):
            result.append(_named(total_pair(rest), names) if len(rest) > 1 else rest[0])
    return result


def _named(pair: Pair, names: Sequence[str]) -> Pair:
    dimensions = dict.fromkeys(names, "") | {names[0]: OTHERS}

    def named(row: FootprintRow | None) -> FootprintRow | None:
        return row and replace(row, dimensions=dimensions)

    return Pair(named(pair.new), named(pair.old))
