"""What is hashed, byte by byte. ``docs/proof.md`` says the same to those who write a verifier of their own.

::

    line     SHA-256(02 || salt 16 || canonical {amounts, dimensions})
    account  SHA-256(03 || blinding 32 || canonical {account, lines, period, totals} || line hashes, in order)
    leaf     SHA-256(00 || salt 16 || account digest 32 || index u8 || count u8 || sums 112)
    node     SHA-256(01 || left hash 32 || left sums 112 || right hash 32 || right sums 112)

The first byte keeps the kinds apart, so that a node can never be shown as a leaf (RFC 6962, 2.1; RFC 9162, 2.1.1). A node covers
the sums of both children one by one: where only their total is covered, as in the first sum trees (Maxwell, told by Todd 2013), a
provider can show each reader another division of it, and leave amounts out unnoticed (Hu, Zhang and Guo, "Breaking the binding",
Computers & Security 87, 2019). An entry is hash and sums, 144 bytes, so that a node's hash is over its two children's entries as
they lie.

Salts and blinding keep a hash from being guessed: services, labels and small amounts are few enough to try.
"""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import sha256
from typing import Any, Final

from greencloud.proof.canonical import canonical
from greencloud.proof.measures import LANE_BITS, MEASURES, SUMS_BYTES, decimals

__all__ = ["ENTRY_BYTES", "HASH_BYTES", "account_digest", "leaf_hash", "line_hash", "node_entry"]

HASH_BYTES: Final = 32
ENTRY_BYTES: Final = HASH_BYTES + SUMS_BYTES

LEAF: Final = b"\x00"
NODE: Final = b"\x01"
LINE: Final = b"\x02"
ACCOUNT: Final = b"\x03"
CARRIES: Final = sum(1 << LANE_BITS * lane for lane in range(1, len(MEASURES) + 1))


def line_hash(salt: bytes, line: bytes) -> bytes:
    """``line`` is the canonical text of its amounts and dimensions."""
    return sha256(LINE + salt + line).digest()


def account_digest(blinding: bytes, account: str, period: str, totals: int, line_hashes: Sequence[bytes]) -> bytes:
    """``totals`` are packed."""
    head: dict[str, Any] = {"account": account, "lines": len(line_hashes), "period": period, "totals": decimals(totals)}
    return sha256(b"".join((ACCOUNT, blinding, canonical(head), *line_hashes))).digest()


def leaf_hash(salt: bytes, digest: bytes, index: int, count: int, sums: bytes) -> bytes:
    """The leaf of share ``index`` (from 0) of ``count``; ``sums`` are its 112 bytes."""
    return sha256(b"".join((LEAF, salt, digest, bytes((index, count)), sums))).digest()


def node_entry(left: bytes, right: bytes) -> bytes:
    """Hash and sums of a node, from both children as entries of 144 bytes that nobody vouches for.

    Raises:
        OverflowError: a sum of 2**128 or more, which would carry into the lane beside it.
    """
    one, other = int.from_bytes(left[HASH_BYTES:]), int.from_bytes(right[HASH_BYTES:])
    sums = one + other
    if (sums ^ one ^ other) & CARRIES:  # what a lane got from the lane below it
        raise OverflowError("a sum of two nodes is 2**128 or more")
    return sha256(NODE + left + right).digest() + sums.to_bytes(SUMS_BYTES)
