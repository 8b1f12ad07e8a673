"""A run of the allocation over what a data directory holds: files beside telemetry, and what neither can stop."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from greencloud.allocation import UNCERTAINTIES
from greencloud.engine import DataDirectory, run_allocation
from greencloud.engine.gathering import gather
from greencloud.errors import StoreError
from greencloud.ledger.segments import read_segment
from greencloud.results import FootprintQuery, FootprintRow
from greencloud.telemetry import Record, WriteAheadLog
from greencloud.usage import usage_from
from otlp import SECOND, SpanSpec, trace_request
from profiles import examples
from telemetry_world import T0, metrics, point

START = datetime(2026, 5, 28, 21, tzinfo=UTC)
START_NS = int(START.timestamp()) * SECOND
NOW = datetime(2026, 6, 1, tzinfo=UTC)
EVER = FootprintQuery(datetime(2020, 1, 1, tzinfo=UTC), datetime(2030, 1, 1, tzinfo=UTC), accounts=None, group_by=("account",))

BOOK = """
[facility]
name = "Hall"
default_site = "hall"
[[curves]]
name = "server"
points = [[0, 100], [1, 200]]
source = "test"
[[sites]]
id = "hall"
region = "eu"
grid_zone = "DE"
pue = 1.1
scope1 = "none"
[[hosts]]
id = "h1"
site = "hall"
vcpu = 8
memory = "8 GiB"
curve = "server"
""" + "".join(
    f"""
