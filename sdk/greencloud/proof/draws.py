"""What is drawn at random for an account, out of one secret of the close, so that the same close gives the same bits.

A stream of SHAKE-256 (FIPS 202) over secret, purpose, draw number and name is cut into the account's blinding, the cut points of
its shares, a salt for each share and one for each line. The secret before the message makes a keyed function of a sponge, as in
KMAC (NIST SP 800-185, 4); one call gives all values, where an HMAC-SHA-256 for each would take most of the time of a close. Nobody
but the holder of the secret can tell them from random ones, and each is shown only to whom it concerns.

An account is divided into shares, because in a sum tree the reader of a path sees the sums beside it, and the first of them are one
leaf's: another account's, if accounts were leaves (BitMEX Research, "Fixing the privacy gap in proof of liability protocols", 2021,
divides for the same reason). Cut points are uniform, measure by measure, so that shares keep neither an account's amounts nor their
ratios, and no share is all of an amount of 2 or more. A point is a fraction of the amount by 192 random bits, uniform but
for 2**-96.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import shake_256
from itertools import pairwise
from typing import Final

from greencloud.proof.measures import pack

__all__ = ["BLINDING_BYTES", "MAX_SHARES", "SALT_BYTES", "SECRET_BYTES", "Draw", "account_draw", "padding_draw"]

SECRET_BYTES: Final = 32
SALT_BYTES: Final = 16
BLINDING_BYTES: Final = 32
MAX_SHARES: Final = 255
DIGEST_BYTES: Final = 32
CUT_BYTES: Final = 24  # of each measure


@dataclass(frozen=True, slots=True)
class Draw:
    """The random values of one account: ``shares`` are packed amounts that add up to its totals."""

    blinding: bytes
    shares: tuple[int, ...]
    leaf_salts: tuple[bytes, ...]
    line_salts: tuple[bytes, ...]


def account_draw(secret: bytes, account: bytes, draw: int, totals: Sequence[int], *, shares: int, lines: int) -> Draw:
    """Draw number ``draw`` (0, and on where the order of leaves asks for another) for an account, its name in UTF-8."""
    row = CUT_BYTES * len(totals)
    cuts = BLINDING_BYTES + row * (shares - 1)
    stream = shake_256(secret + b"account %d " % draw + account).digest(cuts + SALT_BYTES * (shares + lines))
    salts = [stream[at : at + SALT_BYTES] for at in range(cuts, len(stream), SALT_BYTES)]
    return Draw(
        stream[:BLINDING_BYTES],
        _cut(totals, [stream[at : at + row] for at in range(BLINDING_BYTES, cuts, row)]),
        tuple(salts[:shares]),
        tuple(salts[shares:]),
    )


def _cut(totals: Sequence[int], randoms: Sequence[bytes]) -> tuple[int, ...]:
    points = []
    for random in randoms:
        row = []
        for at, total in enumerate(totals):
            # In [1, total - 1], so that no share is all; 0 and 1 cannot be divided.
            lowest, span = (1, total - 1) if total > 1 else (0, total + 1)
            fraction = int.from_bytes(random[CUT_BYTES * at : CUT_BYTES * (at + 1)])
            row.append(lowest + (fraction * span >> 8 * CUT_BYTES))
        points.append(row)
    if len(points) > 1:
        points = list(map(list, zip(*map(sorted, zip(*points, strict=True)), strict=True)))
    bounds = [0, *map(pack, points), pack(totals)]
    return tuple(high - low for low, high in pairwise(bounds))


def padding_draw(secret: bytes, index: int) -> tuple[bytes, bytes]:
    """Salt and digest of the padding leaf ``index``."""
    stream = shake_256(secret + b"padding %d" % index).digest(SALT_BYTES + DIGEST_BYTES)
    return stream[:SALT_BYTES], stream[SALT_BYTES:]
