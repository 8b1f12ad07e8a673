"""``/3/footprints`` as the PACT Technical Specifications ask for it: authorised first, paged by links, filtered, errors by name."""

from __future__ import annotations

import json
import re
import socket
import ssl
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.error import HTTPError

import jsonschema
import pytest
import trustme
from werkzeug.test import TestResponse

from greencloud.engine import DataDirectory
from greencloud.server.errors import ListenError
from greencloud.server.web import WebServer
from pact_fields import ERROR, FOOTPRINT
from pact_world import Footprints, footprints, products_directory, restate
from serving import greencloud, serving


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> DataDirectory:
    return products_directory(tmp_path_factory.mktemp("pact"))


@pytest.fixture(scope="module")
def pact(data: DataDirectory) -> Footprints:
    return footprints(data)


def listed(answer: TestResponse) -> list[dict[str, Any]]:
    assert answer.status_code == 200, answer.text
    assert answer.content_type == "application/json"
    found: list[dict[str, Any]] = json.loads(answer.data)["data"]
    return found


def ids(answer: TestResponse) -> list[str]:
    return [each["id"] for each in listed(answer)]


def refused(answer: TestResponse, status: int, code: str) -> str:
    document = json.loads(answer.data)
    jsonschema.validate(document, ERROR)
    assert (answer.status_code, document["code"]) == (status, code)
    message: str = document["message"]
    return message


def test_each_footprint_is_what_the_specification_asks_for(pact: Footprints) -> None:
    found = listed(pact.get("/3/footprints"))
    assert len(found) == 3
    for each in found:
        jsonschema.validate(each, FOOTPRINT)
        assert json.loads(pact.get(f"/3/footprints/{each['id']}").data) == {"data": each}


@pytest.mark.parametrize("query", ["", "geography=SE", "geography=SE&geography=b&status=Active"])
@pytest.mark.parametrize("limit", [1, 2])
def test_pages_are_linked_and_hold_every_footprint_once(pact: Footprints, query: str, limit: int) -> None:
    seen: list[str] = []
    path: str | None = f"/3/footprints?limit={limit}&{query}"
    while path:
        answer = pact.get(path)
        seen += ids(answer)
        link = answer.headers.get("Link")
        assert len(ids(answer)) <= limit
        path = None
        if link:
            found = re.fullmatch(r'<https://pact\.example:8443(/3/footprints\?[^>]+)>; rel="next"', link)
            assert found, link
            path = found[1]
            assert ids(pact.get(path)) == ids(pact.get(path))
    assert seen == ids(pact.get(f"/3/footprints?{query}"))


def test_a_link_gives_the_same_after_the_ledger_went_on(tmp_path: Path) -> None:
    data = products_directory(tmp_path)
    pact = footprints(data)
    first = pact.get("/3/footprints?limit=1")
    link = first.headers["Link"].split("8443")[1].split(">")[0]
    before = pact.get(link)
    old = ids(pact.get("/3/footprints"))
    restate(data, tmp_path, "100", 1)
    again = footprints(data)
    assert ids(again.get(link)) == ids(before)
    new = listed(again.get("/3/footprints"))
    assert [each.get("precedingPfIds", [each["id"]])[0] for each in new] == old
    assert "was replaced by" in refused(again.get(f"/3/footprints/{old[0]}"), 404, "NotFound")


@pytest.mark.parametrize(
    ("query", "count"),
    [
        ("geography=se", 2),
        ("geography=NO", 0),
        ("geography=NO&geography=SE", 2),
        ("productId=URN:PACT:example-cloud:sku-region:c4:b", 1),
        ("productId=urn:pact:example-cloud:sku-region:c4:b&geography=SE", 0),
        ("companyId=urn:pact:example-cloud:company:example-cloud", 3),
        ("classification=urn:x-none:1", 0),
        ("status=active", 3),
        ("status=Deprecated", 0),
        ("validOn=2027-06-01T00:00:00Z", 3),
        ("validOn=2031-06-01T00:00:00Z", 0),
        ("validAfter=2020-01-01T00:00:00Z", 3),
        ("validAfter=2027-01-01T00:00:00Z", 0),
        ("validBefore=2040-01-01T00:00:00Z", 3),
        ("validBefore=2026-12-01T00:00:00Z", 0),
    ],
)
def test_filters_narrow_each_other(pact: Footprints, query: str, count: int) -> None:
    assert len(listed(pact.get(f"/3/footprints?{query}"))) == count


