"""The TrainTicket recording, converted whole, and from there to the ledger.

Runs where the data is: in the folder that GREENCLOUD_SHARED_DATA names, else in ../shared/data beside the repository.
"""

from __future__ import annotations

import gzip
import hashlib
import io
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from pathlib import Path
from types import ModuleType

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
from google.protobuf.proto import parse_length_prefixed
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from example_scripts import DATA, GRID, csv_rows, example, needs, published
from greencloud.engine import DataDirectory, ingest_file, run_allocation
from greencloud.engine.gathering import Gathered, gather
from greencloud.results import FootprintQuery, RunSummary

PODS, NODES, MINUTES, SPANS, REPEATED_SPANS = 46, 10, 741, 179_170, 1_014
ROWS_WITHOUT_CPU = 3 * MINUTES
SILENT_PODS = ("ts-avatar-service", "ts-security-service", "ts-voucher-service")

needs_data = needs("trainticket")


def converter() -> ModuleType:
    return example("trainticket")


@pytest.fixture(scope="module")
def converted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("trainticket")
    converter().main([str(DATA / "trainticket"), str(out), "--grid", str(GRID)])
    return out


def requests_in(path: Path) -> Iterator[ExportTraceServiceRequest]:
    with io.BytesIO(gzip.decompress(path.read_bytes())) as file:
        while (message := parse_length_prefixed(ExportTraceServiceRequest, file)) is not None:
            yield message


def zipped_rows(name: str) -> list[dict[str, str]]:
    return published(f"trainticket/{name}")


def nodes_use(out: Path) -> tuple[int, int]:
    """Core-nanoseconds and byte-seconds of all nodes over the recording."""
    meters = csv_rows(out / "meters.csv")
    return sum(int(row["busy_cpu_ns"]) for row in meters), sum(int(row["memory_byte_s"]) for row in meters)


def pods_use(out: Path) -> tuple[int, int]:
    """Core-nanoseconds and byte-seconds of the listed pods."""
    usage = pq.read_table(out / "usage.parquet")
    return pc.sum(usage["cpu_ns"]).as_py(), pc.sum(usage["memory_byte_s"]).as_py()


def unlisted_share(out: Path, memory_gib: Fraction) -> Fraction:
    """The part of the nodes' use that no listed pod had, where a GiB in use weighs ``memory_gib`` busy cores.

    0.956 of the CPU alone, 0.861 at the default weight of 1/20. The unattributed dynamic energy is near the latter and not at it,
    since power is by node.
    """

    def weight(cpu_ns: int, memory_byte_s: int) -> Fraction:
        return cpu_ns + memory_gib * Fraction(memory_byte_s * 10**9, 1 << 30)

    return 1 - weight(*pods_use(out)) / weight(*nodes_use(out))


@needs_data
def test_every_pod_that_reports_cpu_has_a_row_in_every_minute(converted: Path) -> None:
    usage = pq.read_table(converted / "usage.parquet")

    assert usage.num_rows == PODS * MINUTES - ROWS_WITHOUT_CPU
    assert len(pc.unique(usage["service"])) == PODS - 3
    assert len(pc.unique(usage["window_start"])) == MINUTES
    assert len(pc.unique(usage["account"])) >= 4
    assert set(usage["source"].to_pylist()) == {"provider"}
    assert usage.schema.field("window_start").type == pa.timestamp("us", tz="UTC")
    keys = Counter(zip(*(usage[name].to_pylist() for name in ("window_start", "host", "service")), strict=True))
    assert set(keys.values()) == {1}


@needs_data
def test_the_usage_is_the_published_use_to_the_nanosecond(converted: Path) -> None:
    expected = sum(round(Fraction(row["cpu_milli"]) * 60_000_000) for row in zipped_rows("pod_minutes.csv.gz"))

    assert pods_use(converted)[0] == expected


