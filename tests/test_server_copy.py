"""A server with a serving copy, and the verbs: a tenant learns nothing of others, and pages stay of one version."""

from __future__ import annotations

import shutil
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from google.protobuf.message_factory import GetMessageClass
from hypothesis import given, settings

from api_messages import filled
from api_world import NOW, TENANTS, Api, data_of, serving
from cli_world import two_months
from greencloud.client import Client
from greencloud.engine import DataDirectory
from greencloud.ledger import Ledger
from greencloud.server import process
from greencloud.server.settings import Settings
from greencloud.serving import ServingCopy, refresh
from greencloud.serving.connection import WRITER, connect
from greencloud.units import Window
from ledger_builders import batch
from postgres import Postgres, postgres
from profiles import examples
from serving import greencloud
from serving import serving as served
from strategies import START
from test_api_isolation import ME, METHODS, OTHERS, Worlds, check, pool, usual

QUERY = next(method for method in METHODS if method.name == "QueryFootprint")


@pytest.fixture(scope="module")
def server() -> Iterator[Postgres]:
    with postgres() as running:
        yield running


def copy_of(server: Postgres, ledger: Ledger, stack: ExitStack) -> ServingCopy:
    database = server.database()
    with connect(database, **WRITER) as connection:
        refresh(database, connection, ledger)
    copy = ServingCopy(database)
    stack.callback(copy.close)
    return copy


@pytest.fixture(scope="module")
def everybody(tmp_path_factory: pytest.TempPathFactory) -> DataDirectory:
    return data_of(tmp_path_factory.mktemp("isolation") / "all", TENANTS)


@pytest.fixture(scope="module")
def copied(
    server: Postgres, everybody: DataDirectory, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Worlds, ServingCopy]]:
    """A server with a copy, with everybody's data; and one without, with the caller's alone."""
    alone = data_of(tmp_path_factory.mktemp("isolation") / "alone", [ME])
    with ExitStack() as stack:
        copy = copy_of(server, everybody.ledger, stack)
        one = stack.enter_context(serving(everybody, copy=copy))
        shutil.rmtree(alone.keys_directory, ignore_errors=True)
        shutil.copytree(everybody.keys_directory, alone.keys_directory)  # tokens of the one are of the other, too
        other = stack.enter_context(serving(alone))
        page: Any = GetMessageClass(QUERY.output_type).FromString(one.call(QUERY, usual(QUERY), OTHERS[0].account).raw[0])
        yield Worlds(one, other, [page.next_page_token]), copy


def test_nothing_of_others_comes_to_a_tenant_through_the_copy(copied: tuple[Worlds, ServingCopy]) -> None:
    worlds, copy = copied

    @settings(max_examples=examples(40))
    @given(filled(QUERY.input_type, pool(worlds.tokens)))
    def law(request: Any) -> None:
        check(QUERY, request, worlds)

    before = copy.counts["copy"]
    law()
    check(QUERY, usual(QUERY), worlds)
    assert copy.counts["copy"] > before
    assert set(copy.counts) == {"copy"}


def rows_of(api: Api, request: Any, account: str = "", between: Any = lambda: None) -> list[bytes]:
    """The rows of all pages, one a page."""
    rows = []
    while True:
        answer: Any = GetMessageClass(QUERY.output_type).FromString(api.call(QUERY, request, account).raw[0])
        rows += [row.SerializeToString(deterministic=True) for row in answer.rows]
        if not answer.next_page_token:
            return rows
        request.page_token = answer.next_page_token
        between()


def test_pages_are_of_one_version_whoever_answers_them(server: Postgres, everybody: DataDirectory, tmp_path: Path) -> None:
    data = DataDirectory.open(shutil.copytree(everybody.path, tmp_path / "data"), create=False)
    request = usual(QUERY)
    request.group_by[:] = ["component", "service", "site"]  # type: ignore[attr-defined]
    with ExitStack() as stack:
        plain = stack.enter_context(serving(data))
        wanted = rows_of(plain, type(request).FromString(request.SerializeToString()), ME.account)
        copy = copy_of(server, data.ledger, stack)
        api = stack.enter_context(serving(data, copy=copy))

        def between() -> None:
            if not data.ledger.snapshot().find("hall", Window(START.replace(hour=5))):
                data.ledger.post(batch({ME.account: 7}, "hall", Window(START.replace(hour=5))))
                with connect(copy.database, **WRITER) as connection:
                    refresh(copy.database, connection, data.ledger)

        assert rows_of(api, request, ME.account, between) == wanted
        assert len(wanted) > 2
        assert copy.counts["copy"] == 1


def test_the_verb_builds_compares_and_removes(server: Postgres, tmp_path: Path) -> None:
    data, database = two_months(tmp_path), server.database()
    assert "50 batches in, 0 out, 2 days added up" in greencloud("ledger", "copy", "--data", data, "--to", database).stdout
    assert "is what the ledger is" in greencloud("ledger", "copy", "--data", data, "--to", database, "--check").stdout
    with connect(database) as connection:
        connection.execute("UPDATE greencloud.posting SET count = count + 1")
    found = greencloud("ledger", "copy", "--data", data, "--to", database, "--check", check=False)
    assert found.returncode == 1
    assert "the sums of count differ" in found.stdout
    assert "is removed" in greencloud("ledger", "copy", "--data", data, "--to", database, "--drop").stdout
    assert "there is no copy" in greencloud("ledger", "copy", "--data", data, "--to", database, "--drop").stdout
    assert [entry.action for entry in DataDirectory.open(data, create=False).audit.entries()][-1] == "ledger copy"
    told = greencloud("ledger", "copy", "--data", data, "--to", f"{database} password=hush", check=False)
    assert told.returncode
    assert "hush" not in told.stdout + told.stderr


def test_a_server_follows_answers_and_counts_and_nobody_sees_the_password(
    server: Postgres, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data, database = two_months(tmp_path), server.database()
    monkeypatch.setenv("GREENCLOUD_SERVING_COPY", f"{database} password=hush")
    with served(data, "--workers", "1", "--metrics", "127.0.0.1:0") as running:
        assert b"hush" not in Path(f"/proc/{running.process.pid}/cmdline").read_bytes()
        asked = 0
        with Client(running.target, token=running.token("acme")) as client:
            answer = ""
            while 'answer="copy"} 1.0' not in answer:
                rows = list(client.query_footprint(start=START.replace(year=2020), end=NOW))
                assert len(rows) == 1
                asked += 1
                page = next(line for line in running.log.read_text().splitlines() if "metrics on" in line).rpartition(" ")[2]
                answer = urllib.request.urlopen(page).read().decode()
        assert "serving copy" in running.log.read_text()
    assert "hush" not in running.log.read_text()


def test_settings_tell_no_password(tmp_path: Path) -> None:
    told = Settings(data=tmp_path, serving_copy="host=x password=hush")
    assert "hush" not in repr(told)
    assert Settings.from_json(told.to_json()).serving_copy == "host=x password=hush"
    assert process._copy(Settings(data=tmp_path)) is None
