"""The log of roots: rotation, restatement, and every way to forge it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from greencloud.errors import ProofError
from greencloud.proof import (
    Finding,
    Period,
    Signer,
    append_entry,
    build,
    canonical,
    close_entry,
    fingerprint,
    key_entry,
    log_faults,
    period_named,
    read_log,
    verify,
)
from proof_world import CLOSED, FIRST, NOVEMBER, SECOND, SECRET, Book, accounts_of, body_of, copied, started

THIEF = Signer.from_seed(sha256(b"a key of somebody else").digest())
BOOK: Book = {"acme": [({}, (1, 2, 3, 4, 5, 6, 7))], "borealis": [({}, (7, 6, 5, 4, 3, 2, 1))]}
TREE = build(NOVEMBER, accounts_of(BOOK), secret=SECRET)
DECEMBER = Period("2026-12", NOVEMBER.end, NOVEMBER.end + timedelta(days=31))
LATER = build(DECEMBER, accounts_of(BOOK), secret=SECRET)


def whole() -> list[dict[str, Any]]:
    """Key, close, rotation, close of the next month, restatement of the first."""
    log = started()
    log.append(close_entry(log, body_of(TREE), FIRST, CLOSED))
    log.append(key_entry(log, SECOND.public, FIRST, CLOSED))
    log.append(close_entry(log, body_of(LATER), SECOND, CLOSED + timedelta(days=31)))
    log.append(close_entry(log, body_of(TREE, restates=1), SECOND, CLOSED + timedelta(days=32)))
    return log


WHOLE = whole()


def resigned(log: list[Any], start: int, *signers: Signer) -> None:
    """Hash links and signatures made anew from entry ``start`` on, as a forger who holds these keys would."""
    for entry, signer in zip(log[start:], signers, strict=True):
        del entry["signature"]
        at = log.index(entry)
        entry |= {"index": at, "key": signer.public.hex(), "previous": "0" * 64}
        if at:
            entry["previous"] = sha256(canonical(log[at - 1])).hexdigest()
        entry["signature"] = signer.sign(canonical(entry)).hex()


def verified(log: list[Any], at: int, key: Signer | None = None) -> list[Finding]:
    root = copied(log[at])
    said = (LATER if root["body"]["period"] == "2026-12" else TREE).statement("acme", root)
    return verify(said, root, log, fingerprint(key.public) if key else None)


def faults(findings: list[Finding]) -> list[str]:
    return [finding.text for finding in findings if finding.status == "fault"]


def test_a_whole_log_has_no_fault_and_either_key_can_be_trusted() -> None:
    assert list(log_faults(WHOLE)) == []
    for at in (1, 3, 4):
        for key in (None, FIRST, SECOND):
            assert faults(verified(WHOLE, at, key)) == []
    assert "restated by entry 4" in "\n".join(finding.text for finding in verified(WHOLE, 1))
    assert "restated" not in "\n".join(finding.text for finding in verified(WHOLE, 4))


def test_the_fingerprint_is_told_where_none_is_given() -> None:
    note = next(finding for finding in verified(WHOLE, 3) if finding.topic == "key")

    assert note.status == "note"
    assert fingerprint(SECOND.public) in note.remedy


def test_a_later_key_is_not_known_without_the_log() -> None:
    root = WHOLE[3]
    found = verify(LATER.statement("acme", root), root, None, fingerprint(FIRST.public))

    assert [finding.remedy for finding in found if finding.status == "fault"] == [
        "if the provider changed its key, give the log too (--log)"
    ]


def out_of(at: int) -> Callable[[list[Any]], None]:
    return lambda log: log.pop(at) and None


def exchanged(log: list[Any]) -> None:
    log[3], log[4] = log[4], log[3]


def older(log: list[Any]) -> None:
    log[3]["time"] = "2020-01-01T00:00:00Z"
    resigned(log, 3, SECOND, SECOND)


def by_the_old_key(log: list[Any]) -> None:
    resigned(log, 3, FIRST, FIRST)


def seized(log: list[Any]) -> None:
    """A rotation that the new key signs itself."""
    log[2]["body"]["key"] = THIEF.public.hex()
    resigned(log, 2, THIEF, THIEF, THIEF)


def twice(log: list[Any]) -> None:
    log[4]["body"]["restates"] = None
    resigned(log, 4, SECOND)


def restating_nothing(log: list[Any]) -> None:
    log[3]["body"]["restates"] = 1
    resigned(log, 3, SECOND, SECOND)


def under_another_name(log: list[Any]) -> None:
    log[4]["body"] |= {"period": "2026-11 bis", "restates": None}
    resigned(log, 4, SECOND)


def of_the_year(log: list[Any]) -> None:
    """One name with another span."""
    log[3]["body"]["start"] = "2026-01-01T00:00:00Z"
    resigned(log, 3, SECOND, SECOND)


def before_its_end(log: list[Any]) -> None:
    for entry in log[2:]:
        entry["time"] = "2026-12-31T23:59:59Z"
    resigned(log, 2, FIRST, SECOND, SECOND)


def changed_totals(log: list[Any]) -> None:
    log[1]["body"]["totals"][0] = "9"


def changed_and_signed(log: list[Any]) -> None:
    log[1]["body"]["totals"][0] = "9"
    entry = log[1]
    del entry["signature"]
    entry["signature"] = FIRST.sign(canonical(entry)).hex()


def torn(log: list[Any]) -> None:
    log[2] = {"index": 2}


@pytest.mark.parametrize(
    ("forge", "told"),
    [
        (out_of(0), "log entry 0: it says that it is entry 1"),
        (out_of(1), "log entry 1: it does not follow the entry before it"),
        (out_of(2), "is in force"),
        (out_of(3), "log entry 3: it says that it is entry 4"),
        (exchanged, "log entry 3: it does not follow"),
        (older, "log entry 3: it is older than the entry before it"),
        (by_the_old_key, "log entry 3: signed by"),
        (seized, "log entry 2: signed by"),
        (twice, "log entry 4: '2026-11' was closed by entry 1, and this one does not say that it restates it"),
        (restating_nothing, "log entry 3: it restates entry 1, which is no close of '2026-12'"),
        (under_another_name, "this time under another name"),
        (under_another_name, "log entry 4: '2026-11 bis' is no name of a calendar year, quarter, month or day"),
        (of_the_year, "log entry 3: 2026-01-01T00:00:00Z to 2027-01-01T00:00:00Z is not the span of '2026-12'"),
        (before_its_end, "log entry 3: closed at 2026-12-31T23:59:59Z, before '2026-12' ended at 2027-01-01T00:00:00Z"),
        (changed_totals, "log entry 1: its signature does not hold"),
        (changed_and_signed, "log entry 2: it does not follow the entry before it"),
        (torn, "log entry 2: 'body' is missing"),
        (lambda log: log.clear(), "the log is empty"),
    ],
)
def test_a_forged_log_is_found(forge: Callable[[list[Any]], None], told: str) -> None:
    log = copied(WHOLE)
    forge(log)

    assert told in "\n".join(log_faults(log))


def test_a_month_and_its_first_day_are_closed_side_by_side() -> None:
    """Periods of different names may cover the same time: each is proven by itself."""
    day = build(period_named("2026-12-01"), accounts_of(BOOK), secret=SECRET)
    log = copied(WHOLE)
    log.append(close_entry(log, body_of(day), SECOND, CLOSED + timedelta(days=40)))
    assert list(log_faults(log)) == []


def test_a_log_of_another_is_found_by_the_key() -> None:
    """A forger's own log is whole; that it names the provider's key as its next one helps it nothing."""
    log = started(THIEF)
    log.append(close_entry(log, body_of(TREE), THIEF, CLOSED))
    log.append(key_entry(log, FIRST.public, THIEF, CLOSED))

    assert faults(verified(log, 1)) == []
    assert "not by" in "\n".join(faults(verified(log, 1, FIRST)))
    # Nor does an entry of the real log, put behind the forged ones.
    assert faults(verified([*log, WHOLE[3]], 1, FIRST))


def test_a_root_that_is_not_in_the_log_is_found() -> None:
    log = copied(WHOLE[:1])
    other = close_entry(log, body_of(TREE), FIRST, CLOSED + timedelta(seconds=1))
    said = TREE.statement("acme", other)

    assert "entry 1 of the log is not this root" in faults(verify(said, other, WHOLE))
    assert "the log ends before entry 1, which the root claims to be" in faults(verify(said, other, WHOLE[:1]))


def test_an_entry_that_cannot_follow_is_never_made() -> None:
    log = copied(WHOLE)
    with pytest.raises(ProofError, match="does not say that it restates"):
        close_entry(log, body_of(TREE), SECOND, CLOSED + timedelta(days=40))
    with pytest.raises(ProofError, match="signed by"):
        close_entry(log, body_of(TREE, restates=4), FIRST, CLOSED + timedelta(days=40))
    with pytest.raises(ProofError, match="older"):
        close_entry(log, body_of(TREE, restates=4), SECOND, CLOSED)
    with pytest.raises(ProofError, match="the first entry"):
        key_entry([], SECOND.public, FIRST, CLOSED)
    close_entry(log, body_of(TREE, restates=4), SECOND, CLOSED + timedelta(days=40))


def test_a_log_on_disk_grows_whole_or_not_at_all(tmp_path: Path) -> None:
    path = tmp_path / "public" / "log.jsonl"
    assert read_log(path) == []
    for entry in WHOLE:
        append_entry(path, entry)
    assert read_log(path) == WHOLE
    before = path.read_bytes()
    with pytest.raises(ProofError, match="it says that it is entry 4"):
        append_entry(path, WHOLE[4])
    assert path.read_bytes() == before
    path.write_bytes(before[:-1])
    with pytest.raises(ProofError, match="cut off"):
        read_log(path)
