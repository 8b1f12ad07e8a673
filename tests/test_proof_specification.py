"""docs/proof.md says enough to write a verifier, and the test vectors are what the code makes."""

from __future__ import annotations

import ast
import json
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import proof_oracle
from greencloud.errors import ProofError, QuantityError
from greencloud.proof import (
    MEASURES,
    Period,
    Signer,
    build,
    canonical,
    close_entry,
    fingerprint,
    key_entry,
    parse,
    period_named,
    verify,
    verify_all,
)
from greencloud.units import format_instant
from proof_world import CLOSED, FIRST, GOLDEN, NOVEMBER, SECRET, VECTOR_BOOK, accounts_of, body_of, copied, vectors
from test_proof_laws import worlds

DOCS = (Path(__file__).parents[1] / "docs" / "proof.md").read_text()
ORACLE = Path(proof_oracle.__file__)


def golden(name: str) -> Any:
    return parse((GOLDEN / name).read_bytes(), name)


def golden_log() -> list[Any]:
    return [proof_oracle.read(line) for line in (GOLDEN / "log.jsonl").read_bytes().splitlines()]


def test_the_vectors_are_what_the_code_makes() -> None:
    made = vectors()

    assert {path.name for path in GOLDEN.iterdir()} == made.keys()
    assert {name: (GOLDEN / name).read_bytes() for name in made} == made


def test_the_oracle_is_short_and_stands_alone() -> None:
    tree = ast.parse(ORACLE.read_text())
    names = [node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]
    names += [alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names]

    assert not [name for name in names if name.startswith("greencloud")]
    assert sum(bool(line.strip()) for line in ORACLE.read_text().splitlines()) <= 90


@pytest.mark.parametrize("name", ["statement.json", "statement-restated.json"])
def test_the_oracle_verifies_the_vectors(name: str) -> None:
    content = (GOLDEN / name).read_bytes()
    root = proof_oracle.read((GOLDEN / name.replace("statement", "root")).read_bytes())
    log = golden_log()

    proof_oracle.check_statement(proof_oracle.read(content), root)
    for key in golden("steps.json")["fingerprints"]:
        proof_oracle.check_log(log, key)
    assert log[root["index"]] == root


def test_the_intermediate_hashes_follow_from_the_page() -> None:
    steps, said = golden("steps.json"), golden("statement.json")
    lines = [
        sha256(
            b"\2" + bytes.fromhex(line["salt"]) + proof_oracle.jcs({name: line[name] for name in ("amounts", "dimensions")})
        ).hexdigest()
        for line in said["lines"]
    ]
    levels = [[bytes.fromhex(entry) for entry in level] for level in steps["levels"]]

    assert lines == steps["line_hashes"]
    assert [sha256(proof_oracle.jcs(entry)).hexdigest() for entry in golden_log()] == steps["log_hashes"]
    for below, above in pairwise(levels):
        assert [sha256(b"\1" + one + two).digest() for one, two in zip(below[::2], below[1::2], strict=True)] == [
            entry[:32] for entry in above
        ]
    assert levels[-1][0][:32].hex() == golden("root.json")["body"]["root"]
    assert len(levels[0]) == 1 << golden("root.json")["body"]["depth"] >= 2 * len(VECTOR_BOOK)


def test_our_verifier_verifies_the_vectors() -> None:
    log = golden_log()
    for name in ("statement.json", "statement-withheld.json", "statement-restated.json"):
        root = golden("root-restated.json" if "restated" in name else "root.json")
        assert not [each for each in verify(golden(name), root, log) if each.status == "fault"]
    records = [json.loads(line) for line in (GOLDEN / "audit.jsonl").read_bytes().splitlines()]
    assert [each.status for each in verify_all(records, golden("root.json"))] == ["ok"]


@settings(max_examples=20, deadline=None)
@given(worlds(), st.data())
def test_the_oracle_verifies_fresh_trees_and_finds_what_ours_finds(made: Any, data: st.DataObject) -> None:
    world, book = made
    account = data.draw(st.sampled_from(sorted(book)))
    said = copied(world.statement(account))
    proof_oracle.check_statement(said, copied(world.root))
    proof_oracle.check_log(copied(world.log), sha256(bytes.fromhex(world.log[0]["key"])).hexdigest())

    share = data.draw(st.sampled_from(said["shares"]))
    step = data.draw(st.sampled_from(share["path"]))
    at = data.draw(st.integers(0, 6))
    step["amounts"][at] = str(int(step["amounts"][at]) + 1)
    with pytest.raises(ValueError, match=r"root|large|overflow"):
        proof_oracle.check_statement(said, copied(world.root))
    assert [each for each in verify(said, world.root) if each.status == "fault"]


