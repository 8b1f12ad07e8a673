"""Files are taken once, as whose they are, and a crash while the list of them is written costs nothing."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from greencloud.engine import DataDirectory, ingest_file
from greencloud.engine.ingest import RECORD
from greencloud.errors import UsageDataError
from otlp import SECOND, SpanSpec, trace_request
from profiles import examples

REQUEST = trace_request({"service.name": "web"}, [SpanSpec(1, 1, 1_780_002_000 * SECOND, 1_780_002_001 * SECOND)])
USAGE = "window_start,window_s,site,account,cpu_ns\n2026-05-28T21:00:00Z,3600,default,globex,5\n"


@settings(max_examples=examples(12), suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(cuts=st.lists(st.integers(0, 60), max_size=4))
def test_a_list_that_crashes_cut_anywhere_forgets_what_was_cut_and_no_more(
    tmp_path_factory: pytest.TempPathFactory, cuts: list[int]
) -> None:
    folder = tmp_path_factory.mktemp("ingest")
    data = DataDirectory.open(folder / "data", create=True)
    for number, cut in enumerate([*cuts, 0]):
        name = folder / f"{number}.binpb"
        name.write_bytes(REQUEST + b"\xfa\x07\x01" + bytes([number]))  # an unknown field, so that no two files are the same
        assert ingest_file(data, name, account="acme").kind == "otlp"
        assert ingest_file(data, name, account="acme").kind == "known"
        listed = (data.path / RECORD).read_bytes()
        whole = len(data.remembered(RECORD))
        (data.path / RECORD).write_bytes(listed[: len(listed) - cut])
        assert whole - 1 <= len(data.remembered(RECORD)) <= whole


def test_a_usage_table_is_not_taken_for_one_account(tmp_path: Path) -> None:
    data = DataDirectory.open(tmp_path / "data", create=True)
    table = tmp_path / "u.csv"
    table.write_text(USAGE)

    with pytest.raises(UsageDataError, match="cannot be taken for acme alone"):
        ingest_file(data, table, account="acme")

    assert data.segments.paths() == []
    assert ingest_file(data, table).rows == 1


@pytest.mark.parametrize("name", ["a.BINPB", "a.ndjson", "a.ndjson.gz", "U.CSV", "u.Csv.GZ"])
def test_names_are_read_in_any_case_and_every_suffix_that_is_offered_is_taken(tmp_path: Path, name: str) -> None:
    content = REQUEST if "BINPB" in name else USAGE.encode() if name.lower().startswith("u") else b"{}\n"
    path = tmp_path / name
    path.write_bytes(gzip.compress(content) if name.lower().endswith(".gz") else content)

    assert ingest_file(DataDirectory.open(tmp_path / "data", create=True), path).kind in {"otlp", "usage"}
