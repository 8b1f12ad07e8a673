"""Links of the customer's views: what was asked goes along, what only one view asks stays, and nothing leads where it cannot."""

from __future__ import annotations

import re
import tomllib
from datetime import UTC, datetime
from importlib.resources import files
from urllib.parse import parse_qsl, urlsplit

from hypothesis import given
from hypothesis import strategies as st

from greencloud.page.asked import FILTERS, Asked
from greencloud.page.customer import VIEWS
from greencloud.page.customer.places import kept, link_of, to
from greencloud.page.words import words_in

NOW = datetime(2025, 2, 10, 12, tzinfo=UTC)
COMMON = ("period", "account", "live", *FILTERS)
OWN = ("dimension", "against", "shift", "format", "days")
text = st.text(min_size=1, max_size=20).filter(lambda each: each.strip() == each and "\x00" not in each)
given_parameters = st.dictionaries(st.sampled_from([name for name in (*COMMON, *OWN) if name != "period"]), text, max_size=8)


def parameters_of(link: str) -> dict[str, str]:
    return dict(parse_qsl(urlsplit(link).query, keep_blank_values=True, encoding="utf-8"))


@given(given_parameters)
def test_another_view_is_asked_the_same_and_nothing_of_its_own(parameters: dict[str, str]) -> None:
    asked = Asked.of("/by", {**parameters, "period": "2025-01", "lang": "zh"}, NOW)
    found = parameters_of(to(asked, "/quality"))
    assert found == {name: value for name, value in asked.parameters.items() if name not in OWN}
    again = Asked.of("/quality", found, NOW)
    assert (again.period, again.account, again.filters, again.language) == (asked.period, asked.account, asked.filters, "zh")


@given(given_parameters, st.sampled_from(["service", "region", "sku", "component", "account", "site", "label:team"]), st.text())
def test_a_value_leads_to_its_own_page_or_nowhere(parameters: dict[str, str], dimension: str, value: str) -> None:
    asked = Asked.of("/", parameters, NOW)
    link = link_of(asked, dimension, value)
    if dimension in ("site", "label:team") or not value or value != value.strip():
        assert link == ""
        return
    assert link.startswith("/")
    assert not link.startswith("//")
    found = Asked.of(urlsplit(link).path, parameters_of(link), NOW)
    assert (found.account if dimension == "account" else found.filters[dimension]) == value


@given(given_parameters)
def test_a_form_sends_along_everything_but_its_own_fields(parameters: dict[str, str]) -> None:
    asked = Asked.of("/by", parameters, NOW)
    assert dict(kept(asked, "dimension")) == {name: value for name, value in asked.parameters.items() if name != "dimension"}


def test_both_languages_say_everything_with_the_same_blanks() -> None:
    text = files("greencloud.page").joinpath("texts/customer.toml").read_text(encoding="utf-8")
    english, chinese = tomllib.loads(text)["en"], tomllib.loads(text)["zh"]
    assert english.keys() == chinese.keys()
    for key, said in english.items():
        assert set(re.findall(r"{\w+}", said)) == set(re.findall(r"{\w+}", chinese[key])), key
    for view in VIEWS:
        assert words_in("zh")[f"menu_{view.name}"]
