"""The indexes of a book answer as a look at every entry would."""

from __future__ import annotations

import pickle
from calendar import monthrange
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from fractions import Fraction
from itertools import cycle

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from greencloud.errors import FacilityError
from greencloud.facility import (
    FOREVER,
    Certificate,
    DeclaredUse,
    DirectEmission,
    Facility,
    Factor,
    FactorKind,
    Hardware,
    Host,
    Reservation,
    Site,
)
from greencloud.units import WINDOW_SECONDS, Window
from profiles import examples

T0 = datetime(2026, 1, 1, tzinfo=UTC)


def hours(count: int) -> datetime:
    return T0 + timedelta(hours=count)


def facility(**parts: object) -> Facility:
    sites = {name: Site(name, "r", "Z", Fraction(1)) for name in ("s", "t")}
    return Facility(**{"revision": "r", "window_seconds": 3600, "accounts": {}, "sites": sites, "hosts": {}, "curves": {}} | parts)  # type: ignore[arg-type]


spans = st.tuples(st.integers(0, 30), st.integers(1, 20)).map(lambda span: (hours(span[0]), hours(span[0] + span[1])))
ends = st.one_of(spans, spans.map(lambda span: (span[0], FOREVER)))
places = st.sampled_from(["s", "t"])
windows = st.integers(0, 60).map(lambda hour: Window(hours(hour)))


@given(st.sets(st.integers(0, 30), min_size=2), st.sampled_from(list(FactorKind)), windows)
def test_the_factor_is_the_one_that_covers_the_window(marks: set[int], kind: FactorKind, window: Window) -> None:
    edges = sorted(marks)
    factors = tuple(
        Factor(zone, kind, hours(low), hours(high), Fraction(low), "x")
        for zone in ("Z", "Y")
        for low, high in zip(edges[::2], edges[1::2], strict=False)
    )
    book = facility(factors=factors[::-1])
    found = [f for f in factors if f.zone == "Z" and f.start <= window.start and window.end <= f.end]
    if found:
        assert book.factor("Z", kind, window) == found[0]
    else:
        with pytest.raises(FacilityError, match=f"no {kind} factor for grid zone 'Z'"):
            book.factor("Z", kind, window)


@given(st.lists(st.tuples(places, ends)), windows)
def test_reservations_count_for_the_time_that_they_share_with_the_window(
    made: list[tuple[str, tuple[datetime, datetime]]], window: Window
) -> None:
    booked = tuple(Reservation(f"a{i}", site, Fraction(1), 1, *span) for i, (site, span) in enumerate(made))
    found = facility(reservations=booked).reservations_over("s", window)
    shared = {r: min(r.end, window.end) - max(r.start, window.start) for r in booked if r.site == "s"}
    expected = [(r, Fraction(int(length.total_seconds()))) for r, length in shared.items() if length.total_seconds() > 0]
    assert found == sorted(expected, key=lambda pair: pair[0].account)


@given(st.lists(st.tuples(places, spans)), windows)
def test_certificates_are_those_that_share_time_with_the_window(
    made: list[tuple[str, tuple[datetime, datetime]]], window: Window
) -> None:
    held = tuple(Certificate(f"c{i:02}", zone, *span, 1, Fraction(0), "x") for i, (zone, span) in enumerate(made))
    found = facility(certificates=held).certificates_in("s", window)
    assert found == sorted((c for c in held if c.zone == "s" and c.start < window.end and window.start < c.end), key=lambda c: c.id)


@settings(max_examples=examples(40))
@given(st.lists(st.tuples(spans, st.integers(0, 10**15)), min_size=1, max_size=5))
def test_direct_emissions_of_all_windows_add_up_to_what_is_booked(made: list[tuple[tuple[datetime, datetime], int]]) -> None:
    booked = tuple(DirectEmission(f"d{i}", "s", *span, mass, "x") for i, (span, mass) in enumerate(made))
    site = Site("s", "r", "Z", None, scope1_declared_none=True)
    book = facility(direct_emissions=booked, sites={"s": site})
    assert sum(part for hour in range(60) for _, part in book.direct_at("s", Window(hours(hour)))) == sum(mass for _, mass in made)


def test_embodied_mass_is_booked_over_its_life_and_not_a_microgram_more() -> None:
    asset = Hardware("h", "s", 10**9 + 7, T0.date(), 3, "x")
    booked = [facility().embodied_micrograms(asset, Window(hours(hour))) for hour in range(-2, 80)]
    assert sum(booked) == 10**9 + 7
    assert booked[:2] == booked[-8:-6] == [0, 0]


lives = st.builds(
    Hardware,
    id=st.just("h"),
    site=st.just("s"),
    embodied_micrograms=st.integers(0, 10**15),
    in_service=st.dates(date(2024, 2, 26), date(2024, 3, 1)),  # around a leap day
    life_days=st.integers(1, 3),
    source=st.just("x"),
    retired=st.none() | st.dates(date(2024, 2, 27), date(2024, 3, 4)),
    on_retirement=st.sampled_from(["continue", "write_off"]),
).filter(lambda asset: asset.retired is None or asset.retired > asset.in_service)


