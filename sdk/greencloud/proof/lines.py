"""The lines of an account as they are closed: dimensions and seven amounts, in canonical text and canonical order.

The order of lines is that of their text, so that a close does not depend on the order in which they came.

How many lines an account has is up to the account, which names its services; how many a statement may have is not. So that one
account cannot keep a period from being closed for all, ``fold`` sums the smallest of too many into one line, exactly.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from greencloud.errors import ProofError
from greencloud.proof.canonical import canonical
from greencloud.proof.fields import MAX_TEXT
from greencloud.proof.measures import MEASURES, pack, unpack
from greencloud.proof.statement import MAX_LINES

__all__ = ["AccountLines", "DimensionText", "Line", "fold", "record_of", "refusal"]

REMAINDER: Final = "remainder"
REMEMBERED: Final = 1 << 16


@dataclass(frozen=True, slots=True)
class Line:
    """One line: what it is for, and seven amounts in the order of ``MEASURES``."""

    dimensions: Mapping[str, str]
    amounts: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class AccountLines:
    """All lines of one account in the period."""

    account: str
    lines: Sequence[Line]


def fold(account: AccountLines, most: int | None = None) -> AccountLines:
    """The account with at most ``most`` lines (None: as many as a statement may have), and the same totals.

    Of more, the largest (by micrograms of all measures, then by amounts, then by dimensions) stay as they are. The others become
    one line, in which a dimension has the value that all of them have, or "", and ``remainder`` says how many they are.
    """
    most = MAX_LINES if most is None else most
    if len(account.lines) <= most:
        return account
    ordered = sorted(account.lines, key=_size, reverse=True)
    kept, rest = ordered[: most - 1], ordered[most - 1 :]
    shared = rest[0].dimensions
    dimensions = {name: value if all(line.dimensions.get(name) == value for line in rest) else "" for name, value in shared.items()}
    amounts = tuple(map(sum, zip(*(line.amounts for line in rest), strict=True)))
    return AccountLines(account.account, [*kept, Line({**dimensions, REMAINDER: f"{len(rest):,} smaller lines"}, amounts)])


def _size(line: Line) -> tuple[int, tuple[int, ...], list[tuple[str, str]]]:
    return sum(line.amounts[1:]), line.amounts, sorted(line.dimensions.items())


class DimensionText(dict[tuple[tuple[str, str], ...], bytes]):
    """The canonical text of dimensions (given as their items), remembered, as they come again and again. Raises ProofError."""

    def __missing__(self, items: tuple[tuple[str, str], ...]) -> bytes:
        if not all(type(name) is str and type(value) is str and len(name) + len(value) <= MAX_TEXT for name, value in items):
            raise ProofError(f"dimensions are texts of at most {MAX_TEXT} characters, not {dict(items)!r}")
        if len(self) >= REMEMBERED:
            self.clear()
        self[items] = text = canonical(dict(items)) + b"}"  # the end of a line's text
        return text


def refusal(account: AccountLines) -> ProofError:
    """Why these lines cannot be closed."""
    name = account.account
    if len(account.lines) > MAX_LINES:
        return ProofError(f"account {name!r} has more than {MAX_LINES:,} lines", account=name)
    for line in account.lines:
        if type(line.amounts) is not tuple or len(line.amounts) != len(MEASURES):
            return ProofError(
                f"account {name!r}: the amounts of a line are a tuple of {len(MEASURES)}, not {line.amounts!r}", account=name
            )
        for measure, amount in zip(MEASURES, line.amounts, strict=True):
            if type(amount) is not int or amount < 0:
                text = f"account {name!r}: {measure} of the line {dict(line.dimensions)} is {amount!r}"
                return ProofError(
                    f"{text}, not a whole number of 0 or more",
                    account=name,
                    advice="sum a correction into the line that it corrects, or restate the period that it belongs to",
                )
    return ProofError(f"account {name!r}: an amount is 2**96 or more", account=name)


def record_of(content: bytes) -> tuple[str, list[dict[str, Any]], tuple[int, ...]]:
    """Account, lines (amounts, dimensions) and totals of what is kept of an account, canonical JSON.

    Raises:
        ValueError, KeyError, TypeError: damaged.
    """
    document = json.loads(content)
    lines: list[dict[str, Any]] = document["lines"]
    return document["account"], lines, unpack(sum(pack([int(text) for text in line["amounts"]]) for line in lines))
