"""The compiled steps of an allocation against plain ones: uses, leaves, and the sums of entries."""

from __future__ import annotations

from array import array
from collections import defaultdict
from collections.abc import Sequence
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from greencloud import _leaves, _uses
from greencloud._entries import EntrySums
from greencloud.allocation.apportion import apportion
from greencloud.allocation.leaves import Leaf
from greencloud.allocation.setting import Amounts
from greencloud.allocation.uses import Use
from greencloud.units import INT64_MAX

NAMES = st.sampled_from(["", "a", "b", "é", "\U0001f33f"])
AMOUNTS = st.one_of(st.integers(0, 9), st.integers(0, INT64_MAX), st.just(INT64_MAX))
WEIGHTS = st.one_of(st.integers(0, 9), st.integers(0, 2**70))


@st.composite
def uses(draw: st.DrawFn) -> Use:
    amounts = Amounts(*(draw(st.integers(0, 2**64)) for _ in Amounts._fields))
    service, sku, operation, labels, caller = (draw(NAMES) for _ in range(5))
    provider, estimated = draw(st.booleans()), draw(st.booleans())
    return Use("h", "acme", service, sku, operation, labels, caller, provider, estimated, amounts, draw(WEIGHTS))


def plain_leaves(account: str, given: Sequence[Use]) -> list[Leaf]:
    """By the definition: what was measured of a service goes to what was reported of it, as far as that goes, else as it was."""

    def key(use: Use) -> tuple[str, str, str, str]:
        return use.service, use.sku, use.operation, use.labels

    weights: dict[tuple[str, str, str, str], int] = defaultdict(int)
    if all(use.provider for use in given):
        for use in given:
            weights[key(use)] += use.weight
        return [Leaf(account, *each, weights[each]) for each in sorted(weights)]
    counts: dict[tuple[str, str, str, str], int] = defaultdict(int)
    guessed: set[tuple[str, str, str, str]] = set()
    for use in given:
        if not use.provider:
            weights[key(use)] += use.weight
            counts[key(use)] += use.amounts.operations
            guessed |= {key(use)} if use.estimated else set()
    for service in {use.service for use in given if use.provider}:
        measured: dict[tuple[str, str, str, str], int] = defaultdict(int)
        for use in given:
            if use.provider and use.service == service:
                measured[key(use)] += use.weight
        told = sorted(each for each in weights if each in counts and each[0] == service)
        reported, whole = sum(weights[each] for each in told), sum(measured.values())
        if reported > whole:
            weights |= zip(told, plain_parts(whole, [weights[each] for each in told]), strict=True)
        elif whole > reported:
            keys = sorted(measured)
            for each, part in zip(keys, plain_parts(whole - reported, [measured[each] for each in keys]), strict=True):
                weights[each] += part
    flags = {True: frozenset({"estimated"}), False: frozenset[str]()}
    return [Leaf(account, *each, weights[each], counts.get(each, 0), flags[each in guessed]) for each in sorted(weights)]


