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

import struct
import tempfile
from collections.abc import Iterable
from hashlib import sha256
from json.encoder import encode_basestring
from typing import IO, Final

from greencloud._sumtree import LeafTable, parents
from greencloud.errors import ProofError
from greencloud.proof.canonical import canonical
from greencloud.proof.draws import MAX_SHARES, SECRET_BYTES, padding_draw
from greencloud.proof.fields import MAX_TEXT
from greencloud.proof.folder import Bytes, mapped
from greencloud.proof.hashes import ENTRY_BYTES, leaf_hash
from greencloud.proof.lines import AccountLines, DimensionText, refusal
from greencloud.proof.measures import ZEROS
from greencloud.proof.periods import Period
from greencloud.proof.statement import MAX_DEPTH, MAX_LINES
from greencloud.proof.tree import NAME_BYTES, SumTree, opened_record

__all__ = ["build"]

MAX_DRAWS: Final = 256
HEAD: Final = struct.Struct(f">{NAME_BYTES}sQI")  # of a row: name hash, offset and length of the record
CHUNK: Final = 1 << 16  # entries
SPOOLED: Final = 1 << 20  # bytes of records that are written at once


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
        self.heads = bytearray()
        self.draws: dict[int, int] = {}  # of those accounts that were drawn again
        self.leaves = LeafTable(secret, canonical(period.name), shares)

    def close(self, accounts: Iterable[AccountLines]) -> SumTree:
        with tempfile.TemporaryFile() as spool:
            self._add(accounts, spool)
            lines = mapped(spool)
        self._pad()
        self.leaves.sort()
        while self.leaves.filled > 2 and (alone := self.leaves.alone()):
            for owner in alone:
                self._draw_again(owner, lines)
            self.leaves.sort()
        rows = self.leaves.rows(self.heads, self.draws)
        with tempfile.TemporaryFile() as spool:
            self._rise(spool)
            levels = mapped(spool)
        count, depth = self.leaves.accounts, (len(self.leaves) - 1).bit_length()
        return SumTree(self.period, self.secret, self.shares, depth, count, levels, lines, rows, sha256(rows).digest())

    def _add(self, accounts: Iterable[AccountLines], spool: IO[bytes]) -> None:
        """The leaves of all accounts; their records go to the spool."""
        seen: set[bytes] = set()
        texts = DimensionText()
        records: list[bytes] = []
        offset = written = 0
        for each in accounts:
            account = each.account
            if type(account) is not str or not 0 < len(account) <= MAX_TEXT:
                raise ProofError(f"an account is named by 1 to {MAX_TEXT} characters, not {account!r}")
            try:
                name = account.encode()
                lines = [(line.amounts, texts[tuple(line.dimensions.items())]) for line in each.lines]
            except (UnicodeEncodeError, ProofError) as error:
                raise ProofError(f"account {account!r}: {error}", account=account) from error
            if name in seen:
                advice = "sum its lines before the period is closed"
                raise ProofError(f"account {account!r} is given twice", account=account, advice=advice)
            seen.add(name)
            if len(lines) > MAX_LINES:
                raise refusal(each)
            try:
                record = self.leaves.add(name, encode_basestring(account).encode(), lines)
            except ValueError as error:
                raise refusal(each) from error
            records.append(record)
            self.heads += HEAD.pack(sha256(name).digest(), offset, len(record))  # of the hash, what the row has room for
            offset += len(record)
            if offset - written > SPOOLED:
                spool.writelines(records)
                records.clear()
                written = offset
        spool.writelines(records)
        if not seen:
            raise ProofError(f"no account has lines in {self.period.name}", advice="allocate the period before it is closed")

    def _pad(self) -> None:
        """Leaves that stand for nobody, up to a power of two."""
        own = len(self.leaves)
        depth = (own - 1).bit_length()
        if depth > MAX_DEPTH:
            raise ProofError(f"{own:,} leaves are more than 2**{MAX_DEPTH}", advice="divide accounts into fewer shares")
        for at in range((1 << depth) - own):
            salt, digest = padding_draw(self.secret, at)
            self.leaves.put(own + at, leaf_hash(salt, digest, 0, 0, ZEROS) + ZEROS)

    def _draw_again(self, owner: int, lines: Bytes) -> None:
        draw = self.draws[owner] = self.draws.get(owner, 0) + 1
        if draw == MAX_DRAWS:
            raise ProofError(f"no order of leaves hides the accounts of {self.period.name}", advice="close it with another secret")
        _, offset, length = HEAD.unpack_from(self.heads, owner * HEAD.size)
        opened = opened_record(lines[offset : offset + length], self, draw, ())
        for index, leaf in enumerate(opened.leaves(), owner * self.shares):
            self.leaves.put(index, leaf)

    def _rise(self, spool: IO[bytes]) -> None:
        """All levels, the leaves first."""
        above = []
        for start in range(0, len(self.leaves), CHUNK):
            level = self.leaves.level(start, min(start + CHUNK, len(self.leaves)))
            spool.write(level)
            above.append(parents(level))
        level = b"".join(above)
        spool.write(level)
        while len(level) > ENTRY_BYTES:
            level = parents(level)
            spool.write(level)
