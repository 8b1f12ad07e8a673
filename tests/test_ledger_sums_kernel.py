"""The kernel of sums by group against a plain loop, at the edges of 64 bits, and with columns that lie about their codes."""

from __future__ import annotations

import random
from array import array
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from greencloud._sums import Columns
from greencloud.units import INT64_MAX
from profiles import examples

INT64 = st.integers(-(2**63), INT64_MAX)

Groups = list[tuple[tuple[int, ...], int, int, tuple[int, ...]]]


def plain(table: dict[str, Any], by: Sequence[int], masks: Sequence[tuple[int, bytes]], bounds: Sequence[int]) -> Groups:
    found: dict[tuple[int, ...], list[Any]] = {}
    for start, stop in zip(bounds[::2], bounds[1::2], strict=True):
        for row in range(start, stop):
            if all(mask[table["codes"][dimension][row]] for dimension, mask in masks):
                key = tuple(table["codes"][dimension][row] for dimension in by)
                group = found.setdefault(key, [0, table["posted"][row], [0] * len(table["measures"])])
                group[0] |= table["flags"][row]
                group[1] = max(group[1], table["posted"][row])
                group[2] = [total + measure[row] for total, measure in zip(group[2], table["measures"], strict=True)]
    return [(key, flags, posted, tuple(sums)) for key, (flags, posted, sums) in found.items()]


def columns_of(table: dict[str, Any]) -> Columns:
    return Columns(
        [array("i", column) for column in table["codes"]],
        table["sizes"],
        [array("q", column) for column in table["measures"]],
        bytes(table["flags"]),
        array("q", table["posted"]),
    )


@st.composite
def tables(draw: st.DrawFn, largest: int = 4) -> dict[str, Any]:
    rows = draw(st.integers(0, 30))
    sizes = draw(st.lists(st.integers(1, largest), max_size=5))

    def column(items: st.SearchStrategy[int]) -> Any:
        return draw(st.lists(items, min_size=rows, max_size=rows))

    return {
        "sizes": sizes,
        "codes": [column(st.integers(0, size - 1)) for size in sizes],
        "measures": [column(INT64) for _ in range(draw(st.integers(0, 3)))],
        "flags": column(st.integers(0, 255)),
        "posted": column(INT64),
        "rows": rows,
    }


