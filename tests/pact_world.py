"""A data directory with two regions and two SKUs, one of which counts operations; and its footprints over HTTP, in this process."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from werkzeug.test import Client, TestResponse

from greencloud.engine import DataDirectory
from greencloud.server import KeyStore
from greencloud.server.auth import Authenticator
from greencloud.server.pact import PactApp
from greencloud.server.wiring import services_of
from serving import greencloud
from test_restatement_replays import HEAD, METERS, NOW, apply, directory, metered, region, run, used

__all__ = ["NOW", "Footprints", "footprints", "products_directory", "restate"]

_METERS = METERS + metered("SE", 3) + metered("b", 3)


def products_directory(folder: Path) -> DataDirectory:
    """Region SE: ``c4`` of two accounts, ``store`` with operations, and use without a SKU. Region b: ``c4``. Three hours."""
    rows = [
        used("SE", "acme", 3000) | {"sku": "c4"},
        used("SE", "globex", 900, hour=1) | {"sku": "c4"},
        used("SE", "globex", 400, hour=2),
        used("SE", "globex", 400, hour=2) | {"sku": "store", "operation": "get", "count": 1000, "source": "tenant"},
        used("SE", "acme", 100, hour=2),
        used("b", "acme", 1800) | {"sku": "c4"},
    ]
    data = directory(folder, rows)
    apply(data, folder / "book", HEAD + region("SE", "129") + region("b", "410"), meters=_METERS)
    run(data)
    greencloud("inventory", "policy", "set", "--data", data.path, "--organization", "Example Cloud", "--base-year", "2025")
    return data


def restate(data: DataDirectory, folder: Path, grams: str, later: int) -> None:
    """Another factor for the region SE."""
    apply(data, folder / f"book{later}", HEAD + region("SE", grams) + region("b", "410"), meters=_METERS)
    run(data, later, requested_by="ada", reason=f"factor {grams}")


@dataclass
class Footprints:
    """``get`` asks as the provider's analyst unless a token is given."""

    client: Client
    token: Callable[[str, str], str]

    def get(self, path: str, *, token: str | None = "analyst", method: str = "GET") -> TestResponse:
        sent = self.token("provider.analyst", "") if token == "analyst" else token
        headers = {} if sent is None else {"Authorization": f"Bearer {sent}"}
        return self.client.open(path, method=method, headers=headers, base_url="https://pact.example:8443")


def footprints(data: DataDirectory) -> Footprints:
    keys = KeyStore(data.keys_directory)
    app = PactApp(services_of(data, lambda: NOW), Authenticator(keys, clock=lambda: NOW), clock=lambda: NOW)
    return Footprints(Client(app), lambda role, account: keys.issue(role, account, ttl=timedelta(hours=1), now=NOW))
