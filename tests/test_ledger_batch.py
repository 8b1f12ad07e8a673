"""A batch's id is a function of its content, its header survives the way to disk, and sums do not overflow."""

from __future__ import annotations

import zlib
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from greencloud.errors import StoreError
from greencloud.ledger import make_batch
from greencloud.ledger.batch import sum_of
from greencloud.ledger.header import Header, decode_headers, encode_headers
from greencloud.units import INT64_MAX, Energy
from ledger_builders import CREATED, allocated, batch, batch_of, hour
from profiles import examples

CUT = zlib.compress(b'{"format":2,"batches":[]}')[:-6]
TEXT = st.text(st.characters(codec="utf-8"), max_size=5)
AMOUNT = st.integers(0, INT64_MAX)
ROW = st.fixed_dictionaries(
    {"account": TEXT, "service": TEXT, "quality": TEXT, "energy_mj": AMOUNT, "scope1_ug": AMOUNT, "count": AMOUNT}
)


@given(st.lists(ROW, max_size=8), st.data())
@settings(max_examples=examples(25), deadline=None)
def test_the_id_depends_on_neither_order_nor_chunking_nor_time(rows: list[dict[str, Any]], data: st.DataObject) -> None:
    there = allocated(rows)
    shuffled = allocated(data.draw(st.permutations(rows))).postings
    cut = data.draw(st.integers(0, len(rows)))
    pieces = pa.concat_tables([shuffled.slice(0, cut), shuffled.slice(cut)])
    here = replace(there, postings=pieces, totals=dict(reversed(there.totals.items())))
    first = make_batch(there, usage_revision="u", provisional=False, created=CREATED)
    second = make_batch(here, usage_revision="u", provisional=False, created=CREATED + timedelta(days=1))
    assert first.summary.id == second.summary.id
    assert first.postings.equals(second.postings)


@given(st.lists(ROW, min_size=1, max_size=4), st.lists(ROW, min_size=1, max_size=4))
@settings(max_examples=examples(25), deadline=None)
def test_two_contents_have_two_ids(rows: list[dict[str, Any]], others: list[dict[str, Any]]) -> None:
    def key(row: dict[str, Any]) -> list[tuple[str, Any]]:
        return list(row.items())

    same = sorted(rows, key=key) == sorted(others, key=key)
    assert (batch_of(rows).summary.id == batch_of(others).summary.id) is same


def test_a_boundary_between_texts_cannot_move_unseen() -> None:
    assert batch({"ab": 1, "c": 1}).summary.id != batch({"a": 1, "bc": 1}).summary.id


@pytest.mark.parametrize(
    "change",
    [
        {"site": "t"},
        {"window": hour(1)},
        {"window": hour(0, 300)},
        {"rule": "used"},
        {"methodology_version": "greencloud/2"},
        {"facility_revision": "e"},
        {"notes": ("a host is not in the book",)},
        {"provisional": True},
    ],
    ids=str,
)
def test_every_input_is_in_the_id(change: dict[str, Any]) -> None:
    assert batch({"a": 1}, **change).summary.id != batch({"a": 1}).summary.id


@given(AMOUNT, st.dictionaries(TEXT, AMOUNT, max_size=3), st.lists(TEXT, max_size=3), st.datetimes(timezones=st.just(UTC)))
@settings(max_examples=examples(25), deadline=None)
def test_a_header_comes_back_as_it_was(energy: int, pools: dict[str, int], notes: list[str], created: datetime) -> None:
    made = batch({"a": 1})
    summary = replace(
        made.summary,
        metered_energy=Energy(energy * 1000),
        pool_energy={pool: Energy(amount) for pool, amount in pools.items()},
        notes=tuple(notes),
        created=created,
        supersedes="b",
        causes=("late_data",),
        requested_by="someone",
        reason="a gateway was down",
    )
    headers = (Header(summary, made.totals), Header(made.summary, {**made.totals, "energy_mj": energy * 1000}))
    assert decode_headers(encode_headers(headers[:1]), path="p") == headers[:1]
    assert decode_headers(encode_headers(headers), path="p") == headers


def test_a_header_of_a_newer_format_is_refused() -> None:
    with pytest.raises(StoreError, match="format 3"):
        decode_headers(b'{"format":3}', path="p")


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"format":2}', b"\xff", b'{"format":2,"batches":[{}]}', CUT])
def test_what_is_no_header_is_refused_by_name(content: bytes) -> None:
    with pytest.raises(StoreError, match="segments/x"):
        decode_headers(content, path="segments/x")


@given(st.lists(st.integers(-INT64_MAX, INT64_MAX), max_size=20))
def test_sums_are_exact_beyond_64_bits(amounts: list[int]) -> None:
    assert sum_of(pa.chunked_array([pa.array(amounts, pa.int64())])) == sum(amounts)


def test_pools_are_apart_from_accounts() -> None:
    summary = batch({"a": 5, "b": INT64_MAX, "(unsold)": 7, "(unattributed)": 0}).summary
    assert summary.account_energy == Energy(INT64_MAX + 5)
    assert summary.pool_energy == {"(unattributed)": Energy(0), "(unsold)": Energy(7)}
    assert summary.metered_energy == Energy(INT64_MAX + 12)
    assert summary.difference == Energy(0)


def test_postings_of_other_columns_are_refused() -> None:
    there = allocated([{}])
    with pytest.raises(StoreError, match="columns"):
        make_batch(
            replace(there, postings=there.postings.drop_columns(["sku"])), usage_revision="", provisional=False, created=CREATED
        )
