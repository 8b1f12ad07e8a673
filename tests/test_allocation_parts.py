"""A window allocated in parts by host is the window allocated whole, to the bit."""

from __future__ import annotations

import pickle
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st

from greencloud.allocation import RULES, allocate_window, rule_named, with_uncertainties
from greencloud.allocation.joined import JoinedWindow, allocate_in_parts, join_parts
from greencloud.allocation.parts import PartInputs, WholeWindow, allocate_part, on_hosts, plan_parts, split_hosts, survey_part
from greencloud.errors import AllocationError
from greencloud.facility import Account, AccountKind, Facility
from greencloud.ledger import Batch, make_batch
from greencloud.usage import Usage
from profiles import examples
from strategies import HOSTS, SERVICES, START, WINDOW, facility, host, provider, reading, reservation, row, situations, usage

Rows = list[dict[str, Any]]
Situation = tuple[Facility, Rows, Rows]
Split = list[tuple[str, ...]]

slow = settings(max_examples=examples(40), deadline=None, suppress_health_check=[HealthCheck.too_slow])


@st.composite
def splits(draw: st.DrawFn, book: Facility) -> Split:
    """Ranges of hosts, some of them empty, with "" in any one."""
    ids = [host.id for host in book.hosts_of("hall")]
    cuts = sorted(draw(st.lists(st.integers(0, len(ids)), max_size=4)))
    parts = [ids[start:end] for start, end in zip([0, *cuts], [*cuts, len(ids)], strict=True)]
    draw(st.sampled_from(parts)).append("")
    return [tuple(part) for part in parts]


def batch(allocated: Any, postings: pa.Table) -> Batch:
    class Made:
        site, window, rule, methodology_version = allocated.site, allocated.window, allocated.rule, allocated.methodology_version
        facility_revision, totals, notes = allocated.facility_revision, allocated.totals, allocated.notes

    Made.postings = postings  # type: ignore[attr-defined]
    return make_batch(Made(), usage_revision="u", provisional=False, created=START)  # type: ignore[arg-type]


def in_parts(book: Facility, known: Usage, rule: str, split: Sequence[tuple[str, ...]]) -> JoinedWindow:
    """Each part reads its own hosts alone, and goes to another process and back."""
    whole = WholeWindow(book, "hall", WINDOW, known.readings, rule_named(rule))

    def read(hosts: Sequence[str]) -> PartInputs:
        own = on_hosts(book, "hall", hosts)
        return PartInputs(Usage(known.rows.filter(own), known.readings.filter(own)))

    return allocate_in_parts(whole, split, read)


def assert_same(book: Facility, known: Usage, rule: str, split: Split) -> None:
    allocated = allocate_window(book, known, "hall", WINDOW, rule=rule)
    joined = in_parts(book, known, rule, split)
    sure = with_uncertainties(allocated)
    assert joined.notes == allocated.notes
    assert joined.totals == allocated.totals
    assert joined.postings.equals(sure)
    assert batch(joined, joined.postings).summary == batch(allocated, sure).summary


@slow
@given(situations(), st.sampled_from(RULES), st.booleans(), st.data())
def test_law_2_any_split_gives_the_same_batch(situation: Situation, rule: str, in_part: bool, data: st.DataObject) -> None:
    book, rows, readings = situation
    if in_part:  # internal services that pass on their dynamic energy alone
        book = replace(book, accounts={name: Account(name, AccountKind.INTERNAL, passes="dynamic") for name in SERVICES})
    split = data.draw(splits(book))
    event(f"parts with hosts: {sum(any(part) for part in split)}")
    assert_same(book, usage(rows, readings), rule, split)


THREE = facility(
    hosts=[host(name, curve="server", aliases=(f"node-{name}",)) for name in HOSTS],
    internal=SERVICES,
    reservations=(reservation("acme", 4), reservation("bolt", 2), reservation("cola", 1)),
)
EACH: Split = [("", "h1"), ("h2",), ("h3",)]
READ = [reading(name, 10**9 + 7 * at, 10**12 + at, memory_byte_s=10**15) for at, name in enumerate(HOSTS)]


