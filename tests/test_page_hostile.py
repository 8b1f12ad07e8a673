"""What a stranger sends to the live page, and what it answers: always with its headers, never with more than is due."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import timedelta
from urllib.parse import quote

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from api_world import NOW, TENANTS, Api, book_of, serving
from greencloud.engine import DataDirectory, run_allocation
from greencloud.page.app import PageApp
from page_world import HOST, ORIGIN, Clock, Reader, faults_of, page_of
from profiles import examples
from strategies import START, provider, row, usage

ACCOUNT = TENANTS[0].account
NAMES = (
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "'); alert(1); ('",
    "{{ 7 * 7 }}{% raw %}",
    "&lt;b&gt;",
    "]]><svg onload=alert(1)>",
    '=HYPERLINK("http://evil.example")',
    "javascript:alert(1)",
)
HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; img-src 'self' data:; form-action 'self'; "
    "base-uri 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Cache-Control": "no-store",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    folder = tmp_path_factory.mktemp("hostile")
    data = DataDirectory.open(folder / "data", create=True)
    (folder / "facility.toml").write_text(book_of(TENANTS[:1]), encoding="utf-8")
    data.apply_facility(folder / "facility.toml", applied_by="operator", now=START)
    hour = 3_600_000_000_000
    measured = provider(ACCOUNT, len(NAMES) * hour // 8, window_start=START)
    told = [row(ACCOUNT, hour // 16, service=name, operation=name, sku=name, window_start=START) for name in NAMES]
    data.segments.write(usage([measured, *told]))
    run_allocation(data, now=NOW, requested_by="operator")
    with serving(data) as api:
        yield api


@pytest.fixture(scope="module")
def app(api: Api) -> Iterator[PageApp]:
    with page_of(api.target, Clock(NOW)) as app:
        yield app


@pytest.fixture(scope="module")
def reader(app: PageApp, api: Api) -> Reader:
    reader = Reader(app)
    assert reader.log_in(api.token("tenant", ACCOUNT)).status_code == 303
    return reader


def test_names_of_telemetry_are_texts_wherever_they_stand(reader: Reader) -> None:
    page = reader.get("/tests?period=2026-11")

    assert page.status_code == 200
    assert "&lt;script&gt;alert(1)" in page.text
    assert faults_of(page.text) == []
    for name in NAMES:
        assert faults_of(reader.get("/tests", query_string={"period": "2026-11", "service": name}).text) == []


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("get", "/tests?period=2026-11", 200),
        ("get", "/tests?period=2026-11&live=1", 200),
        ("get", "/tests/file", 200),
        ("get", "/tests/broken", 500),
        ("get", "/tests?period=nonsense", 400),
        ("get", "/tests?period=2026-11&account=somebody-else", 403),
        ("get", "/nothing", 404),
        ("get", "/../../etc/passwd", 404),
        ("get", "/%2Fevil.example/", 404),
        ("get", "/login", 200),
        ("get", "/logout", 405),
        ("get", "/link/x", 404),
        ("get", "/links", 405),
        ("get", "/style.css", 200),
        ("get", "/healthz", 200),
        ("post", "/tests", 405),
        ("post", "/healthz", 405),
        ("post", "/link/x", 404),
        ("post", "/links", 401),
        ("post", "/login", 400),
        ("get", "/tests?" + "a" * 20_000, 414),
        ("get", "/tests?service=" + "a" * 2_000, 400),
        ("get", "/tests?" + "&".join(f"x{n}=1" for n in range(200)), 400),
        ("get", "/tests?from=2026-01-01", 400),
        ("get", "/tests?from=0001-01-01&to=9999-12-31", 400),
        ("get", "/tests?lang=xx", 400),
    ],
)
def test_every_answer_has_its_status_and_the_headers(reader: Reader, method: str, path: str, status: int) -> None:
    response = getattr(reader, method)(path)

    assert response.status_code == status
    assert {name: response.headers[name] for name in HEADERS} == HEADERS
    assert response.content_type.partition(";")[0] in {"text/html", "text/css", "text/plain", "text/csv", "application/json"}
    if method == "get":
        headed = reader.head(path)
        assert (headed.status_code, headed.data) == (status, b"")
        assert {name: headed.headers[name] for name in HEADERS} == HEADERS
    if response.mimetype == "text/html":
        assert faults_of(response.text) == []


def test_what_broke_inside_stays_inside(reader: Reader) -> None:
    assert "secret of the inside" not in reader.get("/tests/broken").text


def test_a_file_has_a_name_that_breaks_no_header(reader: Reader) -> None:
    response = reader.get("/tests/file")

    assert response.headers["Content-Disposition"].startswith("attachment")
    assert not re.search(r"[\r\n]", response.headers["Content-Disposition"])
    assert response.text == f"account\n{ACCOUNT}\n"


def test_live_pages_are_asked_for_again_and_others_are_not(reader: Reader) -> None:
    assert reader.get("/tests?period=2026-11&live=1").headers["Refresh"] == "60"
    assert "Refresh" not in reader.get("/tests?period=2026-11").headers


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "http://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://["},
        {"Origin": ORIGIN + ".evil.example"},
        {"Origin": f"http://{HOST}:81"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site", "Origin": ORIGIN},
        {"Sec-Fetch-Site": "none"},
        {},
    ],
    ids=str,
)
@pytest.mark.parametrize("path", ["/login", "/logout", "/link/x"])
def test_a_form_of_another_site_does_nothing(app: PageApp, api: Api, headers: dict[str, str], path: str) -> None:
    reader = Reader(app)
    reader.log_in(api.token("tenant", ACCOUNT))
    before = reader.cookies()
    response = reader.post(path, {"token": api.token("provider")}, headers=headers)

    assert response.status_code == 403
    assert "Set-Cookie" not in response.headers
    assert reader.cookies() == before
    assert reader.get("/tests?period=2026-11").status_code == 200


def test_a_browser_that_says_where_it_comes_from_need_not_say_it_twice(app: PageApp, api: Api) -> None:
    response = Reader(app).post("/login", {"token": api.token("tenant", ACCOUNT)}, headers={"Sec-Fetch-Site": "same-origin"})
    assert response.status_code == 303


@pytest.mark.parametrize(
    "after",
    [
        "//evil.example/tests",
        "http://evil.example/tests",
        "/\\evil.example",
        "/tests\r\nSet-Cookie: a=b",
        "\t//evil.example",
        "javascript:alert(1)",
        "/logout",
        "/nothing",
        "http://[",
        "/" + "a" * 20_000,
    ],
    ids=lambda after: after[:24],
)
def test_after_the_log_in_nobody_is_led_away(app: PageApp, api: Api, after: str) -> None:
    response = Reader(app).log_in(api.token("tenant", ACCOUNT), next=after)
    assert response.headers["Location"] == "/"
    assert "evil" not in str(response.headers)


@pytest.mark.parametrize("host", ["evil.example/x", "a b", "", "x\\y"])
def test_a_host_that_is_none_gets_no_link(app: PageApp, api: Api, host: str) -> None:
    headers = {"Authorization": f"Bearer {api.token('tenant', ACCOUNT)}"}
    response = Reader(app).post("/links", headers=headers, environ_overrides={"HTTP_HOST": host})
    assert response.status_code == 400


def test_a_body_that_is_too_large_is_refused(app: PageApp) -> None:
    response = Reader(app).post("/login", {"token": "x" * 100_000})
    assert response.status_code == 413
    assert {name: response.headers[name] for name in HEADERS} == HEADERS


@given(st.text(max_size=300))
@settings(max_examples=examples(20), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_forged_cookie_opens_nothing(app: PageApp, value: str) -> None:
    reader = Reader(app)
    reader.plant(value)
    assert reader.get("/tests").status_code == 303


@given(
    path=st.text(max_size=40),
    query=st.dictionaries(
        st.sampled_from(["period", "from", "to", "account", "service", "lang", "live", "x"]) | st.text(max_size=5),
        st.text(max_size=60),
        max_size=6,
    ),
)
@settings(max_examples=examples(60), deadline=None)
def test_no_address_breaks_it(reader: Reader, path: str, query: dict[str, str]) -> None:
    for address in ("/tests", "/login", "/" + quote(path, safe="/.;:@")):
        response = reader.get(address, query_string=query)
        assert response.status_code < 500, (address, query)
        assert {name: response.headers[name] for name in HEADERS} == HEADERS
        if response.mimetype == "text/html":
            assert faults_of(response.text) == []


def test_a_session_of_another_role_sees_what_that_role_may(app: PageApp, api: Api) -> None:
    writer = Reader(app)
    writer.log_in(api.keys.issue("customer.writer", ACCOUNT, ttl=timedelta(hours=1), now=NOW))
    assert writer.get("/tests?period=2026-11").status_code == 403