def plain_parts(total: int, weights: Sequence[int]) -> list[int]:
    quotas = [Fraction(total * weight, sum(weights)) for weight in weights]
    parts = [quota.numerator // quota.denominator for quota in quotas]
    most = sorted(range(len(quotas)), key=lambda index: (parts[index] - quotas[index], index))
    for index in most[: total - sum(parts)]:
        parts[index] += 1
    return parts


@given(st.lists(uses(), max_size=12))
def test_leaves_are_those_of_the_definition(given: list[Use]) -> None:
    assert _leaves.own_leaves("acme", given, Leaf, apportion) == plain_leaves("acme", given)


@given(st.lists(st.integers(0, 2**62), min_size=65, max_size=70), st.integers(0, 2**64))
def test_leaves_of_more_parts_than_the_stack_has(told: list[int], whole: int) -> None:
    rows = [Use("h", "acme", "s", "", f"{i:03}", "{}", "", False, False, Amounts(), weight) for i, weight in enumerate(told)]
    rows.append(Use("h", "acme", "s", "", "", "{}", "", True, False, Amounts(), whole))
    assert _leaves.own_leaves("acme", rows, Leaf, apportion) == plain_leaves("acme", rows)


@given(st.lists(uses(), max_size=4), st.lists(st.tuples(NAMES, st.integers(0, 3)), max_size=3))
def test_where_nothing_weighs_the_reserved_services_do(given: list[Use], reserved: list[tuple[str, int]]) -> None:
    found = _leaves.leaves_of("acme", given, reserved, Leaf, apportion)
    own = plain_leaves("acme", given)
    if any(leaf.weight for leaf in own):
        assert found == tuple(own)
    else:
        more = [each for each in reserved if each[1]] or [("", 1)]
        assert found == (*own, *(Leaf("acme", service, weight=weight) for service, weight in more))
    assert any(leaf.weight for leaf in found)


ROWS = st.lists(
    st.tuples(
        st.sampled_from(["h1", "alias", "elsewhere"]),
        *[st.sampled_from(["a", "b"])] * 6,
        st.sampled_from(["provider", "tenant"]),
        st.sampled_from(["exact", "measured", "estimated"]),
        *[AMOUNTS] * 6,
    ),
    max_size=10,
)
MODES = {"h1": (-1, True), "": (-1, False), "disk": (2, False), "net": (3, False)}


@given(ROWS, st.sampled_from(["h1", "disk", "net"]), st.tuples(*[st.integers(0, 2**70)] * 5), st.integers(1, 2**40))
def test_uses_are_added_up_and_weighed_once(
    rows: list[tuple[object, ...]], host: str, factors: tuple[int, int, int, int, int], scale: int
) -> None:
    ids = {"h1": host, "alias": host}
    columns = [list(column) for column in zip(*rows, strict=True)] or [[] for _ in range(15)]
    found = _uses.uses_of(columns, ids, "", MODES.__getitem__, (*factors, scale), Use, Amounts)
    sums: dict[tuple[object, ...], list[int]] = {}
    for name, *names, quality in (row[:9] for row in rows):
        sums.setdefault((ids.get(str(name), ""), *names, "estimated" if quality == "estimated" else ""), [0] * 6)
    for row in rows:
        held = sums[ids.get(str(row[0]), ""), *row[1:8], "estimated" if row[8] == "estimated" else ""]
        for place, amount in enumerate(row[9:]):
            held[place] += int(str(amount))
    expected = []
    for key in sorted(sums, key=lambda key: tuple(map(str, key))):
        alone, memory = MODES[str(key[0])]
        amounts = Amounts(*sums[key])
        counted = [amount for place, amount in enumerate(amounts[:5]) if place != 1 or memory]
        used = [factor for place, factor in enumerate(factors) if place != 1 or memory]
        weight = sum(map(int.__mul__, used, counted)) // scale if alone < 0 else amounts[alone] * 10**9 >> 30
        named, account, service, sku, operation, labels, caller, source, guess = (str(each) for each in key)
        use = Use(named, account, service, sku, operation, labels, caller, source == "provider", bool(guess), amounts, weight)
        expected.append(use)
    assert found == expected


def test_columns_that_do_not_fit_are_refused() -> None:
    with pytest.raises(ValueError, match="15"):
        _uses.uses_of([[]], {}, "", MODES.__getitem__, (1, 1, 1, 1, 1, 1), Use, Amounts)
    with pytest.raises(ValueError, match="one length"):
        _uses.uses_of([["h"], *[[] for _ in range(14)]], {}, "", MODES.__getitem__, (1, 1, 1, 1, 1, 1), Use, Amounts)
    with pytest.raises(ValueError, match="no use"):
        _leaves.own_leaves("acme", [("h",)], Leaf, apportion)


LEAVES = st.builds(
    Leaf,
    st.sampled_from(["a", "b"]),
    NAMES,
    operations=st.one_of(st.integers(0, 5), st.just(2**63), st.just(INT64_MAX)),
    flags=st.sampled_from([frozenset[str](), frozenset({"estimated"})]),
)
MASKS = {frozenset[str](): 0, frozenset({"estimated"}): 4}


@given(st.data(), st.integers(1, 3), st.integers(1, 3))
def test_entries_are_the_sums_of_their_leaves(data: st.DataObject, lines: int, claims: int) -> None:
    first = data.draw(st.integers(0, 3 - lines))
    leaves = data.draw(st.lists(LEAVES, max_size=8))
    owners = [data.draw(st.integers(0, claims - 1)) for _ in leaves]
    masks = [data.draw(st.integers(0, 3)) for _ in range(claims)]
    counted = [data.draw(st.booleans()) for _ in range(claims)]
    components = [data.draw(st.sampled_from(["idle", "dynamic"])) for _ in range(claims)]
    flat = array("q", [data.draw(st.sampled_from([0, 0, 1, 7, INT64_MAX])) for _ in range(lines * len(leaves))])
    amounts: dict[tuple[str, ...], list[int]] = {}
    marks: dict[tuple[str, ...], int] = defaultdict(int)
    counts: dict[tuple[str, ...], int] = defaultdict(int)
    for place, (leaf, claim) in enumerate(zip(leaves, owners, strict=True)):
        parts = [flat[line * len(leaves) + place] for line in range(lines)]
        operations = leaf.operations if counted[claim] else 0
        if any(parts) or operations:
            key: tuple[str, ...] = (*(str(each) for each in leaf[:5]), components[claim])
            held = amounts.setdefault(key, [0, 0, 0])
            for line, part in enumerate(parts):
                held[first + line] += part
            marks[key] |= masks[claim] | MASKS[leaf.flags]
            counts[key] += operations
    sums = EntrySums(3)
    if leaves:
        grid = memoryview(flat).cast("B").cast("q", shape=[lines, len(leaves)])
        sums.add_leaves(leaves, array("q", owners), components, array("q", masks), array("q", counted), grid, first, MASKS)
    assert sums.keys() == list(amounts)
    over = [line for held in amounts.values() for line, amount in enumerate(held) if amount > INT64_MAX]
    assert sums.full == min(over, default=-1)
    for key, held in amounts.items():
        if not over:
            assert sums.amounts_of(key) == held
        assert (sums.mask_of(key), sums.count_of(key)) == (marks[key], min(counts[key], INT64_MAX))
    if not over:
        assert [list(sums.line(line)) for line in range(3)] == [[held[line] for held in amounts.values()] for line in range(3)]
    assert list(sums.masks()) == [marks[key] for key in amounts]
    assert list(sums.counts()) == [min(counts[key], INT64_MAX) for key in amounts]


def test_an_entry_of_nothing_leaves_no_trace_and_many_leave_theirs() -> None:
    sums = EntrySums(2)
    sums.add(("a",), [0, 0], 7)
    assert len(sums) == 0
    for index in range(1_000):
        sums.add((f"{index}",), [index, 1], 1, index)
    sums.add(("7",), [1, 1], 2, 1)
    assert (sums.amounts_of(("7",)), sums.mask_of(("7",)), sums.count_of(("7",))) == ([8, 2], 3, 8)
    assert sum(sums.line(0)) == sum(range(1_000)) + 1


def test_entries_that_do_not_fit_are_refused_before_anything_is_added() -> None:
    sums = EntrySums(2)
    grid = memoryview(array("q", [1, 2])).cast("B").cast("q", shape=[1, 2])
    one, zero = array("q", [0]), array("q", [0, 0])
    two = [Leaf("a"), Leaf("b")]
    for leaves, claims, parts, first, match in (
        (two[:1], zero, grid, 0, "need 2 leaves"),
        (two, array("q", [0, 1]), grid, 0, "claim 1"),
        (two, zero, grid, 2, "more than 2"),
        ([two[0], ("b",)], zero, grid, 0, "no leaf"),
    ):
        with pytest.raises(ValueError, match=match):
            sums.add_leaves(leaves, claims, ["idle"], one, one, parts, first, MASKS)
    with pytest.raises(ValueError, match="1 amounts"):
        sums.add(("a",), [1])
    with pytest.raises(ValueError, match="negative"):
        sums.add(("a",), [1, 1], 0, -1)
    with pytest.raises(ValueError, match="0 lines"):
        EntrySums(0)
    with pytest.raises(KeyError):
        sums.amounts_of(("nobody",))
