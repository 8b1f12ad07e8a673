"""Whether a statement is true, from the statement and the published root alone: no server, no secret, no trust in who sent it.

What holds when there is no fault: the provider signed a root whose totals are those of the close; the account's totals are part of
them, in S leaves of their own; the lines add up to the account's totals; no amount on the way was negative or overflowed, so
nothing was taken off against them; the period is one of the calendar, and had ended. With the log: the root is in its place, no
link is broken, and the period was not closed twice unsaid. What cannot hold by a statement alone is told in ``docs/proof.md``.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

from greencloud.errors import ProofError
from greencloud.proof.hashes import HASH_BYTES, account_digest, leaf_hash, node_entry
from greencloud.proof.log import Close, Entry, log_faults, parse_entry
from greencloud.proof.measures import MEASURES, SUMS_BYTES, unpack
from greencloud.proof.signing import fingerprint
from greencloud.proof.statement import Share, Statement, parse_statement
from greencloud.units import format_instant

__all__ = ["Finding", "verify"]

AGAIN: Final = "ask the provider for the statement and the root of this close again, and keep both copies as evidence"
FORGED: Final = "do not rely on this root: tell the provider and your auditor, and keep the files as evidence"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing looked at. ``status`` is "ok", "note" or "fault"; a fault has a remedy."""

    topic: str
    status: str
    text: str
    remedy: str = ""


def verify(statement: Any, root: Any, log: Sequence[Any] | None = None, key: str | None = None) -> list[Finding]:
    """Verify a statement against the root, and the root against the log and the key.

    Args:
        statement: the document, as read from ``statement.json``.
        root: an entry of the log, as read from ``root.json``.
        log: the entries of the log, oldest first.
        key: fingerprint of the provider's key (64 hexadecimal digits), from a place that you trust.

    Returns:
        Findings; the statement is proven if none is a fault. Documents of any content give findings, never an error.

    Raises:
        MissingExtraError: no library to check signatures with.
    """
    findings: list[Finding] = []
    entry = _read(findings, "root", parse_entry, root)
    claim = _read(findings, "statement", parse_statement, statement)
    if entry is not None:
        findings += _root(entry, key, log)
    if entry is not None and log is not None:
        findings += _log(entry, log)
    if entry is not None and claim is not None and isinstance(entry.body, Close):
        findings += _close(claim, entry, entry.body)
        findings += _missing(entry.body)
        findings += _amounts(claim)
        findings += _paths(claim, entry.body)
    return findings


def _read(findings: list[Finding], topic: str, parse: Any, document: Any) -> Any:
    try:
        return parse(document)
    except ProofError as error:
        findings.append(Finding(topic, "fault", error.message, error.advice or AGAIN))
        return None


def _root(entry: Entry, key: str | None, log: Sequence[Any] | None) -> Iterator[Finding]:
    if not isinstance(entry.body, Close):
        yield Finding(
            "root", "fault", "this entry of the log names a key; it closes no period", "take the entry that statement names"
        )
        return
    if entry.signature_holds():
        yield Finding("signature", "ok", f"signed on {format_instant(entry.time)} by the key {fingerprint(entry.key)}")
    else:
        yield Finding("signature", "fault", "the signature of the root does not hold: the root was changed or is forged", FORGED)
    yield from (Finding("root", "fault", fault, FORGED) for fault in entry.faults())
    yield from _key(entry, key, log)


def _key(entry: Entry, key: str | None, log: Sequence[Any] | None) -> Iterator[Finding]:
    found = fingerprint(entry.key)
    if key is None:
        text = "the key was not compared: who made these files could have made a key too"
        yield Finding("key", "note", text, f"compare {found} with what the provider publishes elsewhere, or give it with --key")
    elif key.strip().lower() == found:
        yield Finding("key", "ok", "it is the key that you trust")
    elif key.strip().lower() in _signers(log or ()):
        # What a key signed vouches for all entries before it by their hashes, and for those after it by the keys that it names.
        yield Finding("key", "ok", "the key that you trust signed an entry of the same log")
    else:
        text = f"the root is signed by the key {found}, not by {key.strip().lower()}"
        remedy = "if the provider changed its key, give the log too (--log)" if log is None else FORGED
        yield Finding("key", "fault", text, remedy)


def _signers(log: Iterable[Any]) -> Iterator[str]:
    for document in log:
        try:
            yield fingerprint(parse_entry(document).key)
        except ProofError:
            return