[[factors]]
zone = "DE"
kind = "{kind}"
start = 2020-01-01
g_per_kwh = 100
source = "test"
"""
    for kind in ("location", "residual", "upstream")
)


def filed(account: str, cpu_ns: int, **more: object) -> dict[str, object]:
    row = {"window_start": START, "window_s": 3600, "site": "default", "account": account, "service": "web", "operation": "get"}
    return row | {"cpu_ns": cpu_ns, "source": "tenant", "quality": "exact"} | more


def told(account: str, cpu_ns: int, name: str = "get") -> Record:
    span = SpanSpec(1, 1, START_NS, START_NS + 3600 * SECOND, name, attributes={"greencloud.cpu.time": cpu_ns})
    return Record("traces", "tenant", account, START_NS, trace_request({"service.name": "web"}, [span]))


def directory(path: Path, rows: list[dict[str, object]], records: list[Record]) -> DataDirectory:
    data = DataDirectory.open(path, create=True)
    data.segments.write(usage_from(rows))
    with WriteAheadLog(data.wal_directory) as log:
        for record in records:
            log.append(record)
    return data


def footprint(data: DataDirectory) -> dict[str, FootprintRow]:
    return {row.dimensions["account"]: row for row in data.ledger.snapshot().footprint(EVER)}


@settings(max_examples=examples(5), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(cpu=st.integers(0, 3600 * 4096 * SECOND), name=st.sampled_from(["get", "put"]), filed_cpu=st.integers(SECOND, 2**40))
def test_a_tenant_who_tells_of_what_a_file_holds_stops_nothing_and_moves_nobody(
    tmp_path_factory: pytest.TempPathFactory, cpu: int, name: str, filed_cpu: int
) -> None:
    rows = [filed("acme", filed_cpu), filed("globex", 7 * SECOND)]
    quiet = directory(tmp_path_factory.mktemp("run") / "data", rows, [])
    run_allocation(quiet, now=NOW)

    data = directory(tmp_path_factory.mktemp("run") / "data", rows, [told("acme", cpu, name)])
    run = run_allocation(data, now=NOW)

    assert not run.refused
    assert footprint(data).get("globex") == footprint(quiet).get("globex")
    if name == "get":
        assert footprint(data).get("acme") == footprint(quiet).get("acme"), "the file counts"


def test_what_a_file_holds_already_is_a_dead_letter(tmp_path: Path) -> None:
    data = directory(tmp_path / "data", [filed("acme", 5 * SECOND)], [told("acme", SECOND), told("globex", SECOND)])

    letters = {letter.reason: letter for letter in gather(data).collected.dead_letters}

    assert letters["a row that an ingested file holds"].count == 1
    assert "acme" in letters["a row that an ingested file holds"].example
    assert gather(data).collected.usage.rows["account"].to_pylist() == ["globex"]


@pytest.mark.parametrize("part", ["wal", "usage"])
def test_a_log_or_a_store_that_cannot_be_listed_is_a_fault_and_never_empty(tmp_path: Path, part: str) -> None:
    data = directory(tmp_path / "data", [filed("globex", 5 * SECOND)], [told("acme", SECOND)])
    run_allocation(data, now=NOW)
    before = footprint(data)
    (data.path / part).rename(data.path / "away")
    (data.path / part).write_text("no directory")  # as one without permission to read is, to a user who is not root

    with pytest.raises(StoreError, match="cannot be read"):
        run_allocation(data, now=NOW)

    assert footprint(data) == before


def test_a_torn_batch_is_posted_again_by_the_next_run_and_stops_no_other(tmp_path: Path) -> None:
    data = directory(tmp_path / "data", [filed("globex", 5 * SECOND)], [])
    run_allocation(data, now=NOW)
    before = footprint(data)
    (segment,) = (data.path / "ledger" / "segments").glob("*.parquet")
    segment.write_bytes(segment.read_bytes()[:100])

    run = run_allocation(DataDirectory.open(data.path, create=False), now=NOW)

    assert (len(run.posted), run.unchanged_count, run.refused) == (1, 0, ())
    assert footprint(DataDirectory.open(data.path, create=False)) == before
    assert data.ledger.verify() == []


def test_of_two_runs_at_once_one_is_turned_away_and_its_place_is_free_again(tmp_path: Path) -> None:
    data = directory(tmp_path / "data", [filed("globex", 5 * SECOND)], [])
    other = DataDirectory.open(data.path, create=False)

    with data.allocating(), pytest.raises(StoreError, match="another run"):
        run_allocation(other, now=NOW)

    assert len(run_allocation(other, now=NOW).posted) == 1


def test_names_in_dead_letters_do_not_speak_to_a_terminal(tmp_path: Path) -> None:
    data = directory(tmp_path / "data", [], [told("acme", SECOND, "\x1b[2J\x9b0m" + "n" * 300)])

    (letter,) = gather(data).collected.dead_letters

    assert letter.example.isprintable()
    assert "acme" in letter.example


def test_a_file_of_what_telemetry_told_already_moves_nothing_under_a_rule_that_looks_into_the_window(tmp_path: Path) -> None:
    """An export that is taken back in: it knows the hour, and telemetry knows the peaks within it."""

    def measured(account: str, seconds: list[float]) -> Record:
        points = [point(T0 + 300 * SECOND * index, value, start=T0) for index, value in enumerate(seconds)]
        resource = {"service.name": "shop", "host.name": "h1", "cloud.account.id": account}
        return Record("metrics", "provider", "", T0, metrics("process.cpu.time", points, unit="s", resource=resource))

    book = tmp_path / "facility.toml"
    book.write_text(BOOK, encoding="utf-8")
    data = directory(
        tmp_path / "data", [], [measured("early", [0.0] + [300.0] * 12), measured("even", [25.0 * n for n in range(13)])]
    )
    data.apply_facility(book)
    (posted,) = run_allocation(data, rule="temporal_shapley", now=NOW).posted
    before = footprint(data)
    assert before["early"].energy.millijoules > 5 * before["even"].energy.millijoules

    data.segments.write(gather(data).collected.usage)
    again = run_allocation(data, rule="temporal_shapley", now=NOW)

    assert (again.posted, again.unchanged_count, again.refused) == ((), 1, ())
    assert footprint(data) == before
    assert not posted.pool_energy


def test_every_posting_says_how_sure_it_is(tmp_path: Path) -> None:
    data = directory(tmp_path / "data", [filed("acme", 5 * SECOND), filed("globex", 7 * SECOND)], [])
    run_allocation(data, now=NOW)

    snapshot = data.ledger.snapshot()
    tables = [read_segment(snapshot.root / segment.path) for segment in snapshot.contents.segments()]

    assert tables
    for table in tables:
        for name in UNCERTAINTIES:
            widths = table[name].to_pylist()
            assert min(widths) >= 0, "the engine knows where everything came from"
            assert max(widths) > 0
