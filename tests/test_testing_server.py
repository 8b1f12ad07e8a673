"""The test server: real figures of a real engine, the same each time; a fixture that costs nothing to who does not ask for it."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from itertools import combinations
from pathlib import Path

import pyarrow.compute as pc
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from greencloud.client import tables
from greencloud.errors import GreencloudError, MissingExtraError, PermissionDeniedError
from greencloud.results import FootprintRow, Granularity
from greencloud.testing import ACCOUNTS, END, START, Server
from greencloud.units import Emissions, Energy
from profiles import examples

DIMENSIONS = ("account", "service", "region", "site", "sku", "operation", "component", "label:team")


@pytest.fixture(scope="module")
def server(seeded_server: Server) -> Server:
    return seeded_server


@pytest.fixture(scope="module")
def whole(server: Server) -> FootprintRow:
    """The total, as the server adds it up."""
    with server.client() as client:
        (row,) = client.query_footprint(start=START, end=END)
    return row


def test_the_ledger_of_the_server_balances_and_is_final(server: Server, whole: FootprintRow) -> None:
    with server.client() as client:
        batches = client.list_batches().to_list()
        accounts = [row.dimensions["account"] for row in client.query_footprint(start=START, end=END, group_by=["account"])]

    assert len(batches) == 96
    assert not any(batch.difference.millijoules or batch.provisional for batch in batches)
    assert sum((batch.metered_energy for batch in batches), Energy()) == whole.energy
    assert set(ACCOUNTS) < set(accounts)
    assert whole.quality_flags == ()


def test_figures_are_the_same_each_time(whole: FootprintRow) -> None:
    """Users write them into their tests, so that a change of method shows here before it does there."""
    assert (whole.energy, whole.total_location_based) == (Energy(23_904_555_040), Emissions(4_033_007_073))


def test_an_account_sees_its_own(server: Server) -> None:
    with server.client("acme") as client:
        assert {row.dimensions["account"] for row in client.query_footprint(start=START, end=END, group_by=["account"])} == {"acme"}
        with pytest.raises(PermissionDeniedError):
            client.list_batches().to_list()


@settings(max_examples=examples(10))
@given(by=st.lists(st.sampled_from(DIMENSIONS), unique=True, max_size=4), granularity=st.sampled_from(["all", "day", "hour"]))
def test_the_total_of_rows_is_what_the_server_adds_up(server: Server, whole: FootprintRow, by: list[str], granularity: str) -> None:
    with server.client() as client:
        rows = client.query_footprint(start=START, end=END, group_by=by, granularity=granularity)
        assert rows.total() == whole


def test_by_scope_the_intervals_of_totals_are_not_known(server: Server, whole: FootprintRow) -> None:
    with server.client() as client:
        total = client.query_footprint(start=START, end=END, group_by=["scope"]).total()

    assert (total.energy, total.total_location_based) == (whole.energy, whole.total_location_based)
    assert total.location_half_width is None


@pytest.mark.parametrize("by", list(combinations(DIMENSIONS[:4], 2)))
def test_a_table_has_the_rows_exactly(server: Server, by: tuple[str, ...]) -> None:
    with server.client() as client:
        rows = client.query_footprint(start=START, end=END, group_by=by, granularity=Granularity.DAY)
        held, table = rows.to_list(), rows.to_arrow()

    assert table.column_names[:4] == ["start_time", "end_time", *by]
    for name in by:
        assert table[name].to_pylist() == [row.dimensions[name] for row in held]
    assert [int(each) for each in table["energy_mj"].to_pylist()] == [row.energy.millijoules for row in held]
    assert [int(each) for each in table["total_market_based_ug"].to_pylist()] == [row.total_market_based.micrograms for row in held]
    assert int(pc.sum(table["scope3_embodied_ug"]).as_py()) == sum(row.scope3_embodied.micrograms for row in held)
    assert table["start_time"].to_pylist() == [row.start for row in held]
    assert table["update_time"].to_pylist() == [row.updated for row in held]


def test_pandas_and_polars_keep_amounts_exact_and_what_is_not_known_null(server: Server) -> None:
    with server.client() as client:
        rows = client.query_footprint(start=START, end=END, group_by=["scope"])
        table, frame, other = rows.to_arrow(), rows.to_pandas(), rows.to_polars()

    assert list(frame.columns) == other.columns == table.column_names
    wanted = table["energy_mj"].to_pylist()
    assert list(frame["energy_mj"]) == other["energy_mj"].to_list() == wanted
    assert frame["location_half_width_ug"].isna().all()
    assert other["location_half_width_ug"].null_count() == len(wanted)


@given(st.lists(st.integers(-(10**30), 10**30), max_size=5))
def test_tables_hold_amounts_beyond_64_bits(amounts: list[int]) -> None:
    rows = [FootprintRow(START, END, {"a": str(amount)}, Energy(amount)) for amount in amounts]

    table = tables.rows_table(rows, ["a", "a"])

    assert [int(each) for each in table["energy_mj"].to_pylist()] == amounts
    assert table["a"].to_pylist() == list(map(str, amounts))
    assert tables.total_of(rows, START, END).energy == Energy(sum(amounts))


def test_no_rows_are_a_table_with_every_column_and_a_total_of_nothing(server: Server) -> None:
    with server.client("acme") as client:
        rows = client.query_footprint(start=START.replace(year=2000), end=START.replace(year=2001), group_by=["service"])
        assert (rows.to_arrow().num_rows, rows.to_polars().height) == (0, 0)
        assert rows.total() == FootprintRow(
            START.replace(year=2000),
            START.replace(year=2001),
            {},
            energy_half_width=Energy(),
            location_half_width=Emissions(),
            market_half_width=Emissions(),
        )


def test_the_async_client_gives_the_same_tables(server: Server) -> None:
    async def go() -> None:
        async with server.async_client() as client:
            rows = client.query_footprint(start=START, end=END, group_by=["account"], page_size=1)
            table = await rows.to_arrow()
            assert (await rows.to_polars()).height == (await rows.to_pandas()).shape[0] == table.num_rows == 3
            assert sum([row.energy async for row in rows], Energy()) == (await rows.total()).energy
            assert [len(page) async for page in rows.pages()] == [1, 1, 1]

    asyncio.run(go())


@pytest.mark.parametrize(("method", "library"), [("to_arrow", "pyarrow"), ("to_pandas", "pandas"), ("to_polars", "polars")])
def test_a_library_that_is_not_there_is_named_by_its_extra_before_any_call(
    monkeypatch: pytest.MonkeyPatch, method: str, library: str
) -> None:
    monkeypatch.setitem(sys.modules, library, None)
    from greencloud.client import Client

    with Client("127.0.0.1:1", token=None) as client, pytest.raises(MissingExtraError) as caught:
        getattr(client.query_footprint(start=START, end=END), method)()
    with Client("127.0.0.1:1", token=None) as client, pytest.raises(MissingExtraError):
        getattr(client.stream_footprint(start=START, end=END), method)()

    assert caught.value.advice == f"pip install 'greencloud[{'arrow' if library == 'pyarrow' else library}]'"


def test_an_empty_server_and_files_of_one_s_own(tmp_path: Path) -> None:
    from greencloud.testing import seed

    book, usage = seed.book(tmp_path), seed.usage(tmp_path)
    with Server(seed=False) as empty, empty.client() as client:
        assert client.list_batches().to_list() == []
    with Server(facility=book, files=(usage,)) as own, own.client("globex") as client:
        assert client.query_footprint(start=START, end=END).total().operation_count == 576


def test_a_server_that_does_not_run_says_so() -> None:
    with pytest.raises(GreencloudError, match="does not run"):
        _ = Server().target


def test_the_fixture_is_there_and_imports_nothing_until_it_is_asked_for(tmp_path: Path) -> None:
    (tmp_path / "test_it.py").write_text(
        "import sys\n"
        "def test_light():\n"
        "    assert not {'grpc', 'pyarrow', 'greencloud.server', 'greencloud.client'} & set(sys.modules)\n"
        "def test_page(greencloud_server):\n"
        "    with greencloud_server.client('acme') as client:\n"
        "        rows = client.query_footprint(start=greencloud_server.start, end=greencloud_server.end)\n"
        "        assert rows.total().energy.kwh > 4\n"
    )
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "greencloud.testing.plugin", str(tmp_path)]
    # Without what is installed beside: a plugin that is named twice is a fault to pytest.
    environment = os.environ | {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=tmp_path, env=environment)

    assert done.returncode == 0, done.stdout
    assert "2 passed" in done.stdout
