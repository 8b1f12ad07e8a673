"""Statements and restatements on the page: the files verify offline, and the differences are those that the server lists."""

from __future__ import annotations

import json
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pytest
from click.testing import CliRunner

from api_world import NOW, PERIOD, TENANTS, Api, data_of, serving
from greencloud.cli import main
from greencloud.client import Client
from greencloud.errors import GreencloudError
from greencloud.page.customer.restatements import LOCATION
from greencloud.page.view import Caller
from page_callers import caller_of, follow, look, summed, table_of, texts_of

ME, OTHER, _ = TENANTS


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    with serving(data_of(tmp_path_factory.mktemp("world"), TENANTS)) as api:
        yield api


@pytest.fixture(scope="module")
def tenant(api: Api) -> Iterator[Caller]:
    with Client(api.target, token=api.token("tenant", ME.account)) as client:
        yield caller_of(client)


@pytest.fixture(scope="module")
def provider(api: Api) -> Iterator[Caller]:
    with Client(api.target, token=api.token("provider")) as client:
        yield caller_of(client)


def test_the_files_of_a_closed_period_verify_and_are_those_of_the_command_line(tenant: Caller, api: Api, tmp_path: Path) -> None:
    shown = look(tenant, "/statements", NOW, period=PERIOD)
    for each in shown.downloads:
        file = follow(tenant, each.href, now=NOW)
        (tmp_path / file.name).write_bytes(file.content)
    command = shown.preformatted[0].split()
    assert command[:2] == ["greencloud", "verify"]
    arguments = [str(tmp_path / part) if part.endswith((".json", ".jsonl")) else part for part in command[1:]]
    verified = CliRunner().invoke(main, arguments)
    assert verified.exit_code == 0, verified.output
    out = ["--account", ME.account, "--period", PERIOD, "--out", str(tmp_path / "cli")]
    env = {"GREENCLOUD_TOKEN": api.token("tenant", ME.account)}
    assert CliRunner().invoke(main, ["statement", "--server", api.target, *out], env=env).exit_code == 0
    for name in ("statement.json", "root.json", "log.jsonl"):
        stem, _, kind = name.partition(".")
        assert (tmp_path / "cli" / name).read_bytes() == (tmp_path / f"{stem}-{PERIOD}.{kind}").read_bytes()


def test_every_close_is_listed_and_leads_to_its_files(tenant: Caller, provider: Caller) -> None:
    closes = [entry for entry in tenant.client.list_root_log_entries() if entry.period]
    table = table_of(look(tenant, "/statements", NOW), "closes")
    assert [row[0] for row in table.rows] == [entry.period for entry in reversed(closes)]
    assert [json.loads(row[-1]) for row in table.csv[1:]] == [json.loads(entry.entry) for entry in reversed(closes)]
    assert follow(tenant, table.links[0], now=NOW).downloads
    assert not look(provider, "/statements", NOW).downloads
    assert look(provider, "/statements", NOW, account=ME.account).downloads


def test_what_was_restated_is_what_the_server_lists(tenant: Caller, provider: Caller) -> None:
    for caller, account in ((tenant, ""), (provider, ""), (provider, ME.account)):
        found = list(caller.client.list_restatements(accounts=[account] if account else []))
        moved = sum(line.difference for each in found for line in each.lines if line.measure in LOCATION)
        given = {"account": account} if account else {}
        shown = look(caller, "/restatements", NOW, period=PERIOD, **given)
        assert summed(table_of(shown, "lines"), "change_kg_co2e_location_based") == Decimal(moved).scaleb(-9) != 0
        assert summed(table_of(shown, "each"), "change_kg_co2e_location_based") == Decimal(moved).scaleb(-9)
        assert len(table_of(shown, "each").rows) == len(found)
        assert "a corrected factor" in table_of(shown, "each").rows[0]
        if caller is tenant or account:
            explained = follow(caller, table_of(shown, "each").links[0], now=NOW)
            assert explained.sections
        lines = look(caller, "/export", NOW, period=PERIOD, format="restatements", **given).content.decode()
        assert lines.count("\n") == 1 + sum(len(each.lines) for each in found)


def test_a_tenant_is_shown_nothing_of_another_nor_a_file_of_it(tenant: Caller) -> None:
    for path in ("/", "/by", "/quality", "/restatements", "/export", "/explain", "/compare", "/hours"):
        text = texts_of(look(tenant, path, NOW, period=PERIOD))
        assert ME.word in text
        assert OTHER.word not in text, path
    for path, parameters in (("/statement", {}), ("/restatements", {}), ("/export", {"format": "csv"}), ("/explain", {})):
        with pytest.raises(GreencloudError):
            look(tenant, path, NOW, period=PERIOD, account=OTHER.account, **parameters)
