"""The laws over the whole path: OTLP bytes, collected into usage, allocated, posted to a real ledger.

Law 1, conservation: every measure of every window adds up to its total. Law 2, determinism: shuffled, split and repeated input
gives the same bits. Law 3, provenance: what was posted names its inputs, and stays readable beside what supersedes it. Law 4,
authority: one account's telemetry changes no figure of another.
"""

from __future__ import annotations

import tempfile
from dataclasses import replace
from datetime import UTC, datetime
from fractions import Fraction
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from greencloud.allocation import POSTING_MEASURES, POSTINGS, allocate, with_uncertainties
from greencloud.facility import Account, AccountKind, Facility, Host, Reservation, starter_facility
from greencloud.ledger import Ledger, Snapshot, make_batch
from greencloud.results import BatchSummary, FootprintQuery, FootprintRow, Granularity
from greencloud.telemetry import Record, collect
from otlp import SECOND, SpanSpec, counter, metrics_request, trace_request
from profiles import examples

START = 1_780_002_000 * SECOND  # 2026-05-28T21:00:00Z, a window boundary
WINDOW = 3600
TENANTS = ("acme", "globex", "initech")
POSTED = datetime(2026, 6, 1, tzinfo=UTC)
LAWS = settings(max_examples=examples(20), deadline=None, suppress_health_check=[HealthCheck.too_slow])


def book() -> Facility:
    """The starter with one shared host, reservations for two of three tenants, and an internal service."""
    starter = starter_facility()
    site = starter.sites[starter.default_site]
    forever = (datetime(2020, 1, 1, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC))
    gib = 1 << 30
    reserve = [("acme", 3), ("globex", 2), ("platform", 1)]
    return replace(
        starter,
        revision="laws",
        window_seconds=WINDOW,
        accounts={name: Account(name) for name in TENANTS} | {"platform": Account("platform", AccountKind.INTERNAL)},
        hosts={(site.id, "h1"): Host("h1", site.id, Fraction(8), 32 * gib, idle_watts=Fraction(40))},
        reservations=tuple(Reservation(name, site.id, Fraction(cores), cores * gib, *forever) for name, cores in reserve),
    )


BOOK = book()

