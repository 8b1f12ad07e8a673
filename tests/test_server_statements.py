"""Statements over the API: byte for byte those of the data directory, they verify, and each goes to its account alone."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import grpc
import pytest
from click.testing import CliRunner, Result
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from greencloud.cli import main
from greencloud.engine import DataDirectory
from greencloud.engine.closes import period_named
from greencloud.engine.published import root_log, statement_of
from greencloud.errors import NotFoundError, PermissionDeniedError
from greencloud.proof import parse, verify
from greencloud.server.wiring import services_of
from greencloud.v1 import footprint_service_pb2 as footprint
from greencloud.v1 import footprint_service_pb2_grpc as footprint_stubs
from inprocess import World, serving
from ledger_builders import batch, hour
from test_engine_closes import DAY, full_day
from test_engine_closes import NOW as CLOSED

ACCOUNTS = ("a", "b", "c'; --", "(unsold)")
NEXT = period_named("2026-02")
quick = settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> DataDirectory:
    """A day closed, restated and closed again, with a change of keys between."""
    data = DataDirectory.open(tmp_path_factory.mktemp("closed") / "data", create=True)
    full_day(data.ledger)
    data.closes.close(data.ledger, DAY, CLOSED)
    data.closes.rotate(CLOSED)
    data.ledger.post(batch({"a": 11, "b": 3}, window=hour(5)))
    data.closes.close(data.ledger, DAY, CLOSED)
    data.closes.close(data.ledger, NEXT, datetime(2026, 3, 2, tzinfo=UTC), allow_gaps=True)
    return data


@pytest.fixture(scope="module")
def world(data: DataDirectory, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with serving(tmp_path_factory.mktemp("server")) as world:
        services = services_of(data, lambda: CLOSED)
        world.statement = services.statement  # type: ignore[method-assign, assignment]
        world.root_log = list(services.root_log())
        yield world


def read(content: bytes) -> Any:
    return parse(content, "what came")


@pytest.mark.parametrize("account", ACCOUNTS)
@pytest.mark.parametrize("period", [DAY.name, NEXT.name])
def test_what_comes_over_the_wire_verifies_and_is_what_the_directory_has(
    world: World, data: DataDirectory, account: str, period: str
) -> None:
    with world.client() as client:
        statement, log = client.get_statement(period, account), list(client.list_root_log_entries(page_size=2))
    assert statement == statement_of(data.closes, account, period)
    assert log == root_log(data.closes)
    assert b"".join(entry.entry + b"\n" for entry in log) == (data.closes.folder / "log.jsonl").read_bytes()
    document, root = read(statement.statement), read(statement.root)
    findings = verify(document, root, log=[read(entry.entry) for entry in log])
    assert document["account"] == account
    assert findings
    assert [finding for finding in findings if finding.status == "fault"] == []


def test_the_log_says_which_close_counts(world: World) -> None:
    with world.client("a") as client:
        log = list(client.list_root_log_entries())
    assert [(entry.index, entry.period, entry.restates) for entry in log] == [
        (0, "", None),
        (1, DAY.name, None),
        (2, "", None),
        (3, DAY.name, 1),
        (4, NEXT.name, None),
    ]
    assert (log[1].start, log[1].end) == (DAY.start, DAY.end)
    assert log[0].start is None
    assert log[1].key_fingerprint != log[3].key_fingerprint


@quick
@given(
    tenant=st.sampled_from(["a", "b", "zeta"]),
    asked=st.sampled_from(["", "zeta", "nobody", *ACCOUNTS]),
    period=st.sampled_from([DAY.name, NEXT.name, "1999", "nonsense"]),
)
def test_a_tenant_gets_its_own_and_one_refusal_for_the_rest(world: World, tenant: str, asked: str, period: str) -> None:
    with world.client(tenant) as client:
        if asked not in {"", tenant}:
            with pytest.raises(PermissionDeniedError) as refused:
                client.get_statement(period, asked)
            # The same words whether or not it or the period exists.
            assert refused.value.message == f"permission denied on account {asked!r} (or it might not exist)"
        elif tenant == "zeta" or period not in {DAY.name, NEXT.name}:
            with pytest.raises(NotFoundError):
                client.get_statement(period, asked)
        else:
            statement = client.get_statement(period, asked)
            assert statement.account == tenant
            assert read(statement.statement)["account"] == tenant


def test_what_is_missing_is_named(world: World) -> None:
    with world.channel() as channel:
        stub = footprint_stubs.FootprintServiceStub(channel)
        for asker, request, parts in (
            ("", {}, ("account", "period")),
            ("a", {}, ("period",)),
            ("", {"account": "x" * 300, "period": DAY.name}, ("account",)),
        ):
            with pytest.raises(grpc.RpcError) as refused:
                stub.GetStatement(footprint.GetStatementRequest(**request), metadata=world.bearer(asker), timeout=10)
            error: Any = refused.value
            assert error.code() is grpc.StatusCode.INVALID_ARGUMENT
            for part in parts:
                assert part in error.details()


def greencloud(*arguments: str | Path, code: int = 0) -> Result:
    done = CliRunner().invoke(main, [str(argument) for argument in arguments])
    assert done.exit_code == code, done.output
    return done


def test_the_command_line_writes_the_same_files_from_both(world: World, data: DataDirectory, tmp_path: Path) -> None:
    served = ("statement", "--server", world.target, "--token", world.token("a"))
    greencloud("statement", "--data", data.path, "--account", "a", "--period", DAY.name, "--out", tmp_path / "direct")
    greencloud(*served, "--period", DAY.name, "--out", tmp_path / "served")
    names = ("statement.json", "root.json", "log.jsonl")
    for name in names:
        assert (tmp_path / "served" / name).read_bytes() == (tmp_path / "direct" / name).read_bytes()
    statement, root, log = (tmp_path / "served" / name for name in names)
    greencloud("verify", statement, "--root", root, "--log", log)
    assert greencloud(*served, "--list").stdout == greencloud("statement", "--data", data.path, "--list").stdout
    listed = greencloud(*served, "--list").stdout.splitlines()
    assert [line.split()[0] for line in listed] == ["period", DAY.name, DAY.name, NEXT.name]
    assert "restated later" in listed[1]
    assert "restates 1" in listed[2]
    greencloud("statement", "--data", data.path, "--period", DAY.name, code=2)
    greencloud(*served, code=2)


def test_nothing_closed_is_said(tmp_path: Path) -> None:
    data = DataDirectory.open(tmp_path / "data", create=True)
    assert greencloud("statement", "--data", data.path, "--list").stdout == "No period is closed.\n"