@pytest.mark.parametrize(
    "query",
    ["limit=0", "limit=-1", "limit=x", "limit=1&limit=2", "limit=9999999999", "status=old", "validOn=now", "$filter=a", "other=1"],
)
def test_what_is_wrong_with_a_query_is_told(pact: Footprints, query: str) -> None:
    refused(pact.get(f"/3/footprints?{query}"), 400, "BadRequest")


@pytest.mark.parametrize("path", ["/3/footprints", "/3/footprints/x", "/3/events", "/", "/2/footprints?$filter=x"])
def test_who_calls_comes_first(pact: Footprints, path: str) -> None:
    for token in (None, "", "x.y.z"):
        answer = pact.get(path, token=token)
        refused(answer, 401, "TokenExpired")
        assert answer.headers["WWW-Authenticate"] == "Bearer"
    for role, account in (("customer.admin", "acme"), ("customer.viewer", "acme"), ("provider.writer", "")):
        refused(pact.get(path, token=pact.token(role, account)), 403, "AccessDenied")


@pytest.mark.parametrize("role", ["provider.admin", "provider.analyst", "auditor"])
def test_whoever_reads_goals_reads_footprints(pact: Footprints, role: str) -> None:
    assert len(listed(pact.get("/3/footprints", token=pact.token(role, "")))) == 3


def test_what_is_not_here_is_told(pact: Footprints) -> None:
    refused(pact.get("/3/footprints/0e122119-9e07-59c9-bb3f-a32b4984bf04"), 404, "NotFound")
    refused(pact.get("/3/other"), 404, "NotFound")
    refused(pact.get("/3/events", method="POST"), 501, "NotImplemented")
    assert refused(pact.get("/3/footprints", method="DELETE"), 405, "BadRequest")


@pytest.fixture
def page(tmp_path: Path, pact: Footprints) -> Iterator[tuple[WebServer, ssl.SSLContext]]:
    authority = trustme.CA()
    issued = authority.issue_cert("127.0.0.1")
    certificate, key = tmp_path / "cert.pem", tmp_path / "key.pem"
    certificate.write_bytes(b"".join(each.bytes() for each in issued.cert_chain_pems))
    key.write_bytes(issued.private_key_pem.bytes())
    context = ssl.create_default_context()
    authority.configure_trust(context)
    web = WebServer("127.0.0.1:0", pact.client.application, certificate=certificate, key=key)
    yield web, context
    web.close()


def test_it_is_served_over_tls_and_one_silent_caller_keeps_nobody_out(
    page: tuple[WebServer, ssl.SSLContext], pact: Footprints
) -> None:
    web, context = page
    host, port = web.url.removeprefix("https://").split(":")
    with socket.create_connection((host, int(port))):  # says nothing, not even of TLS
        request = urllib.request.Request(
            f"{web.url}/3/footprints?limit=1", headers={"Authorization": f"Bearer {pact.token('auditor', '')}"}
        )
        with urllib.request.urlopen(request, context=context, timeout=20) as answer:
            assert len(json.load(answer)["data"]) == 1
            assert answer.headers["Link"].startswith(f"<{web.url}/3/footprints?")
            assert answer.headers["Server"] == "greencloud"
        with pytest.raises(HTTPError) as told:
            urllib.request.urlopen(f"{web.url}/3/footprints", context=context, timeout=20)
        assert told.value.code == 401
        told.value.close()


def test_a_taken_address_is_refused(page: tuple[WebServer, ssl.SSLContext]) -> None:
    with pytest.raises(ListenError):
        WebServer(page[0].url.removeprefix("https://"), None)


def test_serve_has_them_on_an_address_of_their_own(tmp_path: Path) -> None:
    data = products_directory(tmp_path)
    with serving(data.path, "--http", "127.0.0.1:0") as served:
        found = re.search(r"product footprints on (http://127\.0\.0\.1:\d+/3/footprints)", served.log.read_text())
        assert found
        request = urllib.request.Request(found[1], headers={"Authorization": f"Bearer {served.token()}"})
        with urllib.request.urlopen(request, timeout=20) as answer:
            assert len(json.load(answer)["data"]) == 3


def test_without_tls_they_stay_on_this_machine(data: DataDirectory) -> None:
    done = greencloud("serve", "--data", data.path, "--http", "0.0.0.0:0", check=False)
    assert done.returncode != 0
    assert "TLS" in done.stderr
