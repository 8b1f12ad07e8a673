"""Closed periods: what a provider has sworn to, and what it can prove to each account of it.

::

    closes/log.jsonl       the log of roots: signed, each entry linked to the one before (greencloud.engine.root_log)
    closes/ROOT/           the tree behind a close, by its root (greencloud.engine.kept_trees): secret
    keys/closing/          private keys that sign the log, by fingerprint (owner only)

A close reads one version of the ledger. Its tree is on disk before its entry is in the log; a process that dies between the two
leaves a folder that no entry names, which maintenance removes, and one that fails there (a full disk) takes it away again. What the
ledger says afterwards of a closed period is a restatement, and ``changed`` tells which periods say something else now than was
closed: to close such a period again makes an entry that names the one that it restates.

Log and trees may lie in an object store, which must be private; keys never do: servers that close in one store are given the same.
There, what was asked and not answered may still come to be, so a tree and a key are taken away only where another entry was first.

Entries are stamped with the clock, or with the time of the entry before where the clock is behind it: a clock that was once ahead
keeps nobody from closing until that day has come.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from greencloud.durable import NO_ROOM
from greencloud.engine.closing_keys import ClosingKeys
from greencloud.engine.closing_lines import ClosingLines
from greencloud.engine.kept_trees import Trees
from greencloud.engine.root_log import root_log
from greencloud.errors import NotFoundError, ProofError, StorageFullError, StoreError, StoreUnavailableError
from greencloud.ledger import Ledger, Snapshot
from greencloud.ledger.closed import Gap, batches_digest, begun_or_ended, gaps
from greencloud.objects.objects import LOCAL, Objects
from greencloud.proof import (
    Period,
    Signer,
    SumTree,
    audit,
    build,
    close_entry,
    fingerprint,
    key_entry,
    log_faults,
    parse_entry,
    period_named,
)
from greencloud.units import format_instant, parse_instant

__all__ = ["Closes", "Closing", "period_named"]

_SHOWN: Final = 5
_MOST_NOTES: Final = 100


@dataclass(frozen=True, slots=True)
class Closing:
    """A close: the log's entry that published it, and what was missing in the period."""

    entry: dict[str, Any]
    gaps: tuple[Gap, ...] = ()

    @property
    def name(self) -> str:
        return str(self.entry["body"]["period"])

    @property
    def notes(self) -> list[str]:
        """What the close says of itself: gaps, sites that began or ended, lines that were summed."""
        return list(self.entry["body"]["notes"])


