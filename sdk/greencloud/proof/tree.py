"""A closed period, from which the statement of any account can be made: a Merkle sum tree with what its leaves were made of.

A tree is three pieces of bytes, whether it was just built or is mapped from a folder:

- ``levels``: the entries (hash and sums, 144 bytes) of the leaves, then of each level above, the root last;
- ``lines``: one JSON record an account, in the order in which they came;
- ``accounts``: a row an account, sorted by SHA-256 of its name: name hash (16 bytes), offset and length of its record, draw number,
  positions.

They hold every account's lines, and the folder holds the secret: it is the provider's own, and nothing of it is published but what
``statement`` gives to an account, and ``audit`` to an auditor.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any, Final, Protocol

from greencloud.errors import NotFoundError, ProofError, StoreError
from greencloud.proof.canonical import canonical
from greencloud.proof.draws import Draw, account_draw
from greencloud.proof.folder import ADVICE, Bytes, open_pieces, write_pieces
from greencloud.proof.hashes import ENTRY_BYTES, HASH_BYTES, account_digest, leaf_hash, line_hash, node_entry
from greencloud.proof.lines import record_of
from greencloud.proof.log import Close, parse_entry
from greencloud.proof.measures import SUMS_BYTES, decimals, pack, unpack
from greencloud.proof.periods import Period
from greencloud.proof.statement import FORMAT
from greencloud.units import format_instant, parse_instant

__all__ = ["Opened", "SumTree", "name_hash", "opened_record", "row_layout"]

TREE_FORMAT: Final = "greencloud-tree/1"
NAME_BYTES: Final = 16
PIECES: Final = ("accounts", "levels", "lines")


def row_layout(shares: int) -> struct.Struct:
    """A row of ``accounts``: name hash, offset and length of the record, draw number, position of each share's leaf."""
    return struct.Struct(f">{NAME_BYTES}sQIB{shares}I")


def name_hash(account: str) -> bytes:
    return sha256(account.encode()).digest()[:NAME_BYTES]


@dataclass(frozen=True, slots=True)
class Opened:
    """An account with all that its leaves were made of. ``totals`` are packed."""

    account: str
    lines: Sequence[Mapping[str, Any]]
    totals: int
    draw: Draw
    hashes: Sequence[bytes]
    digest: bytes
    positions: Sequence[int]

    def leaves(self) -> Iterator[bytes]:
        """The entry of each share's leaf."""
        for index, (salt, amounts) in enumerate(zip(self.draw.leaf_salts, self.draw.shares, strict=True)):
            sums = amounts.to_bytes(SUMS_BYTES)
            yield leaf_hash(salt, self.digest, index, len(self.draw.shares), sums) + sums


class Closed(Protocol):
    """What of a close its leaves are made with."""

    @property
    def period(self) -> Period: ...
    @property
    def secret(self) -> bytes: ...
    @property
    def shares(self) -> int: ...


def opened_record(record: bytes, close: Closed, draw: int, positions: Sequence[int]) -> Opened:
    """An account from its record. Raises ValueError, KeyError, TypeError, ArithmeticError where the record is damaged."""
    account, lines, totals = record_of(record)
    drawn = account_draw(close.secret, account.encode(), draw, totals, shares=close.shares, lines=len(lines))
    hashes = [line_hash(salt, canonical(line)) for salt, line in zip(drawn.line_salts, lines, strict=True)]
    digest = account_digest(drawn.blinding, account, close.period.name, pack(totals), hashes)
    return Opened(account, lines, pack(totals), drawn, hashes, digest, positions)


