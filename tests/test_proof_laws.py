"""Laws of a closed period: every statement verifies, sums are exact, and nobody is shown another's totals."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from greencloud.errors import NotFoundError, ProofError
from greencloud.proof import AccountLines, Line, audit, build, fold, verify, verify_all, withhold
from greencloud.proof.draws import account_draw
from greencloud.proof.hashes import HASH_BYTES, node_entry
from greencloud.proof.measures import pack, unpack
from proof_world import NOVEMBER, SECRET, World, accounts_of, closed, copied

SMALL = st.integers(0, 3)
AMOUNT = st.one_of(SMALL, st.integers(0, 2**63), st.integers(0, 2**90))
AMOUNTS = st.tuples(*[AMOUNT] * 7)
NAME = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=8)
DIMENSIONS = st.dictionaries(st.one_of(st.sampled_from(["service", "region", "sku"]), NAME), NAME, max_size=3)
LINES = st.lists(st.tuples(DIMENSIONS, AMOUNTS), max_size=4)
SECRETS = st.binary(min_size=32, max_size=32)


@st.composite
def worlds(draw: st.DrawFn) -> tuple[World, dict[str, Any]]:
    """A closed period, and the book that it was closed from."""
    book = draw(st.dictionaries(NAME, LINES, min_size=1, max_size=9))
    return closed(accounts_of(book), secret=draw(SECRETS), shares=draw(st.integers(2, 5))), book


def faults(findings: list[Any]) -> list[str]:
    return [finding.text for finding in findings if finding.status == "fault"]


@settings(max_examples=25, deadline=None)
@given(worlds())
def test_every_statement_verifies_and_all_add_up_to_the_totals(made: tuple[World, dict[str, Any]]) -> None:
    world, book = made
    totals = [0] * 7
    positions = []
    for account, lines in book.items():
        statement = world.statement(account)
        assert faults(verify(copied(statement), copied(world.root), copied(world.log))) == []
        own = [sum(amounts[at] for _, amounts in lines) for at in range(7)]
        assert statement["totals"] == [str(amount) for amount in own]
        totals = [a + b for a, b in zip(totals, own, strict=True)]
        positions += [share["position"] for share in statement["shares"]]
    assert world.tree.totals == tuple(totals)
    assert len(set(positions)) == len(positions) == len(book) * world.tree.shares <= 1 << world.tree.depth < 2 * len(positions)


@settings(max_examples=20, deadline=None)
@given(st.dictionaries(NAME, LINES, min_size=1, max_size=6), SECRETS, st.randoms())
def test_the_same_lines_and_secret_give_the_same_bits_in_any_order(book: dict[str, Any], secret: bytes, random: Any) -> None:
    mixed = [(name, random.sample(lines, len(lines))) for name, lines in book.items()]
    random.shuffle(mixed)
    one = closed(accounts_of(book), secret=secret)
    other = closed(accounts_of(dict(mixed)), secret=secret)

    assert one.root == other.root
    assert [one.statement(name) for name in book] == [other.statement(name) for name in book]
    assert b"".join(audit(one.tree, one.root, named=True)) == b"".join(audit(other.tree, other.root, named=True))
    assert closed(accounts_of(book), secret=bytes(32) if any(secret) else bytes([1] * 32)).tree.root != one.tree.root


def rows_of(lowest: int) -> st.SearchStrategy[list[tuple[int, ...]]]:
    return st.lists(st.tuples(*[st.integers(lowest, 2**60)] * 7), min_size=3, max_size=12)


def book_of(rows: list[tuple[int, ...]], empty: int) -> dict[str, Any]:
    return {f"a{at}": [({}, row)] for at, row in enumerate(rows)} | {f"e{at}": [] for at in range(empty)}


@settings(max_examples=25, deadline=None)
@given(rows_of(2), st.integers(0, 5), SECRETS, st.integers(2, 4))
def test_no_node_below_the_root_has_all_of_one_account_and_of_nobody_else(
    rows: list[tuple[int, ...]], empty: int, secret: bytes, shares: int
) -> None:
    book = book_of(rows, empty)
    tree = build(NOVEMBER, accounts_of(book), secret=secret, shares=shares)
    owners = {place: opened.account for opened in tree.all_opened() for place in opened.positions}

    for level, position in [(k, at) for k in range(tree.depth) for at in range(1 << tree.depth - k)]:
        leaves = range(position << level, position + 1 << level)
        whose = {owners[at] for at in leaves if any(tree.entry(0, at)[HASH_BYTES:])}
        if len(whose) == 1:
            assert unpack(int.from_bytes(tree.entry(level, position)[HASH_BYTES:])) != book[whose.pop()][0][1]


@settings(max_examples=25, deadline=None)
@given(rows_of(2**40), st.integers(0, 5), SECRETS, st.integers(2, 4))
def test_no_statement_shows_an_amount_of_another_account(
    rows: list[tuple[int, ...]], empty: int, secret: bytes, shares: int
) -> None:
    """Amounts are large, so that parts of others do not add up to one of them by chance."""
    world = closed(accounts_of(book_of(rows, empty)), secret=secret, shares=shares)
    for at in range(len(rows)):
        said = world.statement(f"a{at}")
        shown = [step["amounts"] for share in said["shares"] for step in share["path"]]
        others = [row for other, row in enumerate(rows) if other != at]
        assert not any(amounts[k] == str(row[k]) for amounts in shown for row in others for k in range(7))


@settings(max_examples=100, deadline=None)
@given(SECRETS, AMOUNTS, st.integers(2, 6), st.integers(0, 3))
def test_shares_add_up_and_none_is_all(secret: bytes, totals: tuple[int, ...], shares: int, draw: int) -> None:
    drawn = account_draw(secret, b"acme", draw, totals, shares=shares, lines=3)
    parts = [unpack(part) for part in drawn.shares]

    assert len(parts) == len(drawn.leaf_salts) == shares
    assert len(drawn.line_salts) == 3
    assert tuple(map(sum, zip(*parts, strict=True))) == totals
    assert all(part[at] < totals[at] for part in parts for at in range(7) if totals[at] > 1)
    assert len({drawn.blinding, *drawn.leaf_salts, *drawn.line_salts}) == shares + 4


def test_cut_points_are_uniform() -> None:
    """Chi-squared over 9 places of a total of 10, 8 degrees of freedom: above 26.1 once in a thousand; the draws are fixed."""
    counts = [0] * 9
    for at in range(9000):
        counts[unpack(account_draw(SECRET, b"%d" % at, 0, (10,) * 7, shares=2, lines=0).shares[0])[at % 7] - 1] += 1

    assert sum((count - 1000) ** 2 / 1000 for count in counts) < 26.1


@settings(max_examples=20, deadline=None)
@given(worlds(), st.data())
def test_a_withheld_line_leaves_the_rest_proven(made: tuple[World, dict[str, Any]], data: st.DataObject) -> None:
    world, book = made
    account = data.draw(st.sampled_from(sorted(book)))
    whole = world.statement(account)
    hidden = data.draw(st.lists(st.booleans(), min_size=len(whole["lines"]), max_size=len(whole["lines"])))
    answers = iter(hidden)
    part = withhold(whole, lambda _: not next(answers))
    findings = verify(copied(part), world.root)

    assert faults(findings) == []
    assert any(finding.topic == "withheld" for finding in findings) == any(hidden)
    assert ["hash" in line for line in part["lines"]] == hidden


@settings(max_examples=20, deadline=None)
@given(worlds(), st.booleans())
def test_an_auditor_computes_the_root_anew(made: tuple[World, dict[str, Any]], named: bool) -> None:
    world, _ = made
    records = [json.loads(line) for line in audit(world.tree, world.root, named=named)]

    assert faults(verify_all(records, world.root)) == []
    assert len(records) == 1 + (1 << world.tree.depth)


@settings(max_examples=50, deadline=None)
@given(LINES, st.integers(1, 4), st.randoms())
def test_lines_that_are_too_many_are_folded_with_the_same_totals(lines: list[Any], most: int, random: Any) -> None:
    (account,) = accounts_of({"acme": lines})
    folded = fold(account, most)

    assert len(folded.lines) == min(len(lines), most)
    assert totals_of(folded) == totals_of(account)
    if len(lines) <= most:
        assert folded == account
        return
    *kept, rest = folded.lines
    assert all(line in account.lines for line in kept)
    assert rest.dimensions["remainder"] == f"{len(lines) - most + 1:,} smaller lines"
    left = sorted(sum(line.amounts[1:]) for line in account.lines)[: len(lines) - most + 1]
    assert sum(rest.amounts[1:]) == sum(left)
    assert fold(AccountLines("acme", random.sample(account.lines, len(lines))), most) == folded
    world = closed([folded, AccountLines("other", [GOOD])])
    assert faults(verify(copied(world.statement("acme")), world.root, world.log)) == []


def totals_of(account: AccountLines) -> list[int]:
    return [sum(line.amounts[at] for line in account.lines) for at in range(7)]


def test_what_folded_lines_have_in_common_is_kept() -> None:
    lines = [Line({"service": f"s{at}", "region": "eu"}, (at,) * 7) for at in range(4)]
    *_, rest = fold(AccountLines("a", lines), 2).lines
    assert rest == Line({"service": "", "region": "eu", "remainder": "3 smaller lines"}, (3,) * 7)


GOOD = Line({"service": "compute"}, (1, 2, 3, 4, 5, 6, 7))


@pytest.mark.parametrize(
    ("accounts", "said"),
    [
        ([], "no account has lines"),
        ([AccountLines("a", [GOOD]), AccountLines("b", []), AccountLines("a", [])], "account 'a' is given twice"),
        ([AccountLines("a", [Line({"service": "s"}, (1, 2, -3, 4, 5, 6, 7))])], "account 'a': scope2_location_ug of the line"),
        ([AccountLines("a", [Line({}, (1, 2, 3, 4, 5, 6))])], "the amounts of a line are a tuple of 7, not (1, 2, 3, 4, 5, 6)"),
        ([AccountLines("a", [Line({}, (True, 2, 3, 4, 5, 6, 7))])], "energy_mj of the line {} is True"),
        ([AccountLines("a", [Line({}, (1.5, 2, 3, 4, 5, 6, 7))])], "energy_mj of the line {} is 1.5"),  # type: ignore[arg-type]
        ([AccountLines("a", [Line({}, (2**96, 0, 0, 0, 0, 0, 0))])], "account 'a': an amount is 2**96 or more"),
        ([AccountLines("a", [Line({}, (0, 0, 0, 0, 0, 0, 2**95))] * 2)], "account 'a': an amount is 2**96 or more"),
        ([AccountLines("a", [Line({}, (0, 2**128, 0, 0, 0, 0, 0))])], "account 'a': an amount is 2**96 or more"),
        ([AccountLines("a", [Line({}, (2**130, 0, 0, 0, 0, 0, 0))])], "account 'a': an amount is 2**96 or more"),
        ([AccountLines("", [GOOD])], "an account is named by 1 to"),
        ([AccountLines("a", [Line({"service": 1}, GOOD.amounts)])], "dimensions are texts"),  # type: ignore[dict-item]
        ([AccountLines("a", [Line({"service": "\ud800"}, GOOD.amounts)])], "account 'a': this cannot be written as canonical JSON"),
    ],
)
def test_what_cannot_be_closed_is_refused_by_name(accounts: list[AccountLines], said: str) -> None:
    with pytest.raises(ProofError) as caught:
        build(NOVEMBER, accounts, secret=SECRET)
    assert said in caught.value.message
    assert caught.value.exit_code == 7


def test_an_account_that_was_left_out_has_no_statement() -> None:
    with pytest.raises(NotFoundError, match="no account 'b'"):
        closed([AccountLines("a", [GOOD])]).statement("b")


def test_a_sum_that_would_carry_into_the_next_measure_is_refused() -> None:
    for at in range(7):
        row = [0] * 7
        row[at] = 2**128 - 1
        top = bytes(32) + pack(row).to_bytes(112)
        row[at] = 1
        with pytest.raises(OverflowError):
            node_entry(top, bytes(32) + pack(row).to_bytes(112))
    assert node_entry(top, bytes(144))[HASH_BYTES:] == top[HASH_BYTES:]
