"""What cannot be true is refused on the way in, with its row; what is true comes in whatever its form."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest

from greencloud.errors import UsageDataError
from greencloud.units import INT64_MAX
from greencloud.usage import READINGS, ROWS, digest, usage_from
from usage_strategies import T0

ROW: dict[str, Any] = {"window_start": T0, "window_s": 3600, "site": "s", "account": "pay", "cpu_ns": 5}
READING: dict[str, Any] = {"window_start": T0, "window_s": 3600, "site": "s", "host": "h", "energy_mj": 5}

REFUSED = {
    "negative": ("cpu_ns", -1, "cpu_ns is negative"),
    "null": ("cpu_ns", None, "cpu_ns is null"),
    "NaN": ("cpu_ns", float("nan"), "cpu_ns is not a number"),
    "float": ("cpu_ns", 5.0, "cpu_ns is the float 5.0"),
    "fraction": ("cpu_ns", Decimal("5.5"), "not an integer"),
    "boolean": ("cpu_ns", True, "not an integer"),
    "word": ("cpu_ns", "many", "not an integer"),
    "overflow": ("cpu_ns", INT64_MAX + 1, "does not fit in int64"),
    "overflow in text": ("cpu_ns", "9" * 30, "does not fit in int64"),
    "no zone": ("window_start", datetime(2026, 1, 1), "not in UTC"),  # noqa: DTZ001 - refused for it
    "other zone": ("window_start", T0.astimezone(timezone(timedelta(hours=1))), "not in UTC"),
    "other zone in text": ("window_start", "2026-01-01T01:00:00+01:00", "not in UTC"),
    "no time": ("window_start", "noon", "not a time"),
    "null time": ("window_start", None, "window_start is null"),
    "unaligned": ("window_start", T0 + timedelta(seconds=1), "not a multiple of 3600 s"),
    "unaligned before 1970": ("window_start", datetime(1969, 12, 31, 23, 30, tzinfo=UTC), "not a multiple of 3600 s"),
    "finer than a second": ("window_start", T0 + timedelta(microseconds=1), "not a multiple of 3600 s"),
    "no window": ("window_s", 0, "window_s 0 does not divide the hour"),
    "odd window": ("window_s", 7, "does not divide the hour"),
    "two hours": ("window_s", 7200, "does not divide the hour"),
    "endless window": ("window_s", 2**40, "does not divide the hour"),
    "no site": ("site", "", "site is empty"),
    "null site": ("site", None, "site is null"),
    "pool as account": ("account", "(unattributed)", "not an account id"),
    "no account": ("account", "", "not an account id"),
    "bad caller": ("caller_account", "a b", "caller_account.*not an account id"),
    "unknown source": ("source", "agent", "source 'agent' is not known"),
    "unknown quality": ("quality", "guess", "quality 'guess' is not known"),
    "number as text": ("service", 7, "service is 7, not text"),
    "not UTF-8": ("service", "\ud800", "not UTF-8"),
    "labels in words": ("labels", "team=a", "labels is not JSON"),
    "list of labels": ("labels", "[1]", "not a JSON object"),
    "numbers in labels": ("labels", '{"tier": 1}', "labels are texts|value 1 for 'tier'"),
    "label twice": ("labels", '{"a": "b", "a": "c"}', "the key 'a' twice"),
    "labels within labels": ("labels", {"a": {"b": "c"}}, "value"),
}


@pytest.mark.parametrize(("name", "value", "says"), REFUSED.values(), ids=REFUSED)
def test_a_row_that_cannot_be_true_is_refused_by_number(name: str, value: object, says: str) -> None:
    rows = [ROW | {"service": f"s{at}"} for at in range(4)]
    rows[2] = rows[2] | {name: value}
    with pytest.raises(UsageDataError, match=says) as refused:
        usage_from([row if name in row else row | usage_defaults(name) for row in rows], path="u.csv")
    assert (refused.value.row, refused.value.path) == (2, "u.csv")
    assert refused.value.advice


def usage_defaults(name: str) -> dict[str, str]:
    return {name: {"labels": "{}", "source": "provider", "quality": "exact"}.get(name, "")}


ARROW = {
    "negative": ("cpu_ns", pa.array([1, -2]), 1, "negative"),
    "null": ("cpu_ns", pa.array([1, None]), 1, "null"),
    "unsigned overflow": ("cpu_ns", pa.array([1, 2**63], pa.uint64()), 1, "int64"),
    "wide overflow": ("cpu_ns", pa.array([Decimal(1), Decimal(2**63)], pa.decimal128(38, 0)), 1, "int64"),
    "NaN": ("cpu_ns", pa.array([1.0, float("nan")]), 0, "float 1.0"),
    "no zone": ("window_start", pa.array([0, 0], pa.timestamp("us")), -1, "without a zone"),
    "other zone": ("window_start", pa.array([0, 0], pa.timestamp("us", "Europe/Oslo")), -1, "in zone Europe/Oslo"),
    "nanoseconds": ("window_start", pa.array([0, 1], pa.timestamp("ns", "UTC")), -1, "finer than a microsecond"),
    "null start": ("window_start", pa.array([0, None], pa.timestamp("us", "UTC")), 1, "null"),
    "null text": ("service", pa.array(["a", None]), 1, "null"),
    "long window": ("window_s", pa.array([3600, 2**40]), 1, "divide the hour"),
}  # fmt: skip


def table(**columns: pa.Array) -> pa.Table:
    base = {
        "window_start": pa.array([T0, T0], pa.timestamp("us", "UTC")),
        "window_s": pa.array([3600, 3600]),
        "site": pa.array(["s", "s"]),
        "account": pa.array(["pay", "ops"]),
        "cpu_ns": pa.array([5, 6]),
    }
    return pa.table(base | columns)


@pytest.mark.parametrize(("name", "column", "row", "says"), ARROW.values(), ids=ARROW)
def test_an_arrow_column_that_cannot_be_true_is_refused(name: str, column: pa.Array, row: int, says: str) -> None:
    with pytest.raises(UsageDataError, match=says) as refused:
        usage_from(table(**{name: column}))
    assert refused.value.row == row


LABELS = pa.array([[("b", "2"), ("a", "1")], []], pa.map_(pa.string(), pa.string()))


@pytest.mark.parametrize(
    "columns",
    [
        {"labels": LABELS},
        {"labels": pa.array(['{"b": "2", "a": "1"}', "{}"])},
        {"labels": pa.array(['{"a":"1","b":"2"}', ""]).dictionary_encode()},
        {"labels": pa.array([{"a": "1", "b": "2"}, {}])},
        {"labels": LABELS, "cpu_ns": pa.array([5, 6], pa.uint8()), "site": pa.array(["s", "s"], pa.large_string())},
        {"labels": LABELS, "cpu_ns": pa.array([Decimal(5), Decimal(6)], pa.decimal128(20, 0))},
        {
            "labels": LABELS,
            "window_start": pa.array([T0, T0], pa.timestamp("ns", "UTC")),
            "window_s": pa.array([3600, 3600], pa.int16()),
        },
        {
            "labels": LABELS,
            "window_start": pa.array(["2026-03-29T00:00:00Z", "2026-03-29"]),
            "site": pa.array(["s", "s"], pa.string_view()),
        },
        {"labels": LABELS, "reserved_vcpu": pa.array([4, 4])},
    ],
)
def test_forms_of_the_same_table_are_the_same_usage(columns: dict[str, pa.Array]) -> None:
    rows = [ROW | {"labels": {"a": "1", "b": "2"}}, ROW | {"account": "ops", "cpu_ns": 6}]
    usage = usage_from(table(**columns))
    assert usage.rows.schema == ROWS
    assert usage.rows["labels"].to_pylist() == ["{}", '{"a":"1","b":"2"}']
    assert digest(usage) == digest(usage_from(rows))


def test_columns_that_are_left_out_have_defaults() -> None:
    (row,) = usage_from([ROW]).rows.drop_columns("window_start").to_pylist()
    assert (row["source"], row["quality"], row["labels"], row["host"]) == ("provider", "measured", "{}", "")
    assert (row["memory_byte_s"], row["count"]) == (0, 0)
    (reading,) = usage_from([], [READING]).readings.drop_columns("window_start").to_pylist()
    assert (reading["covered_us"], reading["busy_cpu_ns"], reading["quality"]) == (3_600_000_000, None, "measured")


@pytest.mark.parametrize("name", ["window_start", "window_s", "site", "account"])
def test_what_says_whose_use_it_is_has_no_default(name: str) -> None:
    with pytest.raises(UsageDataError, match=name):
        usage_from([{key: value for key, value in ROW.items() if key != name}])
    with pytest.raises(UsageDataError, match=name) as refused:
        usage_from([ROW, {key: value for key, value in ROW.items() if key != name}])
    assert refused.value.row == 1


def test_a_table_without_a_measure_or_with_a_strange_column_is_refused() -> None:
    with pytest.raises(UsageDataError, match="no measure"):
        usage_from(table().drop_columns("cpu_ns"))
    with pytest.raises(UsageDataError, match="unknown column 'cpu_n'") as refused:
        usage_from([ROW | {"cpu_n": 1}])
    assert "'cpu_ns'" in refused.value.advice


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"energy_mj": -1}, "energy_mj is negative"),
        ({"covered_us": 3_600_000_001}, "more than the window"),
        ({"quality": "exact"}, "quality 'exact'"),
        ({"site": ""}, "site is empty"),
        ({"window_s": 13}, "divide the hour"),
        ({"energy_mj": 1.5}, "float"),
    ],
)
def test_readings_are_checked_as_rows_are(change: dict[str, object], says: str) -> None:
    with pytest.raises(UsageDataError, match=says) as refused:
        usage_from(
            [], [READING | {"covered_us": 1, "quality": "measured"}, READING | {"covered_us": 1, "quality": "measured"} | change]
        )
    assert refused.value.row == 1


def test_what_is_not_known_stays_null() -> None:
    readings = usage_from([], [READING | {"energy_mj": None}]).readings
    assert readings["energy_mj"].to_pylist() == [None]
    assert readings.schema == READINGS
