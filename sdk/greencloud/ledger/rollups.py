"""The roll-ups of a ledger: derived, never truth. Any of them may be deleted at any time, and is made again from the segments.

A roll-up lies at ``rollups/KIND/NAME.arrow``, and its name is the SHA-256 of its kind, site, period and of exactly the batches that
it was made from. So it counts for a version when, and only when, those very batches are what the version shows of that period: no
transaction ties it to the table, nothing has to be undone when a batch is superseded, and an earlier version finds its own. A post
leaves the roll-up of its day behind, and queries read that day from postings until another is made.

A month is made from the roll-ups of its days. One whose sums do not fit int64 is not made.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from datetime import datetime
from functools import lru_cache, partial
from hashlib import sha256
from pathlib import Path
from typing import Final
from weakref import WeakKeyDictionary

import pyarrow as pa

from greencloud.errors import StoreError
from greencloud.ledger.faults import storage_errors
from greencloud.ledger.header import canonical_json
from greencloud.ledger.mapped import calendar_at, is_open, names_in, opened
from greencloud.ledger.periods import MONTHS, Day, Month, content_of_day, content_of_month, months_around
from greencloud.ledger.plan import Plan, plan_of
from greencloud.ledger.rollup import Question, read_rollup, write_rollup
from greencloud.ledger.rollup_table import digest_of, from_rollups, from_segments
from greencloud.ledger.segments import cached_headers, sync
from greencloud.ledger.stop import Stop
from greencloud.ledger.sums import Partial
from greencloud.ledger.version import Version
from greencloud.objects.objects import LOCAL, Objects, Stored
from greencloud.results import FootprintQuery, Granularity
from greencloud.units import microseconds_of

__all__ = ["Rollups"]

ROLLUPS: Final = "rollups"
_KINDS: Final = ("day", "month")
_MOST_GROUPS: Final = 500_000
"""Of one file, as some 700 bytes each for a moment. Of more, DuckDB adds up postings, within the memory that it may take."""

# Worked out once for each period of a calendar, and kept for as long as a calendar has it. A period is of one ledger.
_NAMES: Final = WeakKeyDictionary[Day | Month, str]()
_CONTENTS: Final = WeakKeyDictionary[Day | Month, str]()


class Rollups:
    """The roll-ups in the folder ``root`` of a ledger. ``token`` makes the names unique that files are written aside under."""

    def __init__(self, root: Path, *, token: Callable[[], str] = lambda: secrets.token_hex(16), objects: Objects = LOCAL) -> None:
        self.root = root if root.is_absolute() else root.absolute()
        self._token = token
        self._objects = objects

    def answer(
        self, contents: Version, query: FootprintQuery, names: tuple[str, ...], add: Callable[[list[Partial]], None], stop: Stop
    ) -> list[str]:
        """Give ``add`` what roll-ups tell of a query by these dimensions, and return the segments that hold the rest of it.

        Raises StoppedError, and what ``add`` raises.
        """
        plan = plan_of(query, calendar_at(self.root, contents), self._present)
        while self._objects.remote and not self._objects.gather(self._wanted(plan)):
            plan = plan_of(query, calendar_at(self.root, contents), self._present)
        left = [path for day in plan.posted for path in day.paths]
        question = Question.of(query, names) if plan.rolled else None
        for period, name in plan.rolled:
            at = _start_of(period, query)
            try:
                assert question is not None
                stop.check()
                # A list first: of a file that fails half-way nothing may count, since its postings will.
                rollup = opened(_folder(self.root, period.kind), name, self._objects)
                partials = list(rollup.partials(question, at, _MOST_GROUPS))
            except (StoreError, ValueError, IndexError, OverflowError):
                # Gone or damaged since, or too many combinations: postings tell the same. The examination names what is damaged.
                left += period.paths
                continue
            add(partials)
        return left

    def build(self, contents: Version, until: datetime, *, left: Callable[[Day, StoreError], None] = lambda *_: None) -> int:
        """Make those that are missing of each day and month that ended before ``until``, and return how many were made.

        What cannot be made (a sum beyond int64, a damaged segment) is left out; ``left`` is told of days that are damaged.

        Raises:
            StorageFullError: no room.
            StoreError: the folder cannot be written.
        """
        end, made = microseconds_of(until), 0
        there = {kind: set(self._objects.names(_folder(self.root, kind))) for kind in _KINDS}
        for month in calendar_at(self.root, contents).months_at(()):
            for day in month.days:
                if day.end_us <= end:
                    made += self._make(day, there, partial(from_segments, self.root, day.paths, self._objects), partial(left, day))
            if month.end_us <= end:
                made += self._make(month, there, partial(self._of_days, month), lambda _: None)
        return made

    def unreferenced(self, versions: Iterable[Version]) -> list[Path]:
        """The files that none of these versions counts on: roll-ups of other batches, and what was never finished."""
        return [each.path for each in self.stored_unreferenced(versions)]

    def stored_unreferenced(self, versions: Iterable[Version]) -> list[Stored]:
        """As ``unreferenced``, with size and time."""
        kept = {path for contents in versions for _, path in self._files(contents)}
        found = [each for kind in _KINDS for each in self._objects.stored(_folder(self.root, kind))]
        return [each for each in found if each.path not in kept]

    def examine(self, contents: Version) -> list[str]:
        """Work out anew every roll-up that this version counts on, and say what is wrong, one sentence a finding."""
        findings = []
        there = {kind: set(self._objects.names(_folder(self.root, kind))) for kind in _KINDS}
        for period, path in self._files(contents):
            if path.name not in there[period.kind]:
                continue
            try:
                found = digest_of(self._objects.read([path], partial(read_rollup, path, check=True)).batches)
            except StoreError as error:
                findings.append(f"{path.relative_to(self.root)}: {error.message}; {error.advice}")
                continue
            with suppress(StoreError):  # a segment that cannot be read is a finding of its own
                try:
                    meant = digest_of(from_segments(self.root, period.paths, self._objects))
                except OverflowError:
                    meant = "a sum beyond int64"
                if found != meant:
                    findings.append(f"{path.relative_to(self.root)}: its sums are not those of its segments; delete the file")
        return findings

    def _files(self, contents: Version) -> Iterator[tuple[Day | Month, Path]]:
        for month in calendar_at(self.root, contents).months_at(()):
            periods: tuple[Day | Month, ...] = (*month.days, month)
            for period in periods:
                with suppress(StoreError):
                    yield period, self._path(period.kind, _name(self.root, period, self._objects))

    def _present(self, period: Day | Month) -> str | None:
        try:
            name = _name(self.root, period, self._objects)
        except StoreError:
            return None  # a segment that cannot be read: the query will say so
        if self._objects.remote:  # there for all that is known; ``gather`` finds out
            return None if self._objects.absent(self._path(period.kind, name)) else name
        return name if name in names_in(_folder(self.root, period.kind)) else None

    def _wanted(self, plan: Plan) -> list[Path]:
        """The files of a plan that are not open yet."""
        return [self._path(each.kind, name) for each, name in plan.rolled if not is_open(_folder(self.root, each.kind), name)]

    def _make(
        self,
        period: Day | Month,
        there: dict[str, set[str]],
        batches: Callable[[], list[pa.RecordBatch]],
        damaged: Callable[[StoreError], None],
    ) -> bool:
        try:
            path = self._path(period.kind, _name(self.root, period, self._objects))
            if path.name in there[period.kind]:
                return False
            made = batches()
        except OverflowError:
            return False
        except StoreError as error:
            damaged(error)
            return False
        content = _content(self.root, period, self._objects)
        made_from = {"kind": period.kind, "site": period.site, "period": period.name, "content": content}
        with storage_errors(self.root):
            if not path.parent.is_dir():
                path.parent.mkdir(parents=True, exist_ok=True)
                sync(path.parent.parent)
                sync(self.root)
            write_rollup(path, made_from, made, token=self._token())
        self._objects.put([path])
        return True

    def _of_days(self, month: Month) -> list[pa.RecordBatch]:
        paths = [self._path(day.kind, _name(self.root, day, self._objects)) for day in month.days]
        return from_rollups(self.root, self._objects.read(paths, lambda: [read_rollup(path).batches[0] for path in paths]))

    def _path(self, kind: str, name: str) -> Path:
        return _folder(self.root, kind) / name


def _start_of(period: Day | Month, query: FootprintQuery) -> int | None:
    """The start of the answer's period that a roll-up's period lies in; None where the query's own time is the one period."""
    if query.granularity is Granularity.ALL:
        return None
    if months := MONTHS.get(query.granularity):
        return months_around(period.start_us, months, query.fiscal_year_start_month)
    return period.start_us


@lru_cache(maxsize=64)
def _folder(root: Path, kind: str) -> Path:
    return root / ROLLUPS / kind


def _name(root: Path, period: Day | Month, objects: Objects) -> str:
    if (name := _NAMES.get(period)) is None:
        made_from = [period.kind, period.site, period.name, _content(root, period, objects)]
        name = _NAMES[period] = f"{sha256(canonical_json(made_from).encode()).hexdigest()}.arrow"
    return name


def _content(root: Path, period: Day | Month, objects: Objects) -> str:
    if (content := _CONTENTS.get(period)) is None:
        if isinstance(period, Month):
            content = content_of_month([_content(root, day, objects) for day in period.days])
        else:
            content = content_of_day(period, lambda path: [header.summary.id for header in cached_headers(root / path, objects)])
        _CONTENTS[period] = content
    return content
