"""Explanations over the API: the document that a data directory gives, page by page; and nothing of anybody else to a tenant."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import grpc
import pytest
from click.testing import CliRunner, Result
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from explained import check_postings
from explained_world import HOUR, explained_world
from greencloud.allocation import POSTING_MEASURES
from greencloud.allocation.explanation import Where
from greencloud.cli import main
from greencloud.engine import DataDirectory
from greencloud.engine.cell_document import cell_document
from greencloud.engine.explain import Cell, explain_cell
from greencloud.errors import NotFoundError, PermissionDeniedError
from greencloud.ledger.stop import Stop
from greencloud.server import explanations
from greencloud.server.services import ExplainOrder
from greencloud.server.wiring import services_of
from greencloud.v1 import footprint_service_pb2 as footprint
from greencloud.v1 import footprint_service_pb2_grpc as footprint_stubs
from inprocess import NOW, World, serving
from profiles import examples
from test_allocation_recomputed import START

SPAN: Any = {"start": START, "end": START + 2 * HOUR}
EVERYTHING = Where()
quick = settings(max_examples=examples(10), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> DataDirectory:
    return explained_world(tmp_path_factory.mktemp("explained"))


@pytest.fixture(scope="module")
def world(data: DataDirectory, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with serving(tmp_path_factory.mktemp("server")) as world:
        world.explain = services_of(data, lambda: NOW).explain  # type: ignore[method-assign, assignment]
        yield world


def said(data: DataDirectory, account: str, windows: int, audience: Any, *, where: Where = EVERYTHING, again: Any = "none") -> Any:
    cell = Cell(account, SPAN["start"], SPAN["end"], where, (), audience)
    return json.loads(json.dumps(cell_document(explain_cell(data, cell, most=windows, again=again))))


WHO = [("acme", ""), ("acme", "acme"), ("(unattributed)", ""), ("dora", "dora")]


@pytest.mark.parametrize(
    ("account", "asker", "windows"),
    [*((*who, windows) for who in WHO for windows in (0, 1, 2)), ("dora", "dora", 5)],  # there are two
)
def test_a_server_says_what_the_data_directory_says(
    world: World, data: DataDirectory, account: str, asker: str, windows: int
) -> None:
    with world.client(asker) as client:
        found = client.explain_footprint(account=account, windows=windows, **SPAN)
    assert found == said(data, account, windows, "tenant" if asker else "provider")
    assert list(found["amounts"]) == list(POSTING_MEASURES)
    for window in found["windows"]:
        check_postings(window["explanation"])


def test_filters_and_recomputation_come_through(world: World, data: DataDirectory) -> None:
    where = Where(services=("web",), components=("dynamic", "idle"), measures=("scope2_market_ug", "energy_mj"))
    asked: Any = {"services": where.services, "components": where.components, "measures": where.measures}
    ordered = replace(where, measures=("energy_mj", "scope2_market_ug"))  # as the ledger has them, however they were asked for
    for asker, audience in (("", "provider"), ("acme", "tenant")):
        with world.client(asker) as client:
            found = client.explain_footprint(account="acme", windows=1, recompute=True, **asked, **SPAN)
        meant = said(data, "acme", 1, audience, where=ordered, again="all")
        assert found == meant
        assert [one["same"] for one in found["recomputed"]] == [True, True]


@quick
@given(
    tenant=st.sampled_from(["acme", "dora", "search"]),
    ask=st.fixed_dictionaries(
        {
            "account": st.sampled_from(["", "acme", "dora", "search", "nobody", "(unsold)", "(unattributed)"]),
            "windows": st.integers(0, 3),
            "recompute": st.booleans(),
            "measures": st.lists(st.sampled_from(POSTING_MEASURES), max_size=2),
        }
    ),
)
def test_a_tenant_gets_its_own_and_one_refusal_for_the_rest(world: World, tenant: str, ask: dict[str, Any]) -> None:
    asked = ask["account"]
    with world.client(tenant) as client:
        if asked in {"", tenant}:
            found = client.explain_footprint(**ask, **SPAN)
            assert (found["account"], found["audience"]) == (tenant, "tenant")
            text = json.dumps(found)
            # What a tenant bears of an internal service is named for that service, as in every report.
            for other in {"acme", "dora", "(unsold)"} - {tenant}:
                assert f'"{other}"' not in text
        else:
            with pytest.raises(PermissionDeniedError) as refused:
                client.explain_footprint(**ask, **SPAN)
            # The same words whether or not it exists.
            assert refused.value.message == f"permission denied on account {asked!r} (or it might not exist)"


def asking(**fields: Any) -> footprint.ExplainFootprintRequest:
    request = footprint.ExplainFootprintRequest(**fields)
    request.start_time.FromDatetime(SPAN["start"])
    request.end_time.FromDatetime(SPAN["end"])
    return request


def refusal(world: World, asker: str, request: footprint.ExplainFootprintRequest) -> tuple[grpc.StatusCode, str]:
    with world.channel() as channel:
        stub = footprint_stubs.FootprintServiceStub(channel)
        with pytest.raises(grpc.RpcError) as refused:
            stub.ExplainFootprint(request, metadata=world.bearer(asker), timeout=10)
    assert isinstance(refused.value, grpc.Call)
    return refused.value.code(), refused.value.details() or ""


def test_bad_questions_are_refused_after_who_asks(world: World) -> None:
    code, text = refusal(world, "", footprint.ExplainFootprintRequest())
    assert code is grpc.StatusCode.INVALID_ARGUMENT
    for part in ("account", "start_time", "end_time"):
        assert part in text
    # Authorised before validated: nothing is said of the other faults.
    assert (
        refusal(world, "acme", footprint.ExplainFootprintRequest(account="dora", measures=["kWh"]))[0]
        is grpc.StatusCode.PERMISSION_DENIED
    )
    code, text = refusal(world, "acme", asking(measures=["kWh"], components=["magic"], page_size=-1))
    assert code is grpc.StatusCode.INVALID_ARGUMENT
    for part in ("there is no measure 'kWh'", "there is no component 'magic'", "page_size"):
        assert part in text
    with world.client("nobody") as client, pytest.raises(NotFoundError):
        client.explain_footprint(**SPAN)


def test_pages_of_a_window_each_are_the_whole(world: World, data: DataDirectory) -> None:
    request = asking(account="acme", page_size=1, recompute=True)
    with world.channel() as channel:
        stub = footprint_stubs.FootprintServiceStub(channel)
        pages: list[footprint.ExplainFootprintResponse] = []
        while not pages or request.page_token:
            pages.append(stub.ExplainFootprint(request, metadata=world.bearer(), timeout=10))
            request.page_token = pages[-1].next_page_token
        request.page_token = pages[0].next_page_token
        request.account = "dora"
        with pytest.raises(grpc.RpcError, match="another request"):
            stub.ExplainFootprint(request, metadata=world.bearer(), timeout=10)
    assert [(len(page.windows), len(page.recomputations), page.window_count) for page in pages] == [(1, 1, 2), (1, 1, 2)]
    assert [window.batch.id for page in pages for window in page.windows] == [
        window["batch_id"] for window in said(data, "acme", 2, "provider")["windows"]
    ]


def test_windows_that_do_not_fit_are_left_to_the_next_page(
    world: World, data: DataDirectory, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = said(data, "acme", 2, "provider")
    monkeypatch.setattr(explanations, "PAGE_BYTES", 300_000)
    with world.client(timeout=60) as client:
        assert client.explain_footprint(account="acme", windows=2, **SPAN) == whole
    monkeypatch.setattr(explanations, "PAGE_BYTES", 2_000)
    assert "name fewer measures" in refusal(world, "", asking(account="acme", page_size=2))[1]


def test_an_account_has_one_explanation_at_a_time(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    inner, refused = world.explain, []

    def meanwhile(order: ExplainOrder, version: int | None, skip: int, stop: Stop) -> Any:
        refused.append(refusal(world, "acme", asking()))
        return inner(order, version, skip, stop)

    monkeypatch.setattr(world, "explain", meanwhile)
    with world.client("acme") as client:
        assert client.explain_footprint(**SPAN)["account"] == "acme"
    assert [code for code, _ in refused] == [grpc.StatusCode.UNAVAILABLE]


def run(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["explain", *arguments, "--from", "2026-11-23", "--to", "2026-11-24"])


@pytest.mark.parametrize("output", ["text", "json", "md"])
def test_the_command_line_shows_the_same_of_both(world: World, data: DataDirectory, output: str) -> None:
    more = ("--account", "acme", "--windows", "2", "--recompute", "-o", output)
    served = run("--server", world.target, "--token", world.token("acme"), *more)
    direct = run("--data", str(data.path), "--audience", "tenant", *more)
    assert (served.exit_code, served.stdout) == (0, direct.stdout)
    own = run("--server", world.target, "--token", world.token("acme"), *more[2:])
    assert own.stdout == served.stdout


def test_the_command_line_needs_one_source_and_an_account(data: DataDirectory) -> None:
    assert run("--account", "acme").exit_code == 2
    assert run("--data", str(data.path)).exit_code == 2
    assert run("--data", str(data.path), "--server", "localhost:1", "--account", "acme").exit_code == 2
