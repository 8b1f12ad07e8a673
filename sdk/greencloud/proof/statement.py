"""A statement: what one account is charged in one period, with the way from it to the published root.

``statement.json`` is canonical JSON::

    {"account", "blinding", "close": {"end", "index", "period", "start"}, "format": "greencloud-statement/1",
     "lines": [{"amounts", "dimensions", "salt"} or {"hash"}, ...],
     "shares": [{"amounts", "path": [{"amounts", "hash"}, ...], "position", "salt"}, ...], "totals"}

Amounts are lists of seven decimal strings. A share's place in the list is its index; its path goes from the leaf's sibling up, and
bit k of its position says whether the sibling at step k lies left (1) or right (0). ``close.index`` is the close's place in the log
of roots.

A line may be withheld from a third party: its hash stands in its place. Totals stay proven, and so is each line that is shown; of
those withheld only what is left of the totals is told. (Their amounts cannot be told apart from their dimensions, as one hash
covers both: the holder of the whole statement can always show more.)
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from greencloud.errors import ProofError
from greencloud.proof.canonical import canonical
from greencloud.proof.draws import BLINDING_BYTES, MAX_SHARES, SALT_BYTES
from greencloud.proof.fields import hexadecimal, instant, integer, listed, members, text
from greencloud.proof.hashes import HASH_BYTES, line_hash
from greencloud.proof.measures import ACCOUNT_LIMIT, SUMS_BYTES, read_decimals

__all__ = ["FORMAT", "MAX_DEPTH", "MAX_LINES", "MAX_STATEMENT_BYTES", "Share", "Statement", "parse_statement", "withhold"]

FORMAT: Final = "greencloud-statement/1"
MAX_DEPTH: Final = 32  # 2**32 leaves below 2**96 add up to less than a lane
MAX_LINES: Final = 1_000_000
MAX_STATEMENT_BYTES: Final = 512 << 20


@dataclass(frozen=True, slots=True)
class Share:
    """One leaf of the account: packed amounts, and the entries (hash and sums, 144 bytes) beside its path."""

    position: int
    salt: bytes
    amounts: int
    path: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class Statement:
    """A statement whose form is right; whether it is true, ``verify`` tells. Amounts are packed.

    Attributes:
        hashes: of the lines in order, computed where a line is shown.
        shown: the amounts of each line that is shown.
    """

    account: str
    index: int
    period: str
    start: str
    end: str
    blinding: bytes
    totals: int
    hashes: tuple[bytes, ...]
    shown: tuple[int, ...]
    shares: tuple[Share, ...]


def parse_statement(document: Any) -> Statement:
    """Read a statement.

    Raises:
        ProofError: a field is missing, unknown, or not of its kind.
    """
    fields = members(document, "statement", "account", "blinding", "close", "format", "lines", "shares", "totals")
    if fields["format"] != FORMAT:
        raise ProofError(
            f"statement: the format is {str(fields['format'])[:60]!r}, not {FORMAT!r}",
            advice="verify it with the version of greencloud that knows this format",
        )
    close = members(fields["close"], "close", "end", "index", "period", "start")
    instant(close["start"], "close: start")
    instant(close["end"], "close: end")
    lines = [_line(line, f"line {at}") for at, line in enumerate(listed(fields["lines"], "lines", 0, MAX_LINES), 1)]
    shares = listed(fields["shares"], "shares", 2, MAX_SHARES)
    return Statement(
        text(fields["account"], "account"),
        integer(close["index"], "close: index", 0, 1 << 32),
        text(close["period"], "close: period"),
        close["start"],
        close["end"],
        hexadecimal(fields["blinding"], "blinding", BLINDING_BYTES),
        read_decimals(fields["totals"], "totals", limit=ACCOUNT_LIMIT),
        tuple(line[0] for line in lines),
        tuple(line[1] for line in lines if line[1] is not None),
        tuple(_share(share, f"share {at}") for at, share in enumerate(shares, 1)),
    )


def _line(value: Any, where: str) -> tuple[bytes, int | None]:
    if isinstance(value, dict) and value.keys() == {"hash"}:
        return hexadecimal(value["hash"], f"{where}: hash", HASH_BYTES), None
    fields = members(value, where, "amounts", "dimensions", "salt")
    if not isinstance(fields["dimensions"], dict) or not all(type(each) is str for each in fields["dimensions"].values()):
        raise ProofError(f"{where}: dimensions are not names with texts")
    amounts = read_decimals(fields["amounts"], where, limit=ACCOUNT_LIMIT)
    # Canonical already: amounts are digits.
    told = b'{"amounts":["%b"],"dimensions":%b}' % ('","'.join(fields["amounts"]).encode(), canonical(fields["dimensions"]))
    return line_hash(hexadecimal(fields["salt"], f"{where}: salt", SALT_BYTES), told), amounts


def _share(value: Any, where: str) -> Share:
    fields = members(value, where, "amounts", "path", "position", "salt")
    path = listed(fields["path"], f"{where}: path", 1, MAX_DEPTH)
    return Share(
        integer(fields["position"], f"{where}: position", 0, (1 << len(path)) - 1),
        hexadecimal(fields["salt"], f"{where}: salt", SALT_BYTES),
        read_decimals(fields["amounts"], where, limit=ACCOUNT_LIMIT),
        tuple(_entry(step, f"{where}: step {at} of the path") for at, step in enumerate(path, 1)),
    )


def _entry(value: Any, where: str) -> bytes:
    fields = members(value, where, "amounts", "hash")
    return hexadecimal(fields["hash"], where, HASH_BYTES) + read_decimals(fields["amounts"], where).to_bytes(SUMS_BYTES)


def withhold(statement: Mapping[str, Any], keep: Callable[[Mapping[str, str]], bool]) -> dict[str, Any]:
    """The statement with the hash in place of each line whose dimensions ``keep`` does not want shown.

    Raises:
        ProofError: a line is not of its form.
    """
    lines: Sequence[Any] = listed(statement["lines"], "lines", 0, MAX_LINES)
    hidden = [
        line if "hash" in line or keep(line["dimensions"]) else {"hash": _line(line, f"line {at}")[0].hex()}
        for at, line in enumerate(lines, 1)
    ]
    return {**statement, "lines": hidden}