@needs_data
def test_the_nodes_have_a_reading_in_every_minute_and_no_energy_of_their_own(converted: Path) -> None:
    meters = csv_rows(converted / "meters.csv")

    assert len(meters) == NODES * MINUTES
    assert {row["energy_kwh"] for row in meters} == {""}
    assert len(csv_rows(converted / "hosts.csv")) == NODES


@needs_data
def test_the_listed_pods_used_a_small_part_of_their_nodes(converted: Path) -> None:
    assert Fraction(955, 1000) < unlisted_share(converted, Fraction(0)) < Fraction(957, 1000)
    assert Fraction(860, 1000) < unlisted_share(converted, Fraction(1, 20)) < Fraction(862, 1000)


@needs_data
def test_every_span_is_kept_with_its_repeats_and_its_resource(converted: Path) -> None:
    ids: Counter[tuple[bytes, bytes]] = Counter()
    resources = set()
    for request in requests_in(converted / "spans.binpb.gz"):
        for traces in request.resource_spans:
            attributes = {item.key: item.value.string_value for item in traces.resource.attributes}
            resources.add(attributes["k8s.pod.name"])
            assert set(attributes) == {"service.name", "service.instance.id", "cloud.account.id", "host.name", "k8s.pod.name"}
            for scope in traces.scope_spans:
                ids.update((span.trace_id, span.span_id) for span in scope.spans)

    assert ids.total() == SPANS
    assert ids.total() - len(ids) == REPEATED_SPANS
    assert len(resources) == 28


@needs_data
def test_every_hour_of_the_day_has_the_three_kinds_of_factor(converted: Path) -> None:
    factors = csv_rows(converted / "factors.csv")

    assert Counter(row["kind"] for row in factors) == {"location": 24, "residual": 24, "upstream": 24}
    at_noon = {row["kind"]: row["g_per_kwh"] for row in factors if row["start"] == "2023-01-30T12:00:00Z"}
    assert at_noon == {"location": "267.36", "residual": "267.36", "upstream": "89.23"}


@needs_data
def test_converting_again_gives_the_same_bytes(converted: Path, tmp_path: Path) -> None:
    converter().main([str(DATA / "trainticket"), str(tmp_path), "--grid", str(GRID)])

    def digests(folder: Path) -> dict[str, str]:
        return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in folder.iterdir()}

    assert digests(tmp_path) == digests(converted)


@needs_data
def test_slices_of_five_minutes_hold_the_same_use(converted: Path, tmp_path: Path) -> None:
    converter().main([str(DATA / "trainticket"), str(tmp_path), "--grid", str(GRID), "--slice", "300"])

    assert pods_use(tmp_path) == pods_use(converted)
    usage = pq.read_table(tmp_path / "usage.parquet")
    assert set(usage["window_s"].to_pylist()) == {300}
    assert {minute % 5 for minute in pc.minute(usage["window_start"]).to_pylist()} == {0}


def test_a_grid_file_of_life_cycle_values_alone_is_refused(tmp_path: Path) -> None:
    grid = tmp_path / "lca.csv"
    grid.write_text("time,DE\n2023-01-30T00:00:00Z,552.09\n")

    with pytest.raises(ValueError, match="no direct factors"):
        converter().write_factors(grid, tmp_path, "DE", datetime(2023, 1, 30, tzinfo=UTC), datetime(2023, 1, 31, tzinfo=UTC))


def test_an_hour_without_a_factor_is_refused(tmp_path: Path) -> None:
    grid = tmp_path / "grid.csv"
    grid.write_text(
        "time,zone,ci_direct_g_per_kwh,ci_lca_g_per_kwh\n2023-01-30T00:00:00Z,DE,500,552.09\n2023-01-30T01:00:00Z,DE,,552.09\n"
    )

    with pytest.raises(ValueError, match="2023-01-30T01:00:00Z"):
        converter().write_factors(grid, tmp_path, "DE", datetime(2023, 1, 30, tzinfo=UTC), datetime(2023, 1, 31, tzinfo=UTC))


