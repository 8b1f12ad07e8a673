"""Instruments: each serial once, by rules that hold among any number of writers, and no gram of the inventory moves."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from greencloud.errors import ConflictError, GoalError, GreencloudError, NotFoundError, QuantityError
from greencloud.goal.instrument_rules import MOST_SERIAL
from greencloud.goal.instrument_state import NONE, free_runs, step
from greencloud.results.instruments import Instrument, InstrumentPolicy, Retirement
from instrument_builders import NOW, RETIREMENT, book, books, certificate, credit, policy, removal

FEW = settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])


def taken(instrument: Instrument) -> list[int]:
    return [serial for use in instrument.uses for serial in range(use.serial_first, use.serial_last + 1)]


steps = st.lists(
    st.one_of(
        st.tuples(st.just("use"), st.sampled_from(["2024", "2025"]), st.integers(1, 9)),
        st.tuples(st.just("cancel"), st.integers(0, 5), st.none()),
    ),
    max_size=12,
)


@FEW
@given(steps=steps, size=st.integers(1, 20))
def test_a_serial_is_in_one_use_at_the_most(steps: list[Any], size: int, tmp_path_factory: pytest.TempPathFactory) -> None:
    kept = books(tmp_path_factory.mktemp("books"))
    name = kept.create_instrument(removal(5, 4 + size)).name
    for verb, one, units in steps:
        held = kept.get_instrument(name)
        if verb == "use":
            longest = max((last - first + 1 for first, last in free_runs(held)), default=0)
            if units > longest:
                with pytest.raises(GoalError, match="free"):
                    kept.use_instrument(name, year=one, units=units)
                continue
            use = kept.use_instrument(name, year=one, units=units)
            assert use.units == units
            lower = [first for first, last in free_runs(held) if last - first + 1 >= units]
            assert use.serial_first == lower[0]
        elif held.uses:
            use = held.uses[one % len(held.uses)]
            kept.cancel_instrument_use(name, year=str(use.year), serial_first=use.serial_first, reason="by mistake")
        held = kept.get_instrument(name)
        assert len(taken(held)) == len(set(taken(held))) == held.units - held.unused_units <= held.units
        assert set(taken(held)) <= set(range(5, 5 + size))
    changes = kept.journal.changes()
    assert sum(change.kind == "instrument.cancel_use" for change in changes) == len(kept.get_instrument(name).cancelled_uses)
    state = NONE
    for change in changes:
        state = step(state, change)
    assert state.instruments == {each.id: each for each in kept.list_instruments()}


def use_up(folder: Path, name: str, year: str, together: Any) -> None:
    kept = books(folder, actor=year)
    together.wait(60)
    while True:
        try:
            kept.use_instrument(name, year=year, units=3)
        except GoalError:
            return


@pytest.mark.stress
def test_no_serial_is_used_twice_by_writers_in_several_processes(tmp_path: Path) -> None:
    name = books(tmp_path).create_instrument(removal(1, 90)).name
    context = multiprocessing.get_context("spawn")
    together = context.Barrier(3)
    writers = [context.Process(target=use_up, args=(tmp_path, name, year, together)) for year in ("2024", "2025", "2026")]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join(60)
        assert writer.exitcode == 0
    held = books(tmp_path).get_instrument(name)
    assert taken(held) == list(range(1, 91))
    assert len({use.used_by for use in held.uses}) > 1


def test_the_inventory_is_what_it_was_whatever_is_done_with_instruments(tmp_path: Path) -> None:
    kept = books(tmp_path)
    book(kept, "2024", {"scope1": 40, "scope2_market_based": 30, "scope3": 100})
    before = kept.inventory_state()
    for made in (removal(), credit(), certificate()):
        market = "DE-LU" if made == certificate() else ""
        name = kept.create_instrument(made).name
        assert kept.use_instrument(name, year="2024", units=50, market=market).units == 50
        kept.get_neutrality("2024")
    kept.cancel_instrument_use(name, year="2024", serial_first=1, reason="wrong year")
    kept.delete_instrument(name, reason="wrong registry")
    assert replace(kept.inventory_state(), number=0) == replace(before, number=0)


def test_what_is_there_is_given_back_and_another_of_the_same_id_is_refused(tmp_path: Path) -> None:
    kept = books(tmp_path)
    made = kept.create_instrument(removal())
    assert kept.create_instrument(removal()) == made
    assert kept.create_instrument(replace(removal(), retirement=None)) == made
    assert len(kept.journal.changes()) == 1
    assert (made.revision, made.created_by, made.id[:11]) == (1, "amy", "puro-earth-")
    for other in (removal(project="Another"), removal(retirement=replace(RETIREMENT, reference="RET-2"))):
        with pytest.raises(ConflictError):
            kept.create_instrument(other)


@pytest.mark.parametrize(
    "other",
    [
        removal(100, 200, id="x"),
        removal(50, 60, id="x"),
        removal(1, 1, id="x", registry=" PURO.EARTH "),
        removal(1, 1, id="x", serial_prefix="puro-"),
        removal(1, 1, id="x", serial_prefix="\uff30URO -"),
        credit(7, 7, id="x", registry="Puro.earth", serial_prefix="PURO-"),
    ],
)
def test_a_serial_that_is_in_another_block_is_refused(tmp_path: Path, other: Instrument) -> None:
    kept = books(tmp_path)
    kept.create_instrument(removal())
    with pytest.raises(GoalError, match="are in instruments/puro-earth-"):
        kept.batch_create_instruments([removal(101, 150, id="before", serial_prefix="OTHER-"), other])
    assert len(kept.list_instruments()) == 1  # all or none


def test_and_within_one_import_too(tmp_path: Path) -> None:
    with pytest.raises(GoalError, match="serial_first"):
        books(tmp_path).batch_create_instruments([removal(1, 10), removal(10, 11)])


@pytest.mark.parametrize(
    ("instrument", "key"),
    [
        (removal(id="No Spaces"), "id"),
        (removal(registry=" "), "registry"),
        (removal(project="a\0b"), "project"),
        (removal(method="x" * 1_001), "method"),
        (removal(serial_prefix="SN-1"), "serial_prefix"),
        (removal(9, 8), "serial_last"),
        (removal(-1, 8), "serial_last"),
        (removal(1, MOST_SERIAL + 1), "serial_last"),
        (removal(vintage_end=date(2023, 1, 1)), "vintage_end"),
        (removal(geography="Iceland"), "geography"),
        (certificate(geography=""), "geography"),
        (removal(durability_years=None), "durability_years"),
        (removal(durability_years=0), "durability_years"),
        (credit(durability_years=1_000), "durability_years"),
        (certificate(durability_years=1), "durability_years"),
        (removal(cost=-1, currency="EUR"), "cost"),
        (removal(cost=1), "currency"),
        (removal(retirement=replace(RETIREMENT, retired=date(2026, 4, 2))), "retired"),
        (removal(retirement=replace(RETIREMENT, retired=date(2024, 12, 30))), "retired"),
        (removal(retirement=replace(RETIREMENT, beneficiary="")), "beneficiary"),
        (removal(retirement=replace(RETIREMENT, evidence=("0" * 64,))), "evidence"),
    ],
)
def test_what_is_wrong_is_refused_by_its_name(tmp_path: Path, instrument: Instrument, key: str) -> None:
    with pytest.raises(GoalError) as refused:
        books(tmp_path).create_instrument(instrument)
    assert (refused.value.key, bool(refused.value.advice)) == (key, True)


@pytest.mark.parametrize(
    ("instrument", "use", "key"),
    [
        (removal(retirement=None), {}, "retirement"),
        (removal(retirement=replace(RETIREMENT, beneficiary="Another Cloud")), {}, "beneficiary"),
        (removal(), {"year": "2023"}, "vintage"),
        (credit(vintage_start=date(2018, 12, 31)), {}, "vintage"),
        (removal(), {"year": "2027"}, "year"),
        (removal(), {"units": 0}, "units"),
        (removal(), {"units": 101}, "units"),
        (removal(), {"market": "IS"}, "market"),
        (credit(), {"claimed_as": "removal"}, "claimed_as"),
        (removal(), {"claimed_as": "offset"}, "claimed_as"),
        (certificate(), {"claimed_as": "offset", "market": "DE-LU"}, "claimed_as"),
        (certificate(), {}, "market"),
        (certificate(), {"market": "NO1"}, "market"),
        (certificate(), {"market": "DE-LU", "year": "2025"}, "vintage"),
        (certificate(vintage_start=date(2023, 12, 31)), {"market": "DE-LU"}, "vintage"),
    ],
)
def test_a_use_that_a_rule_forbids_is_refused_by_its_name(
    tmp_path: Path, instrument: Instrument, use: dict[str, Any], key: str
) -> None:
    kept = books(tmp_path)
    name = kept.create_instrument(instrument).name
    policy(kept, organization="example  cloud")
    with pytest.raises(GoalError) as refused:
        kept.use_instrument(name, **{"year": "2024", "units": 1, **use})
    assert (refused.value.key, bool(refused.value.advice)) == (key, True)
    assert not kept.get_instrument(name).uses


def test_the_oldest_vintage_is_a_parameter(tmp_path: Path) -> None:
    kept = books(tmp_path)
    name = kept.create_instrument(credit(vintage_start=date(2019, 1, 1))).name
    kept.use_instrument(name, year="2024", units=1)
    kept.update_instrument_policy(InstrumentPolicy(2), reason="stricter")
    with pytest.raises(GoalError, match="2 years before 2024"):
        kept.use_instrument(name, year="2024", units=1)
    assert kept.get_instrument_policy() == InstrumentPolicy(2, 1, "amy")
    with pytest.raises(ConflictError):
        kept.update_instrument_policy(InstrumentPolicy(3), etag="0", reason="again")
    for wrong in (-1, 101):
        with pytest.raises(GoalError, match="out of range"):
            kept.update_instrument_policy(InstrumentPolicy(wrong), reason="x")
    with pytest.raises(GoalError, match="reason"):
        kept.update_instrument_policy(InstrumentPolicy(3))


def test_a_fiscal_year_is_that_of_the_policy(tmp_path: Path) -> None:
    kept = books(tmp_path)
    policy(kept, fiscal_year_start_month=4)
    name = kept.create_instrument(certificate(retirement=RETIREMENT)).name
    assert kept.use_instrument(name, year="FY2024", units=1, market="DE-LU").units == 1
    with pytest.raises(GoalError, match="does not lie in FY2025"):
        kept.use_instrument(name, year="FY2025", units=1, market="DE-LU")


def test_retiring_and_its_refusals(tmp_path: Path) -> None:
    kept = books(tmp_path)
    policy(kept, organization="Example Cloud")
    made = kept.create_instrument(removal(retirement=None))
    with pytest.raises(GoalError, match="retired for 'Other'"):
        kept.retire_instrument(made.name, replace(RETIREMENT, beneficiary="Other"))
    with pytest.raises(ConflictError):
        kept.retire_instrument(made.name, RETIREMENT, etag="9")
    retired = kept.retire_instrument(made.name, RETIREMENT, etag=made.etag)
    assert (retired.retirement, retired.revision) == (RETIREMENT, 2)
    assert kept.retire_instrument(made.name, RETIREMENT, etag=made.etag) == retired
    with pytest.raises(ConflictError, match="retired once"):
        kept.retire_instrument(made.name, Retirement(date(2025, 3, 1), "Example Cloud", "RET-2"))


def test_saying_it_again_with_the_same_request_uses_nothing_more(tmp_path: Path) -> None:
    kept = books(tmp_path)
    name = kept.create_instrument(removal()).name
    use = kept.use_instrument(name, year="2024", units=10, request_id="r-1")
    assert kept.use_instrument(name, year="2024", units=10, request_id="r-1") == use
    assert kept.use_instrument(name, year="2024", units=10, request_id="r-2").serial_first == 11
    with pytest.raises(ConflictError):
        kept.use_instrument(name, year="2024", units=10, etag="1")


def test_an_undone_use_stays_on_record_and_frees_its_serials(tmp_path: Path) -> None:
    kept = books(tmp_path)
    name = kept.create_instrument(removal()).name
    kept.use_instrument(name, year="2024", units=10)
    with pytest.raises(GoalError, match="is used for 2024"):
        kept.delete_instrument(name, reason="a mistake")
    undo: dict[str, Any] = {"year": "2024", "serial_first": 1, "reason": "typed wrong"}
    for wrong, kind in (({"reason": " "}, GoalError), ({"serial_first": 2}, NotFoundError), ({"year": "2025"}, NotFoundError)):
        with pytest.raises(kind):
            kept.cancel_instrument_use(name, **(undo | wrong))
    undone = kept.by("ben").cancel_instrument_use(name, **undo)
    held = kept.get_instrument(name)
    assert (held.uses, held.cancelled_uses, held.unused_units) == ((), (undone,), 100)
    assert (undone.used_by, undone.cancelled_by, undone.cancelled, undone.reason) == ("amy", "ben", NOW, "typed wrong")
    assert kept.use_instrument(name, year="2025", units=100).serial_first == 1


@pytest.mark.parametrize(
    "ask",
    [
        lambda kept: kept.get_instrument("instruments/none"),
        lambda kept: kept.use_instrument("none", year="2024", units=1),
        lambda kept: kept.retire_instrument("none", RETIREMENT),
        lambda kept: kept.cancel_instrument_use("none", year="2024", serial_first=1, reason="x"),
        lambda kept: kept.delete_instrument("none", reason="x"),
        lambda kept: kept.use_instrument("none", year="2024", units=1, goal="goals/none"),
    ],
)
def test_what_is_not_there_is_told(tmp_path: Path, ask: Callable[[Any], Any]) -> None:
    with pytest.raises(NotFoundError):
        ask(books(tmp_path))


def test_lists_are_of_a_kind_or_a_year(tmp_path: Path) -> None:
    kept = books(tmp_path)
    made = kept.batch_create_instruments([removal(), credit(), certificate()])
    kept.use_instrument(made[0].name, year="2025", units=1)
    assert [each.id for each in kept.list_instruments()] == sorted(each.id for each in made)
    assert [each.id for each in kept.list_instruments(kind="offset_credit")] == [made[1].id]
    assert [each.id for each in kept.list_instruments(year="2025")] == [made[0].id]
    assert kept.list_instruments(year="2024") == []
    for wrong, error in (({"kind": "credit"}, GoalError), ({"year": "25"}, QuantityError)):
        with pytest.raises(error):
            kept.list_instruments(**wrong)
    for count in (0, 1_001):
        with pytest.raises(GreencloudError):
            kept.batch_create_instruments([removal()] * count)


@pytest.mark.parametrize(
    ("field", "text"),
    [
        ("registry", "Puro\ufe0f"),  # a variation selector
        ("registry", "Puro\u3164"),  # a filler
        ("registry", "Pur\u043e"),  # a Cyrillic letter
        ("serial_prefix", "P\u0410-"),
        ("serial_prefix", "P\u034f-"),
    ],
)
def test_what_only_looks_like_another_block_is_refused(tmp_path: Path, field: str, text: str) -> None:
    changes: dict[str, Any] = {"id": "alike", field: text}
    with pytest.raises(GoalError, match=field):
        books(tmp_path).create_instrument(replace(removal(1, 9), **changes))


@pytest.mark.parametrize("dash", "\u2010\u2011\u2013\ufe63\uff0d")
def test_a_prefix_with_another_dash_is_the_same_prefix(tmp_path: Path, dash: str) -> None:
    kept = books(tmp_path)
    kept.create_instrument(replace(removal(1, 9), serial_prefix="P-"))
    with pytest.raises(GoalError, match="serial_first"):
        kept.create_instrument(replace(removal(1, 9), id="again", serial_prefix=f"P{dash}"))


def test_a_registry_in_another_script_is_one(tmp_path: Path) -> None:
    kept = books(tmp_path)
    for number, registry in enumerate(("\u4e2d\u56fd CCER", "\u0420\u0435\u0435\u0441\u0442\u0440", "Registro Espa\u00f1ol")):
        kept.create_instrument(replace(removal(1, 9), id=f"n{number}", registry=registry))
