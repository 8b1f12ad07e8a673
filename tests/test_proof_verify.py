"""Any change of a statement, a root or a log is found, and any content of a document gives findings rather than an error."""

from __future__ import annotations

import json
from collections.abc import Callable
from copy import deepcopy
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from greencloud.errors import ProofError
from greencloud.proof import Finding, audit, canonical, parse, parse_log, verify, verify_all, withhold
from profiles import examples
from proof_world import GOLDEN, World, accounts_of, closed, copied
from test_proof_laws import worlds

STATEMENT = (GOLDEN / "statement.json").read_bytes().removesuffix(b"\n")
ROOT = (GOLDEN / "root.json").read_bytes().removesuffix(b"\n")
LOG = (GOLDEN / "log.jsonl").read_bytes()
KEY = json.loads((GOLDEN / "steps.json").read_bytes())["fingerprints"][0]


def faults(findings: list[Finding]) -> list[str]:
    return [f"{finding.topic}: {finding.text}" for finding in findings if finding.status == "fault"]


def of_files(statement: bytes, root: bytes, log: bytes) -> list[str]:
    try:
        return faults(verify(parse(statement, "statement"), parse(root, "root"), parse_log(log, "log"), KEY))
    except ProofError as error:
        return [error.message]


def test_the_files_as_they_are_have_no_fault() -> None:
    assert of_files(STATEMENT, ROOT, LOG) == []
    assert of_files(STATEMENT + b"\n", ROOT + b"\n", LOG) == []


@settings(max_examples=examples(100), deadline=None)
@given(st.integers(0, 2), st.randoms(), st.sampled_from(["set", "insert", "delete", "swap", "cut"]))
def test_any_change_of_bytes_is_found(which: int, random: Any, change: str) -> None:
    files = [STATEMENT, ROOT, LOG]
    content = bytearray(files[which])
    at = random.randrange(len(content))
    match change:
        case "set":
            content[at] ^= 1 << random.randrange(8)
        case "insert":
            content.insert(at, random.choice(content))
        case "delete":
            del content[at]
        case "swap":
            other = random.randrange(len(content))
            content[at], content[other] = content[other], content[at]
        case _:
            # A log cut at the end of an entry is an older log: that is found where it ends before the root.
            del content[at if which < 2 else min(at, LOG.index(b"\n", LOG.index(b"\n") + 1)) :]
    if bytes(content) == files[which]:
        return
    files[which] = bytes(content)
    assert of_files(*files), bytes(content)


