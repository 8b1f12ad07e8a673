"""What the demo says: exact balance lines, cost per operation, and what counts as wrong."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from greencloud.cli._demo.telling import conservation, next_commands, operation_costs, problems
from greencloud.results import BatchSummary, FootprintRow, RefusedWindow, RunSummary
from greencloud.units import Emissions, Energy

START = datetime(2026, 11, 23, 14, tzinfo=UTC)
BATCH = BatchSummary(
    id="b1",
    site="lab",
    start=START,
    end=START + timedelta(minutes=5),
    rule="reserved_and_used",
    methodology_version="m/1",
    facility_revision="f",
    usage_revision="u",
    supersedes="",
    provisional=True,
    metered_energy=Energy(1_234_567),
    account_energy=Energy(1_200_000),
    pool_energy={"(unattributed)": Energy(34_567)},
    created=START,
)


def row(operation: str, count: int, micrograms: int) -> FootprintRow:
    dimensions = {"service": "storefront", "operation": operation}
    return FootprintRow(START, START, dimensions, scope2_location_based=Emissions(micrograms), operation_count=count)


def test_the_conservation_lines_are_exact_by_window_and_in_all() -> None:
    other = replace(BATCH, id="b2", metered_energy=Energy(33), account_energy=Energy(33), pool_energy={})
    other = replace(other, start=BATCH.end, end=BATCH.end + timedelta(minutes=5))
    first = "lab 2026-11-23T14:00:00Z to 2026-11-23T14:05:00Z"
    assert conservation([BATCH, other]).splitlines() == [
        f"{first}: meter total 1,234,567 mJ = accounts 1,200,000 + (unattributed) 34,567; difference 0",
        "lab 2026-11-23T14:05:00Z to 2026-11-23T14:10:00Z: meter total 33 mJ = accounts 33; difference 0",
        "total: meter total 1,234,600 mJ = accounts 1,200,033 + (unattributed) 34,567; difference 0",
    ]


@given(st.lists(st.tuples(st.integers(0, 10**6), st.integers(0, 10**12)), max_size=8), st.integers(1, 4))
def test_operations_come_by_count_and_at_most_so_many_are_shown(counts: list[tuple[int, int]], most: int) -> None:
    text = operation_costs([row(f"op{n}", count, mass) for n, (count, mass) in enumerate(counts)], most=most)
    real = sorted((count for count, _ in counts if count), reverse=True)
    shown = [int(line.split(" x ")[0].replace(",", "")) for line in text.splitlines() if " x " in line]
    assert shown == ([sum(real)] if real else []) + real[:most]
    assert ("more" in text) == (len(real) > most)


def test_the_cost_of_one_operation_is_its_emissions_over_its_count() -> None:
    text = operation_costs([row("GET /browse", 1_400, 2_100_700), row("", 0, 70_000)], most=5)
    assert text.splitlines() == [
        "  1,400 x 1.5505 mg  all operations, with everything that the account bears",
        "  1,400 x 1.5005 mg  storefront GET /browse",
    ]


def test_a_balanced_posted_run_with_a_footprint_for_everyone_has_no_problems() -> None:
    assert problems(RunSummary(posted=(BATCH,)), [BATCH], {"acme": [row("x", 1, 1)]}) == []


def test_each_way_to_be_wrong_is_named() -> None:
    off = replace(BATCH, id="b2", account_energy=Energy(1_199_999))
    refused = RefusedWindow("lab", START, BATCH.end, "no factor", "INVALID_FACILITY")
    found = problems(RunSummary(refused=(refused,)), [off, BATCH], {"acme": [], "globex": [row("x", 1, 1)]})
    assert found == [
        "the run posted no batch",
        "lab 2026-11-23T14:00:00Z was refused (INVALID_FACILITY): no factor",
        "lab 2026-11-23T14:00:00Z does not balance: 1 mJ",
        "lab 2026-11-23T14:00:00Z is counted 2 times",
        "account acme has no footprint",
    ]


def test_the_next_commands_can_be_pasted_whatever_the_folder_is_called() -> None:
    assert "--data '/tmp/my data' " in next_commands("/tmp/my data", "acme")
    assert len(next_commands("/tmp/x", "acme").splitlines()) == 3
