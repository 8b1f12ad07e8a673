"""What somebody new gets wrong is answered with what to do."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import pytest
from click.shell_completion import BashComplete
from click.testing import CliRunner

from greencloud.cli import main
from greencloud.client import Client
from greencloud.errors import ConfigError, QuantityError
from greencloud.testing import Server


@pytest.fixture(scope="module")
def server(seeded_server: Server) -> Server:
    return seeded_server


@pytest.fixture(autouse=True)
def no_profile(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))


def said(words: list[str], code: int) -> str:
    done = CliRunner().invoke(main, words)
    assert done.exit_code == code, done.output
    return done.output


def test_no_token_says_where_to_put_one(server: Server) -> None:
    assert "--token-file" in said(["whoami", "--server", server.target], 4)


@pytest.mark.parametrize(
    "host", ["footprint.example", "localhost", "[::1]", "dns:///footprint.example", "http://footprint.example"]
)
def test_a_host_needs_its_port(host: str) -> None:
    with pytest.raises(ConfigError, match="HOST:PORT"):
        Client(host, token="t")
    assert "HOST:PORT" in said(["config", "set", "server", host], 1)
    assert "HOST:PORT" in said(["whoami", "--server", host], 1)


@pytest.mark.parametrize("target", ["footprint.example:4317", "127.0.0.1:1", "[::1]:1", "dns:///a.example:1", "unix:/run/g.sock"])
def test_an_address_is_taken(target: str) -> None:
    Client(target, token="t").close()


def test_a_wrong_period_is_told_in_one_sentence() -> None:
    assert "'last-moth' is not a period; write one of today" in said(["report", "--data", ".", "--period", "last-moth"], 2)


@pytest.mark.parametrize("seconds", ["inf", "nan", "soon"])
def test_a_timeout_is_a_number_of_seconds(seconds: str) -> None:
    assert f"{seconds!r} is not a number of seconds" in said(["config", "set", "timeout_s", seconds], 2)


def test_fields_of_a_request_are_listed_once() -> None:
    told = said(["call", "QueryFootprint", '{"bogus": 1}', "--server", "127.0.0.1:1"], 2)

    assert 'no field named "bogus"' in told
    assert told.count("fiscalYearStartMonth") == 1


@pytest.mark.parametrize("time", ["2026-01-01", date(2026, 1, 1)], ids=repr)
def test_a_time_that_is_no_datetime(server: Server, time: Any) -> None:
    with server.client() as client, pytest.raises(QuantityError, match="is no datetime"):
        client.query_footprint(start=time, end=server.end)


@pytest.mark.parametrize("option", ["--group-by", "--by"])
def test_every_verb_groups_by_the_same_name(server: Server, option: str) -> None:
    words = ["compare", "--server", server.target, "--token", server.token(), "-o", "csv", "--rule", "used"]

    assert said([*words, option, "account,site"], 0).startswith('"start","end","account","site","rule"')


def test_a_customer_sees_its_own_name_above_its_report(server: Server) -> None:
    words = ["report", "--server", server.target, "--token"]

    assert said([*words, server.token("acme")], 0).startswith("Footprint of acme\n")
    assert said([*words, server.token()], 0).startswith("Footprint of all accounts and pools\n")


@pytest.mark.parametrize(
    ("words", "text", "found"),
    [
        (["values"], "se", "service"),
        (["help"], "ex", "exit-codes"),
        (["help"], "rep", "report"),
        (["call"], "Query", "QueryFootprint"),
    ],
)
def test_arguments_are_completed(words: list[str], text: str, found: str) -> None:
    complete = BashComplete(main, {}, "greencloud", "_GREENCLOUD_COMPLETE")

    assert found in [item.value for item in complete.get_completions(words, text)]
