"""Usage is a set: what it says does not depend on how, when or how often it came."""

from __future__ import annotations

import random
from datetime import timedelta

import pyarrow as pa
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from greencloud.errors import UsageDataError
from greencloud.usage import KEY, ROWS, Usage, digest, empty_usage, merge, usage_from
from usage_strategies import T0, Row, laws, parts, readings, rows, usages


def same(one: Usage, other: Usage) -> bool:
    return bool(one.rows.equals(other.rows)) and bool(one.readings.equals(other.readings))


@laws
@given(parts(2))
def test_merge_is_commutative(found: list[Usage]) -> None:
    one, other = found
    assert same(merge([one, other]), merge([other, one]))


@laws
@given(parts(3))
def test_merge_is_associative(found: list[Usage]) -> None:
    a, b, c = found
    assert same(merge([merge([a, b]), c]), merge([a, merge([b, c])]))


@laws
@given(usages)
def test_merge_is_idempotent_and_nothing_is_its_unit(usage: Usage) -> None:
    assert same(merge([usage]), usage)
    assert same(merge([usage, usage]), usage)
    assert same(merge([empty_usage(), usage]), usage)
    assert same(merge([]), empty_usage())


@laws
@given(rows, readings, st.randoms(use_true_random=False), st.integers(1, 4))
def test_shuffles_splits_and_repeats_give_the_same_digest(
    made: list[Row], read: list[Row], chance: random.Random, count: int
) -> None:
    pieces: list[tuple[list[Row], list[Row]]] = [([], []) for _ in range(count)]
    for at, items in enumerate((made, read)):
        for item in chance.sample(items, len(items)) + items[:2]:
            chance.choice(pieces)[at].append(item)
    merged = merge(usage_from(*piece) for piece in pieces)
    assert digest(merged) == digest(usage_from(made, read))


@laws
@given(usages, st.integers(1, 3))
def test_the_digest_does_not_see_chunks_offsets_or_encodings(usage: Usage, size: int) -> None:
    chunked = pa.concat_tables([usage.rows.slice(at, size) for at in range(0, usage.rows.num_rows, size)] or [usage.rows])
    padded = pa.concat_tables([usage.readings, usage.readings]).combine_chunks().slice(usage.readings.num_rows)
    encoded = pa.table([column.dictionary_encode() for column in chunked.columns], names=ROWS.names)
    assert digest(Usage(chunked, padded)) == digest(Usage(encoded, padded)) == digest(usage)


@laws
@given(usages, st.data())
def test_the_digest_sees_every_cell(usage: Usage, data: st.DataObject) -> None:
    table, name = data.draw(
        st.sampled_from([("rows", column) for column in ROWS.names] + [("readings", "energy_mj"), ("readings", "host")])
    )
    content = getattr(usage, table)
    assume(content.num_rows)
    at = content.schema.get_field_index(name)
    values = content[name].cast(pa.int64()).to_pylist() if name == "window_start" else content[name].to_pylist()
    row = data.draw(st.integers(0, len(values) - 1))
    values[row] = values[row] + "!" if isinstance(values[row], str) else (values[row] or 0) + (values[row] is not None)
    field = content.schema.field(at)
    kind = pa.int64() if name == "window_start" else field.type
    changed = content.set_column(at, field, pa.chunked_array([pa.array(values, kind)]).cast(field.type))
    other = Usage(changed, usage.readings) if table == "rows" else Usage(usage.rows, changed)
    assert digest(other) != digest(usage)


ROW: Row = {"window_start": T0, "window_s": 3600, "site": "s", "account": "pay", "service": "web", "cpu_ns": 5}


def test_rows_are_in_order_of_their_key() -> None:
    later = ROW | {"window_start": T0 + timedelta(hours=1), "host": "a"}
    usage = usage_from([later, ROW | {"host": "b"}, ROW | {"host": "a"}, ROW])
    assert usage.rows["host"].to_pylist() == ["", "a", "b", "a"]
    assert usage.rows.schema == ROWS


@pytest.mark.parametrize("measure", ["cpu_ns", "memory_byte_s", "count"])
def test_rows_that_contradict_each_other_are_refused_by_key(measure: str) -> None:
    one, other = usage_from([ROW | {measure: 1}]), usage_from([ROW | {measure: 2}])
    with pytest.raises(UsageDataError, match=f"site=s, account=pay, service=web.*{measure} is 1 and 2") as refused:
        merge([one, other])
    assert "added up" in refused.value.advice


def test_a_reading_that_is_not_known_contradicts_one_that_is() -> None:
    reading = {"window_start": T0, "window_s": 3600, "site": "s", "energy_mj": 1}
    with pytest.raises(UsageDataError, match="energy_mj is 1 and None"):
        usage_from([], [reading, reading | {"energy_mj": None}])
    assert usage_from([], [reading | {"energy_mj": None}] * 2).readings.num_rows == 1


@pytest.mark.parametrize("name", [name for name in KEY if name not in {"window_start", "window_s"}])
def test_rows_that_differ_in_one_column_of_the_key_are_two_facts(name: str) -> None:
    other = {"labels": '{"a":"b"}', "source": "tenant", "quality": "exact"}.get(name, "other")
    assert usage_from([ROW, ROW | {name: other}]).rows.num_rows == 2