durations = st.integers(0, 5000 * SECOND // 100)
span_lists = st.lists(
    st.tuples(st.integers(0, 7000), durations, st.sampled_from(["get", "put", "list"]), st.none() | st.integers(0, 3 * SECOND)),
    max_size=6,
)


@st.composite
def tenant_records(draw: st.DrawFn, account: str) -> list[Record]:
    """A tenant's spans on the listed host, on an unlisted one, and without a host; with and without CPU time."""
    records = []
    for index, (offset, duration, name, cpu) in enumerate(draw(span_lists)):
        resource: dict[str, str | int | float] = {"service.name": draw(st.sampled_from(["web", "jobs"]))}
        host = draw(st.sampled_from(["h1", "elsewhere", ""]))
        if host:
            resource["host.id"] = host
        number = TENANTS.index(account) * 1000 + index + 1 if account in TENANTS else 9000 + index
        start = START + offset * SECOND
        labels: dict[str, str | int | float] = {} if cpu is None else {"greencloud.cpu.time": min(cpu, duration)}
        span = SpanSpec(number, number, start, start + duration, name, attributes=labels)
        records.append(Record("traces", "tenant", account, START, trace_request(resource, [span])))
    return records


@st.composite
def provider_records(draw: st.DrawFn) -> list[Record]:
    """The host's meter and CPU, and the CPU of one tenant's process, over two windows."""
    busy = draw(st.integers(0, 5000))
    joules = draw(st.integers(0, 900_000))
    web = draw(st.integers(0, busy))
    times = [START, START + WINDOW * SECOND, START + 2 * WINDOW * SECOND]
    host: dict[str, str | int | float] = {"host.id": "h1"}
    host_metrics = [
        counter("system.cpu.time", "s", [(time, busy * i / 2, {"cpu.mode": "user"}) for i, time in enumerate(times)], START),
        counter("hw.host.energy", "J", [(time, joules * i / 2, {}) for i, time in enumerate(times)], START),
    ]
    process = counter("process.cpu.time", "s", [(time, web * i / 2, {"cpu.mode": "user"}) for i, time in enumerate(times)], START)
    workload = host | {"cloud.account.id": "acme", "service.name": "web"}
    return [
        Record("metrics", "provider", "", START, metrics_request(host, host_metrics)),
        Record("metrics", "provider", "", START, metrics_request(workload, [process])),
    ]


everybody = st.tuples(provider_records(), *(tenant_records(account) for account in TENANTS), tenant_records("platform")).map(
    lambda parts: [record for part in parts for record in part]
)


def postings(records: list[Record]) -> pa.Table:
    """As the ledger gets them, with how sure each is."""
    tables = [with_uncertainties(window) for window in allocate(BOOK, collect(records, BOOK).usage).windows]
    return pa.concat_tables(tables) if tables else POSTINGS.empty_table()


@LAWS
@given(everybody)
def test_law_1_every_measure_adds_up_and_the_ledger_takes_it(records: list[Record]) -> None:
    allocation = allocate(BOOK, collect(records, BOOK).usage)

    for window in allocation.windows:
        for measure in POSTING_MEASURES:
            assert sum(window.postings.column(measure).to_pylist()) == window.totals[measure]
    with tempfile.TemporaryDirectory() as folder:
        ledger = Ledger(Path(folder) / "ledger")
        for window in allocation.windows:
            ledger.post(make_batch(window, usage_revision="r", provisional=False, created=POSTED))
        for batch in ledger.snapshot().batches():
            assert batch.difference.millijoules == 0


@LAWS
@given(everybody, st.data())
def test_law_2_shuffled_split_and_repeated_input_gives_the_same_bits(records: list[Record], data: st.DataObject) -> None:
    repeated = records + data.draw(st.lists(st.sampled_from(records), max_size=5))
    shuffled = data.draw(st.permutations(repeated))

    assert postings(records).equals(postings(shuffled))


@settings(LAWS, max_examples=examples(6))  # each of them runs the whole path twice
@given(everybody, tenant_records("acme"))
def test_law_3_late_data_and_a_new_book_supersede_and_nothing_posted_is_lost(records: list[Record], late: list[Record]) -> None:
    dearer = tuple(replace(factor, micrograms_per_kwh=factor.micrograms_per_kwh * 2) for factor in BOOK.factors)
    rounds = [(BOOK, records), (BOOK, records + late), (replace(BOOK, revision="laws-2", factors=dearer), records + late)]
    said: dict[int, object] = {}
    visible: dict[tuple[str, datetime], str] = {}
    with tempfile.TemporaryDirectory() as folder:
        ledger = Ledger(Path(folder) / "ledger")
        for number, (facility, known) in enumerate(rounds):
            for window in allocate(facility, collect(known, facility).usage).windows:
                revision = f"usage-{bool(number)}"
                posted = ledger.post(make_batch(window, usage_revision=revision, provisional=False, created=POSTED))
                assert posted
                assert (posted.facility_revision, posted.usage_revision) == (facility.revision, revision)
                assert (posted.rule, posted.methodology_version) == ("reserved_and_used", "reserved_and_used/2")
                assert posted.supersedes == visible.get((posted.site, posted.start), "")
                visible[posted.site, posted.start] = posted.id
                said[ledger.snapshot().version] = everything(ledger.snapshot())
        for version, figures in said.items():
            assert everything(ledger.snapshot(version)) == figures


@LAWS
@given(everybody, st.data())
def test_law_4_one_accounts_telemetry_changes_no_figure_of_another(records: list[Record], data: st.DataObject) -> None:
    attacker = data.draw(st.sampled_from(TENANTS))
    replaced = [record for record in records if record.account != attacker] + data.draw(tenant_records(attacker))

    others = [account for account in (*TENANTS, "platform") if account != attacker]
    assert of(postings(records), others).equals(of(postings(replaced), others))


def everything(snapshot: Snapshot) -> tuple[list[BatchSummary], list[FootprintRow]]:
    """Every batch and every figure of a version of the ledger."""
    by = ("account", "service", "operation", "component")
    query = FootprintQuery(
        datetime(2020, 1, 1, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC), group_by=by, granularity=Granularity.WINDOW
    )
    return snapshot.batches(), snapshot.footprint(query)


def of(table: pa.Table, accounts: list[str]) -> pa.Table:
    return table.filter(pc.is_in(table.column("account"), pa.array(accounts))).combine_chunks()
