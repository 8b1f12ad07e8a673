"""Closing a period: from the lines of all accounts to one root whose sums are the totals of the period.

Each account is divided into S shares, each share is a leaf, and leaves are ordered by their hash, so that a neighbour is a random
part of somebody. Leaves that stand for nobody, with zero amounts, fill the level up to a power of two, 2**depth: only the depth
tells how many accounts there are (DAPOL pads for the same end: Chalkias, Lewi, Mohassel and Nikolaenko, "Distributed auditing
proofs of liabilities", 2020).

An account is drawn again, its salts, cuts and hence places, as long as some node below the root has all its amounts and nobody
else's: who sees that node sees its totals. With fewer than three accounts this cannot be had, as the period's totals less one's own
are the other's.
"""

from __future__ import annotations

import tempfile
from array import array
from collections.abc import Iterable, Iterator
from hashlib import sha256
from struct import Struct
from typing import IO, Final

from greencloud.errors import ProofError
from greencloud.proof.canonical import canonical
from greencloud.proof.draws import MAX_SHARES, SECRET_BYTES, Draw, account_draw, padding_draw
from greencloud.proof.fields import MAX_TEXT
from greencloud.proof.folder import Bytes, mapped
from greencloud.proof.hashes import ENTRY_BYTES, HASH_BYTES, account_digest, leaf_hash, line_hash, parents
from greencloud.proof.lines import AccountLines, LineText, record, record_of
from greencloud.proof.measures import SUMS_BYTES, ZEROS, pack, unpack
from greencloud.proof.statement import MAX_DEPTH
from greencloud.proof.tree import Period, SumTree, name_hash, row_layout

__all__ = ["build"]

MAX_DRAWS: Final = 256
PADDING: Final = 0xFFFF_FFFF
OWNER: Final = Struct(">IB")  # after a leaf's entry while leaves are put in order: whose it is, and which share
OWNED: Final = slice(ENTRY_BYTES, ENTRY_BYTES + 4)


def build(period: Period, accounts: Iterable[AccountLines], *, secret: bytes, shares: int = 2) -> SumTree:
    """Close a period. The same accounts, lines and secret give the same root and statements, whatever their order.

    Args:
        secret: 32 random bytes, for this close alone; who has them and the statement of one account can search for others' figures.
        shares: leaves of each account, 2 to 255.

    Raises:
        ProofError: no account, one given twice, a name, amount or dimension that cannot be closed; the account is named.
    """
    if len(secret) != SECRET_BYTES or not 2 <= shares <= MAX_SHARES:
        raise ProofError(f"a close takes a secret of {SECRET_BYTES} bytes and 2 to {MAX_SHARES} shares an account")
    if period.start >= period.end or period.start.microsecond or period.end.microsecond:
        raise ProofError(f"{period.name} is no span of whole seconds: {period.start} to {period.end}")
    return _Closing(period, secret, shares).close(accounts)


