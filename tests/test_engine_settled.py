"""Settled hours are allocated as before, and no batch that knew more gives way to one that knows less."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from greencloud.engine import DataDirectory, run_allocation
from greencloud.engine.compare import compare_rules
from greencloud.results import RunSummary
from test_engine_moved import NOW, book, data, ledger_mj

__all__ = ["data"]  # a fixture

AFTER = timedelta(days=14)


def run(data: DataDirectory, rule: str = "reserved_and_used") -> RunSummary:
    return run_allocation(data, rule=rule, now=NOW, settle_after=AFTER)


def test_a_settled_hour_is_not_posted_again_and_a_new_factor_reaches_it(data: DataDirectory, tmp_path: Path) -> None:
    data.apply_facility(book(tmp_path, "east"))
    assert len(run(data).posted) == 1
    assert data.telemetry.settled_ns
    assert run(data) == RunSummary((), 1, ())
    data.apply_facility(book(tmp_path, "east", since=2019))
    (again,) = run(data).posted
    assert again.supersedes
    assert ledger_mj(data) == {"east": 540_000_000}
    assert data.ledger.verify() == []


def test_a_rule_that_looks_into_the_window_leaves_a_settled_one_as_it_stands(data: DataDirectory, tmp_path: Path) -> None:
    data.apply_facility(book(tmp_path, "east"))
    (posted,) = run(data, "temporal_shapley").posted
    version = data.ledger.snapshot().version
    data.apply_facility(book(tmp_path, "east", since=2019))
    (refused,) = run(data, "temporal_shapley").refused
    assert "settled" in refused.message
    assert data.ledger.snapshot().version == version
    assert [batch.id for batch in data.ledger.snapshot().batches()] == [posted.id]


@pytest.mark.parametrize(("rules", "told"), [(["reserved_and_used", "used"], 0), (["used", "temporal_shapley"], 1)])
def test_rules_are_compared_on_settled_hours_where_all_of_them_can_be(
    data: DataDirectory, tmp_path: Path, rules: list[str], told: int
) -> None:
    data.apply_facility(book(tmp_path, "east"))
    run(data)
    _, refused = compare_rules(data, rules=rules, by=("account",))
    assert len(refused) == told
