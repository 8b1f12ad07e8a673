"""The indexes of a book answer as a look at every entry would."""

from __future__ import annotations

import pickle
from datetime import UTC, datetime, timedelta
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from greencloud.errors import FacilityError
from greencloud.facility import (
    FOREVER,
    Certificate,
    DirectEmission,
    Facility,
    Factor,
    FactorKind,
    Hardware,
    Host,
    Reservation,
    Site,
)
from greencloud.units import Window

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
def test_reservations_are_those_in_force_when_the_window_starts(
    made: list[tuple[str, tuple[datetime, datetime]]], window: Window
) -> None:
    booked = tuple(Reservation(f"a{i}", site, Fraction(1), 1, *span) for i, (site, span) in enumerate(made))
    found = facility(reservations=booked).reservations_at("s", window)
    assert found == sorted((r for r in booked if r.site == "s" and r.start <= window.start < r.end), key=lambda r: r.account)


@given(st.lists(st.tuples(places, spans)), windows)
def test_certificates_are_those_that_share_time_with_the_window(
    made: list[tuple[str, tuple[datetime, datetime]]], window: Window
) -> None:
    held = tuple(Certificate(f"c{i:02}", zone, *span, 1, Fraction(0), "x") for i, (zone, span) in enumerate(made))
    found = facility(certificates=held).certificates_in("s", window)
    assert found == sorted((c for c in held if c.zone == "s" and c.start < window.end and window.start < c.end), key=lambda c: c.id)


@given(st.lists(st.tuples(spans, st.integers(0, 10**15)), min_size=1, max_size=5))
def test_direct_emissions_of_all_windows_add_up_to_what_is_booked(made: list[tuple[tuple[datetime, datetime], int]]) -> None:
    booked = tuple(DirectEmission(f"d{i}", "s", *span, mass, "x") for i, (span, mass) in enumerate(made))
    site = Site("s", "r", "Z", None, scope1_declared_none=True)
    book = facility(direct_emissions=booked, sites={"s": site})
    assert sum(book.direct_micrograms("s", Window(hours(hour))) for hour in range(60)) == sum(mass for _, mass in made)


def test_embodied_mass_is_booked_over_its_life_and_not_a_microgram_more() -> None:
    asset = Hardware("h", "s", 10**9 + 7, T0.date(), 3, "x")
    booked = [facility().embodied_micrograms(asset, Window(hours(hour))) for hour in range(-2, 80)]
    assert sum(booked) == 10**9 + 7
    assert booked[:2] == booked[-8:-6] == [0, 0]


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
