"""Streams of a ledger: figures of a query, postings of segments, from any place on, and no text that was filtered away."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from greencloud.errors import AmountRangeError, QuantityError, StoppedError, StoreError
from greencloud.ledger import Ledger, Snapshot
from greencloud.ledger import streamed_postings as streaming
from greencloud.ledger.columns import MEASURES, SEGMENT
from greencloud.ledger.parts import TARGET, Part, Place, compact, cut
from greencloud.ledger.segments import read_segment
from greencloud.ledger.stop import Stop
from greencloud.results import FootprintQuery, FootprintRow, Granularity
from greencloud.units import INT64_MAX
from ledger_builders import EVER, START, batch, batch_of, hour
from profiles import examples
from test_ledger_rollups_random import QUERIES, SITES, WINDOWS, made
from test_ledger_rollups_random import compact as compact_day

BEGIN = Place()


@pytest.fixture(scope="module")
def ledger(tmp_path_factory: pytest.TempPathFactory) -> Ledger:
    ledger = Ledger(tmp_path_factory.mktemp("a [b]*?'c"))
    ledger.post_all([made(site, window, at) for at, window in enumerate(WINDOWS) for site in SITES])
    compact_day(ledger, "s", START.replace(hour=0))
    return ledger


@pytest.fixture
def snapshot(ledger: Ledger) -> Snapshot:
    return ledger.snapshot()


def table_of(parts: Sequence[Part]) -> pa.Table:
    return pa.Table.from_batches([part.rows for part in parts])


def figures(row: FootprintRow) -> dict[str, Any]:
    def amount(value: Any) -> int | None:
        return None if value is None else value.millijoules if hasattr(value, "millijoules") else value.micrograms

    lines = [name.removesuffix("_ug").removesuffix("_mj") for name in MEASURES]
    named = {name: name + "_based" if name.endswith(("_location", "_market")) else name for name in lines}
    return {
        "start_time": row.start,
        "end_time": row.end,
        **row.dimensions,
        **{name: amount(getattr(row, named[line])) for name, line in zip(MEASURES, lines, strict=True)},
        "total_location_based_ug": row.total_location_based.micrograms,
        "total_market_based_ug": row.total_market_based.micrograms,
        "operation_count": row.operation_count,
        "quality_flags": list(row.quality_flags),
        "provisional": row.provisional,
        "methodology_versions": list(row.methodology_versions),
        **{
            f"{name}_mj": amount(getattr(row, name))
            for name in ("self_reported_energy", "estimated_energy", "modelled_energy", "measured_energy")
        },
        "energy_half_width_mj": amount(row.energy_half_width),
        "location_half_width_ug": amount(row.location_half_width),
        "market_half_width_ug": amount(row.market_half_width),
        "update_time": row.updated,
    }


@given(query=QUERIES, granularity=st.sampled_from(Granularity))
@settings(max_examples=examples(20), deadline=None)
def test_streamed_rows_are_the_rows_of_the_query(ledger: Ledger, query: FootprintQuery, granularity: Granularity) -> None:
    query = replace(query, granularity=granularity)
    snapshot = ledger.snapshot()
    told = table_of(list(snapshot.stream_rows(query, BEGIN, Stop()))).to_pylist()
    assert told == [figures(row) for row in snapshot.footprint(query)]


def meant(snapshot: Snapshot, query: FootprintQuery) -> list[dict[str, Any]]:
    """The postings by a plain loop over whole segments."""
    found = []
    for segment in snapshot.contents.segments():
        for row in read_segment(snapshot.root / segment.path).to_pylist():
            filters = {
                "service": query.services, "region": query.regions, "site": query.sites, "sku": query.skus,
                "operation": query.operations, "component": query.components,
                "methodology_version": query.methodology_versions,
            }  # fmt: skip
            if (
                query.start <= row["window_start"] < query.end
                and (query.accounts is None or row["account"] in query.accounts)
                and not any(values and row[name] not in values for name, values in filters.items())
            ):
                found.append(row)
    return found


@given(query=QUERIES)
@settings(max_examples=examples(20), deadline=None)
def test_streamed_postings_are_those_of_the_segments(ledger: Ledger, query: FootprintQuery) -> None:
    snapshot = ledger.snapshot()
    table = table_of(list(snapshot.stream_postings(query, BEGIN, Stop())))
    assert table.schema.names == SEGMENT.names
    assert table.to_pylist() == meant(snapshot, query)


@pytest.fixture
def small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streaming, "TARGET", 400)


@pytest.mark.usefixtures("small_parts")
@pytest.mark.parametrize("query", [EVER, replace(EVER, accounts=("a", "é")), replace(EVER, services=("web", ""), sites=("s",))])
def test_a_stream_goes_on_from_each_place_as_if_it_had_not_stopped(snapshot: Snapshot, query: FootprintQuery) -> None:
    parts = list(snapshot.stream_postings(query, BEGIN, Stop()))
    rows = table_of(parts).to_pylist()
    assert len(parts) > 1
    done = 0
    for part in parts:
        done += part.rows.num_rows
        assert table_of(list(snapshot.stream_postings(query, part.reached, Stop()))).to_pylist() == rows[done:]


def test_rows_go_on_from_each_place(snapshot: Snapshot) -> None:
    query = replace(EVER, group_by=("account", "service"), granularity=Granularity.DAY)
    rows = table_of(list(snapshot.stream_rows(query, BEGIN, Stop()))).to_pylist()
    for done in {*range(0, len(rows) + 1, 3), len(rows)}:
        assert table_of(list(snapshot.stream_rows(query, Place(0, done), Stop()))).to_pylist() == rows[done:]


def bytes_of(parts: Sequence[Part]) -> bytes:
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, parts[0].rows.schema) as writer:
        for part in parts:
            writer.write_batch(part.rows)
    return bytes(sink.getvalue())


SECRETS = ("secret-tenant", "secret-service", "secret-sku", "secret-operation", "secret-label")


def mixed(number: int) -> Iterator[dict[str, Any]]:
    """Rows of a tenant between those of another, whose every text is a secret."""
    for at in range(number):
        yield {"account": "own", "service": f"web-{at % 3}", "operation": f"GET /{at}", "energy_mj": at}
        yield {
            "account": "secret-tenant", "service": "secret-service", "sku": "secret-sku", "operation": f"secret-operation {at}",
            "labels": json.dumps({"team": "secret-label"}), "quality": "onward", "energy_mj": 987_654_321_000 + at,
        }  # fmt: skip


@given(sizes=st.lists(st.integers(0, 12), min_size=1, max_size=4), content=st.sampled_from(["postings", "rows"]))
@settings(max_examples=examples(8), deadline=None)
def test_no_text_or_amount_of_another_account_is_in_the_bytes(
    tmp_path_factory: pytest.TempPathFactory, sizes: list[int], content: str
) -> None:
    ledger = Ledger(tmp_path_factory.mktemp("mixed"))
    ledger.post_all([batch_of(mixed(size), window=hour(at)) for at, size in enumerate(sizes)])
    compact_day(ledger, "s", START.replace(hour=0))
    own = replace(EVER, accounts=("own",))
    if content == "rows":
        query = replace(own, group_by=("service", "operation"), granularity=Granularity.WINDOW)
        parts = list(ledger.snapshot().stream_rows(query, BEGIN, Stop()))
    else:
        parts = list(ledger.snapshot().stream_postings(own, BEGIN, Stop()))
    assert sum(part.rows.num_rows for part in parts) == sum(sizes)
    told = bytes_of(parts)
    assert not [text for text in SECRETS if text.encode() in told]
    assert not any((987_654_321_000 + at).to_bytes(8, "little") in told for at in range(12))


def test_an_entry_that_no_row_has_is_not_in_a_dictionary(snapshot: Snapshot) -> None:
    for part in snapshot.stream_postings(replace(EVER, services=("web",)), BEGIN, Stop()):
        for column in part.rows.columns:
            if pa.types.is_dictionary(column.type):
                assert sorted(column.dictionary.to_pylist()) == sorted(set(column.to_pylist()))


def test_large_rows_are_cut_and_stay_the_same() -> None:
    texts = [f"{number:05}" * 1000 for number in range(2_000)]  # 10 MB
    whole = pa.RecordBatch.from_arrays([pa.array(texts).dictionary_encode()], ["text"])
    pieces = list(cut(whole))
    assert len(pieces) > 4
    assert max(piece.nbytes for piece in pieces) <= 2 * TARGET
    assert [text for piece in pieces for text in piece["text"].to_pylist()] == texts
    assert compact(whole).equals(whole)


@pytest.mark.parametrize(
    "query", [replace(EVER, accounts=()), FootprintQuery(START - timedelta(days=900), START - timedelta(days=800))]
)
def test_an_empty_stream_has_one_part_with_its_columns(snapshot: Snapshot, query: FootprintQuery) -> None:
    for parts in (snapshot.stream_rows(query, BEGIN, Stop()), snapshot.stream_postings(query, BEGIN, Stop())):
        (part,) = parts
        assert part.rows.num_rows == 0
        assert "energy_mj" in part.rows.schema.names


def test_a_sum_beyond_64_bits_is_an_error_and_no_figure(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path)
    ledger.post_all([batch({"a": INT64_MAX}, window=hour(at)) for at in range(2)])
    with pytest.raises(AmountRangeError, match="64 bits"):
        list(ledger.snapshot().stream_rows(EVER, BEGIN, Stop()))
    by_window = replace(EVER, granularity=Granularity.WINDOW)
    assert table_of(list(ledger.snapshot().stream_rows(by_window, BEGIN, Stop())))["energy_mj"].to_pylist() == [INT64_MAX] * 2


def test_a_torn_segment_is_named(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path)
    ledger.post(batch({"a": 1}))
    (path,) = ledger.store.folder.glob("*.parquet")
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(StoreError, match=path.name):
        list(ledger.snapshot().stream_postings(EVER, BEGIN, Stop()))


def test_what_is_wrong_is_told_of_streams_too(snapshot: Snapshot) -> None:
    with pytest.raises(QuantityError, match="cannot group by"):
        list(snapshot.stream_rows(replace(EVER, group_by=("host",)), BEGIN, Stop()))


def test_a_stopped_stream_ends(snapshot: Snapshot) -> None:
    for stream in (snapshot.stream_rows, snapshot.stream_postings):
        stop = Stop()
        stop.set()
        with pytest.raises(StoppedError):
            list(stream(EVER, BEGIN, stop))
