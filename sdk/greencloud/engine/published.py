"""What of the closes is handed out: to each account its statement, and to everybody the log of roots."""

from __future__ import annotations

from typing import Any

from greencloud.engine.closes import Closes
from greencloud.proof import canonical, fingerprint
from greencloud.results import RootLogEntry, Statement
from greencloud.units import parse_instant

__all__ = ["root_log", "statement_of"]


def statement_of(closes: Closes, account: str, period: str) -> Statement:
    """The statement of an account for a closed period.

    Raises:
        NotFoundError: no such close, or the account has no line in it.
    """
    statement, root = closes.statement(account, period)
    return Statement(account, period, canonical(statement), canonical(root))


def root_log(closes: Closes) -> list[RootLogEntry]:
    """The entries of the log, oldest first; what the file says, line by line.

    Raises:
        ProofError: the log cannot be read, or is of a newer format.
    """
    return [_entry(entry) for entry in closes.log()]


def _entry(entry: dict[str, Any]) -> RootLogEntry:
    made: dict[str, Any] = {
        "index": entry["index"],
        "created": parse_instant(entry["time"]),
        "key_fingerprint": fingerprint(bytes.fromhex(entry["key"])),
        "entry": canonical(entry),
    }
    if entry["kind"] == "close":
        body = entry["body"]
        made |= {"period": body["period"], "start": parse_instant(body["start"]), "end": parse_instant(body["end"])}
        made["restates"] = None if body["restates"] is None else int(body["restates"])
    return RootLogEntry(**made)