def _log(entry: Entry, log: Sequence[Any]) -> Iterator[Finding]:
    faults = [Finding("log", "fault", fault, FORGED) for fault in log_faults(log)]
    yield from faults
    if entry.index >= len(log):
        text = f"the log ends before entry {entry.index}, which the root claims to be"
        yield Finding("log", "fault", text, "take a newer copy of the log; if the root is not in it either, tell the provider")
        return
    if log[entry.index] != entry.document:
        yield Finding("log", "fault", f"entry {entry.index} of the log is not this root", FORGED)
        return
    if not faults:
        yield Finding("log", "ok", f"the root is entry {entry.index} of {len(log)}, and every entry follows the one before it")
    close = entry.body
    for at in range(entry.index + 1, len(log)):
        later = log[at].get("body") if isinstance(log[at], dict) else None
        if isinstance(later, dict) and isinstance(close, Close) and later.get("restates") == entry.index:
            text = f"{close.period} was restated by entry {at}: this statement was true of the close that it names"
            yield Finding("restated", "note", text, "ask for the statement of the newer close")


def _close(claim: Statement, entry: Entry, close: Close) -> Iterator[Finding]:
    pairs = (
        ("entry of the log", claim.index, entry.index),
        ("period", claim.period, close.period),
        ("start", claim.start, format_instant(close.start)),
        ("end", claim.end, format_instant(close.end)),
        ("number of shares", len(claim.shares), close.shares),
    )
    wrong = [(name, said, closed) for name, said, closed in pairs if said != closed]
    for name, said, closed in wrong:
        yield Finding(
            "close", "fault", f"the {name} is {said} in the statement and {closed} in the root", "take the root of this close"
        )
    if not wrong:
        yield Finding("close", "ok", f"{close.period}, {claim.start} to {claim.end}, of account {claim.account}")


def _missing(close: Close) -> Iterator[Finding]:
    """What the provider itself says of the close: where something was missing, the statement is true of less than the period."""
    for note in close.notes:
        yield Finding("close", "note", note, "ask the provider whether it will close the period again for this")


def _amounts(claim: Statement) -> Iterator[Finding]:
    shares = _sum(share.amounts for share in claim.shares)
    shown = _sum(claim.shown)
    totals = unpack(claim.totals)
    hidden = len(claim.hashes) - len(claim.shown)
    faults = list(_differences("the shares add up to", shares, totals))
    if hidden:
        over = [at for at, total in enumerate(totals) if shown[at] > total]
        faults += [Finding("amounts", "fault", f"{MEASURES[at]}: the lines shown exceed the totals", AGAIN) for at in over]
    else:
        faults += _differences("the lines add up to", shown, totals)
    yield from faults
    if not faults:
        yield Finding("amounts", "ok", f"{len(claim.shown):,} lines and {len(claim.shares)} shares add up to the totals")
    if hidden and not faults:
        rest = ", ".join(f"{name} {total - part}" for name, total, part in zip(MEASURES, totals, shown, strict=True))
        yield Finding("withheld", "note", f"{hidden:,} of {len(claim.hashes):,} lines are withheld; they are {rest}")


def _sum(packed: Iterable[int]) -> tuple[int, ...]:
    # At most 255 shares or a million lines below 2**96: no lane carries.
    return unpack(sum(packed))


def _differences(what: str, found: Sequence[int], totals: Sequence[int]) -> Iterator[Finding]:
    for name, part, total in zip(MEASURES, found, totals, strict=True):
        if part != total:
            yield Finding("amounts", "fault", f"{name}: {what} {part}, and the totals say {total}", AGAIN)


def _paths(claim: Statement, close: Close) -> Iterator[Finding]:
    digest = account_digest(claim.blinding, claim.account, claim.period, claim.totals, claim.hashes)
    faults = []
    seen: dict[int, int] = {}
    for at, share in enumerate(claim.shares):
        if share.position in seen:
            text = f"share {at + 1}: it has the place of share {seen[share.position] + 1}"
            faults.append(Finding("path", "fault", text, FORGED))
        seen[share.position] = at
        if fault := _path_fault(share, digest, at, len(claim.shares), close):
            faults.append(Finding("path", "fault", f"share {at + 1}: {fault}", AGAIN))
    yield from faults
    if not faults:
        yield Finding("path", "ok", f"all {len(claim.shares)} shares lead to the root {close.root.hex()}")


def _path_fault(share: Share, digest: bytes, index: int, count: int, close: Close) -> str:
    if len(share.path) != close.depth:
        return f"its path has {len(share.path)} steps, and the tree {close.depth}"
    sums = share.amounts.to_bytes(SUMS_BYTES)
    entry = leaf_hash(share.salt, digest, index, count, sums) + sums
    for level, step in enumerate(share.path):
        try:
            entry = node_entry(step, entry) if share.position >> level & 1 else node_entry(entry, step)
        except OverflowError as error:
            return f"step {level + 1} of its path: {error}"
    if entry[:HASH_BYTES] != close.root:
        return (
            f"its path leads to {entry[:HASH_BYTES].hex()}, not to the root {close.root.hex()}: "
            "an amount, line, salt or hash of the statement is not what was closed, or the root is of another close"
        )
    if int.from_bytes(entry[HASH_BYTES:]) != close.totals:
        return "its path leads to other totals than those of the root"
    return ""
