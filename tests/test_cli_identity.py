"""``greencloud whoami``, ``call`` and the second half of ``doctor --server``, against a server that knows who calls."""

from __future__ import annotations

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import grpc
import pytest
from click.testing import CliRunner, Result
from grpc_health.v1 import health, health_pb2, health_pb2_grpc

from greencloud import __version__
from greencloud.cli import main
from greencloud.v1 import identity_service_pb2 as messages
from greencloud.v1 import identity_service_pb2_grpc as stubs
from greencloud.wire import instant_to_message

TOKEN = "Bearer held"


class Identity(stubs.IdentityServiceServicer):
    """Knows one token; ``skew`` is how far its clock is off."""

    skew = timedelta()
    version = __version__

    def GetCallerIdentity(self, request: Any, context: grpc.ServicerContext) -> Any:
        if TOKEN not in [value for _, value in context.invocation_metadata()]:
            context.abort(grpc.StatusCode.UNAUTHENTICATED, "no credential")
        return messages.CallerIdentity(
            role="customer.admin",
            account="acme",
            member_accounts=["acme-test", "acme-web"],
            subject="ada",
            issuer="greencloud",
            expire_time=instant_to_message(datetime(2030, 1, 1, tzinfo=UTC)),
            permissions=["greencloud.footprint.read"],
            server_version=self.version,
            server_time=instant_to_message(datetime.now(UTC) + self.skew),
        )


@pytest.fixture
def served(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[tuple[Identity, str]]:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    servicer, checks = Identity(), health.HealthServicer()
    checks.set("", health_pb2.HealthCheckResponse.SERVING)
    server = grpc.server(ThreadPoolExecutor(2))
    stubs.add_IdentityServiceServicer_to_server(servicer, server)
    health_pb2_grpc.add_HealthServicer_to_server(checks, server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    yield servicer, f"127.0.0.1:{port}"
    server.stop(0).wait()


def run(*arguments: str, code: int = 0, text: str | None = None) -> Result:
    done = CliRunner().invoke(main, arguments, input=text, catch_exceptions=False)
    assert done.exit_code == code, done.output
    return done


def test_whoami_says_role_account_and_until_when(served: tuple[Identity, str]) -> None:
    where = ["--server", served[1], "--token", "held"]
    told = json.loads(run("whoami", *where, "-o", "json").stdout)

    assert told | {"server_time": None} == {
        "schema": "greencloud.identity/1",
        "role": "customer.admin",
        "account": "acme",
        "subject": "ada",
        "issuer": "greencloud",
        "expires": "2030-01-01T00:00:00Z",
        "permissions": ["greencloud.footprint.read"],
        "member_accounts": ["acme-test", "acme-web"],
        "server_version": __version__,
        "server_time": None,
    }
    table = run("whoami", *where).stdout
    assert "pays for     acme-test, acme-web\n" in table
    assert "held" not in table
    run("whoami", "--server", served[1], "--token", "other", code=4)


def test_a_call_is_json_in_and_json_out(served: tuple[Identity, str]) -> None:
    where = ["--server", served[1], "--token", "held"]
    for name in ("GetCallerIdentity", "IdentityService.GetCallerIdentity", "greencloud.v1.IdentityService/GetCallerIdentity"):
        assert json.loads(run("call", name, *where).stdout)["memberAccounts"] == ["acme-test", "acme-web"]
    assert json.loads(run("call", "GetCallerIdentity", "-", *where, text="{}").stdout)["subject"] == "ada"

    assert "Fields of GetCallerIdentityRequest: none" in run("call", "GetCallerIdentity", '{"a": 1}', *where, code=2).stderr
    assert "greencloud export" in " ".join(run("call", "StreamFootprint", *where, code=2).stderr.split())
    run("call", "GetDataAvailability", *where, code=1)


def doctor(target: str, code: int = 0, token: str = "held") -> dict[str, dict[str, str]]:
    done = run("doctor", "--server", target, "--token", token, "-o", "json", code=code)
    return {finding["topic"]: finding for finding in json.loads(done.stdout)}


def test_a_credential_that_holds_and_clocks_that_agree_are_well(served: tuple[Identity, str]) -> None:
    found = doctor(served[1])

    assert {found[topic]["status"] for topic in ("health", "credential", "clock", "version")} == {"ok"}
    assert found["credential"]["text"] == "customer.admin of acme, until 2030-01-01T00:00:00Z"


def test_a_clock_that_is_off_and_another_version_are_told(served: tuple[Identity, str]) -> None:
    servicer, target = served
    servicer.skew, servicer.version = timedelta(minutes=10), "9.9.9"
    found = doctor(target, code=1)

    assert found["clock"]["status"] == "fault"
    assert found["clock"]["text"].startswith(("the server's is +600", "the server's is +599"))
    assert "NTP" in found["clock"]["remedy"]
    assert found["version"]["status"] == "note"


def test_a_credential_that_does_not_hold_is_a_fault(served: tuple[Identity, str]) -> None:
    found = doctor(served[1], code=1, token="other")

    assert found["server"]["status"] == "fault"
    assert found["health"]["status"] == "ok"
