"""One window's batch is the same, in one piece and in parts."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from greencloud.allocation import RULES
from greencloud.engine.inputs import BatchInputs
from greencloud.engine.window_batch import MOST_ROWS, window_batch
from greencloud.facility import Facility
from greencloud.ledger import Batch
from greencloud.usage import Usage, empty_usage, merge
from profiles import examples
from strategies import HOSTS, START, WINDOW, facility, host, provider, reading, reservation, row, situations, usage

Rows = list[dict[str, Any]]


def made(book: Facility, inputs: BatchInputs, rule: str, most_rows: int = MOST_ROWS) -> Batch:
    return window_batch(
        book, inputs, "hall", WINDOW, rule=rule, usage_revision="u", provisional=False, created=START, most_rows=most_rows
    )


@settings(max_examples=examples(20), deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(situations(), st.sampled_from(RULES), st.integers(0, 5))
def test_law_2_the_bound_of_rows_changes_nothing(situation: tuple[Facility, Rows, Rows], rule: str, most: int) -> None:
    book, rows, readings = situation
    unique = list({tuple(r[name] for name in r if not isinstance(r[name], int)): r for r in rows}.values())
    inputs = BatchInputs(merge([usage(unique, readings)]))
    assert made(book, inputs, rule, most) == made(book, inputs, rule)


@pytest.mark.parametrize("rule", RULES)
def test_slices_come_by_host_too(rule: str) -> None:
    book = facility(
        hosts=[host(name, curve="server", aliases=(f"node-{name}",)) for name in HOSTS],
        reservations=(reservation("acme", 4), reservation("bolt", 2)),
    )
    rows = [provider("acme", 12 * 10**10, host=name) for name in HOSTS] + [provider("bolt", 10**10, host="node-h2")]
    rows += [row("acme", 10**9, host="nobody", operation="GET /")]
    # Sorted by window and then by host, so that a host's rows do not lie together.
    fine = [
        provider("acme", (at + 1) * 10**9, host=name, window_s=300, window_start=START + timedelta(minutes=5 * at))
        for at in range(12)
        for name in HOSTS
    ]
    slices = merge([Usage(usage(fine).rows, empty_usage().readings)]).rows
    inputs = BatchInputs(merge([usage(rows, [reading("h1", 10**9, 10**12), reading("node-h2", 10**9, 10**13)])]), slices)
    whole = made(book, inputs, rule)
    assert made(book, inputs, rule, 1) == whole
    assert whole.postings.num_rows
