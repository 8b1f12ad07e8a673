"""Who pays for whom: a forest of accounts, read from the book, which no figure and no older revision rests on."""

from __future__ import annotations

from dataclasses import replace
from importlib.resources import files
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from greencloud.errors import FacilityError
from greencloud.facility import Account, members_of, read_facility
from greencloud.facility.differences import differences

ACCOUNTS = """
[[accounts]]
id = "org"

[[accounts]]
id = "team"
payer = "org"

[[accounts]]
id = "tool"
kind = "internal"

[[reservations]]
account = "tool"
site = "default"
vcpu = 1
start = 2026-01-01
"""
BOOK = (files("greencloud.facility") / "starter.toml").read_text() + ACCOUNTS


def parents(draw: st.DrawFn) -> dict[str, str]:
    names = [f"a{number}" for number in range(draw(st.integers(1, 25)))]
    return {name: draw(st.sampled_from(["", *names[:at]])) for at, name in enumerate(names)}


@given(st.composite(parents)())
def test_members_are_those_from_whom_payers_lead_up_to_the_account(payers: dict[str, str]) -> None:
    found = members_of({name: Account(name, payer=payer) for name, payer in payers.items()})

    for one, payer in payers.items():
        above, at = set(), payer
        while at:
            above.add(at)
            at = payers[at]
        assert above == {above_it for above_it, members in found.items() if one in members}
        assert one not in found.get(one, ())


def book(tmp_path: Path, text: str = BOOK) -> Path:
    path = tmp_path / "facility.toml"
    path.write_text(text)
    return path


def test_a_payer_is_read_from_the_book(tmp_path: Path) -> None:
    found = read_facility(book(tmp_path))

    assert {account.id: account.payer for account in found.accounts.values()} == {"org": "", "team": "org", "tool": ""}
    assert members_of(found.accounts) == {"org": {"team"}}


def test_payers_stand_in_csv_files_too(tmp_path: Path) -> None:
    (tmp_path / "accounts.csv").write_text("id,payer\nnew,org\nother,\n")
    found = read_facility(book(tmp_path, BOOK + '\n[files]\naccounts = ["accounts.csv"]\n'))

    assert members_of(found.accounts) == {"org": {"team", "new"}}


@pytest.mark.parametrize(
    ("old", "new", "line", "message"),
    [
        ('payer = "org"', 'payer = "nobody"', 'payer = "nobody"', "is not in accounts"),
        ('payer = "org"', 'payer = "tool"', 'payer = "tool"', "is internal, which pays for nobody"),
        ('payer = "org"', 'payer = "team"', 'payer = "team"', "'team' pays for itself: team -> team"),
        ('id = "org"\n', 'id = "org"\npayer = "team"\n', 'payer = "team"', "'org' pays for itself: org -> team -> org"),
        ('kind = "internal"', 'kind = "internal"\npayer = "org"', 'payer = "org"\n\n[[reserv', "is internal: its callers bear"),
        ('payer = "org"', "payer = 7", "payer = 7", "not text"),
    ],
)
def test_a_wrong_payer_is_named_with_its_line(tmp_path: Path, old: str, new: str, line: str, message: str) -> None:
    text = BOOK.replace(old, new, 1)

    with pytest.raises(FacilityError, match=message) as caught:
        read_facility(book(tmp_path, text))

    assert caught.value.line == text[: text.index(line)].count("\n") + 1
    assert (caught.value.key, bool(caught.value.advice)) == ("accounts.payer", True)


def test_a_book_without_payers_has_the_revision_that_it_had_before_there_were_any(tmp_path: Path) -> None:
    before = read_facility(book(tmp_path, BOOK.replace('payer = "org"\n', "")))
    after = read_facility(book(tmp_path))

    assert before.revision == "7943eee306c724cbd0ebb95aa38c8e135e1d2b8508d26a0bdfb4d748f1e34492"
    assert before.revision != after.revision


def test_a_change_of_payer_is_not_told_to_the_account(tmp_path: Path) -> None:
    before, after = read_facility(book(tmp_path, BOOK.replace('payer = "org"\n', ""))), read_facility(book(tmp_path))

    (found,) = differences(before, after)
    assert (found.path, found.old, found.new, found.account) == ("accounts.team.payer", "none", "org", "")
    gone = replace(before, accounts={"org": before.accounts["org"]}, revision="other")
    assert not [each for each in differences(gone, after) if each.account and "org" in each.new.replace("id=org", "")]
