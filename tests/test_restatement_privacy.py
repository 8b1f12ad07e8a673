"""What of the facility book a tenant is shown, whatever dots, slashes and quotes ids hold: its own entries and factors alone."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from fractions import Fraction

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from greencloud.facility import Facility
from greencloud.facility.differences import Difference, differences
from greencloud.facility.values import Account, DeclaredUse, Factor, FactorKind, Host, PowerCurve, Reservation, Site
from greencloud.ledger.restatement import change_of
from greencloud.results import BookChange, Restatement, RestatementLine
from greencloud.server.restatements import RestatementQuery, restatements_for
from inprocess import Kept

JANUARY, JUNE, JULY = (datetime(2026, month, 1, tzinfo=UTC) for month in (1, 6, 7))
ACCOUNTS = ("acme", "acme.eu", "acme.eu.north", 'eu"acme', "acme/eu", "factors.DE")
SITES = ("north", "eu.north", "north.web", "eu/north", "north'")
SERVICES = ("", "web", "north.web", "north")

reservations = st.lists(
    st.builds(
        lambda account, site, service, vcpu, start: Reservation(account, site, vcpu, 1, start, JULY, service),
        st.sampled_from(ACCOUNTS),
        st.sampled_from(SITES),
        st.sampled_from(SERVICES),
        st.integers(1, 3).map(Fraction),
        st.sampled_from([JANUARY, JUNE]),
    ),
    max_size=5,
).map(tuple)
accounts = st.dictionaries(st.sampled_from(ACCOUNTS), st.sampled_from(["", "A", "B"]))
uses = st.lists(
    st.builds(
        lambda account, caller, share: DeclaredUse(account, caller, share, JANUARY, JULY, "test"),
        st.sampled_from(ACCOUNTS),
        st.sampled_from(ACCOUNTS),
        st.sampled_from([Fraction(1, 2), Fraction(1)]),
    ),
    max_size=3,
).map(tuple)


@st.composite
def books(draw: st.DrawFn) -> Facility:
    grams = draw(st.integers(1, 2))
    factor = Factor("N", FactorKind.LOCATION, JANUARY, JULY, Fraction(grams * 10**6), "test")
    owners = draw(st.lists(st.sampled_from(ACCOUNTS), max_size=2, unique=True))
    hosts = {("north", f"h{n}"): Host(f"h{n}", "north", Fraction(4), 1, "c", dedicated_to=who) for n, who in enumerate(owners)}
    return Facility(
        "",
        3600,
        {name: Account(name, name=told) for name, told in draw(accounts).items()},
        {site: Site(site, "eu", "N", Fraction(1)) for site in SITES},
        hosts,
        {"c": PowerCurve("c", ((Fraction(0), Fraction(1)), (Fraction(1), Fraction(draw(st.integers(2, 3))))), "test")},
        draw(reservations),
        (factor,),
        declared_uses=draw(uses),
    )


def compared(old: Facility, new: Facility) -> tuple[Difference, ...]:
    return differences(replace(old, revision="old"), replace(new, revision="new"))


def shown_to(tenant: str, changes: tuple[Difference, ...]) -> tuple[BookChange, ...]:
    line = RestatementLine(tenant, "", "eu", "", "dynamic", "energy", 1, 2)
    shown = tuple(change_of(change) for change in changes)
    kept = Kept(Restatement("s", JANUARY, JUNE, "1", "2", JULY, ("corrected_mapping",), lines=(line,), changes=shown))
    (found,) = restatements_for(RestatementQuery(None, None, (tenant,), tenant=True), [kept])
    assert found
    return found.changes


def own_part(book: Facility, tenant: str) -> Facility:
    """The book of a provider that has this one customer, in which nothing but factors and what is the customer's can change."""
    return replace(
        book,
        accounts={name: account for name, account in book.accounts.items() if name == tenant},
        hosts={},
        curves={},
        reservations=tuple(each for each in book.reservations if each.account == tenant),
        declared_uses=(),
    )


def reserved(account: str, site: str, vcpu: int, start: datetime = JANUARY) -> Reservation:
    return Reservation(account, site, Fraction(vcpu), 1, start, JULY)


EMPTY = own_part(Facility("", 3600, {}, {site: Site(site, "eu", "N", Fraction(1)) for site in SITES}, {}, {}), "")


@given(books(), books(), st.sampled_from(ACCOUNTS))
@example(
    replace(EMPTY, reservations=(reserved("acme.eu", "north", 2), reserved("acme", "eu.north", 3))),
    replace(EMPTY, reservations=(reserved("acme.eu", "north", 2), reserved("acme", "eu.north", 4))),
    "acme.eu",
)
@example(
    replace(EMPTY, reservations=(reserved("acme.eu", "north", 2),)),
    replace(EMPTY, reservations=(reserved("acme", "eu.north", 4),)),
    "acme.eu",
)
def test_what_a_tenant_is_shown_is_a_function_of_its_own_entries_and_of_factors(old: Facility, new: Facility, tenant: str) -> None:
    shown = shown_to(tenant, compared(old, new))
    assert shown == shown_to(tenant, compared(own_part(old, tenant), own_part(new, tenant)))
    assert all(change.account == tenant or change.path == "factors.N.location" for change in shown)


@given(books(), books())
def test_every_entry_that_is_in_one_book_alone_is_told_whatever_the_names_of_others(old: Facility, new: Facility) -> None:
    found = compared(old, new)
    for book, other in ((old, new), (new, old)):
        for entry in book.reservations:
            if entry not in other.reservations:
                path = ".".join(part for part in ("reservations", entry.account, entry.site, entry.service) if part)
                assert any(each.account == entry.account and f"{each.path}.".startswith(f"{path}.") for each in found)
    backwards = compared(new, old)
    assert {(each.path, each.old, each.new, each.account, each.sites) for each in found} == {
        (each.path, each.new, each.old, each.account, each.sites) for each in backwards
    }


@pytest.mark.parametrize("swapped", [False, True])
def test_reservations_of_two_accounts_whose_names_join_alike_are_two_entries(swapped: bool) -> None:
    had, has = (reserved("acme.eu", "north", 2), reserved("acme", "eu.north", 4))
    found = compared(replace(EMPTY, reservations=(had,)), replace(EMPTY, reservations=(has,)))
    if swapped:
        found = compared(replace(EMPTY, reservations=(has,)), replace(EMPTY, reservations=(had,)))
    assert {each.path for each in found} == {"reservations.acme.eu.north"}
    assert {(each.account, *(each.sites or ())) for each in found} == {("acme.eu", "north"), ("acme", "eu.north")}


def test_uses_declared_for_names_that_join_alike_are_two_entries() -> None:
    one, other = (DeclaredUse(a, b, Fraction(1), JANUARY, JULY, "x") for a, b in (("acme", "eu.north"), ("acme.eu", "north")))
    found = compared(replace(EMPTY, declared_uses=(one,)), replace(EMPTY, declared_uses=(other,)))
    assert len(found) == 2
    assert all("" in (each.old, each.new) for each in found)
