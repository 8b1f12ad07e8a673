"""What is not known shows as that, and what is not nothing never as 0: figures that a reader would take for what they are not."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from fractions import Fraction
from shlex import split

import pytest
from hypothesis import given
from hypothesis import strategies as st

from greencloud.errors import TooLargeError
from greencloud.page.asked import Asked
from greencloud.page.customer import asking, export
from greencloud.page.customer.overview import verify_commands
from greencloud.page.limits import BusyError
from greencloud.page.session import owner_of
from greencloud.page.view import Caller
from greencloud.report.amounts import EMISSION_UNITS, scale_in
from greencloud.report.page.sections import quoted, what_if_table
from greencloud.report.page.texts import texts_in
from greencloud.report.page.what_ifs import WhatIf
from greencloud.testing import END, START, Server
from page_callers import NOW, calling, follow, look, table_of

FIRST = f"{START:%Y-%m-%d}"


@pytest.fixture(scope="module")
def acme(seeded_server: Server) -> Iterator[Caller]:
    with calling(seeded_server, "acme") as caller:
        yield caller


@pytest.mark.parametrize("language", ["en", "zh"])
def test_a_load_that_cannot_be_priced_elsewhere_is_not_known_there(language: str) -> None:
    texts = texts_in(language)
    table = what_if_table([WhatIf("shift", 1, "", 0, 0, Fraction(0)), WhatIf("shift", 2, "", 9, 7, Fraction(1, 999))], texts)
    assert [row[1:] for row in table.rows] == [(*[texts["not_priced"]] * 3, "0"), ("9", "7", "-2", "<1")]
    assert table.csv[1][1:] == ("", "", "0.0000")


def test_a_side_that_is_not_known_has_no_amounts_of_nothing(acme: Caller) -> None:
    rows = table_of(look(acme, "/compare", period=FIRST), "changes").rows
    assert {row[1] for row in rows} == {"not known"}


@given(st.integers(1, 10**12), st.integers(1, 10**9))
def test_milligrams_of_one_operation_are_0_of_none_alone(micrograms: int, count: int) -> None:
    shown = scale_in("mg", EMISSION_UNITS).show(Fraction(micrograms, count))
    assert shown == "<0.001" or abs(Fraction(shown.replace(",", "")) - Fraction(micrograms, 1000 * count)) <= Fraction(1, 2000)
    assert shown != "0.000"


def test_figures_that_end_before_their_period_say_so(acme: Caller) -> None:
    around = {"from": FIRST, "to": f"{END + timedelta(days=1):%Y-%m-%d}"}
    for path in ("/", "/compare", "/by"):
        notes = look(acme, path, **around).notes
        assert any(f"reach until {END:%Y-%m-%d %H:%M}" in note for note in notes), path
        assert not any("reach until" in note for note in look(acme, path, period=FIRST).notes), path


def test_a_change_from_a_period_in_which_figures_begin_says_so(acme: Caller) -> None:
    around = {
        "from": f"{START + timedelta(hours=30):%Y-%m-%dT%H:%M:%SZ}",
        "to": f"{START + timedelta(hours=66):%Y-%m-%dT%H:%M:%SZ}",
    }
    for path, given_ in (("/", {}), ("/service", {"service": "shop"}), ("/compare", {})):
        notes = look(acme, path, **around, **given_).notes
        assert any(f"begin at {START:%Y-%m-%d %H:%M}" in note for note in notes), path
        assert not any(
            "begin at" in note for note in look(acme, path, period=f"{END - timedelta(days=1):%Y-%m-%d}", **given_).notes
        )


def test_a_period_that_is_compared_with_is_open_too(acme: Caller) -> None:
    def notes(against: str) -> str:
        return " ".join(look(acme, "/compare", START.replace(hour=20), period="2025-01-05", against=against).notes)

    assert "compared with is not over" in notes(FIRST)
    assert "compared with is not over" not in notes("2025-01-04")


@given(st.text(min_size=1))
def test_a_command_to_copy_has_an_account_as_one_word(account: str) -> None:
    (commands,) = verify_commands(account, Asked.of("/", {"period": "2025-01"}, NOW))
    words = split(commands.removesuffix("\ngreencloud verify statement.json --root root.json --log log.jsonl"))
    assert words[words.index("--account") + 1 :] == [account, "--period", "2025-01"]


def test_a_cell_that_ends_a_line_in_some_spreadsheet_is_quoted() -> None:
    assert [quoted(text) for text in ("a\r=1+1", "a\n", "a,b", 'a"', "a")] == ['"a\r=1+1"', '"a\n"', '"a,b"', '"a"""', "a"]


def test_more_names_than_are_read_are_left_out_and_said(acme: Caller, monkeypatch: pytest.MonkeyPatch) -> None:
    total = look(acme, "/").cards[0]
    monkeypatch.setattr(asking, "MOST_READ", 2)
    for path, left_out, section in (
        ("/", "Operation", "operations"),
        ("/service", "Component", "component"),
        ("/quality", "Service", "evidence-service"),
    ):
        shown = look(acme, path, period="2025", service="" if path != "/service" else "shop")
        (note,) = [note for note in shown.notes if "more than 2 of" in note]
        assert left_out in note
        assert section not in {each.id for each in shown.sections}
        assert shown.cards
    assert look(acme, "/", period="2025").cards[0].amount == total.amount
    with pytest.raises(TooLargeError, match="rows"):
        look(acme, "/compare", dimension="operation")


def test_a_payer_is_not_told_its_own_figure_as_that_of_all_it_pays_for(acme: Caller) -> None:
    payer = replace(acme, identity=replace(acme.identity, member_accounts=("globex",)))
    named = look(payer, "/explain", period="2025-01")
    table = table_of(named, "account")
    assert [row[0] for row in table.rows] == ["acme"]
    explained = follow(payer, table.links[0])
    assert table_of(explained, "amounts").rows == table_of(look(acme, "/explain", period="2025-01"), "amounts").rows


def test_one_reader_leaves_a_turn_for_the_files_of_others(
    acme: Caller, seeded_server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(export, "_PATIENCE_S", 0.05)
    with export._OF_EACH.one(owner_of(acme.identity)):
        with pytest.raises(BusyError):
            look(acme, "/export", period="2025-01", format="csv")
        with calling(seeded_server, "globex") as other:
            assert look(other, "/export", period="2025-01", format="csv").content
    assert look(acme, "/export", period="2025-01", format="csv").content
