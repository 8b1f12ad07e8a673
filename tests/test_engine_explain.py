"""A figure of the ledger is explained from what is kept, nothing of it is lost, and batches come out the same again."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pytest

from explained import check_postings
from explained_world import HOUR, NOW, explained_world
from greencloud.allocation import COMPONENTS, POSTING_MEASURES, POSTINGS, RULES, Rule, allocate_window
from greencloud.allocation import rule as rules
from greencloud.allocation.explanation import Where
from greencloud.engine import DataDirectory, run_allocation
from greencloud.engine.cell_document import cell_document
from greencloud.engine.explain import Cell, explain_cell
from greencloud.engine.recomputation import amounts_of, recompute, window_of
from greencloud.errors import NotFoundError, QuantityError, StoppedError, TooLargeError
from greencloud.ledger import make_batch
from greencloud.ledger.stop import Stop
from greencloud.results import FootprintQuery
from greencloud.telemetry import WriteAheadLog
from greencloud.usage import usage_from
from test_allocation_recomputed import START
from test_engine_moved import book
from test_engine_run import filed, told

ACME = Cell("acme", START, START + 2 * HOUR)


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> DataDirectory:
    return explained_world(tmp_path_factory.mktemp("kept"))


@pytest.fixture
def data(kept: DataDirectory, tmp_path: Path) -> DataDirectory:
    """A copy to be harmed."""
    return DataDirectory.open(shutil.copytree(kept.path, tmp_path / "data"), create=False)


def test_a_cell_is_what_the_ledger_holds_and_each_window_explains_its_part(kept: DataDirectory) -> None:
    found = explain_cell(kept, ACME, most=2)
    (row,) = kept.ledger.snapshot().footprint(FootprintQuery(ACME.start, ACME.end, accounts=("acme",)))

    assert found.amounts == amounts_of(row)
    assert list(found.components) == [name for name in COMPONENTS if name in found.components]
    for measure in POSTING_MEASURES:
        assert found.amounts[measure] == sum(part[measure] for part in found.components.values())
        assert found.amounts[measure] == sum(window.amounts[measure] for window in found.windows)
        for window in found.windows:
            assert window.explanation is not None
            assert window.explanation.total(measure) == window.amounts[measure]
    for window in cell_document(found)["windows"]:
        check_postings(window["explanation"])


def test_the_largest_windows_are_explained_and_the_rest_is_added_up(kept: DataDirectory) -> None:
    whole = explain_cell(kept, ACME, most=2)
    one = explain_cell(kept, ACME, most=1)
    none = explain_cell(kept, ACME, most=0)

    assert [window.batch.start for window in one.windows] == [START]
    assert (one.rest_count, dict(one.rest)) == (1, dict(whole.windows[1].amounts))
    assert (none.rest_count, dict(none.rest)) == (2, dict(whole.amounts))
    assert (whole.rest_count, set(whole.rest.values())) == (0, {0})


def test_filters_narrow_the_cell(kept: DataDirectory) -> None:
    where = Where(services=("web",), components=("dynamic", "idle"), measures=("scope2_market_ug",))
    found = explain_cell(kept, replace(ACME, where=where), most=2)

    assert set(found.components) == {"dynamic", "idle"}
    assert set(found.amounts) == {"scope2_market_ug"}
    assert {posting.service for window in found.windows if window.explanation for posting in window.explanation.postings} == {"web"}
    assert not [window.reason for window in found.windows if window.reason]


def test_what_is_not_there_or_cannot_be_asked_is_refused(kept: DataDirectory) -> None:
    for cell in (replace(ACME, account="nobody"), replace(ACME, sites=("elsewhere",)), replace(ACME, start=NOW, end=NOW + HOUR)):
        with pytest.raises(NotFoundError):
            explain_cell(kept, cell)
    for cell in (replace(ACME, end=START), replace(ACME, where=Where(measures=()))):
        with pytest.raises(QuantityError):
            explain_cell(kept, cell)


@pytest.mark.parametrize("rule", RULES)
def test_every_batch_of_every_rule_is_computed_again_to_the_same_integers_and_id(rule: str, tmp_path: Path) -> None:
    data = explained_world(tmp_path, rule=rule)
    snapshot = data.ledger.snapshot()
    shutil.rmtree(data.path / "usage")  # what is kept is enough

    again = [recompute(data, snapshot, batch) for batch in snapshot.batches()]

    assert [(one.same, one.reason, one.recomputed_id) for one in again] == [(True, "", batch.id) for batch in snapshot.batches()]
    assert all(one.postings > 100 for one in again)


def test_a_batch_of_telemetry_that_has_changed_since_is_explained_from_what_it_was_made_from(tmp_path: Path) -> None:
    data = DataDirectory.open(tmp_path / "data", create=True)
    data.apply_facility(book(tmp_path, "one"))
    data.segments.write(usage_from([filed("acme", 10**12, site="one", host="h1", source="provider", quality="measured")]))
    run_allocation(data, now=NOW)
    with WriteAheadLog(data.wal_directory) as log:
        log.append(told("acme", 10**11))
    (batch,) = data.ledger.snapshot().batches()

    assert recompute(data, data.ledger.snapshot(), batch).same
    assert explain_cell(data, Cell("acme", batch.start, batch.end)).windows[0].explanation is not None


def test_a_batch_that_was_withdrawn_is_computed_again(tmp_path: Path) -> None:
    data = DataDirectory.open(tmp_path / "data", create=True)
    with WriteAheadLog(data.wal_directory) as log:
        log.append(told("acme", 10**11))
    for site in ("one", "two"):
        data.apply_facility(book(tmp_path, site))
        run_allocation(data, now=NOW)
    again = [recompute(data, data.ledger.snapshot(), batch) for batch in data.ledger.snapshot().batches()]

    assert {one.batch.withdrawn for one in again} == {True, False}
    assert [one.same for one in again] == [True] * len(again)


def test_missing_and_damaged_inputs_and_books_are_named_and_lose_nothing(data: DataDirectory) -> None:
    whole = explain_cell(data, ACME, most=2)
    first, second = (next((data.path / "inputs").rglob(f"{window.batch.usage_revision}*")) for window in whole.windows)
    first.unlink()
    second.write_bytes(second.read_bytes()[:-7])

    found = explain_cell(data, ACME, most=2, again="all")

    assert found.amounts == whole.amounts
    assert [window.amounts for window in found.windows] == [window.amounts for window in whole.windows]
    for window, again, words in zip(found.windows, found.recomputations or (), ("not kept", "damaged"), strict=True):
        assert window.explanation is None
        assert words in window.reason
        assert (again.same, again.reason) == (False, window.reason)


def test_a_book_that_is_not_kept_is_named(data: DataDirectory) -> None:
    (batch, _) = data.ledger.snapshot().batches()
    shutil.rmtree(data.path / "facility" / "books" / batch.facility_revision)

    again = recompute(data, data.ledger.snapshot(), batch)

    assert not again.same
    assert batch.facility_revision[:12] in again.reason


def test_another_version_of_the_rule_is_named(data: DataDirectory, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(rules._RULES, "reserved_and_used", Rule("reserved_and_used", 3, "reserved"))
    (batch, _) = data.ledger.snapshot().batches()

    again = recompute(data, data.ledger.snapshot(), batch)

    assert not again.same
    assert "reserved_and_used/2" in again.reason
    assert "reserved_and_used/3" in again.reason


def test_amounts_that_differ_are_named_with_both(data: DataDirectory) -> None:
    """A batch that balances, of the same inputs, in which a millijoule was moved from one account to another."""
    (batch, _) = data.ledger.snapshot().batches()
    inputs = data.inputs.read(batch.usage_revision)
    allocated = allocate_window(data.facility(), inputs.usage, batch.site, window_of(batch))
    rows = allocated.postings.to_pylist()
    for account, change in (("acme", 1), ("bolt", -1)):
        next(row for row in rows if row["account"] == account and row["energy_mj"])["energy_mj"] += change
    forged = replace(allocated, postings=pa.Table.from_pylist(rows, schema=POSTINGS))
    assert data.ledger.post(make_batch(forged, usage_revision=inputs.revision, provisional=False, created=NOW))

    found = explain_cell(data, replace(ACME, end=START + HOUR), again="all")
    (again,) = found.recomputations or ()

    assert (again.same, again.reason) == (False, "2 amounts differ")
    assert [(one.dimensions["account"], one.measure, one.posted - one.recomputed) for one in again.differences] == [
        ("acme", "energy_mj", 1),
        ("bolt", "energy_mj", -1),
    ]
    assert "energy_mj" in found.windows[0].reason
    (tenant,) = cell_document(replace(found, cell=replace(found.cell, audience="tenant")))["recomputed"]
    assert [one["dimensions"]["account"] for one in tenant["differences"]] == ["acme"]


def test_a_figure_of_very_many_windows_is_refused_and_an_explanation_can_be_stopped(kept: DataDirectory) -> None:
    with pytest.raises(TooLargeError):
        explain_cell(kept, ACME, most_rows=1)
    stop = Stop()
    stop.set()
    with pytest.raises(StoppedError):
        explain_cell(kept, ACME, stop=stop)
