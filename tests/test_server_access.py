"""Access from end to end: the auth file, the facility book and the gate behind one server; streams; floods of headers."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import grpc
import pytest

from greencloud.cli.token import _FORMER, _ROLES
from greencloud.engine import DataDirectory
from greencloud.server.auth import caller, deadline
from greencloud.server.errors import AuthFileError
from greencloud.server.footprint import FootprintServicer
from greencloud.server.process import run
from greencloud.server.quota import Policy
from greencloud.server.roles import FORMER_ROLES, Role
from greencloud.server.settings import Settings
from greencloud.v1 import footprint_service_pb2 as footprint
from greencloud.v1 import footprint_service_pb2_grpc as footprint_stubs
from greencloud.v1 import identity_service_pb2 as messages
from greencloud.v1 import identity_service_pb2_grpc as stubs
from inprocess import serving
from sending import wait_for
from test_facility_payers import BOOK
from test_server_issuers import FILE, SET, claims, signed, written

ASK = "/greencloud.v1.FootprintService/ListRootLogEntries"


def test_the_command_line_knows_the_roles_that_there_are() -> None:
    assert set(_ROLES) == {*Role, *FORMER_ROLES}
    assert FORMER_ROLES == _FORMER


def test_a_payer_of_another_issuer_is_told_its_members_by_the_book(tmp_path: Path) -> None:
    data = DataDirectory.open(tmp_path / "data", create=True)
    (tmp_path / "facility.toml").write_text(BOOK)
    data.apply_facility(tmp_path / "facility.toml")
    (tmp_path / "keys.json").write_bytes(SET)
    auth = written(tmp_path, FILE.replace('accounts = ["acme"]\n', "").split("[[certificates]]", maxsplit=1)[0])
    until = int(datetime.now(UTC).timestamp()) + 600
    token = signed(claims(role=None, groups=["carbon-readers"], account="org", exp=until))

    with run(Settings(data=data.path, auth=auth, listen="127.0.0.1:0")) as opened, grpc.insecure_channel(opened.target) as channel:
        ask: Any = stubs.IdentityServiceStub(channel).GetCallerIdentity
        metadata = (("authorization", f"Bearer {token}"),)

        def asked() -> Any:
            return ask.future(messages.GetCallerIdentityRequest(), metadata=metadata, timeout=10)

        wait_for(lambda: asked().exception() is None)
        found = asked().result()
        assert (found.role, found.account, list(found.member_accounts)) == ("customer.viewer", "org", ["team"])
        assert (found.issuer, found.subject, found.expire_time.seconds) == ("https://login.example.com", "ada", until)
        (tmp_path / "facility.toml").write_text(BOOK.replace('payer = "org"', ""))
        data.apply_facility(tmp_path / "facility.toml")
        assert list(asked().result().member_accounts) == []


def test_a_wrong_auth_file_is_told_before_anything_is_opened(tmp_path: Path) -> None:
    with pytest.raises(AuthFileError):
        Settings(data=tmp_path, auth=written(tmp_path, "[nothing]")).check()


def test_a_stream_has_its_caller_and_its_deadline_and_ends_with_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[Any] = []

    def stream(_self: Any, _request: Any, _context: Any) -> Iterator[footprint.StreamFootprintResponse]:
        seen.append((caller().account, 500 < deadline() <= 600))
        try:
            for _ in range(1_000):
                yield footprint.StreamFootprintResponse()
        finally:
            seen.append("ended")

    monkeypatch.setattr(FootprintServicer, "StreamFootprint", stream, raising=False)
    with serving(tmp_path) as world, world.channel() as channel:
        stub = footprint_stubs.FootprintServiceStub(channel)
        whole = stub.StreamFootprint(footprint.StreamFootprintRequest(), metadata=world.bearer("acme"))
        assert sum(1 for _ in whole) == 1_000
        part = stub.StreamFootprint(footprint.StreamFootprintRequest(), metadata=world.bearer("acme"))
        next(iter(part))
        part.cancel()
        wait_for(lambda: seen.count("ended") == 2)
        assert world.server
        wait_for(lambda: world.server is not None and world.server.gate.calls == 0)
        writer = world.keys.issue("customer.writer", "acme", ttl=timedelta(hours=1), now=world.now)
        for metadata in ((), (("authorization", f"Bearer {writer}"),)):
            with pytest.raises(grpc.RpcError):
                list(stub.StreamFootprint(footprint.StreamFootprintRequest(), metadata=metadata, timeout=10))

    assert seen == [("acme", True), "ended"] * 2


def test_a_flood_of_headers_is_refused_and_harms_nobody_else(tmp_path: Path) -> None:
    with serving(tmp_path, policy=Policy.of(8)) as world, world.channel() as channel:
        ask: Any = channel.unary_unary(ASK)
        good = world.bearer("acme")
        floods: list[tuple[tuple[str, str], ...]] = [
            tuple(("authorization", f"Bearer {number}") for number in range(100)),
            tuple((f"x-{number}", "y" * 10) for number in range(2_000)),
            (("authorization", "Bearer " + "a" * 60_000),),
            (("authorization", "Bearer " + ".".join(["e30"] * 2_000)),),
            (("x-request-id", "z" * 60_000), *good),
            (("authorization", "Bearer " + "[" * 4_000),),
        ]
        for flood in floods:
            error = ask.future(b"", metadata=flood, timeout=10).exception()
            assert error is not None
            assert error.code() in (grpc.StatusCode.UNAUTHENTICATED, grpc.StatusCode.RESOURCE_EXHAUSTED), flood[0]
            assert ask.future(b"", metadata=good, timeout=10).exception() is None
