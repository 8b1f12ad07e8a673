"""What statements say in total is what the ledger said when they were closed, and each instant counts once."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from greencloud.engine import DataDirectory
from greencloud.engine.closes import period_named
from greencloud.engine.statement_totals import statement_totals
from greencloud.errors import StoreError
from greencloud.results import FootprintQuery
from ledger_builders import batch, hour
from test_engine_closes import DAY, full_day
from test_engine_closes import NOW as CLOSED

YEAR = (datetime(2026, 1, 1, tzinfo=UTC), datetime(2027, 1, 1, tzinfo=UTC))
MEASURES = ("scope1", "scope2_location_based", "scope2_market_based", "scope3_upstream_location_based", "scope3_embodied")


@pytest.fixture
def data(tmp_path: Path) -> DataDirectory:
    data = DataDirectory.open(tmp_path / "data", create=True)
    full_day(data.ledger)
    data.closes.close(data.ledger, DAY, CLOSED)
    return data


def test_they_are_the_sums_of_the_ledger_as_it_was_closed(data: DataDirectory) -> None:
    then = data.ledger.snapshot()
    data.ledger.post(batch({"a": 11, "b": 3}, window=hour(5)))

    (found,) = statement_totals(data.closes, *YEAR)

    assert (found.period, found.start, found.end) == (DAY.name, DAY.start, DAY.end)
    rows = then.footprint(FootprintQuery(DAY.start, DAY.end, group_by=("account",)))
    assert set(found.totals) == {row.dimensions["account"] for row in rows} == {"a", "b", "c'; --", "(unsold)"}
    for row in rows:
        totals = found.totals[row.dimensions["account"]]
        assert totals["energy"] == row.energy.millijoules
        assert [totals[name] for name in MEASURES] == [getattr(row, name).micrograms for name in MEASURES]


def test_a_day_within_a_closed_month_counts_once(data: DataDirectory) -> None:
    data.closes.close(data.ledger, period_named("2026-02"), CLOSED, allow_gaps=True)
    assert [each.period for each in statement_totals(data.closes, *YEAR)] == ["2026-02"]


def test_a_period_that_reaches_beyond_is_not_of_the_time_asked_for(data: DataDirectory) -> None:
    assert statement_totals(data.closes, YEAR[0], datetime(2026, 2, 1, 12, tzinfo=UTC)) == []


def test_a_tree_that_is_gone_is_told(data: DataDirectory) -> None:
    entry = data.closes.entry_of(DAY.name)
    for file in (data.closes.folder / entry["body"]["root"]).iterdir():
        file.unlink()
    with pytest.raises(StoreError):
        statement_totals(data.closes, *YEAR)
