"""``greencloud serve`` as a process, and ``greencloud token``: one line each on standard output, and a clean end."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import grpc
import jwt
import pytest
from click.testing import CliRunner

from greencloud.cli import main
from greencloud.cli.serve import Rate
from greencloud.client import Client
from greencloud.errors import NotFoundError, PermissionDeniedError, UnauthenticatedError
from inprocess import NOW, START
from serving import greencloud

GREENCLOUD = (sys.executable, "-c", "from greencloud.cli import main; main()")
TRACES = "/opentelemetry.proto.collector.trace.v1.TraceService/Export"


def token(data: Path, account: str = "") -> str:
    whose = ["--role", "tenant", "--account", account] if account else ["--role", "provider"]
    return greencloud("token", "--data", data, *whose).stdout.strip()


@contextmanager
def served(data: Path, *options: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """The process, and HOST:PORT from its one line."""
    command = [*GREENCLOUD, "serve", "--data", str(data), "--listen", "127.0.0.1:0", *options]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            found = re.fullmatch(r"listening on (127\.0\.0\.1:\d+)\n", process.stdout.readline())
            assert found
            yield process, found[1]
        finally:
            if process.poll() is None:
                process.kill()


def test_serve_says_one_line_answers_and_ends_cleanly_on_sigterm(tmp_path: Path) -> None:
    data = tmp_path / "data"
    with served(data) as (process, target):
        with grpc.insecure_channel(target) as channel:
            export: Any = channel.unary_unary(TRACES)
            assert export(b"", metadata=(("authorization", f"Bearer {token(data, 'acme')}"),), timeout=10) == b""
        with Client(target, token=token(data, "acme")) as tenant:
            assert list(tenant.query_footprint(start=START, end=NOW)) == []
            with pytest.raises(PermissionDeniedError):
                tenant.run_allocation()
        with Client(target, token=token(data)) as provider:
            assert provider.run_allocation().posted == ()
            assert list(provider.list_batches()) == []
            with pytest.raises(NotFoundError):
                provider.get_goal_progress()
        with Client(target, token="nonsense") as stranger, pytest.raises(UnauthenticatedError):
            stranger.get_goal_progress()

        process.send_signal(signal.SIGTERM)
        out, err = process.communicate(timeout=30)

    assert (process.returncode, out) == (0, "")
    assert "role=customer.admin account=acme code=OK" in err
    assert "stopped" in err


def test_ctrl_c_ends_it_as_well(tmp_path: Path) -> None:
    with served(tmp_path / "data") as (process, _):
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=30)

    assert process.returncode == 0


def test_a_second_server_on_the_same_port_ends_with_1_and_says_what_to_do(tmp_path: Path) -> None:
    with served(tmp_path / "one") as (_, target):
        done = greencloud("serve", "--data", tmp_path / "two", "--listen", target, check=False)

    assert (done.returncode, done.stdout) == (1, "")
    assert f"port {target.rpartition(':')[2]} on 127.0.0.1 is in use" in done.stderr
    assert "--listen" in done.stderr


def test_off_loopback_without_a_certificate_ends_with_1(tmp_path: Path) -> None:
    done = greencloud("serve", "--data", tmp_path / "data", "--listen", "0.0.0.0:0", check=False)

    assert done.returncode == 1
    assert "--insecure" in done.stderr
    assert not (tmp_path / "data").exists()


def test_a_token_is_one_line_and_its_claims_are_what_was_asked_for(tmp_path: Path) -> None:
    done = greencloud("token", "--data", tmp_path / "data", "--role", "tenant", "--account", "acme", "--ttl", "2h")

    assert len(done.stdout.splitlines()) == 1
    claims = jwt.decode(done.stdout.strip(), options={"verify_signature": False})
    assert (claims["role"], claims["account"], claims["exp"] - claims["iat"]) == ("customer.admin", "acme", 7200)
    assert "made a new data directory" in done.stderr
    again = greencloud("token", "--data", tmp_path / "data", "--role", "customer.admin", "--account", "acme")
    assert (again.returncode, again.stderr) == (0, "")


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (("--role", "tenant"), 2),
        (("--role", "admin"), 2),
        ((), 2),
        (("--role", "provider", "--account", "acme"), 2),
        (("--role", "provider", "--ttl", "soon"), 2),
        (("--role", "provider", "--ttl", "0s"), 1),
        (("--role", "tenant", "--account", "(unsold)"), 1),
    ],
    ids=str,
)
def test_what_cannot_be_issued_prints_no_token(tmp_path: Path, arguments: tuple[str, ...], code: int) -> None:
    done = CliRunner().invoke(main, ["token", "--data", str(tmp_path / "data"), *arguments])

    assert (done.exit_code, done.stdout) == (code, "")
    assert done.stderr


def test_a_data_directory_may_be_named_by_the_environment(tmp_path: Path) -> None:
    environment = {"GREENCLOUD_DATA": str(tmp_path / "data")}

    done = CliRunner().invoke(main, ["token", "--role", "provider"], env=environment)

    assert done.exit_code == 0
    assert (tmp_path / "data" / "keys" / "signing-key.pem").is_file()


def test_an_account_that_the_book_in_force_does_not_list_gets_a_token_and_a_warning(tmp_path: Path) -> None:
    book = Path(__file__).parents[1] / "examples" / "shop" / "facility.toml"
    CliRunner().invoke(main, ["ingest", "--data", str(tmp_path / "data"), "--facility", str(book), str(tmp_path / "none.json")])

    listed = CliRunner().invoke(main, ["token", "--data", str(tmp_path / "data"), "--role", "customer.admin", "--account", "acme"])
    other = CliRunner().invoke(main, ["token", "--data", str(tmp_path / "data"), "--role", "customer.admin", "--account", "bolt"])

    assert (listed.exit_code, listed.stderr) == (0, "")
    assert other.exit_code == 0
    assert "does not list account 'bolt'" in other.stderr


@pytest.mark.parametrize(("text", "bytes_a_second"), [("500kB/s", 500_000), ("50MB/s", 50_000_000), ("1GB/s", 10**9), ("none", 0)])
def test_a_quota_is_read_as_it_is_written(text: str, bytes_a_second: int) -> None:
    assert Rate().convert(text, None, None) == bytes_a_second


@pytest.mark.parametrize("arguments", [("--quota", "50"), ("--quota", "0MB/s"), ("--provider-quota", "fast"), ("--workers", "0")])
def test_options_of_serve_that_cannot_be_meant_end_with_2(tmp_path: Path, arguments: tuple[str, str]) -> None:
    done = CliRunner().invoke(main, ["serve", "--data", str(tmp_path / "data"), *arguments])

    assert done.exit_code == 2
    assert not (tmp_path / "data").exists()