def test_every_service_of_the_benchmark_belongs_to_one_account() -> None:
    module = converter()

    services = [service for listed in module.ACCOUNTS.values() for service in listed.split()]
    assert len(services) == len(set(services)) == PODS


# The whole way: ingest, allocate, ledger. The figures are computed again here from the published CSV files, in rationals, and with
# nothing of the product but the ledger's answer.

WINDOWS = 13
WATTS_IDLE, WATTS_FULL, VCPU = Fraction("0.64"), Fraction("3.97"), 8
PUE, MEMORY_WEIGHT = Fraction("1.2"), Fraction(1, 20)
NOW = datetime(2026, 11, 23, tzinfo=UTC)


@dataclass(frozen=True)
class Recomputed:
    """Energy of one hour, in exact millijoules: what the published files say that it is."""

    load: Fraction
    dynamic: dict[str, Fraction]  # by account, "(unattributed)" among them
    idle_and_unsold: dict[str, Fraction]


def core_ns(cpu_ns: Fraction, memory_byte_s: Fraction) -> Fraction:
    return cpu_ns + MEMORY_WEIGHT * memory_byte_s * 10**9 / 2**30


def told_by_silent_pods(hour: str, account_of: dict[str, str], node_of: dict[str, str]) -> dict[tuple[str, str], Fraction]:
    """Self wall time in the hour of pods that nobody measured, by node and account: each span less its children in its pod."""
    spans = {
        (row["trace_id"], row["span_id"]): row
        for row in zipped_rows("spans.csv.gz")
        if any(name in row["pod"] for name in SILENT_PODS)
    }
    inner: dict[tuple[str, str], list[tuple[int, int]]] = defaultdict(list)
    for row in spans.values():
        inner[row["trace_id"], row["parent_span_id"]].append((int(row["start_unix_nano"]), int(row["end_unix_nano"])))
    begin = int(datetime.fromisoformat(f"{hour}:00:00Z").timestamp()) * 10**9
    told: dict[tuple[str, str], Fraction] = defaultdict(Fraction)
    for key, row in spans.items():
        start, end = int(row["start_unix_nano"]), int(row["end_unix_nano"])
        own, at = end - start, start
        for child_start, child_end in sorted(inner[key]):
            own -= max(0, min(child_end, end) - max(child_start, at))
            at = max(at, min(child_end, end))
        within = max(0, min(end, begin + 3600 * 10**9) - max(start, begin))
        told[node_of[row["pod"]], account_of[row["pod"]]] += Fraction(own * within, max(end - start, 1))
    return {where: amount for where, amount in told.items() if amount}


