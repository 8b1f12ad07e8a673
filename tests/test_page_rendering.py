"""What is around every view, and its drawings: both languages, menus that keep what was asked, charts that the policy lets be."""

from __future__ import annotations

import json
import re
import threading
import tomllib
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest

from api_world import NOW, TENANTS, Api, data_of, serving
from greencloud.client import Client
from greencloud.page.app import PageApp
from greencloud.page.asked import Asked
from greencloud.page.drawing import Drawings
from greencloud.page.limits import BusyError, Turns
from greencloud.page.rendering import Pages, style
from greencloud.page.session import Secrets
from greencloud.page.shown import Shown
from greencloud.page.view import Caller
from greencloud.page.words import words_in
from greencloud.report.page import LANGUAGES
from greencloud.results import CallerIdentity
from page_world import ALL_VIEWS, VIEWS, Clock, Reader, page_of, tags_of

ACCOUNT = TENANTS[0].account
TEXTS = Path(__file__).parents[1] / "sdk" / "greencloud" / "page" / "texts"
SPEC = {
    "data": {"values": [{"key": "a", "amount": 1}, {"key": "b", "amount": 3}]},
    "mark": "bar",
    "encoding": {"y": {"field": "key", "type": "nominal"}, "x": {"field": "amount", "type": "quantitative"}},
}


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    with serving(data_of(tmp_path_factory.mktemp("page") / "data", TENANTS)) as api:
        yield api


@pytest.fixture(scope="module")
def app(api: Api) -> Iterator[PageApp]:
    with page_of(api.target, Clock(NOW)) as app:
        yield app


def reader_of(app: PageApp, api: Api, account: str = "") -> Reader:
    reader = Reader(app)
    reader.log_in(api.token("tenant" if account else "provider", account))
    return reader


@pytest.mark.parametrize("path", sorted(TEXTS.glob("*.toml")), ids=lambda path: path.stem)
def test_both_languages_say_everything_with_the_same_blanks(path: Path) -> None:
    texts = tomllib.loads(path.read_text(encoding="utf-8"))

    assert set(texts) == set(LANGUAGES)
    assert len({frozenset(each) for each in texts.values()}) == 1
    for key, text in texts["en"].items():
        assert sorted(re.findall(r"{\w*}", text)) == sorted(re.findall(r"{\w*}", texts["zh"][key])), key


@pytest.mark.parametrize("language", LANGUAGES)
def test_no_text_is_said_in_two_files(language: str) -> None:
    files = [tomllib.loads(path.read_text(encoding="utf-8"))[language] for path in sorted(TEXTS.glob("*.toml"))]
    keys = [key for file in files for key in file]
    assert len(keys) == len(set(keys))
    for view in ALL_VIEWS:
        if view.menu and not view.path.startswith("/tests"):
            assert words_in(language)[f"menu_{view.name}"]


def test_the_menu_keeps_period_account_and_language_and_says_where_one_is(app: PageApp, api: Api) -> None:
    page = reader_of(app, api).get("/tests?period=2026-11&account=acct-x&lang=zh&service=s&rule=used")
    links = [attributes for tag, attributes in tags_of(page.text) if tag == "a" and attributes.get("aria-current") == "page"]

    assert len(links) == 1
    parts = urlsplit(links[0]["href"])
    assert parts.path == "/tests"
    assert parse_qs(parts.query) == {"period": ["2026-11"], "account": ["acct-x"], "lang": ["zh"]}


def test_forms_keep_what_else_was_asked_and_hold_what_is_shown(app: PageApp, api: Api) -> None:
    page = reader_of(app, api).get("/tests?period=2026-11&service=s&live=1").text
    hidden = [(each["name"], each["value"]) for tag, each in tags_of(page) if tag == "input" and each.get("type") == "hidden"]

    assert hidden.count(("service", "s")) == hidden.count(("live", "1")) >= 2
    assert '<option value="2026-11" selected>2026-11</option>' in page
    assert 'name="account"' in page
    words = words_in("en")
    assert words["live_stop"] in page


def test_every_field_has_a_label_and_the_page_its_landmarks(app: PageApp, api: Api) -> None:
    for account in ("", ACCOUNT):
        tags = tags_of(reader_of(app, api, account).get("/tests?period=2026-11").text)
        labelled = {attributes["for"] for tag, attributes in tags if tag == "label"}
        fields = {attributes["id"] for tag, attributes in tags if tag in {"input", "select"} and attributes.get("type") != "hidden"}
        names = [tag for tag, _ in tags]

        assert fields <= labelled
        assert [names.count(name) for name in ("h1", "main", "header", "footer", "title")] == [1] * 5
        assert ("a", {"class": "skip", "href": "#content"}) in tags
        assert all(attributes["aria-label"] for tag, attributes in tags if tag in {"nav", "figure"})


