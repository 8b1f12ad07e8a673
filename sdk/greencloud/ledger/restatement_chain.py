"""The chain of restatements of a site and window, found from the batch that is visible.

A visible batch that is a restatement (its header has causes) leads to the file of its old batch's id and its own; the old header in
it leads to the file before, and so on. So a restatement is found without the segments that it replaced, which may be gone.

A name says where in the chain its file is. Where it is the first, as nearly all are, the visible header says all that a list is
ordered by, and the file is not opened before somebody wants to see it.
"""

from __future__ import annotations

import bisect
from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import pyarrow as pa

from greencloud.errors import StoreError
from greencloud.ledger.restatement import lines_of
from greencloud.ledger.restatement_files import Head, Link, RestatementFiles
from greencloud.results import BatchSummary, Restatement

__all__ = ["Chains", "Listing", "Record", "restatement_of"]

Listing = Mapping[tuple[str, str], Sequence[tuple[int, str]]]
"""Number and name of every file by (old id, new id), the highest number first."""


@dataclass(frozen=True, slots=True)
class Record:
    """A restatement that is known to have been made: ``new`` is the header of what took the place of a final batch.

    ``names``: the files that it may lie in; none where the record is lost.
    """

    chains: Chains
    new: BatchSummary
    number: int
    names: tuple[str, ...] = ()

    def read(self, accounts: Collection[str] | None = None) -> Restatement:
        """The restatement with the lines of these accounts (None: of all); without ``kept`` where the record is lost."""
        try:
            head = self.chains.found(self.new, self.names)
            lines = self.chains.files.read(head.name)[1] if accounts is None else self.chains.files.lines(head, accounts)
        except StoreError:
            return _heading(self.new)
        return restatement_of(head, lines, accounts)


def restatement_of(told: Head | Link, lines: pa.Table, accounts: Collection[str] | None = None) -> Restatement:
    """The restatement as a value, with the lines of these accounts."""
    return replace(
        _heading(told.new.summary),
        lines=lines_of(lines, accounts),
        changes=told.changes,
        changes_left_out=told.changes_left_out,
        kept=True,
    )


def _heading(new: BatchSummary) -> Restatement:
    """What the header says by itself."""
    return Restatement(
        site=new.site,
        start=new.start,
        end=new.end,
        old_batch=new.supersedes,
        new_batch=new.id,
        restated=new.created,
        causes=new.causes,
        requested_by=new.requested_by,
        reason=new.reason,
        kept=False,
    )


@dataclass(frozen=True, slots=True)
class Chains:
    """The chains in a ledger's files; ``listing`` as it was when this was made."""

    files: RestatementFiles
    listing: Listing

    @classmethod
    def of(cls, files: RestatementFiles, batch: BatchSummary | None = None) -> Chains:
        """``batch``: with the files alone in which it took the place of another; all of them by default."""
        found: dict[tuple[str, str], list[tuple[int, str]]] = defaultdict(list)
        for name in files.names(f"{batch.supersedes}-{batch.id}-" if batch else ""):
            parts = name.removesuffix(".parquet").split("-")
            if len(parts) == 4 and parts[2].isdigit():
                bisect.insort(found[parts[0], parts[1]], (int(parts[2]), name), key=lambda each: (-each[0], each[1]))
        return cls(files, found)

    def heads(self, visible: BatchSummary) -> Iterator[Head]:
        """The restatements behind a visible batch, the newest first.

        Raises:
            StoreError: a file is not there or cannot be read; those before it were given.
        """
        wanted, number = visible, None
        while wanted.causes:
            head = self.found(wanted, [name for _, name in self._candidates(wanted, number)])
            yield head
            wanted, number = head.old.summary, head.number - 1

    def records(self, visible: BatchSummary) -> Iterator[Record]:
        """As ``heads``, without opening what need not be opened; the last is without files where one is lost."""
        wanted, number = visible, None
        while wanted.causes:
            candidates = self._candidates(wanted, number)
            names = tuple(name for _, name in candidates)
            if {at for at, _ in candidates} == {1}:
                yield Record(self, wanted, 1, names)
                return
            try:
                head = self.found(wanted, names)
            except StoreError:
                yield Record(self, wanted, 0)
                return
            yield Record(self, wanted, head.number, (head.name,))
            wanted, number = head.old.summary, head.number - 1

    def found(self, wanted: BatchSummary, names: Collection[str]) -> Head:
        """The head of the file that this header is of, among several that a process may have left that died.

        Raises:
            StoreError: none is, or it cannot be read.
        """
        trouble: StoreError | None = None
        for name in names:
            try:
                head = self.files.head(name)
            except StoreError as error:
                trouble = trouble or error
                continue
            if head.new.summary == wanted:
                return head
        if trouble:
            raise trouble
        raise StoreError(
            f"{self.files.folder}: the restatement of batch {wanted.supersedes} by {wanted.id} is missing",
            path=str(self.files.folder),
            advice="restore the folder from a backup",
        )

    def leading_to(self, batch_id: str) -> list[str]:
        """The names of files that a batch with this id took the place of another in, the highest number first."""
        found = [each for (_, new), there in self.listing.items() if new == batch_id for each in there]
        return [name for _, name in sorted(found, reverse=True)]

    def _candidates(self, wanted: BatchSummary, number: int | None) -> list[tuple[int, str]]:
        there = self.listing.get((wanted.supersedes, wanted.id), ())
        return [(at, name) for at, name in there if number in {None, at}]
