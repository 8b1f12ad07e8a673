"""A value is the same on both sides of the wire."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from google.protobuf.timestamp_pb2 import Timestamp
from hypothesis import given
from hypothesis import strategies as st

from greencloud import wire
from greencloud.errors import QuantityError
from greencloud.ledger import CAUSES
from greencloud.results import (
    RESTATED_MEASURES,
    BatchSummary,
    BookChange,
    FootprintRow,
    GoalProgress,
    GoalStatus,
    GoalYear,
    Granularity,
    Restatement,
    RestatementLine,
)
from greencloud.results.goals import BusinessMetric, Goal, GoalAlert, GoalKind, GoalPath, Milestone
from greencloud.results.reporting_year import ReportingYear
from greencloud.units import Emissions, Energy
from greencloud.v1 import allocation_service_pb2, footprint_service_pb2, goal_pb2, goal_service_pb2, quantity_pb2, restatement_pb2

# Whole units are int64 on the wire: 9.2e18 kg is far beyond what the Earth emits.
amounts = st.integers(-(10**27), 10**27)
energies = amounts.map(Energy)
emissions = amounts.map(Emissions)
instants = st.datetimes(datetime(1, 1, 2), datetime(9999, 12, 30), timezones=st.just(UTC))  # noqa: DTZ001 - bounds are naive
texts = st.text(st.characters(codec="utf-8"), max_size=12)
tuples = st.lists(texts, max_size=3).map(tuple)
causes = st.lists(st.sampled_from(CAUSES), max_size=3).map(tuple)

rows = st.builds(
    FootprintRow,
    start=instants,
    end=instants,
    dimensions=st.dictionaries(texts, texts, max_size=3),
    energy=energies,
    scope1=emissions,
    scope2_location_based=emissions,
    scope2_market_based=emissions,
    scope3_upstream_location_based=emissions,
    scope3_upstream_market_based=emissions,
    scope3_embodied=emissions,
    operation_count=st.integers(-(2**63), 2**63 - 1),
    quality_flags=tuples,
    provisional=st.booleans(),
    methodology_versions=tuples,
    measured_energy=energies,
    modelled_energy=energies,
    estimated_energy=energies,
    self_reported_energy=energies,
    energy_half_width=st.none() | energies,
    location_half_width=st.none() | emissions,
    market_half_width=st.none() | emissions,
    updated=st.none() | instants,
)
batches = st.builds(
    BatchSummary,
    id=texts,
    site=texts,
    start=instants,
    end=instants,
    rule=texts,
    methodology_version=texts,
    facility_revision=texts,
    usage_revision=texts,
    supersedes=texts,
    provisional=st.booleans(),
    metered_energy=energies,
    account_energy=energies,
    pool_energy=st.dictionaries(texts, energies, max_size=3),
    created=instants,
    notes=tuples,
    causes=causes,
    requested_by=texts,
    reason=texts,
)
restatements = st.builds(
    Restatement,
    site=texts,
    start=instants,
    end=instants,
    old_batch=texts,
    new_batch=texts,
    restated=instants,
    causes=causes,
    requested_by=texts,
    reason=texts,
    lines=st.lists(
        st.builds(
            RestatementLine,
            *(texts,) * 5,
            measure=st.sampled_from(RESTATED_MEASURES),
            old=amounts,
            new=amounts,
        ),
        max_size=3,
    ).map(tuple),
    changes=st.lists(st.builds(BookChange, texts, texts, texts, texts), max_size=3).map(tuple),
    changes_left_out=st.integers(0, 2**31 - 1),
    kept=st.booleans(),
)
ratios = st.fractions(min_value=-(10**40), max_value=10**40)
reporting_years = st.builds(ReportingYear, st.integers(1900, 2199), st.booleans())
years = st.builds(
    GoalYear,
    year=st.integers(1990, 2100),
    path=emissions,
    actual=st.none() | emissions,
    fiscal=st.booleans(),
    draft=st.booleans(),
    metric=st.none() | ratios,
)
milestones = st.builds(Milestone, reporting_years, st.none() | ratios, st.none() | emissions)
alerts = st.builds(GoalAlert, texts, reporting_years, texts, texts, st.none() | emissions)
goals = st.builds(
    GoalProgress,
    name=texts,
    display_name=texts,
    kind=st.sampled_from(["absolute", "intensity", "neutrality"]),
    scopes=tuples,
    base_year=st.integers(1990, 2100),
    base_emissions=emissions,
    target_year=st.integers(1990, 2100),
    target_emissions=emissions,
    years=st.lists(years, max_size=3).map(tuple),
    ledger_year=st.integers(1990, 2100),
    ledger_covered_seconds=st.integers(0, 366 * 86_400),
    ledger_emissions=emissions,
    path_emissions=emissions,
    status=st.sampled_from(GoalStatus),
    as_of=instants,
    notes=tuples,
    alerts=st.lists(alerts, max_size=3).map(tuple),
    latest_year=st.none() | reporting_years,
    milestones=st.lists(milestones, max_size=3).map(tuple),
    latest_status=st.sampled_from(GoalStatus),
    base_fiscal=st.booleans(),
    target_fiscal=st.booleans(),
    metric=texts,
    fiscal_year_start_month=st.integers(1, 12),
)
booked_goals = st.builds(
    Goal,
    id=texts.filter(lambda text: "/" not in text),
    display_name=texts,
    kind=st.sampled_from(GoalKind),
    scopes=tuples,
    base_year=reporting_years,
    target_year=reporting_years,
    path=st.sampled_from(GoalPath),
    target_share=st.none() | ratios,
    target=st.none() | emissions,
    rate_per_year=st.none() | ratios,
    categories=st.lists(st.integers(-(2**31), 2**31 - 1), max_size=3).map(tuple),
    sites=tuples,
    businesses=tuples,
    metric=texts,
    milestones=st.lists(milestones, max_size=3).map(tuple),
    source=texts,
    revision=st.integers(1, 10**9),
    created_by=texts,
    updated=st.none() | instants,
)
metrics = st.builds(
    BusinessMetric,
    id=texts.filter(lambda text: "/" not in text),
    display_name=texts,
    unit=texts,
    values=st.lists(st.tuples(reporting_years, ratios), max_size=3).map(tuple),
    source=texts,
    revision=st.integers(1, 10**9),
    created_by=texts,
)


@given(amounts)
def test_an_amount_survives_the_wire(amount: int) -> None:
    energy = quantity_pb2.Energy.FromString(wire.energy_to_message(Energy(amount)).SerializeToString())
    mass = quantity_pb2.Emissions.FromString(wire.emissions_to_message(Emissions(amount)).SerializeToString())
    assert wire.energy_from_message(energy) == Energy(amount)
    assert wire.emissions_from_message(mass) == Emissions(amount)
    assert energy.megajoules * energy.millijoules >= 0


@given(instants)
def test_an_instant_survives_the_wire(instant: datetime) -> None:
    assert wire.instant_from_message(wire.instant_to_message(instant)) == instant


@given(rows)
def test_a_footprint_row_survives_the_wire(row: FootprintRow) -> None:
    message = footprint_service_pb2.FootprintRow.FromString(wire.row_to_message(row).SerializeToString())
    assert wire.row_from_message(message) == row
    assert wire.emissions_from_message(message.total_market_based) == row.total_market_based
    assert wire.emissions_from_message(message.total_location_based) == row.total_location_based


def test_a_server_of_before_does_not_know_how_sure_a_figure_is() -> None:
    old = footprint_service_pb2.FootprintRow(start_time=Timestamp(), end_time=Timestamp(), energy=quantity_pb2.Energy(megajoules=1))
    row = wire.row_from_message(old)
    assert (row.energy_half_width, row.location_half_width, row.market_half_width, row.updated) == (None, None, None, None)
    certain = wire.row_to_message(replace(row, energy_half_width=Energy(), updated=row.start))
    assert wire.row_from_message(certain).energy_half_width == Energy()
    assert not certain.HasField("location_half_width")


@given(batches)
def test_a_batch_survives_the_wire(batch: BatchSummary) -> None:
    message = allocation_service_pb2.Batch.FromString(wire.batch_to_message(batch).SerializeToString())
    assert wire.batch_from_message(message) == batch
    assert wire.energy_from_message(message.difference) == batch.difference


@given(restatements)
def test_a_restatement_survives_the_wire(restatement: Restatement) -> None:
    message = restatement_pb2.Restatement.FromString(wire.restatement_to_message(restatement).SerializeToString())
    assert wire.restatement_from_message(message) == restatement


@given(goals)
def test_progress_towards_a_goal_survives_the_wire(goal: GoalProgress) -> None:
    message = goal_service_pb2.GoalProgress.FromString(wire.goal_progress_to_message(goal).SerializeToString())
    assert wire.goal_progress_from_message(message) == goal
    assert wire.emissions_from_message(message.gap) == goal.gap


@given(booked_goals)
def test_a_goal_survives_the_wire(goal: Goal) -> None:
    message = goal_service_pb2.Goal.FromString(wire.goal_to_message(goal).SerializeToString())
    assert wire.goal_from_message(message) == goal


@given(metrics)
def test_a_business_metric_survives_the_wire(metric: BusinessMetric) -> None:
    message = goal_pb2.BusinessMetric.FromString(wire.business_metric_to_message(metric).SerializeToString())
    assert wire.business_metric_from_message(message) == metric


@pytest.mark.parametrize(
    "changes",
    [
        {"kind": 0},
        {"kind": 9},
        {"path": 9},
        {"base_year": ""},
        {"target_year": "2O30"},
        {"target_share": "a tenth"},
        {"rate_per_year": "1e999999999"},
        {"milestones": [goal_pb2.Milestone(year="x")]},
        {"milestones": [goal_pb2.Milestone(year="2025", share="1/0")]},
    ],
)
def test_a_goal_that_cannot_be_read_is_told_by_its_field(changes: dict[str, Any]) -> None:
    fields: dict[str, Any] = {"kind": 1, "base_year": "2020", "target_year": "2030"}
    wire.goal_from_message(goal_service_pb2.Goal(**fields))
    with pytest.raises(QuantityError, match=next(iter(changes))):
        wire.goal_from_message(goal_service_pb2.Goal(**(fields | changes)))


@pytest.mark.parametrize(("whole", "part"), [(1, -1), (-1, 1), (0, 10**9), (0, -(10**9)), (5, 2 * 10**9)])
def test_an_amount_that_is_not_normalised_is_refused(whole: int, part: int) -> None:
    with pytest.raises(QuantityError, match="not normalised"):
        wire.energy_from_message(quantity_pb2.Energy(megajoules=whole, millijoules=part))


def test_every_granularity_has_its_own_number() -> None:
    assert set(wire.GRANULARITIES) == set(Granularity)
    assert sorted(wire.GRANULARITIES.values()) == sorted(footprint_service_pb2.Granularity.values())
