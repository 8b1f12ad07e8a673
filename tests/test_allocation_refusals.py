"""What cannot be true is refused with its row or host, and a window that is refused stops no other one.

Through ``greencloud.allocate``, and through a run over a data directory.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

import greencloud
from greencloud.allocation import RULES, allocate, allocate_window
from greencloud.engine import DataDirectory, run_allocation
from greencloud.engine.compare import compare_rules
from greencloud.errors import AllocationError, FacilityError, GreencloudError, UsageDataError
from greencloud.facility import Certificate, Facility, HostReading
from greencloud.results import RunSummary
from greencloud.units import INT64_MAX, MILLIJOULES_PER_KWH, parse_instant
from greencloud.usage import ROWS, Usage, usage_from
from strategies import HOUR_US, START, WATT_HOUR, WINDOW, facility, factors, host, provider, reading, row, site, usage

KWH = MILLIJOULES_PER_KWH
LATER = START + timedelta(hours=1)
MINUTE = timedelta(minutes=1)
BOOK = facility(hosts=[host("h1", curve="server", aliases=("node-1",)), host("h2", curve="server")])

any_rule = pytest.mark.parametrize("rule", RULES)


def refused(book: Facility, rows: Any = (), readings: Any = (), *, rule: str = RULES[0]) -> GreencloudError:
    """The one error, whether all is allocated or the window alone."""
    given = usage(rows, readings)
    errors = []
    for attempt in (
        lambda: greencloud.allocate(book, given, rule=rule),
        lambda: allocate_window(book, given, "hall", WINDOW, rule=rule),
    ):
        with pytest.raises(GreencloudError) as caught:
            attempt()
        errors.append(caught.value)
    assert str(errors[0]) == str(errors[1])
    assert errors[0].advice
    return errors[0]


# Rows


@any_rule
@pytest.mark.parametrize(
    ("bad", "message"),
    [
        ({"cpu_ns": -1}, "row 2: cpu_ns -1 is negative"),
        ({"memory_byte_s": -INT64_MAX}, "row 2: memory_byte_s -"),
        ({"window_s": 0}, "row 2: window_s 0 does not divide the hour"),
        ({"window_s": -60}, "row 2: window_s -60 does not divide the hour"),
        ({"window_s": 7}, "row 2: window_s 7 does not divide the hour"),
        (
            {"window_start": START + timedelta(minutes=30)},
            "row 2: window_start 2026-11-23 14:30:00.000000Z is not a multiple of 3600 s",
        ),
        ({"window_start": START + timedelta(microseconds=1)}, "row 2: window_start 2026-11-23 14:00:00.000001Z is not"),
        ({"window_start": START + timedelta(minutes=50), "window_s": 900}, "row 2: window_start 2026-11-23 14:50:00"),
        ({"window_start": datetime(9999, 12, 31, 23, tzinfo=UTC)}, "row 2: window_start lies outside the years 1 to 9998"),
        ({"source": "guess"}, "row 2: source 'guess'"),
        ({"quality": "good"}, "row 2: quality 'good'"),
        ({"account": "(unsold)"}, "row 2: account '(unsold)'"),
        ({"account": "(unsold)\nx"}, "row 2: account '(unsold)\\nx'"),
        ({"account": ""}, "row 2: account ''"),
    ],
)
def test_a_row_that_cannot_be_true_is_refused_by_number_under_every_rule(rule: str, bad: dict[str, Any], message: str) -> None:
    error = refused(BOOK, [provider("acme", 1), provider("bolt", 1), provider("cola", 1) | bad], rule=rule)
    assert isinstance(error, UsageDataError)
    assert error.message.startswith(message)
    assert error.row == 2


@pytest.mark.parametrize(
    ("column", "values", "message"),
    [
        ("cpu_ns", pa.array([1.0]), "cpu_ns is double, not an integer"),
        ("cpu_ns", pa.array([float("nan")]), "cpu_ns is double, not an integer"),
        ("cpu_ns", pa.array([float("inf")]), "cpu_ns is double, not an integer"),
        ("cpu_ns", pa.array(["1"]), "cpu_ns is string, not an integer"),
        ("cpu_ns", pa.array([2**63], pa.uint64()), "9223372036854775808"),
        ("cpu_ns", pa.array([None], pa.int64()), "row 0: cpu_ns None is null"),
        ("window_start", pa.array([START.replace(tzinfo=None)], pa.timestamp("us")), "not a time in UTC"),
        ("window_start", pa.array([START.isoformat()]), "not a time in UTC"),
        ("window_start", pa.array([3600 * 10**14], pa.timestamp("us", tz="UTC")), "outside the years 1 to 9998"),
    ],
)
def test_no_column_is_coerced(column: str, values: pa.Array, message: str) -> None:
    rows = usage([provider("acme", 1)]).rows.set_column(ROWS.names.index(column), column, values)
    with pytest.raises(UsageDataError, match=message):
        allocate(BOOK, Usage(rows, usage().readings))
    with pytest.raises(UsageDataError, match=message):
        allocate_window(BOOK, Usage(rows, usage().readings), "hall", WINDOW)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf"), 1.5, -1, 2**63, "many", None, True])
def test_a_table_for_allocate_is_read_as_strictly_as_a_file(value: object) -> None:
    rows = [provider("acme", 1), provider("bolt", 1) | {"cpu_ns": value}]
    with pytest.raises(UsageDataError, match="row 1: cpu_ns is"):
        usage_from(rows)


@any_rule
@pytest.mark.parametrize("seconds", [3600, 900])
def test_a_row_told_twice_counts_once_in_windows_of_any_length_and_under_every_rule(rule: str, seconds: int) -> None:
    rows = [provider("acme", 10**12, window_s=seconds), provider("bolt", 10**12, window_s=seconds)]
    once = allocate(BOOK, usage(rows), rule=rule)
    assert allocate(BOOK, usage([*rows, rows[0]]), rule=rule).postings.equals(once.postings)


@any_rule
@pytest.mark.parametrize("seconds", [3600, 900])
def test_two_rows_that_contradict_each_other_are_refused_by_name(rule: str, seconds: int) -> None:
    rows = [provider("acme", cpu, window_s=seconds) for cpu in (5, 6)]
    with pytest.raises(UsageDataError, match=r"contradict each other at .*host=h1, account=acme.*cpu_ns is 5 and 6"):
        allocate(BOOK, usage(rows), rule=rule)


def test_a_window_beside_its_own_parts_is_refused() -> None:
    with pytest.raises(UsageDataError, match=r"windows overlap for .*account=acme"):
        allocate(BOOK, usage([provider("acme", 1), provider("acme", 1, window_s=900)]))


@pytest.mark.parametrize("text", ["2026-12-31T23:59:60Z", "2026-12-31T24:00:01Z", "2026-11-23T14:00:00", "soon"])
def test_a_time_that_utc_does_not_have_is_refused_with_what_to_write(text: str) -> None:
    """A leap second too: POSIX time has none, and which of its neighbours is meant the sender has to say."""
    with pytest.raises(UsageDataError, match="row 0: window_start") as caught:
        usage_from([{"window_start": text, "window_s": 3600, "site": "hall", "account": "acme", "cpu_ns": 1}])
    assert "write" in caught.value.advice
    with pytest.raises(greencloud.GreencloudError):
        parse_instant(text)


# Readings


@pytest.mark.parametrize(
    ("readings", "message"),
    [
        ([reading("h1", -1)], "row 0: energy_mj -1 is negative"),
        ([reading("h1", 1, -1)], "row 0: busy_cpu_ns -1 is negative"),
        ([reading("h2", 1), reading("h1", 1, memory_byte_s=-1)], "row 1: memory_byte_s -1 is negative"),
        ([reading("h1", 1, covered_us=HOUR_US + 1)], "row 0: covered_us 3600000001 is longer"),
        ([reading("h1", 1, covered_us=0)], "row 0: covered_us 0 covers nothing"),
        ([reading("h1", 1, quality="guess")], "row 0: quality 'guess'"),
        ([reading("h1", 1, window_s=0, covered_us=0)], "row 0: window_s 0"),
        ([reading("h1", 1, window_start=START + timedelta(minutes=30))], "row 0: window_start 2026-11-23 14:30:00"),
        ([reading("h1", 1), reading("node-1", 1)], "two readings of host 'h1' at site 'hall'"),
    ],
)
def test_a_reading_that_cannot_be_true_is_refused_with_its_row_or_host(readings: Any, message: str) -> None:
    error = refused(BOOK, [], readings)
    assert isinstance(error, UsageDataError)
    assert error.message.startswith(message)


def test_two_readings_of_one_host_are_refused_when_they_differ_and_one_when_they_do_not() -> None:
    with pytest.raises(UsageDataError, match=r"contradict each other at .*host=h1.*energy_mj is 1 and 2"):
        allocate(BOOK, usage([], [reading("h1", 1), reading("h1", 2)]))
    once = allocate(BOOK, usage([], [reading("h1", 1)]))
    assert allocate(BOOK, usage([], [reading("h1", 1), reading("h1", 1)])).postings.equals(once.postings)


def test_readings_finer_than_the_window_are_added_up_and_coarser_ones_refused() -> None:
    quarters = [
        reading("h1", 25, window_s=900, covered_us=HOUR_US // 4, window_start=START + timedelta(minutes=15 * q)) for q in range(4)
    ]
    whole = allocate(BOOK, usage([], [reading("h1", 100)]))
    assert allocate(BOOK, usage([], quarters)).postings.equals(whole.postings)
    assert set(allocate(BOOK, usage([], quarters[:3])).windows[0].postings["quality"].to_pylist()) == {"modelled,partial"}
    with pytest.raises(AllocationError, match="window of 900 s"):
        allocate_window(BOOK, usage([], quarters), "hall", WINDOW)
    with pytest.raises(UsageDataError, match="3600 s does not nest in windows of 900 s"):
        allocate(replace(BOOK, window_seconds=900), usage([], [reading("h1", 100)]))


def test_an_agent_and_a_meter_that_differ_are_noted_and_ones_that_agree_are_not() -> None:
    book = replace(BOOK, readings=(HostReading(WINDOW, "hall", "h1", 300 * WATT_HOUR, Fraction(3600)),))
    notes = allocate(book, usage([], [reading("h1", 200 * WATT_HOUR)])).windows[0].notes
    assert "host h1: the agent read 200.0 Wh, the book's meter 300.0 Wh; the agent's reading counts" in notes
    assert not [note for note in allocate(book, usage([], [reading("h1", 300 * WATT_HOUR)])).windows[0].notes if "agent" in note]


@pytest.mark.parametrize(
    "bad",
    [{"energy_mj": -5}, {"busy_cpu_ns": -1}, {"memory_byte_s": -1}, {"covered_s": Fraction(0)}, {"covered_s": Fraction(3601)}],
)
def test_a_reading_of_a_book_made_by_hand_is_checked_too(bad: dict[str, Any]) -> None:
    held = replace(HostReading(WINDOW, "hall", "h1", 5, Fraction(3600)), **bad)
    error = refused(replace(BOOK, readings=(held,)), [provider("acme", 1)])
    assert "the book's reading of host 'h1' at site 'hall'" in error.message


def test_a_facility_meter_below_its_hosts_is_refused_with_both_energies() -> None:
    error = refused(BOOK, [], [reading("h1", 600 * WATT_HOUR), reading("h2", 1), reading("", 500 * WATT_HOUR)])
    assert "500.0 Wh" in error.message
    assert "600.0 Wh" in error.message
    assert isinstance(error, AllocationError)
    assert error.site == "hall"


# Amounts beyond 64 bits


def test_a_window_of_all_that_int64_holds_is_allocated_and_of_one_millijoule_more_is_refused() -> None:
    book = facility(hosts=[host(name, idle_watts=Fraction(0)) for name in ("h1", "h2")], sites=[site(pue=Fraction(1))])
    rows = [provider("acme", INT64_MAX), provider("bolt", 1, host="h2")]
    half = INT64_MAX // 2
    whole = allocate_window(book, usage(rows, [reading("h1", half), reading("h2", half + 1)]), "hall", WINDOW)
    assert whole.totals["energy_mj"] == sum(whole.postings["energy_mj"].to_pylist()) == INT64_MAX
    error = refused(book, rows, [reading("h1", half + 1), reading("h2", half + 1)])
    assert f"energy_mj of the window is {INT64_MAX + 1}, more than 64 bits hold" in error.message


def test_fine_rows_that_add_up_beyond_int64_are_refused() -> None:
    rows = [provider("acme", INT64_MAX, window_s=1800, window_start=START + timedelta(minutes=half)) for half in (0, 30)]
    with pytest.raises(UsageDataError, match="cpu_ns adds up to more than int64 holds for site=hall, host=h1, account=acme"):
        allocate(BOOK, usage(rows))


# The book


def test_certificates_of_more_than_the_load_are_refused_to_the_millijoule() -> None:
    def book(millijoules: int) -> Facility:
        held = Certificate("wind", "DE", START, LATER, millijoules, Fraction(0), "registry")
        hosts = [host("h1", idle_watts=Fraction(0))]
        return facility(hosts=hosts, sites=[site(pue=Fraction(1))], certificates=(held,))

    given = usage([provider("acme", 1)], [reading("h1", KWH)])
    assert allocate(book(KWH), given).windows[0].totals["scope2_market_ug"] == 0
    with pytest.raises(AllocationError, match=r"certificates cover 1\.000 kWh, more than the load"):
        allocate(book(KWH + 1), given)


@pytest.mark.parametrize("kind", ["location", "residual", "upstream"])
def test_a_factor_that_is_missing_is_named_with_its_zone(kind: str) -> None:
    held = tuple(factor for factor in factors() if factor.kind != kind)
    error = refused(replace(BOOK, factors=held), [provider("acme", 1)])
    assert f"no {kind} factor for grid zone 'DE'" in error.message


def test_a_factor_that_ends_within_the_window_does_not_cover_it() -> None:
    held = tuple(replace(factor, end=START + timedelta(minutes=30)) for factor in factors())
    assert "no location factor" in refused(replace(BOOK, factors=held), [provider("acme", 1)]).message


# A run over a data directory


def toml(*, window: str = "1h", until: str = "2030-01-01", grams: int = 100, more: str = "") -> str:
    kinds = "".join(
        f'[[factors]]\nzone = "DE"\nkind = "{kind}"\nstart = 2020-01-01\nend = {until}\ng_per_kwh = {grams}\nsource = "t"\n'
        for kind in ("location", "residual", "upstream")
    )
    return f"""