SPANS = [
    ("2026", "2026-01-01", "2027-01-01"),
    ("2026-Q4", "2026-10-01", "2027-01-01"),
    ("2026-11", "2026-11-01", "2026-12-01"),
    ("2024-02", "2024-02-01", "2024-03-01"),
    ("2026-12-31", "2026-12-31", "2027-01-01"),
]


@pytest.mark.parametrize(("name", "start", "end"), SPANS)
def test_the_oracle_and_ours_know_the_span_of_a_name(name: str, start: str, end: str) -> None:
    assert proof_oracle.span(name) == (f"{start}T00:00:00Z", f"{end}T00:00:00Z")
    period = period_named(name)
    assert (f"{period.start:%Y-%m-%d}", f"{period.end:%Y-%m-%d}") == (start, end)


@given(st.one_of(st.from_regex(r"\A[0-9]{4}(-(Q[0-9]|[0-9]{2}(-[0-9]{2})?))?\Z"), st.text(max_size=10)))
def test_the_oracle_and_ours_take_the_same_names(name: str) -> None:
    try:
        period = period_named(name)
    except QuantityError:
        with pytest.raises(ValueError):  # noqa: PT011 - a date that is none, in the library's own words
            proof_oracle.span(name)
    else:
        assert proof_oracle.span(name) == (format_instant(period.start), format_instant(period.end))


def made_by(signer: Signer, period: Period, time: datetime) -> tuple[Any, Any, list[Any]]:
    """A statement, the root and the log of a provider that signs whatever it likes."""
    tree = build(period, accounts_of(VECTOR_BOOK), secret=SECRET)
    log = [key_entry([], signer.public, signer, time)]
    root = {**copied(log[0]), "body": body_of(tree), "index": 1, "kind": "close", "previous": sha256(canonical(log[0])).hexdigest()}
    del root["signature"]
    root["signature"] = signer.sign(canonical(root)).hex()
    return tree.statement("acme", root), root, [*log, root]


SECOND_LATER = timedelta(seconds=1)
LYING = {
    "a name with a space": (Period("2026-11 ", NOVEMBER.start, NOVEMBER.end), CLOSED, "no name of a calendar"),
    "a name with a look-alike": (Period("2026\u201011", NOVEMBER.start, NOVEMBER.end), CLOSED, "no name of a calendar"),
    "a month 00": (Period("2026-00", datetime(2026, 1, 1, tzinfo=UTC), datetime(2027, 1, 1, tzinfo=UTC)), CLOSED, "no name"),
    "a second less": (Period("2026-11", NOVEMBER.start, NOVEMBER.end - SECOND_LATER), CLOSED, "not the span of '2026-11'"),
    "another month": (Period("2026-10", NOVEMBER.start, NOVEMBER.end), CLOSED, "not the span of '2026-10'"),
    "its first day": (NOVEMBER, NOVEMBER.start, "before '2026-11' ended"),
    "its last second": (NOVEMBER, NOVEMBER.end - SECOND_LATER, "before '2026-11' ended"),
}


@pytest.mark.parametrize(("period", "time", "told"), LYING.values(), ids=LYING.keys())
def test_a_close_that_lies_of_its_period_is_found_with_and_without_the_log(period: Period, time: datetime, told: str) -> None:
    said, root, log = made_by(FIRST, period, time)

    for given_log in (None, log):
        assert told in "\n".join(each.text for each in verify(said, root, given_log) if each.status == "fault")
    with pytest.raises(ValueError, match=r"period|span|before its end|month must"):
        proof_oracle.check_statement(said, root)
    with pytest.raises(ValueError, match=r"period|span|before its end|month must"):
        proof_oracle.check_log(log, fingerprint(FIRST.public))
    with pytest.raises(ProofError, match=r"cannot follow the log"):
        close_entry(log[:1], root["body"], FIRST, time)


def test_a_close_at_the_very_end_of_its_period_is_true() -> None:
    said, root, log = made_by(FIRST, NOVEMBER, NOVEMBER.end)

    assert not [each for each in verify(said, root, log) if each.status == "fault"]
    proof_oracle.check_statement(said, root)
    proof_oracle.check_log(log, fingerprint(FIRST.public))


def test_the_page_names_every_measure_and_format() -> None:
    for word in (*MEASURES, "greencloud-statement/1", "greencloud-log/1", "greencloud-audit/1"):
        assert word in DOCS