def places(document: Any, at: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The way to every value in a document."""
    items = document.items() if isinstance(document, dict) else enumerate(document) if isinstance(document, list) else ()
    return [at, *(place for name, value in items for place in places(value, (*at, name)))]


def changed(value: Any, random: Any) -> Any:
    """Something like the value, and not the value."""
    if isinstance(value, str):
        if value.isdigit() and len(value) < 32:
            return str(int(value) + random.choice([-1, 1, 2**20, 2**96]))
        at = random.randrange(len(value) or 1)
        return value[:at] + random.choice("0123456789abcdefxZ-é") + value[at + 1 :]
    if isinstance(value, int):
        return value + random.choice([-1, 1, 2])
    if value is None:
        return random.choice([0, 1])
    if isinstance(value, list):
        value = list(value)
        at = random.randrange(len(value) + 1)
        match random.randrange(4):
            case 0:
                del value[at:]
            case 1:
                value.insert(at, deepcopy(random.choice(value)) if value else "0")
            case 2:
                random.shuffle(value)
            case _:
                value.reverse()
        return value
    names = list(value)
    if random.random() < 0.5 or not names:
        return {**value, "extra": "0"}
    name = random.choice(names)
    return {other: each for other, each in value.items() if other != name}


@settings(max_examples=examples(30), deadline=None)
@given(worlds(), st.randoms(), st.booleans(), st.data())
def test_any_change_of_a_field_is_found(made: tuple[World, dict[str, Any]], random: Any, hide: bool, data: st.DataObject) -> None:
    world, book = made
    statement = world.statement(data.draw(st.sampled_from(sorted(book))))
    if hide:
        statement = withhold(statement, lambda _: random.random() < 0.5)
    documents = [copied(statement), copied(world.root), copied(world.log)]
    assert faults(verify(*documents)) == []
    which = random.randrange(3)
    place = random.choice(places(documents[which])[1:])
    inner = documents[which]
    for name in place[:-1]:
        inner = inner[name]
    before = deepcopy(documents[which])
    inner[place[-1]] = changed(inner[place[-1]], random)
    if documents[which] != before:
        assert faults(verify(*documents)), place


JSON = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.text(max_size=4), st.floats(), st.sampled_from(["close", "key", "1"])),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=8), inner, max_size=3)),
    max_leaves=6,
)


@settings(max_examples=examples(30), deadline=None)
@given(JSON, st.integers(0, 2), st.randoms())
def test_documents_of_any_content_give_findings(value: Any, which: int, random: Any) -> None:
    documents = [json.loads(STATEMENT), json.loads(ROOT), parse_log(LOG, "log")]
    place = random.choice(places(documents[which]))
    if place:
        inner = documents[which]
        for name in place[:-1]:
            inner = inner[name]
        inner[place[-1]] = value
    elif which < 2:
        documents[which] = value
    else:
        documents[2] = [value]
    assert faults(verify(documents[0], documents[1], documents[2], KEY)) or documents == [
        json.loads(STATEMENT),
        json.loads(ROOT),
        parse_log(LOG, "log"),
    ]


LARGE = 2**50
BOOK = {f"a{at}": [({"service": "s"}, (LARGE + at, at, 3, 4, 5, 6, 7)), ({}, (1, 1, 1, 1, 1, 1, 1))] for at in range(5)}
WORLD = closed(accounts_of(BOOK))


def doctored(change: Callable[[Any], None]) -> list[str]:
    said = copied(WORLD.statement("a1"))
    change(said)
    return faults(verify(said, copied(WORLD.root)))


def moved(said: Any, source: str, target: str) -> None:
    """One millijoule from one place to another, as strings of 7 amounts."""
    one, other = (eval(path, {"said": said}) for path in (source, target))
    one[0], other[0] = str(int(one[0]) - 1), str(int(other[0]) + 1)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda said: said.update(account="a2"), "share 1: its path leads to"),
        (lambda said: said["lines"].reverse(), "not to the root"),
        (lambda said: said["lines"].pop(), "the lines add up to"),
        (lambda said: said["shares"].reverse(), "not to the root"),
        (lambda said: said["shares"].pop(), "shares: not a list of 2 to 255 items"),
        (lambda said: said["shares"].append(said["shares"][0]), "share 3: it has the place of share 1"),
        (
            lambda said: said["shares"][1].update(position=0, path=said["shares"][1]["path"][:3]),
            "its path has 3 steps, and the tree 4",
        ),
        (lambda said: said["shares"][0].update(position=16), "share 1: position: 16 is not a whole number from 0 to 15"),
        (lambda said: moved(said, "said['shares'][0]['amounts']", "said['shares'][1]['amounts']"), "share 1: its path leads to"),
        (lambda said: moved(said, "said['lines'][0]['amounts']", "said['lines'][1]['amounts']"), "share 1: its path leads to"),
        (lambda said: said["totals"].__setitem__(1, "-1"), "totals: scope1_ug is '-1', not a whole number"),
        (lambda said: said["totals"].__setitem__(1, "01"), "totals: scope1_ug is '01', not a whole number"),
        (lambda said: said["totals"].__setitem__(1, "٣"), "totals: scope1_ug is '٣', not a whole number"),
        (lambda said: said["totals"].__setitem__(1, str(2**96)), "which is 2**96 or more"),
        (
            lambda said: said["shares"][0]["path"][2]["amounts"].__setitem__(3, str(2**128 - 1)),
            "share 1: step 3 of its path: a sum of two nodes is 2**128 or more",
        ),
        (lambda said: said["close"].update(period="2026-12"), "the period is 2026-12 in the statement and 2026-11 in the root"),
        (lambda said: said["close"].update(index=2), "the entry of the log is 2 in the statement and 1 in the root"),
        (lambda said: said.update(note="x"), "statement: 'note' is not a part of this format"),
        (lambda said: said.pop("blinding"), "statement: 'blinding' is missing"),
        (lambda said: said.update(format="greencloud-statement/2"), "the format is 'greencloud-statement/2'"),
        (lambda said: said["lines"][0].update(salt=said["lines"][0]["salt"].upper() + "A" * 2), "line 1: salt: not 32 hexadecimal"),
    ],
)
def test_each_fault_is_named(change: Callable[[Any], None], told: str) -> None:
    assert told in "\n".join(doctored(change))


def test_a_statement_of_another_close_does_not_verify() -> None:
    other = closed(accounts_of(BOOK), secret=bytes(32))

    assert any("not to the root" in fault for fault in faults(verify(WORLD.statement("a1"), other.root)))


def records() -> list[Any]:
    return [json.loads(line) for line in audit(WORLD.tree, WORLD.root, named=True)]


def first_named(found: list[Any]) -> Any:
    return next(record for record in found if record.get("account"))


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda found: found.pop(3), "the list has 15 leaves, and the tree 16"),
        (lambda found: found.append(found[-1]), "the list has 17 leaves, and the tree 16"),
        (lambda found: found.insert(5, found.pop(2)), "out of order"),
        (lambda found: first_named(found)["account"].update(account="b"), "the digest is not that of account 'b'"),
        (lambda found: first_named(found).update(account=None), "1 accounts are not named, or a name stands for several"),
        (lambda found: first_named(found).update(digest="0" * 64), "not each of 2 once"),
        (lambda found: found[1]["amounts"].__setitem__(0, "-5"), "energy_mj is '-5'"),
        (lambda found: found[1]["amounts"].__setitem__(0, "5"), "the leaves lead to another root or other totals"),
        (lambda found: first_named(found).update(count=0), "it belongs to no account and is not empty"),
        (lambda found: found[0].update(depth=5), "this list is of another close"),
        (lambda found: found.clear(), "head: not an object"),
    ],
)
def test_an_auditor_finds_what_is_wrong_with_the_list(change: Callable[[Any], None], told: str) -> None:
    found = records()
    assert faults(verify_all(found, WORLD.root)) == []
    change(found)
    assert told in "\n".join(faults(verify_all(found, WORLD.root)))


def test_two_accounts_of_one_name_are_found_by_the_auditor() -> None:
    found = records()
    named = [record for record in found if record.get("account")]
    named[1]["account"] = named[0]["account"]

    assert f"account {named[0]['account']['account']!r} comes twice" in "\n".join(faults(verify_all(found, WORLD.root)))


def test_canonical_json_follows_rfc_8785() -> None:
    # RFC 8785, 3.2.3, without the numbers: names by UTF-16 code units.
    value = {"€": "Euro", "\r": "CR", "\ufb33": "dalet", "1": "one", "😀": "smiley", "\x80": "control", "ö": "o"}
    assert list(json.loads(canonical(value))) == ["\r", "1", "\x80", "ö", "€", "😀", "\ufb33"]
    assert canonical('€$\x0f\nA\'B"\\\\"/') == b'"\xe2\x82\xac$\\u000f\\nA\'B\\"\\\\\\\\\\"/"'
    for refused in (1.0, 2**53, {1: "x"}, b"x", "\ud800"):
        with pytest.raises(ProofError):
            canonical(refused)
    for content in (
        b'{"a":1,"a":1}',
        b"1.0",
        b"NaN",
        b"[1, 2]",
        b'{"b":1,"a":1}',
        b'"\\u0041"',
        b"1" * 99,
        b"\xff",
        b"[" * 10**5,
        b"",
    ):
        with pytest.raises(ProofError):
            parse(content, "file")