@dataclass(frozen=True, slots=True)
class SumTree:
    """See the module. ``count`` is the number of accounts, ``accounts_hash`` SHA-256 of ``accounts``."""

    period: Period
    secret: bytes
    shares: int
    depth: int
    count: int
    levels: Bytes
    lines: Bytes
    accounts: Bytes
    accounts_hash: bytes

    @property
    def root(self) -> bytes:
        """The 32 bytes of the root's hash."""
        return self.entry(self.depth, 0)[:HASH_BYTES]

    @property
    def totals(self) -> tuple[int, ...]:
        """The amounts of all accounts together, in the order of ``MEASURES``."""
        return unpack(int.from_bytes(self.entry(self.depth, 0)[HASH_BYTES:]))

    def body(
        self,
        *,
        ledger_version: str,
        batches: bytes,
        methodology_versions: Iterable[str],
        notes: Sequence[str] = (),
        restates: int | None = None,
    ) -> dict[str, Any]:
        """The body of the log's entry.

        ``batches`` is a hash (32 bytes) over what was closed; ``notes`` say what is missing; ``restates`` is the close replaced.
        """
        return {
            "batches": batches.hex(),
            "depth": self.depth,
            "end": format_instant(self.period.end),
            "ledger_version": ledger_version,
            "methodology_versions": sorted(methodology_versions),
            "notes": list(notes),
            "period": self.period.name,
            "restates": restates,
            "root": self.root.hex(),
            "shares": self.shares,
            "start": format_instant(self.period.start),
            "totals": decimals(pack(self.totals)),
        }

    def statement(self, account: str, entry: Mapping[str, Any]) -> dict[str, Any]:
        """The statement of one account; ``entry`` is the log's entry that published this tree.

        Every share's path is followed to the root before it is given out.

        Raises:
            NotFoundError: no such account.
            ProofError: the entry is of another close.
            StoreError: what is kept of the account is damaged.
        """
        close = parse_entry(entry).body
        if not isinstance(close, Close) or (close.root, close.period) != (self.root, self.period.name):
            raise ProofError("this entry of the log published another root", advice="take the entry of this close")
        opened = self.opened(account)
        drawn = opened.draw
        shares = []
        leaves = list(opened.leaves())
        for position, leaf, salt, amounts in zip(opened.positions, leaves, drawn.leaf_salts, drawn.shares, strict=True):
            path = [self.entry(level, position >> level ^ 1) for level in range(self.depth)]
            if not self._leads_to_root(leaf, position, path):
                raise self._damaged(account)
            shares.append({"amounts": decimals(amounts), "path": list(map(_step, path)), "position": position, "salt": salt.hex()})
        return {
            "account": account,
            "blinding": drawn.blinding.hex(),
            "close": {"index": entry["index"], **{name: entry["body"][name] for name in ("end", "period", "start")}},
            "format": FORMAT,
            "lines": [{**line, "salt": salt.hex()} for line, salt in zip(opened.lines, drawn.line_salts, strict=True)],
            "shares": shares,
            "totals": decimals(opened.totals),
        }

    def opened(self, account: str) -> Opened:
        """One account. Raises NotFoundError, and StoreError where its record is damaged."""
        wanted = name_hash(account)
        size = row_layout(self.shares).size
        low, high = 0, self.count
        while low < high:
            middle = (low + high) // 2
            if self.accounts[middle * size : middle * size + NAME_BYTES] < wanted:
                low = middle + 1
            else:
                high = middle
        if low == self.count or self.accounts[low * size : low * size + NAME_BYTES] != wanted:
            if sha256(self.accounts).digest() != self.accounts_hash:
                raise self._damaged(account)
            raise NotFoundError(
                f"there is no account {account!r} in {self.period.name}", advice="accounts without lines are not closed"
            )
        found = self._opened_at(low, account)
        if found.account != account:
            raise self._damaged(account)
        return found

    def all_opened(self) -> Iterator[Opened]:
        """Every account, in the order of the rows. Raises StoreError at one that is damaged."""
        for at in range(self.count):
            yield self._opened_at(at, f"number {at}")

    def _opened_at(self, at: int, told: str) -> Opened:
        layout = row_layout(self.shares)
        _, offset, length, draw, *positions = layout.unpack_from(self.accounts, at * layout.size)
        try:
            return opened_record(self.lines[offset : offset + length], self, draw, positions)
        except (ValueError, KeyError, TypeError, ArithmeticError) as error:
            raise self._damaged(told) from error

    def _leads_to_root(self, entry: bytes, position: int, path: Sequence[bytes]) -> bool:
        try:
            for level, step in enumerate(path):
                entry = node_entry(step, entry) if position >> level & 1 else node_entry(entry, step)
        except (OverflowError, ValueError):
            return False
        return entry == self.entry(self.depth, 0)

    def entry(self, level: int, position: int) -> bytes:
        """Hash and sums of a node; level 0 are the leaves."""
        # The levels below hold 2**depth + 2**(depth - 1) + ... entries.
        at = ((2 << self.depth) - (2 << self.depth - level) + position) * ENTRY_BYTES
        return self.levels[at : at + ENTRY_BYTES]

    def _damaged(self, account: str) -> StoreError:
        return StoreError(f"what is kept of account {account!r} in {self.period.name} does not lead to the root", advice=ADVICE)

    def write(self, folder: Path) -> None:
        """Keep the tree in a folder of its own.

        Raises:
            StoreError: the folder is there already.
            OSError: no room, no permission.
        """
        head = {
            "count": self.count,
            "depth": self.depth,
            "end": format_instant(self.period.end),
            "format": TREE_FORMAT,
            "period": self.period.name,
            "root": self.root.hex(),
            "secret": self.secret.hex(),
            "shares": self.shares,
            "start": format_instant(self.period.start),
        }
        write_pieces(folder, head, {name: getattr(self, name) for name in PIECES})

    @classmethod
    def open(cls, folder: Path) -> SumTree:
        """A tree that was written, its pieces mapped: nothing is read until it is asked for.

        Raises:
            StoreError: missing, cut off, of a newer format, or with another root.
        """
        head, pieces = open_pieces(folder, *PIECES)
        if head.get("format") != TREE_FORMAT:
            raise StoreError(f"{folder}: the format is {head.get('format')!r}, not {TREE_FORMAT!r}", path=str(folder))
        tree = cls(
            Period(head["period"], parse_instant(head["start"]), parse_instant(head["end"])),
            bytes.fromhex(head["secret"]),
            head["shares"],
            head["depth"],
            head["count"],
            pieces["levels"],
            pieces["lines"],
            pieces["accounts"],
            bytes.fromhex(head["pieces"]["accounts"]["sha256"]),
        )
        sizes = (len(tree.levels), len(tree.accounts))
        if (
            sizes != (((2 << tree.depth) - 1) * ENTRY_BYTES, tree.count * row_layout(tree.shares).size)
            or tree.root.hex() != head["root"]
        ):
            raise StoreError(f"{folder} is damaged: its head and its files differ", path=str(folder), advice=ADVICE)
        return tree


def _step(entry: bytes) -> dict[str, Any]:
    return {"amounts": decimals(int.from_bytes(entry[HASH_BYTES:])), "hash": entry[:HASH_BYTES].hex()}
