"""Who may look: by a token that the server takes, for as long as it does, and by links that log in once."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from werkzeug.test import TestResponse

from api_world import NOW, TENANTS, Api, data_of, serving
from greencloud.page.app import PageApp
from greencloud.server import KeyStore
from greencloud.server.process import prepare, run
from greencloud.server.settings import Settings
from page_world import ORIGIN, Clock, Reader, page_of

ACCOUNT = TENANTS[0].account
HOUR = timedelta(hours=1)


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    with serving(data_of(tmp_path_factory.mktemp("page") / "data", TENANTS)) as api:
        yield api


@pytest.fixture
def clock() -> Clock:
    return Clock(NOW)


@pytest.fixture
def app(api: Api, clock: Clock) -> Iterator[PageApp]:
    with page_of(api.target, clock) as app:
        yield app


def token(api: Api, ttl: timedelta = 24 * HOUR, *, account: str = ACCOUNT) -> str:
    role = "customer.viewer" if account else "provider.analyst"
    return api.keys.issue(role, account, ttl=ttl, now=NOW, subject="ann")


def inside(reader: Reader) -> bool:
    response = reader.get("/tests")
    assert response.status_code in {200, 303}
    return response.status_code == 200


def link(reader: Reader, bearer: str) -> str:
    response = reader.post("/links", headers={"Authorization": f"Bearer {bearer}"})
    assert (response.status_code, response.content_type) == (201, "application/json")
    url: str = response.json["url"] if response.json else ""
    assert url.startswith("http://page.example/link/")
    return url.removeprefix("http://page.example")


def test_a_token_opens_the_page_and_stays_out_of_sight(app: PageApp, api: Api, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("DEBUG")
    reader, credential = Reader(app), token(api)

    sent = reader.get("/tests?period=2026-11")
    assert (sent.status_code, sent.headers["Location"]) == (303, "/login?next=%2Ftests%3Fperiod%3D2026-11")
    asked = reader.get(sent.headers["Location"])
    assert 'name="next" value="/tests?period=2026-11"' in asked.text
    response = reader.log_in(credential, next="/tests?period=2026-11")

    assert (response.status_code, response.headers["Location"]) == (303, "/tests?period=2026-11")
    cookie = response.headers["Set-Cookie"]
    assert cookie.startswith("greencloud=")
    assert {"HttpOnly", "Path=/", "SameSite=Strict"} <= set(cookie.split("; "))
    shown = reader.get("/tests?period=2026-11")
    assert shown.status_code == 200
    assert f"{ACCOUNT} · ann · customer.viewer" in shown.text
    for said in (cookie, shown.text, str(shown.headers), asked.text, caplog.text, repr(vars(app))):
        assert credential not in said
        assert credential.rpartition(".")[2] not in said


def test_with_tls_the_cookie_is_of_this_host_and_of_tls_alone(app: PageApp, api: Api) -> None:
    reader = Reader(app, scheme="https")
    response = reader.log_in(token(api))

    assert response.headers["Set-Cookie"].startswith("__Host-greencloud=")
    assert {"Secure", "Path=/", "HttpOnly", "SameSite=Strict"} <= set(response.headers["Set-Cookie"].split("; "))
    assert "Domain" not in response.headers["Set-Cookie"]
    assert response.headers["Strict-Transport-Security"] == "max-age=31536000"
    assert inside(reader)


@pytest.mark.parametrize(("said", "secure"), [("https", True), ("https, http", True), ("http", False), ("http, https", False)])
def test_behind_a_proxy_that_speaks_tls_it_is_the_same(app: PageApp, api: Api, said: str, secure: bool) -> None:
    headers = {"Origin": ORIGIN.replace("http:", "https:" if secure else "http:"), "X-Forwarded-Proto": said}
    response = Reader(app).post("/login", {"token": token(api)}, headers=headers)

    assert response.status_code == 303
    assert response.headers["Set-Cookie"].startswith("__Host-") == secure
    assert ("Strict-Transport-Security" in response.headers) == secure


def test_a_page_on_another_port_of_the_host_has_another_cookie(app: PageApp, api: Api) -> None:
    headers = {"Origin": "http://127.0.0.1:8080", "Host": "127.0.0.1:8080"}
    response = Reader(app).post("/login", {"token": token(api)}, headers=headers)
    assert response.headers["Set-Cookie"].startswith("greencloud-8080=")


@pytest.mark.parametrize("wrong", ["nonsense", "a.b.c", "x\ny", "é", "x" * 8_193, "Bearer x", "\x00"])
def test_what_is_no_token_opens_nothing(app: PageApp, wrong: str) -> None:
    reader = Reader(app)
    response = reader.log_in(wrong)

    assert response.status_code == 403
    assert "does not hold" in response.text
    assert wrong not in response.text
    assert "Set-Cookie" not in response.headers
    assert not inside(reader)


def test_a_token_that_has_ended_opens_nothing_though_the_server_has_leeway(app: PageApp, api: Api) -> None:
    ended = api.keys.issue("tenant", ACCOUNT, ttl=timedelta(seconds=30), now=NOW - timedelta(minutes=1))
    assert Reader(app).log_in(ended).status_code == 403


@pytest.mark.parametrize(("ttl", "holds"), [(HOUR, HOUR), (24 * HOUR, 8 * HOUR)], ids=["the token's", "eight hours"])
def test_a_session_ends_with_its_token_and_after_eight_hours(
    app: PageApp, api: Api, clock: Clock, ttl: timedelta, holds: timedelta
) -> None:
    reader = Reader(app)
    reader.log_in(token(api, ttl))
    clock.move(holds - timedelta(seconds=1))
    assert inside(reader)
    clock.move(timedelta(seconds=1))
    assert not inside(reader)
    assert reader.cookies() == []


def test_logging_out_ends_it_for_whoever_has_the_cookie(app: PageApp, api: Api) -> None:
    reader, other = Reader(app), Reader(app)
    reader.log_in(token(api))
    (cookie,) = reader.cookies()
    other.plant(cookie)
    assert inside(other)
    response = reader.post("/logout")

    assert (response.status_code, reader.cookies()) == (303, [])
    assert not inside(reader)
    assert not inside(other)


def test_who_logs_in_anew_has_a_new_session_and_the_old_one_is_over(app: PageApp, api: Api) -> None:
    reader, thief = Reader(app), Reader(app)
    reader.log_in(token(api))
    (before,) = reader.cookies()
    reader.log_in(token(api))
    thief.plant(before)

    assert reader.cookies() != [before]
    assert inside(reader)
    assert not inside(thief)


def test_one_credential_has_twenty_sessions_and_its_oldest_give_way_to_its_own(app: PageApp, api: Api) -> None:
    other = Reader(app)
    other.log_in(token(api, account=""))
    readers = [Reader(app) for _ in range(22)]
    for reader in readers:
        reader.log_in(token(api))

    assert [inside(reader) for reader in readers] == [False] * 2 + [True] * 20
    assert inside(other)


def test_the_server_ends_a_session_when_it_takes_the_token_no_more(tmp_path: Path) -> None:
    here, there = Clock(datetime.fromisoformat("2026-01-01T00:00:00Z")), Clock(datetime.fromisoformat("2026-01-01T00:00:00Z"))
    settings = Settings(data=tmp_path / "data", listen="127.0.0.1:0", clock=there)
    prepare(settings, None)
    credential = KeyStore(tmp_path / "data" / "keys").issue("tenant", "acme", ttl=HOUR, now=here.now)
    with run(settings) as server, page_of(server.target, here) as app:
        reader = Reader(app)
        reader.log_in(credential)
        assert inside(reader)
        there.move(2 * HOUR)
        gone = reader.get("/tests?period=today")

        assert gone.headers["Location"] == "/login?next=%2Ftests%3Fperiod%3Dtoday&gone=1"
        assert "logged out" in reader.get(gone.headers["Location"]).text
        there.move(-2 * HOUR)
        assert not inside(reader), "the session is over, whatever the server says later"


def test_attempts_that_fail_are_bounded_for_an_address_and_hold_up_nobody_else(app: PageApp, api: Api) -> None:
    reader = Reader(app)
    codes = [reader.post("/login", {"token": f"t{n}"}, environ_base={"REMOTE_ADDR": "2001:db8::1"}).status_code for n in range(31)]

    assert codes == [403] * 30 + [429]
    right = {"token": token(api)}
    beside = reader.post("/login", right, environ_base={"REMOTE_ADDR": "2001:db8::2"})
    assert beside.status_code == 429, "of the same network"
    assert int(beside.headers["Retry-After"]) <= 60
    assert reader.post("/login", right, environ_base={"REMOTE_ADDR": "2001:db8:0:1::1"}).status_code == 303


@pytest.mark.parametrize(
    ("remote", "held_up"), [("127.0.0.1", False), ("10.0.0.7", False), ("::1", False), ("192.0.43.8", True), ("8.8.8.8", True)]
)
def test_behind_a_proxy_each_reader_has_attempts_of_its_own(app: PageApp, api: Api, remote: str, held_up: bool) -> None:
    reader, peer = Reader(app), {"REMOTE_ADDR": remote}

    def attempt(text: str, written: str) -> int:
        headers = {"Origin": ORIGIN, "X-Forwarded-For": written}
        return reader.post("/login", {"token": text}, headers=headers, environ_base=peer).status_code

    codes = [attempt("wrong", f"198.51.100.{number}, 203.0.113.1") for number in range(31)]
    assert codes[-1] == 429, "what the caller itself wrote does not count"
    assert attempt(token(api), "203.0.113.2") == (429 if held_up else 303)


def test_a_link_logs_in_once_and_looking_at_it_does_not_use_it_up(app: PageApp, api: Api) -> None:
    preview, reader, late = Reader(app), Reader(app), Reader(app)
    address = link(reader, token(api))
    for _ in range(3):
        assert preview.get(address).status_code == 200
        assert preview.head(address).status_code == 200
    assert preview.cookies() == []
    opened = reader.get(f"{address}?next=/tests?period=2026-11")
    assert f'action="{address}?lang=en"' in opened.text
    response = reader.post(address, {"next": "/tests?period=2026-11"})

    assert response.headers["Location"] == "/tests?period=2026-11"
    assert inside(reader)
    for gone in (late.post(address), late.get(address)):
        assert gone.status_code == 404
        assert "used before" in gone.text
    assert not inside(late)


def test_of_many_who_press_at_once_one_is_let_in(app: PageApp, api: Api) -> None:
    address = link(Reader(app), token(api))
    answers: list[TestResponse] = []
    threads = [threading.Thread(target=lambda: answers.append(Reader(app).post(address))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(each.status_code for each in answers) == [303] + [404] * 7


def test_a_link_holds_for_five_minutes_and_no_longer_than_its_token(app: PageApp, api: Api, clock: Clock) -> None:
    address, short = link(Reader(app), token(api)), link(Reader(app), token(api, timedelta(minutes=2)))
    clock.move(timedelta(minutes=3))
    assert Reader(app).get(address).status_code == 200
    assert Reader(app).get(short).status_code == 404
    clock.move(timedelta(minutes=2))
    assert Reader(app).post(address).status_code == 404


@pytest.mark.parametrize(
    "header", [{}, {"Authorization": "Bearer nonsense"}, {"Authorization": "Basic YTpi"}, {"Authorization": "Bearer "}]
)
def test_a_link_is_given_for_a_token_that_holds_and_for_no_session(app: PageApp, api: Api, header: dict[str, str]) -> None:
    reader = Reader(app)
    reader.log_in(token(api))
    response = reader.post("/links", headers=header)

    assert (response.status_code, response.headers["WWW-Authenticate"]) == (401, "Bearer")


def test_the_provider_comes_to_its_part_and_is_shown_by_name(app: PageApp, api: Api) -> None:
    reader = Reader(app)
    response = reader.log_in(token(api, account=""))

    assert response.headers["Location"] in {"/provider", "/"}
    assert "ann · provider.analyst" in reader.get("/tests?period=2026-11").text


def test_the_log_in_speaks_the_language_of_the_browser(app: PageApp, api: Api) -> None:
    reader = Reader(app)
    chinese = reader.get("/login", headers={"Accept-Language": "zh-CN,zh;q=0.9,en;q=0.5"})
    assert 'lang="zh"' in chinese.text
    assert "访问令牌" in chinese.text
    assert 'lang="en"' in reader.get("/login?lang=en", headers={"Accept-Language": "zh"}).text
    assert reader.post("/login?lang=zh", {"token": token(api)}).headers["Location"].endswith("?lang=zh")