def recomputed(hour: str) -> Recomputed:
    """One hour from the published files alone."""
    accounts = converter().ACCOUNT_OF
    pods = csv_rows(DATA / "trainticket" / "pods.csv")
    account_of = {row["pod"]: accounts[row["service"].removeprefix("ts-").removesuffix("-service")] for row in pods}
    reserved: dict[str, Fraction] = defaultdict(Fraction)
    for row in pods:
        limits = Fraction(row["cpu_limit_milli"] or 0) / 1000, Fraction(row["mem_limit_mib"] or 0) / 1024
        reserved[account_of[row["pod"]]] += limits[0] + MEMORY_WEIGHT * limits[1]
    told = told_by_silent_pods(hour, account_of, {row["pod"]: row["node"] for row in pods})
    nodes: dict[tuple[str, str], tuple[Fraction, Fraction]] = {}
    used: dict[tuple[str, str], Fraction] = defaultdict(Fraction)
    for row in (row for row in zipped_rows("pod_minutes.csv.gz") if row["time"].startswith(hour)):
        busy, memory = Fraction(row["node_cpu_pct"]) / 100 * VCPU, Fraction(row["node_mem_pct"]) / 100 * 16 * 2**30
        nodes.setdefault((row["time"][:16], row["node"]), (busy * 60 * 10**9, memory * 60))
        if not any(name in row["pod"] for name in SILENT_PODS):
            weight = core_ns(Fraction(row["cpu_milli"]) * 60 * 10**6, Fraction(row["mem_mib"]) * 2**20 * 60)
            used[row["node"], account_of[row["pod"]]] += weight
    dynamic: dict[str, Fraction] = defaultdict(Fraction)
    idle = load = Fraction(0)
    for node in sorted({node for _, node in nodes}):
        minutes = [of for (_, at), of in nodes.items() if at == node]
        busy = sum((cpu for cpu, _ in minutes), Fraction(0))
        whole = core_ns(busy, sum((memory for _, memory in minutes), Fraction(0)))
        idle += VCPU * WATTS_IDLE * 60 * len(minutes) * 1000
        # The curve is a line from idle to full load, so dynamic energy is in proportion to busy core seconds.
        dynamic_mj = (WATTS_FULL - WATTS_IDLE) * busy / 10**6
        load += dynamic_mj
        listed = {account: weight for (at, account), weight in used.items() if at == node}
        assert sum(listed.values()) <= whole, "in no hour do the listed pods exceed their node"
        # Accounts without a measured pod on the node may claim of the rest what they reserved of it, and claim what they report.
        rest = whole - sum(listed.values())
        others = {account: part for account, part in reserved.items() if account not in listed}
        for account, part in others.items():
            listed[account] = min(told.get((node, account), Fraction(0)), rest * part / sum(others.values()))
        for account, weight in {**listed, "(unattributed)": whole - sum(listed.values())}.items():
            dynamic[account] += dynamic_mj * weight / whole
    # What is reserved goes by reservation, and what is not again by reservation: in all, by reservation.
    capacity = sum(reserved.values())
    return Recomputed(PUE * (load + idle), dynamic, {account: idle * part / capacity for account, part in reserved.items()})


Allocated = tuple[DataDirectory, RunSummary, Gathered]


@pytest.fixture(scope="module")
def allocated(converted: Path, tmp_path_factory: pytest.TempPathFactory) -> Allocated:
    data = DataDirectory.open(tmp_path_factory.mktemp("data") / "tt", create=True)
    data.apply_facility(converted / "facility.toml")
    for name in ("usage.parquet", "spans.binpb.gz"):
        ingest_file(data, converted / name)
    gathered = gather(data)
    return data, run_allocation(data, now=NOW, gathered=gathered), gathered


def energies(data: DataDirectory, hour: str, *, components: tuple[str, ...] = ()) -> dict[str, int]:
    start = datetime.fromisoformat(f"{hour}:00:00Z")
    query = FootprintQuery(start, start + timedelta(hours=1), group_by=("account",), components=components)
    return {row.dimensions["account"]: row.energy.millijoules for row in data.ledger.snapshot().footprint(query)}


@needs_data
def test_every_span_counts_once_in_thirteen_balanced_hours(allocated: Allocated) -> None:
    data, run, gathered = allocated
    assert (gathered.collected.span_count, gathered.collected.duplicate_count) == (SPANS - REPEATED_SPANS, REPEATED_SPANS)
    assert gathered.collected.dead_letters == ()
    assert (len(run.posted), run.refused) == (WINDOWS, ())
    batches = data.ledger.snapshot().batches()
    assert [batch.start.hour for batch in batches] == list(range(11, 24))
    assert {batch.difference.millijoules for batch in batches} == {0}
    assert data.ledger.verify() == []
    rows = data.ledger.snapshot().footprint(FootprintQuery(batches[0].start, batches[-1].end, group_by=("component",)))
    assert sum(row.operation_count for row in rows) == SPANS - REPEATED_SPANS


