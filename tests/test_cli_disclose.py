"""``greencloud inventory disclose`` and the same over a server: the same bytes, and provider roles alone."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from greencloud.client import AsyncClient, Client
from greencloud.errors import PermissionDeniedError, RemoteError
from greencloud.results.disclosures import DisclosureFormat, DisclosureStandard
from greencloud.results.product_footprints import ProductFootprint
from greencloud.server import KeyStore
from greencloud.server.process import run
from greencloud.server.settings import Settings
from pact_world import products_directory
from serving import greencloud

TABLE = """year,scope,category,t_co2e,source,business
2025,scope1,,510000,annual report,
2025,scope2_location_based,,3710000,annual report,
2025,scope2_market_based,,3700000,annual report,
2025,scope3,,5294000,annual report,
2026,scope1,,927000.0005,annual report,cloud
2026,scope1,,0.0005,annual report,retail
2026,scope2_location_based,,4445000.1111,annual report,
2026,scope3,1,7877000.33333,annual report,
"""


@dataclass
class World:
    data: Path
    target: str
    keys: KeyStore

    def token(self, role: str, account: str = "") -> str:
        return self.keys.issue(role, account, ttl=timedelta(hours=1), now=datetime.now(UTC))


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    folder = tmp_path_factory.mktemp("disclose")
    data = products_directory(folder)
    table = folder / "inventory.csv"
    table.write_text(TABLE)
    greencloud("inventory", "import", "--data", data.path, table)
    with run(Settings(data=data.path, listen="127.0.0.1:0")) as server:
        yield World(data.path, server.target, KeyStore(data.keys_directory))


@pytest.mark.parametrize("standard", list(DisclosureStandard))
def test_a_data_directory_and_a_server_give_the_same_bytes(world: World, standard: DisclosureStandard) -> None:
    local = greencloud("inventory", "disclose", "--data", world.data, "2026", "--standard", standard.value).stdout
    token = world.token("auditor")
    remote = greencloud(
        "inventory", "disclose", "--server", world.target, "--insecure", "--token", token, "2026", "--standard", standard.value
    ).stdout
    assert local == remote
    assert json.loads(local)


def test_printed_figures_add_up(world: World) -> None:
    document = json.loads(greencloud("inventory", "disclose", "--data", world.data, "2026").stdout)
    found = {figure["field"]: figure for section in document["sections"] for figure in section["figures"] if figure["unit"]}
    assert found["Scope 1"]["value"] == "927000.001"
    assert len(found["Scope 1"]["evidence"]) == 2
    assert found["Total (location-based)"]["value"] == "13249000.445"
    assert found["Total (market-based)"]["value"] is None
    assert found["Base year Scope 3"]["value"] == "5294000.000"


def test_both_clients_give_the_same(world: World) -> None:
    token = world.token("provider.analyst")
    with Client(world.target, token=token) as client:
        files = [client.generate_disclosure("2026", DisclosureStandard.ESRS_E1, format=form) for form in DisclosureFormat]
        products = list(client.list_product_footprints())
        assert list(client.list_product_footprints(year="2026", page_size=1)) == products
        assert list(client.list_product_footprints(year="2025")) == []

    async def ask() -> tuple[list[bytes], list[ProductFootprint]]:
        async with AsyncClient(world.target, token=token) as client:
            kinds = [form for form in DisclosureFormat if form is not DisclosureFormat.XLSX]
            made = [await client.generate_disclosure("2026", DisclosureStandard.ESRS_E1, format=form) for form in kinds]
            return [file.content for file in made], await client.list_product_footprints().to_list()

    contents, listed = asyncio.run(ask())
    assert contents == [file.content for file in files if not file.file_name.endswith("xlsx")]
    assert listed == products
    assert {product.sku for product in products} == {"c4", "store"}
    assert [file.file_name for file in files] == [f"esrs_e1-2026.{form.value}" for form in DisclosureFormat]


@pytest.mark.parametrize("year", ["", "26", "CY2026", "2026-01"])
def test_what_is_no_year_is_told_by_its_field(world: World, year: str) -> None:
    with Client(world.target, token=world.token("auditor")) as client:
        with pytest.raises(RemoteError) as told:
            client.generate_disclosure(year, DisclosureStandard.PACT)
        assert "year" in str(told.value)
    assert greencloud("inventory", "disclose", "--data", world.data, year or "x", check=False).returncode != 0


@pytest.mark.parametrize(("role", "account"), [("customer.admin", "acme"), ("customer.viewer", "acme"), ("provider.writer", "")])
def test_nobody_else_may_ask(world: World, role: str, account: str) -> None:
    with Client(world.target, token=world.token(role, account)) as client:
        with pytest.raises(PermissionDeniedError):
            client.generate_disclosure("2026", DisclosureStandard.PACT)
        with pytest.raises(PermissionDeniedError):
            list(client.list_product_footprints())