@st.composite
def questions(draw: st.DrawFn, table: dict[str, Any]) -> tuple[list[int], list[tuple[int, bytes]], list[int]]:
    dimensions = range(len(table["sizes"]))
    if not table["sizes"]:
        by, masked = [], []
    else:
        by = draw(st.lists(st.sampled_from(dimensions), max_size=4))
        masked = draw(st.lists(st.sampled_from(dimensions), max_size=3))
    masks = [(d, bytes(draw(st.lists(st.integers(0, 1), min_size=n, max_size=n)))) for d in masked for n in [table["sizes"][d]]]
    bounds = sorted(draw(st.lists(st.integers(0, table["rows"]), max_size=8)))
    return by, masks, bounds[: len(bounds) // 2 * 2]


@given(data=st.data(), largest=st.sampled_from([4, 2_000, 2**31 - 1]))
@settings(max_examples=examples(60), deadline=None)
def test_sums_are_those_of_a_plain_loop_whether_groups_are_dense_or_hashed(data: st.DataObject, largest: int) -> None:
    table = data.draw(tables(largest=largest))
    by, masks, bounds = data.draw(questions({**table, "sizes": [min(size, 5_000) for size in table["sizes"]]}))
    masks = [(d, mask) for d, mask in masks if len(mask) == table["sizes"][d]]
    space = 1
    for dimension in by:
        space *= table["sizes"][dimension]
    if space >= 2**63:
        with pytest.raises(OverflowError, match="combinations"):
            columns_of(table).sums(by, masks, array("q", bounds))
    else:
        assert columns_of(table).sums(by, masks, array("q", bounds)) == plain(table, by, masks, bounds)


@pytest.mark.parametrize("largest", [3, 3_000])
def test_many_rows_in_many_groups(largest: int) -> None:
    chance = random.Random(largest)
    rows = 20_000
    table = {
        "sizes": [largest, largest, 2],
        "codes": [[chance.randrange(size) for _ in range(rows)] for size in (largest, largest, 2)],
        "measures": [[chance.randrange(-(2**63), 2**63) for _ in range(rows)] for _ in range(4)],
        "flags": [chance.choice([0, 1, 6]) for _ in range(rows)],
        "posted": [chance.randrange(2**62) for _ in range(rows)],
    }
    bounds = [0, 5, 5, 5, 100, 19_000, 19_999, rows]
    masks = [(2, b"\1\1"), (1, bytes(chance.randrange(2) for _ in range(largest)))]
    assert columns_of(table).sums([1, 0], masks, array("q", bounds)) == plain(table, [1, 0], masks, bounds)


@pytest.mark.parametrize("size", [40, 1 << 21])  # dense, hashed
def test_there_are_no_more_groups_than_may_be(size: int) -> None:
    rows = 200
    codes = array("i", [row % 40 for row in range(rows)])
    columns = Columns([codes], [size], [array("q", range(rows))], bytes(rows), array("q", range(rows)))
    bounds = array("q", (0, rows))
    assert len(columns.sums([0], [], bounds, 40)) == len(columns.sums([0], [], bounds)) == 40
    for most in (39, 1, 0):
        with pytest.raises(OverflowError, match=f"more than {most} "):
            columns.sums([0], [], bounds, most)


def test_sums_go_beyond_64_bits_in_both_directions() -> None:
    columns = Columns([], [], [array("q", [INT64_MAX] * 5), array("q", [-(2**63)] * 5)], bytes(5), array("q", [0] * 5))
    assert columns.sums([], [], array("q", [0, 5])) == [((), 0, 0, (5 * INT64_MAX, -5 * 2**63))]


def test_columns_without_rows_give_no_group() -> None:
    columns = Columns([array("i")], [0], [array("q")], b"", array("q"))
    assert columns.rows == 0
    assert columns.sums([0], [(0, b"")], array("q", [0, 0])) == []
    assert columns.sums([0, 0], [], array("q")) == []


def small() -> Columns:
    return Columns([array("i", [0, 1, 1])], [2], [array("q", [1, 2, 3])], bytes(3), array("q", [0] * 3))


@pytest.mark.parametrize("code", [2, -1, 2**31 - 1, -(2**31)])
@pytest.mark.parametrize("how", ["by", "mask"])
def test_a_code_that_its_dimension_does_not_have_is_refused(code: int, how: str) -> None:
    codes = array("i", [0, 1, 1])
    columns = Columns([codes], [2], [array("q", [1, 2, 3])], bytes(3), array("q", [0] * 3))
    codes[2] = code  # after whatever was checked at the start
    by, masks = ([0], []) if how == "by" else ([], [(0, b"\1\1")])
    with pytest.raises(ValueError, match="row 2 has a code"):
        columns.sums(by, masks, array("q", [0, 3]))
    assert len(columns.sums(by, masks, array("q", [0, 2]))) in {1, 2}  # it is not in this range


@pytest.mark.parametrize(
    ("by", "masks", "bounds"),
    [
        ([1], [], [0, 3]),
        ([-1], [], [0, 3]),
        ([0], [(1, b"\1\1")], [0, 3]),
        ([0], [(0, b"\1")], [0, 3]),
        ([0], [(0, b"\1\1\1")], [0, 3]),
        ([0], [], [0, 4]),
        ([0], [], [-1, 3]),
        ([0], [], [2, 1]),
        ([0], [], [0, 2, 1, 3]),
        ([0], [], [0]),
        ([0] * 17, [], [0, 3]),
        ([], [(0, b"\1\1")] * 17, [0, 3]),
        ([0], [], [2**62, 2**62]),
    ],
)
def test_what_is_out_of_range_is_refused(by: list[int], masks: list[tuple[int, bytes]], bounds: list[int]) -> None:
    with pytest.raises(ValueError, match=r"dimension|bytes|bound"):
        small().sums(by, masks, array("q", bounds))


@pytest.mark.parametrize(
    "change",
    [
        {"codes": [array("i", [0])]},
        {"codes": [array("q", [0, 1, 1])]},
        {"measures": [array("q", [1])]},
        {"measures": [array("i", [1, 2, 3])]},
        {"sizes": []},
        {"sizes": [-1]},
        {"sizes": [2**31]},
        {"flags": bytes(2)},
        {"posted": array("q", [0])},
        {"codes": [array("i", [0, 1, 1])] * 17, "sizes": [2] * 17},
        {"measures": [array("q", [1, 2, 3])] * 17},
    ],
)
def test_columns_that_do_not_fit_are_refused(change: dict[str, Any]) -> None:
    fine = {
        "codes": [array("i", [0, 1, 1])],
        "sizes": [2],
        "measures": [array("q", [1, 2, 3])],
        "flags": bytes(3),
        "posted": array("q", [0] * 3),
    }
    with pytest.raises(ValueError, match=r"column|size|bytes|amounts|Buffer|most|dimensions"):
        Columns(**{**fine, **change})


def test_columns_are_held_as_long_as_the_object_lives() -> None:
    codes = array("i", [0, 1])
    columns = Columns([codes], [2], [], bytes(2), array("q", [0, 0]))
    with pytest.raises(BufferError):
        codes.append(1)
    del columns
    codes.append(1)
