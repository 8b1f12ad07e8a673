"""Imports point one way: each room may import only from the rooms named for it here."""

from __future__ import annotations

import ast
from functools import cache
from pathlib import Path

import pytest

SDK = Path(__file__).parents[1] / "sdk" / "greencloud"

CORE = {"errors", "units", "durable"}
DOMAIN = CORE | {"facility", "usage", "allocation"}

MAY_IMPORT = {
    "errors": set[str](),
    "units": {"errors"},
    "durable": set[str](),
    "objects": {"errors", "durable"},
    "results": {"errors", "units"},
    "proof": CORE | {"objects", "_sumtree"},
    "facility": CORE,
    "usage": CORE | {"objects", "facility"},
    "allocation": DOMAIN | {"_apportion", "_entries", "_fleet", "_leaves", "_sampling", "_shapley", "_uses"},
    "ledger": DOMAIN | {"objects", "results", "_sums"},
    "telemetry": CORE | {"facility", "usage", "_combinations", "_growth", "_otlp", "_series", "_spans"},
    "engine": DOMAIN | {"objects", "results", "ledger", "telemetry", "proof"},
    "serving": CORE | {"objects", "results", "ledger"},
    "inventory": CORE | {"objects", "facility", "results", "ledger"},
    "goal": CORE | {"facility", "results", "ledger", "inventory"},
    "wire": CORE | {"results", "v1"},
    "report": CORE | {"results"},
    "client": CORE | {"results", "wire", "v1"},
    "page": CORE | {"results", "report", "client"},
    "server": DOMAIN
    | {"results", "ledger", "telemetry", "engine", "serving", "inventory", "goal", "proof", "report", "page", "wire", "v1"},
    "agent": CORE,
    "testing": DOMAIN
    | {"results", "ledger", "telemetry", "engine", "inventory", "goal", "proof", "report", "server", "client", "wire"},
    "__main__": {"cli"},
    "cli": DOMAIN
    | {"results", "ledger", "telemetry", "engine", "serving", "inventory", "goal", "proof", "report", "server", "client", "agent"}
    | {"wire"},
}

# Heavy or sharp libraries, and the rooms that alone may touch them.
ONLY_IN = {
    "grpc": {"client", "server", "agent"},
    "click": {"cli"},
    "cryptography": {"proof", "server"},
    "deltalake": {"ledger"},
    "duckdb": {"ledger"},
    "obstore": {"objects"},
    "pyspark": {"engine"},
    "ray": {"engine"},
    "jwt": {"server"},
    "msgspec": {"inventory"},
    "nats": {"telemetry"},
    "confluent_kafka": {"telemetry"},
    "jinja2": {"report", "page"},
    "openpyxl": {"inventory", "report"},
    "pint": {"inventory"},
    "psutil": {"agent"},
    "psycopg": {"serving"},
    "rich": {"report", "cli"},
    "statsmodels": {"goal"},
    "scipy": {"goal"},
    "vl_convert": {"report"},
    "werkzeug": {"server", "page"},
    "numpy": {"goal"},  # statsmodels takes arrays; no other extra brings it; Arrow's to_numpy and to_pandas need it just the same
    "pandas": {"client"},
    "polars": {"client"},
    "opentelemetry": {"telemetry", "agent", "server"},
    "prometheus_client": {"server"},
}


@cache
def tree_of(path: Path) -> ast.Module:
    return ast.parse(path.read_text())


def modules() -> list[Path]:
    return [path for path in sorted(SDK.rglob("*.py")) if "v1" not in path.relative_to(SDK).parts]


def room_of(path: Path) -> str:
    return path.relative_to(SDK).parts[0].removesuffix(".py")


def imports_of(path: Path) -> set[str]:
    found = set()
    for node in ast.walk(tree_of(path)):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative imports hide the room"
            module = node.module or ""
            found |= {f"{module}.{alias.name}" for alias in node.names} if module == "greencloud" else {module}
    return found


@pytest.mark.parametrize("path", modules(), ids=lambda path: str(path.relative_to(SDK)))
def test_a_room_imports_only_from_rooms_above_it(path: Path) -> None:
    room = room_of(path)
    if room == "__init__":
        return
    assert room in MAY_IMPORT, f"{room} is not in the table of rooms"
    for name in imports_of(path):
        parts = name.split(".")
        if parts[0] == "greencloud" and len(parts) > 1 and parts[1] not in {room, "__version__"}:
            assert parts[1] in MAY_IMPORT[room], f"{room} may not import {name}"
        if parts[0] in ONLY_IN:
            assert room in ONLY_IN[parts[0]], f"{parts[0]} is not for {room}"


@pytest.mark.parametrize("path", modules(), ids=lambda path: str(path.relative_to(SDK)))
def test_nothing_asks_arrow_for_what_no_extra_brings(path: Path) -> None:
    if path == SDK / "client" / "tables.py":
        return  # there an extra brings it
    assert not {node.attr for node in ast.walk(tree_of(path)) if isinstance(node, ast.Attribute)} & {
        "to_numpy",
        "to_pandas",
    }


def test_the_plugin_imports_nothing_of_greencloud_but_its_client_when_it_asks_for_feedback() -> None:
    for path in (SDK.parents[1] / "plugins").rglob("*.py"):
        if {"build", "tests"} & set(path.parts):
            continue
        found = {name for name in imports_of_any(path) if name.split(".")[0] == "greencloud"}
        assert found == ({"greencloud.client"} if path.name == "_ledger.py" else set()), path
        at_the_top = [node for node in ast.parse(path.read_text()).body if isinstance(node, ast.ImportFrom)]
        assert not [node for node in at_the_top if (node.module or "").split(".")[0] == "greencloud"], path


def imports_of_any(path: Path) -> set[str]:
    tree = ast.parse(path.read_text())
    plain = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    return plain | {node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) and not node.level}