@pytest.mark.parametrize("rule", RULES)
def test_reports_without_a_host_go_to_hosts_of_other_parts(rule: str) -> None:
    rows = [provider("acme", 10**11 + at, host=name, service="web") for at, name in enumerate(HOSTS)]
    rows += [row("acme", 10**10 + at, host="", service="web", operation=f"GET /{at}", count=3) for at in range(5)]
    rows += [row("bolt", 10**10, host="ghost", service="web")]
    assert_same(THREE, usage(rows, READ), rule, EACH)
    assert_same(THREE, usage(rows, READ), rule, [("h1", "h2"), ("h3", "")])


def test_reports_without_a_host_are_bounded_over_the_whole_site(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("greencloud.allocation.homes.MOST_SPREAD", 9)
    rows = [provider("acme", 10**11 + at, host=name, service="web") for at, name in enumerate(HOSTS)]
    rows += [row("acme", 10**10 + at, host="", service="web", operation=f"GET /{at}") for at in range(5)]
    assert_same(THREE, usage(rows, READ), "reserved_and_used", EACH)
    assert any("operations times hosts" in note for note in in_parts(THREE, usage(rows, READ), "reserved_and_used", EACH).notes)


@pytest.mark.parametrize("rule", RULES)
def test_a_host_of_two_names_is_in_one_part(rule: str) -> None:
    rows = [provider("acme", 10**11, host=name) for name in HOSTS] + [provider("bolt", 10**11, host="node-h2")]
    rows += [row("cola", 10**10, host="node-h3", operation="GET /", count=1)]
    assert_same(THREE, usage(rows, [*READ[:1], READ[1] | {"host": "node-h2"}]), rule, EACH)


@pytest.mark.parametrize("rule", RULES)
def test_rows_in_finer_windows_are_sliced_alike_in_all_parts(rule: str) -> None:
    # The finest of all parts' rows says how long a slice is, and only h3 has such.
    lengths = {"h1": 3600, "h2": 1800, "h3": 300}
    rows = [
        provider(account, 10**10 + at, host=name, window_s=seconds, window_start=START + timedelta(seconds=at * seconds))
        for name, seconds in lengths.items()
        for at, account in enumerate(("acme", "bolt", "cola")[: 3600 // seconds])
    ]
    assert_same(THREE, usage(rows, READ), rule, EACH)


def test_a_window_of_which_the_provider_told_nothing() -> None:
    rows = [row("acme", 10**10, host="h3", count=2), row("bolt", 10**10, host="h1"), row("auth", 10**9, caller_account="cola")]
    assert_same(THREE, usage(rows), "reserved_and_used", EACH)
    # Evidence on one host opens the window for those of other parts.
    assert_same(THREE, usage([*rows, provider("cola", 1, host="h2")]), "reserved_and_used", EACH)


def test_parts_go_to_other_processes_and_come_in_any_order() -> None:
    rows = [provider("acme", 10**11 + at, host=name) for at, name in enumerate(HOSTS)]
    known = usage([*rows, row("bolt", 10**10, host="h2")], READ)
    whole = WholeWindow(THREE, "hall", WINDOW, known.readings, rule_named("used"))
    inputs = PartInputs(known)  # rows of other hosts do not count
    plan = plan_parts(whole, [survey_part(whole, inputs, hosts) for hosts in EACH])
    parts = [pickle.loads(pickle.dumps(allocate_part(whole, inputs, plan, hosts))) for hosts in reversed(EACH)]
    sure = with_uncertainties(allocate_window(THREE, known, "hall", WINDOW, rule="used"))
    assert join_parts(whole, plan, parts).postings.equals(sure)
    for wrong in (parts[:2], [*parts, parts[0]]):
        with pytest.raises(AllocationError, match="not ranges of the site's hosts"):
            join_parts(whole, plan, wrong)
    mixed = [allocate_part(whole, inputs, plan, hosts) for hosts in (("", "h1", "h3"), ("h2",))]
    with pytest.raises(AllocationError, match="not ranges of the site's hosts"):
        join_parts(whole, plan, mixed)


def test_hosts_are_split_by_their_rows() -> None:
    counts = {"": 5, "h1": 10, "h2": 90, "h3": 1}
    assert split_hosts(THREE, "hall", counts.__getitem__, 50) == [("",), ("h1",), ("h2",), ("h3",)]
    assert split_hosts(THREE, "hall", counts.__getitem__, 1000) == [("", *HOSTS)]