@needs_data
@pytest.mark.parametrize("hour", ["2023-01-30T11", "2023-01-30T12", "2023-01-30T19"])
def test_the_energy_of_an_hour_is_what_the_published_files_say(allocated: Allocated, hour: str) -> None:
    data, expected = allocated[0], recomputed(hour)

    def close(found: dict[str, int], exact: dict[str, Fraction], per_account: int) -> None:
        assert found.keys() == {account for account, amount in exact.items() if amount}
        for account, amount in found.items():
            assert abs(amount - exact[account]) <= per_account, account

    # Each node's energy, and each share of it, is rounded once: half a unit, and a unit, for each of ten nodes.
    close(energies(data, hour, components=("dynamic",)), expected.dynamic, 2 * NODES)
    close(energies(data, hour, components=("idle", "unsold")), expected.idle_and_unsold, NODES)
    everything = {
        account: PUE * (expected.dynamic[account] + expected.idle_and_unsold.get(account, Fraction(0)))
        for account in expected.dynamic
    }
    close(energies(data, hour), everything, 4 * NODES)
    assert abs(sum(energies(data, hour).values()) - expected.load) <= NODES


@needs_data
def test_what_no_listed_pod_used_stays_unattributed(allocated: Allocated, converted: Path) -> None:
    data = allocated[0]
    query = FootprintQuery(datetime(2023, 1, 30, tzinfo=UTC), datetime(2023, 1, 31, tzinfo=UTC), group_by=("account",))
    rows = data.ledger.snapshot().footprint(replace(query, components=("dynamic",)))
    energy = {row.dimensions["account"]: row.energy.millijoules for row in rows}
    # Power is by node and hour, so the share of energy is near the share of use, and not at it.
    share = Fraction(energy["(unattributed)"], sum(energy.values()))
    assert abs(share - unlisted_share(converted, MEMORY_WEIGHT)) < Fraction(2, 100)


@needs_data
def test_emissions_of_an_hour_are_its_load_at_its_factor(allocated: Allocated) -> None:
    start = datetime(2023, 1, 30, 12, tzinfo=UTC)
    (row,) = allocated[0].ledger.snapshot().footprint(FootprintQuery(start, start + timedelta(hours=1)))
    kwh = Fraction(row.energy.millijoules, 3_600_000_000)
    assert row.scope2_location_based.micrograms == round(kwh * Fraction("267.36") * 10**6)
    assert row.scope2_market_based == row.scope2_location_based
    assert row.scope3_upstream_location_based.micrograms == round(kwh * Fraction("89.23") * 10**6)
    assert row.scope1.micrograms == 0
    # 149.366 kg over the 1,461 days from 2021-01-30 to 2025-01-30, of which an hour is one in 35,064.
    assert abs(row.scope3_embodied.micrograms - NODES * Fraction(149_366_000_000, 1461 * 24)) <= NODES


@needs_data
def test_services_bear_what_was_measured_however_long_their_spans_wait(allocated: Allocated) -> None:
    """The gateway of account tt-front waits: its spans last some four times as long as it used in the hour."""
    data, _, gathered = allocated
    start = datetime(2023, 1, 30, 12, tzinfo=UTC)
    rows = gathered.usage.rows.filter(
        (pc.field("window_start") == pa.scalar(start, pa.timestamp("us", tz="UTC"))) & (pc.field("account") == "tt-front")
    ).to_pylist()
    measured: dict[str, Fraction] = defaultdict(Fraction)
    told: dict[str, int] = defaultdict(int)
    for row in rows:
        if row["source"] == "provider":
            measured[row["service"]] += core_ns(Fraction(row["cpu_ns"]), Fraction(row["memory_byte_s"]))
        else:
            told[row["service"]] += row["cpu_ns"]
    assert told["ts-gateway-service"] > 3 * measured["ts-gateway-service"]
    query = FootprintQuery(start, start + timedelta(hours=1), accounts=("tt-front",), group_by=("service",), components=("idle",))
    energy = {row.dimensions["service"]: row.energy.millijoules for row in data.ledger.snapshot().footprint(query)}
    for service, amount in energy.items():
        exact = sum(energy.values()) * measured[service] / sum(measured.values())
        assert abs(amount - exact) <= 2, service
