"""Whatever a tenant opens and asks for, no text of another tenant's comes back that it did not send itself."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from api_world import NOW, TENANTS, data_of, serving
from page_world import ALL_VIEWS, Clock, Reader, faults_of, page_of
from profiles import examples

ME, *OTHERS = TENANTS
PUBLISHED = {tenant.texts["site"] for tenant in OTHERS}
"""The log of roots tells everybody of which sites a period has gaps."""
TEXTS = {text for tenant in OTHERS for text in (*tenant.texts.values(), f"Name {tenant.word}")} - PUBLISHED
VALUES = [text for tenant in TENANTS for text in tenant.texts.values()] + ["", "(unattributed)", "(unsold)", "hall", "eu", "x"]
PATHS = sorted({view.path for view in ALL_VIEWS} - {"/tests/broken"})
PERIODS = ["2026-11", "2026-12", "last-month", "today", "2026"]


@pytest.fixture(scope="module")
def reader(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Reader]:
    with serving(data_of(tmp_path_factory.mktemp("isolation") / "data", TENANTS)) as api, page_of(api.target, Clock(NOW)) as app:
        reader = Reader(app)
        assert reader.log_in(api.token("tenant", ME.account)).status_code == 303
        yield reader


@pytest.mark.parametrize("path", PATHS)
def test_a_view_shows_nothing_of_others(reader: Reader, path: str) -> None:
    for period in PERIODS:
        response = reader.get(path, query_string={"period": period})
        found = response.get_data(as_text=True)

        assert response.status_code < 500, (period, found[-600:])
        assert not {text for text in TEXTS if text in found}, period
        if response.mimetype == "text/html":
            assert faults_of(found) == [], period


@given(
    path=st.sampled_from(PATHS),
    period=st.sampled_from(PERIODS),
    query=st.dictionaries(
        st.sampled_from(["account", "service", "operation", "region", "sku", "component", "rule", "against", "by", "id", "site"]),
        st.sampled_from(VALUES),
        max_size=4,
    ),
)
@settings(max_examples=examples(40), deadline=None)
def test_asking_for_others_shows_no_more_than_was_asked(reader: Reader, path: str, period: str, query: dict[str, str]) -> None:
    response = reader.get(path, query_string={"period": period} | query)
    found = response.get_data(as_text=True)
    sent = set(query.values())

    assert response.status_code < 500, (path, query, found[-600:])
    assert not {text for text in TEXTS - sent if text in found}, (path, query)
    if response.mimetype == "text/html":
        assert faults_of(found) == [], (path, query)


def test_another_account_is_refused_in_the_words_of_one_that_is_not_there(reader: Reader) -> None:
    pages = [
        reader.get("/tests", query_string={"period": "2026-11", "account": account})
        for account in (OTHERS[0].account, "acct-nobody99")
    ]
    assert [page.status_code for page in pages] == [403, 403]
    texts = [page.text.replace(OTHERS[0].account, "acct-nobody99") for page in pages]
    without_ids = [text.partition("Request id")[0] for text in texts]
    assert without_ids[0] == without_ids[1]


def test_what_is_the_callers_own_is_shown(reader: Reader) -> None:
    page = reader.get("/tests?period=2026-11").text
    assert ME.account in page
    assert ME.texts["service"] in page


def test_menus_offer_what_the_caller_may(reader: Reader) -> None:
    assert 'href="/provider' not in reader.get("/tests?period=2026-11").text
