"""``greencloud doctor --server``: what is wrong is told with what to do about it, and a sound server has no fault."""

from __future__ import annotations

import json
import socket
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from greencloud.cli import main
from greencloud.cli._server_check import address_of
from inprocess import serving
from test_server_listen import certificate


@pytest.fixture(autouse=True)
def no_profile(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))


def doctor(*options: str, code: int) -> dict[str, dict[str, Any]]:
    done = CliRunner().invoke(main, ["doctor", *options, "-o", "json"], catch_exceptions=False)
    assert done.exit_code == code, done.output
    return {finding["topic"]: finding for finding in json.loads(done.stdout)}


def test_a_sound_server_has_no_fault_and_no_secret_is_shown(tmp_path: Path) -> None:
    with serving(tmp_path) as world:
        world.now = datetime.now(UTC)
        token = world.token("acme")
        found = doctor("--server", world.target, "--token", token, code=0)

    assert {"name", "connection", "TLS", "health"} <= set(found)
    assert found["health"]["text"] == "serving"
    assert token not in json.dumps(found)


def test_nobody_listens() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound and not listening: nobody else has the port
        found = doctor("--server", f"127.0.0.1:{taken.getsockname()[1]}", code=1)

    assert found["connection"]["status"] == "fault"
    assert "check the port" in found["connection"]["remedy"]
    assert "health" not in found


def test_a_name_that_is_not_there() -> None:
    found = doctor("--server", "no-such-host.invalid:4317", code=1)

    assert found["name"]["status"] == "fault"
    assert "connection" not in found


def test_tls_is_asked_of_a_server_that_has_none(tmp_path: Path) -> None:
    authority = tmp_path / "ca.pem"
    authority.write_text("not a certificate\n")
    with serving(tmp_path) as world:
        (tmp_path / "greencloud").mkdir()
        (tmp_path / "greencloud" / "config.toml").write_text(f'[profile.x]\nserver = "{world.target}"\nca_file = "{authority}"\n')
        found = doctor("--profile", "x", code=1)

    assert found["TLS"]["status"] == "fault"
    assert found["TLS"]["remedy"]


def test_a_certificate_is_checked_and_its_end_told(tmp_path: Path) -> None:
    tls = certificate()
    (tmp_path / "ca.pem").write_bytes(tls.certificate)
    (tmp_path / "greencloud").mkdir()
    with serving(tmp_path, tls=tls) as world:
        world.now = datetime.now(UTC)
        profile = f'[profile.x]\nserver = "{world.target}"\nca_file = "{tmp_path / "ca.pem"}"\n'
        (tmp_path / "greencloud" / "config.toml").write_text(profile)
        found = doctor("--profile", "x", "--token", world.token("acme"), code=0)
        other = tmp_path / "other.pem"
        other.write_bytes(certificate().certificate)
        (tmp_path / "greencloud" / "config.toml").write_text(profile.replace("ca.pem", "other.pem"))
        stranger = doctor("--profile", "x", code=1)

    assert found["TLS"]["text"].startswith("TLSv1.3, certificate until ")
    assert found["health"]["text"] == "serving"
    assert "does not hold" in stranger["TLS"]["text"]
    assert "ca_file" in stranger["TLS"]["remedy"]
    assert "health" not in stranger


@pytest.mark.parametrize(
    ("target", "address"),
    [
        ("h:4317", ("h", 4317)),
        ("h", ("h", 443)),
        ("[::1]:5", ("::1", 5)),
        ("dns:///h.example:1", ("h.example", 1)),
    ],
)
def test_addresses(target: str, address: tuple[str, int]) -> None:
    assert address_of(target) == address