def test_a_tenant_without_members_is_asked_for_no_account(app: PageApp, api: Api) -> None:
    assert 'name="account"' not in reader_of(app, api, ACCOUNT).get("/tests?period=2026-11").text


def test_a_payer_chooses_among_those_that_it_pays_for(api: Api) -> None:
    later = NOW + timedelta(hours=1)
    permissions = ("greencloud.footprint.read",)
    identity = CallerIdentity("customer.viewer", "org", "ann", "t", later, permissions, "0", NOW, ("one", "two"))
    with Client(api.target, token=None) as client:
        asked = Asked.of("/tests", {"account": "two", "period": "today"}, NOW)
        tags = tags_of(Pages(VIEWS, VIEWS, Drawings()).view(Caller(client, identity), asked, Shown("Services")))

    options = [attributes for tag, attributes in tags if tag == "option" and attributes["value"] in {"", "org", "one", "two"}]
    assert [each["value"] for each in options] == ["", "org", "one", "two"]
    assert [each["value"] for each in options if "selected" in each] == ["two"]
    assert [attributes["href"] for tag, attributes in tags if attributes.get("aria-current") == "page"] == [asked.link()]


def test_nothing_posted_is_said_in_place_of_figures(app: PageApp, api: Api) -> None:
    page = reader_of(app, api, ACCOUNT).get("/tests?period=2020").text
    assert "not zero: it is not known" in page
    assert "<svg" not in page


def test_charts_have_no_style_that_the_policy_refuses_and_no_id_twice(app: PageApp, api: Api) -> None:
    page = reader_of(app, api).get("/tests?period=2026-11").text
    tags = tags_of(page)

    assert [tag for tag, _ in tags].count("svg") == 2
    assert not [tag for tag, attributes in tags if "style" in attributes]
    ids = [attributes["id"] for _, attributes in tags if "id" in attributes]
    assert len(ids) == len(set(ids))
    for used in re.findall(r"url\(#([^)]+)\)", page):
        assert used in ids


def test_a_drawing_is_made_once_and_the_one_wanted_longest_ago_gives_way() -> None:
    kept = Drawings()
    first = kept.drawn(SPEC)
    assert kept.drawn(json.loads(json.dumps(SPEC))) is first
    small = Drawings(most_bytes=kept.size * 5 // 2)
    one, two, three = ({**SPEC, "width": width} for width in (100, 110, 120))
    a, b = small.drawn(one), small.drawn(two)
    assert small.drawn(one) is a
    small.drawn(three)
    assert small.size <= kept.size * 5 // 2
    assert small.drawn(one) is a
    assert small.drawn(two) is not b
    assert small.drawn(two) == b


def test_the_style_is_that_of_the_report_and_more() -> None:
    assert style().count("{") == style().count("}") > 40
    assert "url(" not in style()
    assert "@import" not in style()


def test_one_owner_has_so_many_turns_and_leaves_others_theirs() -> None:
    turns = Turns(2)
    with turns.one("a"), turns.one("a"), turns.one("b"):
        with pytest.raises(BusyError), turns.one("a"):
            pass
        with turns.one("b"):
            pass
    with turns.one("a"), turns.one("a"):
        pass


def test_who_may_wait_has_the_turn_when_another_ends() -> None:
    turns, had = Turns(1), threading.Event()

    def wait() -> None:
        with turns.one("a", wait_s=20):
            had.set()

    with turns.one("a"):
        waiting = threading.Thread(target=wait)
        waiting.start()
        assert not had.wait(0.05)
        with turns.one("b", wait_s=20):
            pass
    assert had.wait(20)
    waiting.join()


def test_secrets_are_bounded_and_the_oldest_give_way() -> None:
    secrets: Secrets[int] = Secrets(timedelta(hours=1), most=5, most_each=3)
    later = NOW + timedelta(days=1)
    ids = [secrets.put("a", number, now=NOW, until=later) for number in range(4)]
    assert [secrets.find(each, NOW) for each in ids] == [None, 1, 2, 3]
    more = [secrets.put(f"b{number}", number, now=NOW, until=later) for number in range(3)]
    assert len(secrets) == 5
    assert [secrets.find(each, NOW) for each in (*ids, *more)] == [None, None, 2, 3, 0, 1, 2]
    secrets.put("c", 9, now=NOW + timedelta(hours=1), until=later)
    assert len(secrets) == 1