[facility]
name = "x"
window = "{window}"
default_site = "hall"
[[accounts]]
id = "acme"
[[curves]]
name = "server"
points = [[0, 100], [1, 200]]
source = "t"
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
{kinds}{more}"""


def filed(at: datetime = START, seconds: int = 3600, cpu_ns: int = 5 * 10**9, **more: Any) -> dict[str, Any]:
    return {"window_start": at, "window_s": seconds, "site": "hall", "host": "h1", "account": "acme", "cpu_ns": cpu_ns} | more


def meters(*rows: str) -> dict[str, str]:
    return {"meters": "window_start,window_s,site,host,energy_kwh\n" + "\n".join(rows) + "\n"}


def ran(
    path: Path, book: str, files: Iterable[Mapping[str, Any]], csv: Mapping[str, str] | None = None, *, rule: str = RULES[0]
) -> RunSummary:
    listed = "".join(f'[files]\n{name} = "{name}.csv"\n' for name in csv or {})
    for name, text in (csv or {}).items():
        (path / f"{name}.csv").write_text(text, encoding="utf-8")
    written = path / "facility.toml"
    written.write_text(book + listed, encoding="utf-8")
    data = DataDirectory.open(path / "data", create=True)
    data.apply_facility(written)
    for rows in files:
        data.segments.write(usage_from([rows]))
    summary = run_allocation(data, rule=rule, now=datetime(2027, 1, 1, tzinfo=UTC))
    held = {batch.start for batch in data.ledger.snapshot().batches()}
    assert not held & {one.start for one in summary.refused}, "nothing is posted of what is refused"
    again = run_allocation(data, rule=rule, now=datetime(2027, 1, 1, tzinfo=UTC))
    assert (again.posted, again.refused) == ((), summary.refused)
    return summary


CERTIFICATE = """[[certificates]]
id = "wind"
zone = "DE"
start = 2026-11-23T14:00:00Z
end = 2026-11-23T15:00:00Z
mwh = 1
g_per_kwh = 0
source = "registry"
"""

AT = "2026-11-23T14:00:00Z"


@pytest.mark.parametrize(
    ("book", "files", "csv", "named"),
    [
        (toml(), [filed(host="ghost")], {}, "does not list"),
        (toml(), [filed(site="nowhere")], {}, "no such site"),
        (toml(more=CERTIFICATE), [filed()], {}, "certificates cover 1.000 MWh"),
        (toml(), [filed()], meters(f"{AT},3600,hall,h1,2", f"{AT},3600,hall,,1"), "less than its hosts'"),
        (toml(grams=9999), [filed()], meters(f"{AT},3600,hall,h1,2500000000"), "more than 64 bits hold"),
    ],
    ids=["unknown host", "unknown site", "certificates", "facility meter", "huge meter"],
)
def test_a_window_that_cannot_be_true_posts_nothing_and_the_next_one_is_posted(
    tmp_path: Path, book: str, files: list[dict[str, Any]], csv: dict[str, str], named: str
) -> None:
    summary = ran(tmp_path, book, [*files, filed(LATER)], csv)
    (one,) = summary.refused
    assert (one.start, one.reason) == (START, "ALLOCATION_REFUSED")
    assert named in one.message
    assert [batch.start for batch in summary.posted] == [LATER]


@pytest.mark.parametrize(
    ("window", "files", "refused_at", "posted_at", "named"),
    [
        ("1h", [filed(seconds=1800, cpu_ns=INT64_MAX), filed(START + 30 * MINUTE, 1800, INT64_MAX)], [0], [60], "account=acme"),
        ("1h", [filed(), filed(seconds=900)], [0], [60], "windows overlap for site=hall, host=h1, account=acme"),
        ("15min", [filed()], [0, 15, 30, 45], [60], "3600 s does not nest in windows of 900 s"),
        ("5min", [filed(seconds=600), filed(START + 10 * MINUTE, 300)], [0, 5], [10, 60], "600 s does not nest"),
    ],
    ids=["overflow", "overlap", "coarse", "coarse in part"],
)
@pytest.mark.parametrize("rule", [RULES[0], "temporal_shapley"])
def test_files_that_do_not_go_into_the_books_windows_refuse_those_alone(
    *, tmp_path: Path, window: str, files: list[dict[str, Any]], refused_at: list[int], posted_at: list[int], named: str, rule: str
) -> None:
    length = {"1h": 3600, "15min": 900, "5min": 300}[window]
    summary = ran(tmp_path, toml(window=window), [*files, filed(LATER, length)], rule=rule)
    assert [one.start for one in summary.refused] == [START + minute * MINUTE for minute in refused_at]
    assert [batch.start for batch in summary.posted] == [START + minute * MINUTE for minute in posted_at]
    assert {one.reason for one in summary.refused} == {"INVALID_USAGE"}
    assert all(named in one.message for one in summary.refused)
    compared, left_out = compare_rules(DataDirectory.open(tmp_path / "data", create=False), rules=("used", rule), by=("account",))
    assert tuple(left_out) == summary.refused
    assert compared.table.num_rows


def test_a_window_without_its_factor_posts_nothing_and_the_others_are_posted(tmp_path: Path) -> None:
    summary = ran(tmp_path, toml(until=AT), [filed(START - timedelta(hours=1)), filed()])
    (one,) = summary.refused
    assert "no location factor for grid zone 'DE'" in one.message
    assert [batch.start for batch in summary.posted] == [START - timedelta(hours=1)]


def test_what_contradicts_a_file_that_was_taken_is_refused_when_it_comes_and_the_window_stays_as_it_was(tmp_path: Path) -> None:
    summary = ran(tmp_path, toml(), [filed()])
    data = DataDirectory.open(tmp_path / "data", create=False)
    with pytest.raises(UsageDataError, match="contradict each other"):
        data.segments.write(usage_from([filed(cpu_ns=6)]))
    assert run_allocation(data, now=datetime(2027, 1, 1, tzinfo=UTC)).unchanged_count == len(summary.posted) == 1


@pytest.mark.parametrize(
    ("rows", "line", "message"),
    [
        (["2026-11-23T14:00:00Z,3600,hall,h1,-1"], 2, "negative"),
        (["2026-11-23T14:00:00Z,3600,hall,h1,nan"], 2, "not a number"),
        (["2026-11-23T14:00:00Z,3600,hall,h1,inf"], 2, "not a number"),
        (["2026-11-23T14:00:00Z,3600,hall,h1,1e30"], 2, "too large"),
        (["2026-11-23T14:00:00Z,7200,hall,h1,1"], 2, "do not divide"),
        (["2026-11-23T14:30:00Z,3600,hall,h1,1"], 2, "not a multiple"),
        (["2026-11-23T14:00:00Z,3600,hall,h9,1"], 2, "not in hosts"),
        (["2026-11-23T14:00:00Z,3600,hall,h1,1", "2026-11-23T14:00:00Z,3600,hall,h1,2"], 3, "overlaps the one at"),
        (["2026-11-23T14:00:00Z,3600,hall,h1,1", "2026-11-23T14:15:00Z,900,hall,h1,1"], 3, "overlaps the one at"),
    ],
)
def test_a_book_with_a_meter_that_cannot_be_true_is_refused_at_its_line(
    tmp_path: Path, rows: list[str], line: int, message: str
) -> None:
    with pytest.raises(FacilityError, match=rf"meters\.csv:{line}: .*{message}"):
        ran(tmp_path, toml(), [filed()], meters(*rows))


def test_a_row_of_a_tenant_alone_is_never_what_refuses_a_window_of_the_provider(tmp_path: Path) -> None:
    summary = ran(tmp_path, toml(), [filed(), filed(source="tenant", host="ghost", cpu_ns=INT64_MAX, account="bolt"), filed(LATER)])
    assert summary.refused == ()
    assert [batch.start for batch in summary.posted] == [START, LATER]
    assert row("bolt")["source"] == "tenant"
