"""One data set in every format: whatever reads it back finds the same values, to the last digit."""

from __future__ import annotations

import csv
import io
import json
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from greencloud.errors import QuantityError
from greencloud.report import Dataset, Field, Kind, write_dataset
from greencloud.report.dataset import Value, nested_record
from greencloud.units import parse_instant

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=8) | st.sampled_from(["=1+1", "a\tb\\n", 'q"q', "\r", "x,y"])
amounts = st.integers(-(10**38) + 1, 10**38 - 1)
VALUES: dict[Kind, st.SearchStrategy[Value]] = {
    Kind.TEXT: texts,
    Kind.INSTANT: st.datetimes(datetime(1970, 1, 1), datetime(2200, 1, 1), timezones=st.just(UTC)),  # noqa: DTZ001
    Kind.DATE: st.dates(date(1970, 1, 1), date(2200, 1, 1)),
    Kind.COUNT: st.integers(-(2**63), 2**63 - 1),
    Kind.AMOUNT: amounts,
    Kind.RATIO: st.integers(-(10**20), 10**20).map(lambda n: Decimal(n).scaleb(-4)),
    Kind.MASS: st.integers(-(10**28), 10**28).map(lambda n: Decimal(f"{n}e-9")),
    Kind.DOUBLE: amounts.map(lambda n: Decimal(f"{n}e-12")),
    Kind.FLAG: st.booleans(),
}


@st.composite
def datasets(draw: st.DrawFn) -> Dataset:
    kinds = draw(st.lists(st.sampled_from(list(Kind)), min_size=1, max_size=5))
    nested = draw(st.booleans())
    fields = tuple(Field(f"g{place % 2}.f{place}" if nested else f"f{place}", kind) for place, kind in enumerate(kinds))
    row = st.tuples(*(st.none() | VALUES[kind] for kind in kinds))
    return Dataset(fields, tuple(draw(st.lists(row, max_size=4))), nested)


def read(text: str, kind: Kind) -> Value:
    """A value from its text; a text as it is."""
    if kind is Kind.TEXT:
        return text
    if not text:
        return None
    match kind:
        case Kind.INSTANT:
            return parse_instant(text)
        case Kind.DATE:
            return date.fromisoformat(text)
        case Kind.FLAG:
            return {"true": True, "false": False}[text]
        case Kind.COUNT | Kind.AMOUNT:
            return int(text)
        case _:
            return Decimal(text)


def flattened(record: dict[str, Any], before: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for name, value in record.items():
        flat |= flattened(value, f"{before}{name}.") if isinstance(value, dict) else {before + name: value}
    return flat


@given(datasets())
def test_csv_has_every_value(data: Dataset) -> None:
    head, *rows = csv.reader(io.StringIO(str(write_dataset(data, "csv")), newline=""))

    assert head == [field.name for field in data.fields]
    assert len(rows) == len(data.rows)
    for cells, row in zip(rows, data.rows, strict=True):
        for cell, value, field in zip(cells, row, data.fields, strict=True):
            if field.kind is Kind.TEXT:
                assert cell in (value or "", f"'{value}")
                assert not cell.startswith(("=", "+", "-", "@"))
            else:
                assert read(cell, field.kind) == value


@given(datasets())
def test_a_line_of_tsv_is_a_row_and_a_tab_a_column(data: Dataset) -> None:
    lines = str(write_dataset(data, "tsv")).split("\n")[:-1]
    escapes = {"\\\\": "\\", "\\t": "\t", "\\n": "\n", "\\r": "\r"}

    def unescaped(cell: str) -> str:
        out, at = "", 0
        while at < len(cell):
            pair = cell[at : at + 2]
            out, at = (out + escapes[pair], at + 2) if pair in escapes else (out + cell[at], at + 1)
        return out

    assert len(lines) == 1 + len(data.rows)
    for line, row in zip(lines[1:], data.rows, strict=True):
        cells = [unescaped(cell) for cell in line.split("\t")]
        assert [read(cell, field.kind) for cell, field in zip(cells, data.fields, strict=True)] == [
            "" if value is None and field.kind is Kind.TEXT else value for value, field in zip(row, data.fields, strict=True)
        ]


@given(datasets())
def test_json_lines_have_every_value(data: Dataset) -> None:
    lines = str(write_dataset(data, "jsonl")).split("\n")[:-1]

    assert len(lines) == len(data.rows)
    for line, row in zip(lines, data.rows, strict=True):
        record = flattened(json.loads(line, parse_float=Decimal))
        for field, value in zip(data.fields, row, strict=True):
            told = record[field.name]
            if field.kind in (Kind.INSTANT, Kind.DATE) and told is not None:
                told = read(told, field.kind)
            assert told == value


@given(datasets())
def test_parquet_and_arrow_have_every_value(data: Dataset) -> None:
    parquet, arrow = (write_dataset(data, output) for output in ("parquet", "arrow"))
    assert isinstance(parquet, bytes)
    assert isinstance(arrow, bytes)
    table = pa.ipc.open_file(io.BytesIO(arrow)).read_all()

    assert pq.read_table(io.BytesIO(parquet)).equals(table)
    assert table.num_rows == len(data.rows)
    for record, row in zip(table.to_pylist(), data.rows, strict=True):
        for field, value in zip(data.fields, row, strict=True):
            nearest = float(value) if field.kind is Kind.DOUBLE and isinstance(value, Decimal) else value
            assert flattened(record)[field.name] == nearest


@given(datasets())
def test_the_same_data_is_the_same_bytes(data: Dataset) -> None:
    for output in ("csv", "tsv", "jsonl", "parquet", "arrow"):
        assert write_dataset(data, output) == write_dataset(data, output)


def test_columns_are_picked_by_name_or_key_and_in_the_order_asked_for() -> None:
    data = Dataset((Field("a"), Field("b_micrograms", Kind.AMOUNT, "b"), Field("c")), (("x", 1, "y"),))

    assert data.select(["c", "b"]) == Dataset((Field("c"), Field("b_micrograms", Kind.AMOUNT, "b")), (("y", 1),))
    assert data.select(["b_micrograms"]).rows == ((1,),)
    with pytest.raises(QuantityError) as refused:
        data.select(["d"])
    assert refused.value.advice == "columns: a, b, c"


def test_a_dot_stands_for_a_record() -> None:
    assert nested_record({"a.b": 1, "c": 2, "a.d.e": 3}) == {"a": {"b": 1, "d": {"e": 3}}, "c": 2}