def cut(start: datetime, end: datetime, lengths: list[int]) -> Iterator[Window]:
    """Windows that fill the time between, each hour in windows of one length."""
    for hour, seconds in zip(range((end - start) // timedelta(hours=1)), cycle(lengths), strict=False):
        for part in range(3600 // seconds):
            yield Window(start + timedelta(hours=hour, seconds=part * seconds), seconds)


@settings(max_examples=examples(40))
@given(lives, st.lists(st.sampled_from(WINDOW_SECONDS), min_size=1))
def test_embodied_mass_is_booked_wholly_however_time_is_cut(asset: Hardware, lengths: list[int]) -> None:
    start = datetime.combine(asset.in_service, time(), UTC)
    end = start + timedelta(days=asset.life_days)
    book = facility()
    booked = {window: book.embodied_micrograms(asset, window) for window in cut(start - timedelta(1), end + timedelta(1), lengths)}

    assert sum(booked.values()) == asset.embodied_micrograms
    assert not [mass for window, mass in booked.items() if mass < 0 or (mass and (window.end <= start or window.start >= end))]
    if asset.retired and asset.on_retirement == "write_off":
        gone = datetime.combine(asset.retired, time(), UTC)
        assert not sum(mass for window, mass in booked.items() if window.start >= gone + timedelta(days=1))
    else:
        line = replace(asset, retired=None)
        assert booked == {window: book.embodied_micrograms(line, window) for window in booked}


def test_what_is_left_is_written_off_on_the_day_of_the_retirement() -> None:
    asset = Hardware("h", "s", 100 * 24, T0.date(), 100, "x", retired=date(2026, 1, 31), on_retirement="write_off")
    book = facility()
    days = [sum(book.embodied_micrograms(asset, Window(hours(24 * day + hour))) for hour in range(24)) for day in range(40)]
    assert days == [24] * 30 + [70 * 24] + [0] * 9


@pytest.mark.parametrize("rule", ["continue", "write_off"])
def test_regression_one_day_per_rack_month_missing_in_embodied(rule: str) -> None:
    """A rack's line once lost a day of every month: here each day weighs the same in months of 28 to 31 days."""
    asset = Hardware("rack", "s", 1461 * 24, date(2023, 3, 1), 1461, "x", retired=date(2026, 12, 31), on_retirement=rule)
    book, months = facility(), dict[tuple[int, int], int]()
    start = datetime(2023, 3, 1, tzinfo=UTC)
    for hour in range(1461 * 24):
        window = Window(start + timedelta(hours=hour))
        month = (window.start.year, window.start.month)
        months[month] = months.get(month, 0) + book.embodied_micrograms(asset, window)
    written_off = {(2026, 12): 30 + 60, (2027, 1): 0, (2027, 2): 0} if rule == "write_off" else {}
    assert months == {month: 24 * written_off.get(month, monthrange(*month)[1]) for month in months}
    assert months[2024, 2] == 24 * 29
    assert sum(months.values()) == asset.embodied_micrograms


@given(st.lists(st.tuples(st.sampled_from("abc"), ends)), st.sampled_from(["queue", "cache"]), windows)
def test_declared_callers_are_those_in_force_when_the_window_starts(
    made: list[tuple[str, tuple[datetime, datetime]]], account: str, window: Window
) -> None:
    uses: list[DeclaredUse] = []
    for caller, (start, end) in made:  # as the reader takes them: one share for a caller at a time
        if not [use for use in uses if use.caller == caller and start < use.end and use.start < end]:
            uses.append(DeclaredUse("queue", caller, Fraction(len(uses) + 1, 100), start, end, "x"))
    held = {use.caller: use.share for use in uses if account == "queue" and use.start <= window.start < use.end}
    found = facility(declared_uses=tuple(uses)).declared_callers(account, window)
    assert list(found.items()) == sorted(held.items())


def test_hosts_are_found_by_alias_and_listed_in_order() -> None:
    made = {("s", id_): Host(id_, "s", Fraction(1), 1, aliases=(f"alias-{id_}",)) for id_ in ("b", "a")}
    book = facility(hosts=made)
    assert book.host_named("alias-a") == made["s", "a"]
    assert book.host_named("c") is None
    assert [host.id for host in book.hosts_of("s")] == ["a", "b"]
    assert book.hosts_of("t") == []


def test_a_book_survives_a_pickle() -> None:
    book = facility(factors=(Factor("Z", FactorKind.LOCATION, T0, FOREVER, Fraction(1), "x"),))
    copy = pickle.loads(pickle.dumps(book))
    assert copy == book
    assert copy.factor("Z", FactorKind.LOCATION, Window(T0)) == book.factors[0]