class Closes:
    """The closes in ``folder``, signed with the keys in ``keys``. ``objects``: where the truth of the folder lies.

    ``secret`` gives 32 random bytes for each close; ``checkpoint`` is called with the name of each step when it is done
    (tree_written, key_written, logged).
    """

    def __init__(
        self,
        folder: Path,
        keys: Path,
        *,
        objects: Objects = LOCAL,
        secret: Callable[[], bytes] = lambda: os.urandom(32),
        checkpoint: Callable[[str], None] = lambda _: None,
    ) -> None:
        self.folder = folder
        self._log = root_log(folder, objects)
        self._trees = Trees(folder, objects)
        self._keys = ClosingKeys(keys)
        self._secret = secret
        self._checkpoint = checkpoint
        self._closed: tuple[object, list[tuple[datetime, datetime]]] = (None, [])

    def log(self) -> list[dict[str, Any]]:
        """The entries of the log, oldest first.

        Raises:
            ProofError: the log cannot be read, or is of a newer format.
            StoreUnavailableError: the object store does not answer.
        """
        return self._checked(self._log.entries())

    def _checked(self, log: list[dict[str, Any]]) -> list[dict[str, Any]]:
        for at, entry in enumerate(log):
            parse_entry(entry, f"{self._log.where}: entry {at}")
        return log

    def in_force(self) -> dict[str, dict[str, Any]]:
        """The last close of each period, by its name, in the order of the log."""
        return {entry["body"]["period"]: entry for entry in self.log() if entry["kind"] == "close"}

    def entry_of(self, name: str) -> dict[str, Any]:
        """The last close of a period. Raises NotFoundError where it is not closed."""
        closed = self.in_force()
        if name not in closed:
            known = ", ".join(list(closed)[-_SHOWN:]) or "none"
            raise NotFoundError(f"the period {name!r} is not closed", advice=f"closed periods: {known}")
        return closed[name]

    def close(
        self,
        ledger: Ledger,
        period: Period,
        now: datetime,
        *,
        allow_gaps: bool = False,
        shares: int = 2,
        still: Callable[[], object] = lambda: None,
    ) -> Closing:
        """Close a period as the ledger has it now.

        ``allow_gaps``: close although sites have no batch for part of it, between their first and their last. ``still`` raises
        where the caller has lost its lease meanwhile, so that the tree may be gone.

        Raises:
            ProofError: it has not ended, is provisional or has gaps, or is closed and nothing has changed.
            StorageFullError, StoreError: it could not be written; the period is not closed, and nothing of it is left.
            StoreUnavailableError: the object store does not answer. The period may be closed: look when it does.
        """
        if now < period.end:
            raise ProofError(f"{period.name} ends at {format_instant(period.end)}", advice="close it when it has ended")
        snapshot = ledger.snapshot()
        batches = snapshot.batches(period.start, period.end)
        provisional = [f"{each.site} at {format_instant(each.start)}" for each in batches if each.provisional]
        if provisional:
            raise ProofError(
                f"{period.name}: {len(provisional):,} batches are provisional ({', '.join(provisional[:_SHOWN])})",
                advice="allocate once more now that the period has ended, then close it",
            )
        lives = snapshot.lives()
        missing = tuple(gaps(batches, lives, period.start, period.end))
        if missing and not allow_gaps:
            raise ProofError(
                f"{period.name}: " + "; ".join(map(str, missing[:_SHOWN])) + (" and more" if len(missing) > _SHOWN else ""),
                advice="allocate what is missing; to close it as it is, allow gaps: they are told in the close",
            )
        digest = batches_digest(batches)
        before = self.in_force().get(period.name)
        if before and before["body"]["batches"] == digest.hex():
            raise ProofError(f"{period.name} is closed, and nothing in it has changed since", advice="there is nothing to restate")
        accounts = ClosingLines(snapshot, period)
        with _writing(self.folder, f"{period.name} is not closed"):
            tree = build(period, accounts, secret=self._secret(), shares=shares)
            self._trees.keep(tree)
            entry: dict[str, Any] = {}
            try:
                self._checkpoint("tree_written")
                body = tree.body(
                    ledger_version=str(snapshot.version),
                    batches=digest,
                    methodology_versions={each.methodology_version for each in batches},
                    notes=[
                        *_some(list(map(str, missing)), "gaps"),
                        *_some(begun_or_ended(lives, period.start, period.end), "sites that began or ended"),
                        *accounts.notes(),
                    ],
                    restates=before["index"] if before else None,
                )
                log = self.log()
                if not log:
                    self._put_key(log, now)
                    log = self.log()
                still()
                entry = close_entry(log, body, self._keys.in_force(log), _stamp(log, now))
                self._log.append(entry)
            except BaseException as error:
                with suppress(StoreUnavailableError):
                    if self._log.lacks(entry, error):
                        self._trees.remove(tree.root.hex())
                raise
        self._checkpoint("logged")
        return Closing(entry, missing)

    def remove_left_over(self, before: datetime) -> int:
        """Remove trees that no entry of the log names, last written before then: what closes left that were killed. How many.

        For whoever holds the lease, as one that closes does.

        Raises:
            ProofError: the log cannot be read; nobody knows which trees it needs.
        """
        named = {entry["body"]["root"] for entry in self._checked(self._log.kept()) if entry["kind"] == "close"}
        found = self._trees.left_over(named, before)
        for name in found:
            self._trees.remove(name)
        return len(found)

    def rotate(self, now: datetime) -> str:
        """Put a new key in force, vouched for by the one before, and return its fingerprint.

        Raises:
            StorageFullError, StoreError: it could not be written, or the key in force is not kept here; that stays in force.
            ProofError: somebody else added to the log meanwhile. No key is left of it then.
        """
        return self._put_key(self.log(), now)

    def _put_key(self, log: list[dict[str, Any]], now: datetime) -> str:
        """As ``rotate``, of the log as it was read: of two that begin it at once one makes the first key."""
        fresh = Signer.generate()
        entry = key_entry(log, fresh.public, self._keys.in_force(log) if log else fresh, _stamp(log, now))
        with _writing(self.folder, "no new key is in force"):
            path = self._keys.keep(fresh)  # before its entry: a key in force that nobody has ends the log
            try:
                self._checkpoint("key_written")
                self._log.append(entry)
            except BaseException as error:
                if self._log.lacks(entry, error):  # the disk may have failed after it was added
                    path.unlink()
                raise
        return fingerprint(fresh.public)

    def tree(self, entry: dict[str, Any]) -> SumTree:
        """The tree behind a close. Raises StoreError where it is missing or damaged."""
        return self._trees.read(entry["body"]["root"], lambda tree: tree)

    def statement(self, account: str, name: str) -> tuple[dict[str, Any], dict[str, Any]]:
        """The statement of an account for a closed period, and the published root that it is verified against.

        Raises:
            NotFoundError: no such close, or the account has no line in it.
        """
        entry = self.entry_of(name)
        return self._trees.read(entry["body"]["root"], lambda tree: tree.statement(account, entry)), entry

    def audit(self, name: str, *, named: bool) -> Iterator[bytes]:
        """For an auditor: every leaf of a close, a line each; with ``named``, whose it is."""
        entry = self.entry_of(name)
        return audit(self.tree(entry), entry, named=named)

    def changed(self, snapshot: Snapshot) -> list[str]:
        """Closed periods of which the ledger says something else now."""
        return [
            name
            for name, entry in self.in_force().items()
            if entry["body"]["batches"] != batches_digest(snapshot.batches(*_span(entry))).hex()
        ]

    def is_closed(self, start: datetime) -> bool:
        """Whether a window that starts then is in a closed period. The log is read again where it is another than before; one in an
        object store is asked at most once a second.

        Raises:
            ProofError: as ``log``.
        """
        # Looked at before it is read: should it grow in between, more is known than the state says, and it is read once more.
        state = self._log.state()
        known, spans = self._closed
        if state != known:
            spans = [_span(entry) for entry in self.in_force().values()]
            self._closed = state, spans
        return any(first <= start < end for first, end in spans)

    def faults(self) -> Iterator[str]:
        """What is wrong with the log, the keys or the trees, one sentence each."""
        if not self._log.exists():
            return
        try:
            log = self._checked(self._log.kept())
        except ProofError as error:
            yield error.message
            return
        yield from (f"{self._log.where}: {fault}" for fault in log_faults(log))
        for entry in log:
            if entry.get("kind") == "close":
                root = str(entry["body"]["root"])
                try:
                    yield from (error.message for error in self._trees.faults(root))
                except (StoreError, OSError) as error:
                    folder, period = self._trees.folder(root), entry["body"]["period"]
                    yield f"{folder}: the tree of the close of {period} cannot be read: {error}"
        try:
            self._keys.in_force(log)
        except StoreError as error:
            yield error.message


@contextmanager
def _writing(folder: Path, undone: str) -> Iterator[None]:
    """Turn what the system raises into StorageFullError and StoreError. ``undone``: what holds then."""
    try:
        yield
    except OSError as error:
        where = str(error.filename or folder)
        if error.errno in NO_ROOM:
            advice = (
                "free some space on that volume, and where temporary files lie, then try again; what was closed before is whole"
            )
            raise StorageFullError(f"{where}: there is no room left; {undone}", path=where, advice=advice) from error
        advice = "check the folder's permissions; what was closed before is whole"
        raise StoreError(f"{where}: {error.strerror or error}; {undone}", path=where, advice=advice) from error


def _stamp(log: list[dict[str, Any]], now: datetime) -> datetime:
    return max(now, parse_instant(log[-1]["time"])) if log else now


def _some(notes: list[str], what: str) -> list[str]:
    left = len(notes) - _MOST_NOTES
    return [*notes[:_MOST_NOTES], *([f"{left:,} more {what}"] if left > 0 else [])]


def _span(entry: dict[str, Any]) -> tuple[datetime, datetime]:
    return parse_instant(entry["body"]["start"]), parse_instant(entry["body"]["end"])
