"""A window allocated in parts by host is the window allocated whole, to the bit."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pyarrow as pa
from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st

from greencloud.allocation import RULES, allocate_window, rule_named, with_uncertainties
from greencloud.allocation.joined import JoinedWindow, allocate_in_parts
from greencloud.allocation.parts import PartInputs, WholeWindow, on_hosts
from greencloud.facility import Facility
from greencloud.ledger import Batch, make_batch
from greencloud.usage import Usage
from profiles import examples
from strategies import START, WINDOW, situations, usage

Rows = list[dict[str, Any]]
Situation = tuple[Facility, Rows, Rows]
Split = list[tuple[str, ...]]

slow = settings(max_examples=examples(60), deadline=None, suppress_health_check=[HealthCheck.too_slow])


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
@given(situations(), st.sampled_from(RULES), st.data())
def test_law_2_any_split_gives_the_same_batch(situation: Situation, rule: str, data: st.DataObject) -> None:
    book, rows, readings = situation
    split = data.draw(splits(book))
    event(f"parts with hosts: {sum(any(part) for part in split)}")
    assert_same(book, usage(rows, readings), rule, split)
