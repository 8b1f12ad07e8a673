"""The log of roots: a file of signed entries, each naming the hash of the one before, so that none can be changed or taken out
later.

``log.jsonl`` has one entry a line, canonical JSON::

    {"body", "format": "greencloud-log/1", "index", "key", "kind": "key" | "close", "previous", "signature", "time"}

``previous`` is SHA-256 of the bytes of the entry before, its signature included (64 zeros for the first). ``signature`` is by
``key``, over the canonical bytes of the entry without it. Entry 0 is of kind ``key`` and signed by the key that it names; a later
``key`` entry is signed by the key in force and names the next one. A ``close`` publishes one period: ``root.json`` is one such
entry. Its name is that of a calendar period, its span the one of the name, and its time not before the end of it. A period is
closed again only by an entry that says which it ``restates``, the last of that period.

A log that only grows is as good as the number of its copies: who keeps a copy, or its last hash, sees when history is written anew,
as in certificate transparency (RFC 9162, 8.3).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

from greencloud.durable import replace_file
from greencloud.errors import ProofError, QuantityError
from greencloud.proof.canonical import canonical, parse, read_file
from greencloud.proof.draws import MAX_SHARES
from greencloud.proof.fields import hexadecimal, instant, integer, listed, members, text
from greencloud.proof.hashes import HASH_BYTES
from greencloud.proof.measures import read_decimals
from greencloud.proof.periods import period_named
from greencloud.proof.signing import KEY_BYTES, SIGNATURE_BYTES, Signer, fingerprint, signed_by
from greencloud.proof.statement import MAX_DEPTH
from greencloud.units import format_instant

__all__ = [
    "MAX_LOG_BYTES",
    "MAX_ROOT_BYTES",
    "Close",
    "Entry",
    "append_entry",
    "close_entry",
    "key_entry",
    "log_faults",
    "parse_entry",
    "parse_log",
    "read_log",
]

FORMAT: Final = "greencloud-log/1"
MAX_LOG_BYTES: Final = 256 << 20
MAX_ROOT_BYTES: Final = 8 << 20
MAX_VERSIONS: Final = 1000
MAX_NOTES: Final = 1000


@dataclass(frozen=True, slots=True)
class Close:
    """The body of a close. ``notes``: what the provider says of it, as what is missing in the period. ``totals`` are packed;
    ``restates`` is the index of the close that it replaces."""

    period: str
    start: datetime
    end: datetime
    ledger_version: str
    batches: bytes
    methodology_versions: tuple[str, ...]
    notes: tuple[str, ...]
    totals: int
    root: bytes
    depth: int
    shares: int
    restates: int | None


@dataclass(frozen=True, slots=True)
class Entry:
    """An entry whose form is right. ``body`` is a close, or the 32 bytes of a public key; ``document`` what was read."""

    index: int
    previous: bytes
    time: datetime
    body: Close | bytes
    key: bytes
    signature: bytes
    signed: bytes
    document: Mapping[str, Any]

    @property
    def hash(self) -> bytes:
        return sha256(canonical(self.document)).digest()

    def signature_holds(self) -> bool:
        return signed_by(self.key, self.signature, self.signed)

    def faults(self) -> Iterator[str]:
        """What a close says of its period that cannot be, whatever log it is in."""
        if not isinstance(close := self.body, Close):
            return
        try:
            named = period_named(close.period)
        except QuantityError:
            yield f"{close.period!r} is no name of a calendar year, quarter, month or day"
        else:
            if (close.start, close.end) != (named.start, named.end):
                span = f"{format_instant(close.start)} to {format_instant(close.end)}"
                yield f"{span} is not the span of {close.period!r}"
        if self.time < close.end:
            yield f"closed at {format_instant(self.time)}, before {close.period!r} ended at {format_instant(close.end)}"


def parse_entry(document: Any, where: str = "root") -> Entry:
    """Read an entry.

    Raises:
        ProofError: a field is missing, unknown, or not of its kind.
    """
    fields = members(document, where, "body", "format", "index", "key", "kind", "previous", "signature", "time")
    if fields["format"] != FORMAT:
        raise ProofError(
            f"{where}: the format is {str(fields['format'])[:60]!r}, not {FORMAT!r}",
            advice="verify it with the version of greencloud that knows this format",
        )
    if fields["kind"] == "key":
        names = members(fields["body"], f"{where}: body", "key")
        body: Close | bytes = hexadecimal(names["key"], f"{where}: body: key", KEY_BYTES)
    elif fields["kind"] == "close":
        body = _close(fields["body"], where)
    else:
        raise ProofError(f"{where}: the kind is {str(fields['kind'])[:60]!r}, neither 'key' nor 'close'")
    return Entry(
        integer(fields["index"], f"{where}: index", 0, 1 << 32),
        hexadecimal(fields["previous"], f"{where}: previous", HASH_BYTES),
        instant(fields["time"], f"{where}: time"),
        body,
        hexadecimal(fields["key"], f"{where}: key", KEY_BYTES),
        hexadecimal(fields["signature"], f"{where}: signature", SIGNATURE_BYTES),
        canonical({name: value for name, value in fields.items() if name != "signature"}),
        fields,
    )


def _close(value: Any, where: str) -> Close:
    fields = members(
        value,
        f"{where}: body",
        "batches",
        "depth",
        "end",
        "ledger_version",
        "methodology_versions",
        "notes",
        "period",
        "restates",
        "root",
        "shares",
        "start",
        "totals",
    )
    restates = fields["restates"]
    versions = listed(fields["methodology_versions"], f"{where}: methodology_versions", 0, MAX_VERSIONS)
    notes = listed(fields["notes"], f"{where}: notes", 0, MAX_NOTES)
    close = Close(
        text(fields["period"], f"{where}: period"),
        instant(fields["start"], f"{where}: start"),
        instant(fields["end"], f"{where}: end"),
        text(fields["ledger_version"], f"{where}: ledger_version"),
        hexadecimal(fields["batches"], f"{where}: batches", HASH_BYTES),
        tuple(text(version, f"{where}: methodology_versions") for version in versions),
        tuple(text(note, f"{where}: notes") for note in notes),
        read_decimals(fields["totals"], f"{where}: totals"),
        hexadecimal(fields["root"], f"{where}: root", HASH_BYTES),
        integer(fields["depth"], f"{where}: depth", 1, MAX_DEPTH),
        integer(fields["shares"], f"{where}: shares", 2, MAX_SHARES),
        None if restates is None else integer(restates, f"{where}: restates", 0, 1 << 32),
    )
    if close.start >= close.end:
        raise ProofError(f"{where}: the period ends before it starts")
    return close


def key_entry(log: Sequence[Mapping[str, Any]], key: bytes, signer: Signer, time: datetime) -> dict[str, Any]:
    """The first entry, or a rotation: ``key`` is the public key in force from the next entry on."""
    return _signed(log, "key", {"key": key.hex()}, signer, time)


def close_entry(log: Sequence[Mapping[str, Any]], body: Mapping[str, Any], signer: Signer, time: datetime) -> dict[str, Any]:
    """A close to append to the log; ``body`` is what ``SumTree.body`` gives."""
    return _signed(log, "close", dict(body), signer, time)


def _signed(log: Sequence[Mapping[str, Any]], kind: str, body: Any, signer: Signer, time: datetime) -> dict[str, Any]:
    entry = {
        "body": body,
        "format": FORMAT,
        "index": len(log),
        "key": signer.public.hex(),
        "kind": kind,
        "previous": sha256(canonical(log[-1])).hexdigest() if log else "0" * 64,
        "time": format_instant(time.replace(microsecond=0)),
    }
    entry["signature"] = signer.sign(canonical(entry)).hex()
    faults = list(log_faults([*log, entry]))
    if faults:
        raise ProofError(f"this entry cannot follow the log: {faults[0]}", advice="see docs/proof.md, The log of roots")
    return entry


def read_log(path: Path) -> list[dict[str, Any]]:
    """The entries of a file, oldest first; [] where there is none yet. Their truth is for ``log_faults``.

    Raises:
        ProofError: a line that is not canonical JSON.
    """
    try:
        content = read_file(path, "log", limit=MAX_LOG_BYTES)
    except FileNotFoundError:
        return []
    return parse_log(content, str(path))


def parse_log(content: bytes, where: str) -> list[dict[str, Any]]:
    """The entries in the bytes of a log. Raises ProofError as ``read_log``."""
    if content and not content.endswith(b"\n"):
        raise ProofError(f"{where}: the last line is cut off", advice="take a copy of the whole log")
    return [parse(line, f"{where}: line {at}") for at, line in enumerate(content.split(b"\n")[:-1], 1)]


def append_entry(path: Path, entry: Mapping[str, Any]) -> None:
    """Add one entry to the log at ``path``, whole or not at all, and keep the file from other writers meanwhile.

    Raises:
        ProofError: it does not follow the last entry: another was added since it was made, say.
    """
    import fcntl  # not everywhere where statements are verified

    path.parent.mkdir(parents=True, exist_ok=True)
    with path.with_name(f".{path.name}.lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        log = [*read_log(path), dict(entry)]
        for fault in log_faults(log):
            raise ProofError(f"{path}: {fault}", advice="make the entry anew on the log as it is now")
        replace_file(path, b"".join(canonical(each) + b"\n" for each in log))


def log_faults(log: Iterable[Any]) -> Iterable[str]:
    """What is wrong with a log, entry by entry; reading ends at an entry that cannot be read.

    Raises:
        MissingExtraError: no library to check signatures with.
    """
    last: Entry | None = None
    in_force: bytes | None = None
    closes: dict[tuple[datetime, datetime], tuple[int, str]] = {}
    for at, document in enumerate(log):
        where = f"log entry {at}"
        try:
            entry = parse_entry(document, where)
        except ProofError as error:
            yield error.message
            return
        if entry.index != at:
            yield f"{where}: it says that it is entry {entry.index}"
        if entry.previous != (last.hash if last else bytes(HASH_BYTES)):
            yield f"{where}: it does not follow the entry before it: one of the two was changed, added or taken out"
        if last and entry.time < last.time:
            yield f"{where}: it is older than the entry before it"
        if at == 0 and entry.body != entry.key:
            yield f"{where}: the first entry must name the key that signs it"
        elif at and entry.key != in_force:
            yield f"{where}: signed by {fingerprint(entry.key)[:16]}..., while {fingerprint(in_force or b'')[:16]}... is in force"
        if not entry.signature_holds():
            yield f"{where}: its signature does not hold"
        yield from (f"{where}: {fault}" for fault in entry.faults())
        if isinstance(entry.body, Close):
            yield from _restated(entry.body, at, closes, where)
        else:
            in_force = entry.body
        in_force = in_force or entry.key
        last = entry
    if last is None:
        yield "the log is empty"


def _restated(close: Close, at: int, closes: dict[tuple[datetime, datetime], tuple[int, str]], where: str) -> Iterable[str]:
    """A period is closed once; each later close of it replaces the last. Its name and its span of time go together."""
    span = (close.start, close.end)
    for other, (index, name) in closes.items():
        if (other == span) != (name == close.period):
            yield f"{where}: entry {index} closed {name!r}, another time under this name or this time under another name"
    last = closes[span][0] if span in closes else None
    if close.restates != last:
        if last is None:
            yield f"{where}: it restates entry {close.restates}, which is no close of {close.period!r}"
        else:
            yield f"{where}: {close.period!r} was closed by entry {last}, and this one does not say that it restates it"
    closes[span] = (at, close.period)