class _Closing:
    """The work of ``build``: leaves first, then their order, then the levels above them."""

    def __init__(self, period: Period, secret: bytes, shares: int) -> None:
        self.period = period
        self.secret = secret
        self.shares = shares
        self.rows: list[tuple[bytes, int, int]] = []  # name hash, offset and length of the record
        self.draws: dict[int, int] = {}  # of those accounts that were drawn again
        self.filled = 0  # accounts with amounts

    def close(self, accounts: Iterable[AccountLines]) -> SumTree:
        with tempfile.TemporaryFile() as spool:
            leaves = self._leaves(accounts, spool)
            lines = mapped(spool)
        depth = (len(leaves) - 1).bit_length()
        leaves.sort()
        while self.filled > 2 and (alone := set(self._alone(leaves, lines))):
            leaves = [leaf for leaf in leaves if OWNER.unpack_from(leaf, ENTRY_BYTES)[0] not in alone]
            for owner in sorted(alone):
                leaves += self._drawn_again(owner, lines)
            leaves.sort()
        index = self._index(leaves)
        with tempfile.TemporaryFile() as spool:
            level = b"".join([leaf[:ENTRY_BYTES] for leaf in leaves])
            leaves.clear()
            spool.write(level)
            while len(level) > ENTRY_BYTES:
                level = parents(level)
                spool.write(level)
            levels = mapped(spool)
        return SumTree(self.period, self.secret, self.shares, depth, len(self.rows), levels, lines, index, sha256(index).digest())

    def _leaves(self, accounts: Iterable[AccountLines], spool: IO[bytes]) -> list[bytes]:
        """The leaves of all accounts and of the padding, each an entry and its owner. Records go to the spool."""
        leaves: list[bytes] = []
        seen: set[bytes] = set()
        written = LineText()
        offset = 0
        for each in accounts:
            account = each.account
            if type(account) is not str or not 0 < len(account) <= MAX_TEXT:
                raise ProofError(f"an account is named by 1 to {MAX_TEXT} characters, not {account!r}")
            name = canonical(account)
            key = name_hash(account)
            if key in seen:
                advice = "sum its lines before the period is closed"
                raise ProofError(f"account {account!r} is given twice", account=account, advice=advice)
            seen.add(key)
            texts, totals = written.of(account, each.lines)
            amounts = unpack(totals)
            drawn = account_draw(self.secret, account.encode(), 0, amounts, shares=self.shares, lines=len(texts))
            leaves += self._leaves_of(len(self.rows), account, texts, totals, drawn)
            content = record(name, texts)
            spool.write(content)
            self.rows.append((key, offset, len(content)))
            self.filled += totals > 0
            offset += len(content)
        if not self.rows:
            raise ProofError(f"no account has lines in {self.period.name}", advice="allocate the period before it is closed")
        depth = (len(leaves) - 1).bit_length()
        if depth > MAX_DEPTH:
            raise ProofError(
                f"{len(leaves):,} leaves are more than 2**{MAX_DEPTH}", advice="close a shorter period, or fewer shares"
            )
        for at in range((1 << depth) - len(leaves)):
            salt, digest = padding_draw(self.secret, at)
            leaves.append(leaf_hash(salt, digest, 0, 0, ZEROS) + ZEROS + OWNER.pack(PADDING, 0))
        return leaves

    def _leaves_of(self, owner: int, account: str, texts: list[bytes], totals: int, drawn: Draw) -> Iterator[bytes]:
        hashes = list(map(line_hash, drawn.line_salts, texts))
        digest = account_digest(drawn.blinding, account, self.period.name, totals, hashes)
        for index, (salt, amounts) in enumerate(zip(drawn.leaf_salts, drawn.shares, strict=True)):
            sums = amounts.to_bytes(SUMS_BYTES)
            yield leaf_hash(salt, digest, index, self.shares, sums) + sums + OWNER.pack(owner, index)

    def _alone(self, leaves: list[bytes], lines: Bytes) -> Iterator[int]:
        """Accounts of which all amounts are in one node, with nobody else's.

        Such leaves follow one another, so only runs of one owner's are looked at; leaves without amounts hide nothing.
        """
        size = len(leaves)
        runs: list[tuple[bytes, int, int, int]] = []  # of two and more: owner, first and last position, number
        ends: list[tuple[int, int]] = []  # for each, the nearest leaf with amounts on either side
        owner, first, last, number, before = b"", 0, 0, 0, -1
        for at, leaf in enumerate(leaves):
            if leaf[HASH_BYTES:ENTRY_BYTES] == ZEROS:
                continue
            if leaf[OWNED] == owner:
                number += 1
            else:
                if number > 1:
                    runs.append((owner, first, last, number))
                    ends.append((before, at))
                before = last if number else -1
                owner, first, number = leaf[OWNED], at, 1
            last = at
        if number > 1:
            runs.append((owner, first, last, number))
            ends.append((before, size))
        for (name, start, stop, length), (left, right) in zip(runs, ends, strict=True):
            level = (start ^ stop).bit_length()
            if left >> level != start >> level and right >> level != start >> level:
                whose = int.from_bytes(name)
                if sum(amounts > 0 for amounts in self._drawn(whose, lines)[3].shares) == length:
                    yield whose

    def _drawn(self, owner: int, lines: Bytes) -> tuple[str, list[bytes], int, Draw]:
        _, offset, length = self.rows[owner]
        account, found, totals = record_of(lines[offset : offset + length])
        draw = self.draws.get(owner, 0)
        drawn = account_draw(self.secret, account.encode(), draw, totals, shares=self.shares, lines=len(found))
        return account, list(map(canonical, found)), pack(totals), drawn

    def _drawn_again(self, owner: int, lines: Bytes) -> Iterator[bytes]:
        self.draws[owner] = self.draws.get(owner, 0) + 1
        if self.draws[owner] == MAX_DRAWS:
            raise ProofError(f"no order of leaves hides the accounts of {self.period.name}", advice="close it with another secret")
        return self._leaves_of(owner, *self._drawn(owner, lines))

    def _index(self, leaves: list[bytes]) -> bytes:
        """The rows of ``SumTree.accounts``."""
        positions = array("I", bytes(4 * self.shares * len(self.rows)))
        for at, leaf in enumerate(leaves):
            owner, share = OWNER.unpack_from(leaf, ENTRY_BYTES)
            if owner != PADDING:
                positions[owner * self.shares + share] = at
        layout = row_layout(self.shares)
        rows = [
            layout.pack(*row, self.draws.get(owner, 0), *positions[owner * self.shares : (owner + 1) * self.shares])
            for owner, row in enumerate(self.rows)
        ]
        rows.sort()
        return b"".join(rows)
