"""Clients with nothing of ours but the .proto files, or not even those: Node.js, and ``buf curl`` (gRPC of Go) by reflection."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from google.protobuf.descriptor import MethodDescriptor

from api_messages import methods, path_of, served
from api_world import PERIOD, TENANTS, Api, data_of, serving
from greencloud.results import FootprintQuery
from ledger_builders import EVER

ROOT = Path(__file__).parents[1]
NODE = ROOT / "tests" / "node" / "node_modules"
SCRIPT = ROOT / "examples" / "clients" / "footprint.js"
BUF = str(Path(sys.executable).parent / "buf")
METHODS = {method.name: method for method in methods() if served(method)}
TIME = {"startTime": "2026-11-01T00:00:00Z", "endTime": "2026-12-01T00:00:00Z"}
ANSWERED: dict[str, dict[str, Any]] = {
    "QueryFootprint": TIME | {"groupBy": ["account"]},
    "ExplainFootprint": TIME | {"account": TENANTS[0].account},
    "CompareRules": {"rules": ["used", "reserved"]},
    "ListDimensionValues": {"dimension": "label"},
    "GetStatement": {"account": TENANTS[0].account, "period": PERIOD},
    "GetFacilityBook": {"name": "facilityBooks/-"},
    "Restate": TIME | {"reason": "asked from afar", "dryRun": True},
}
"""What a method needs to be told; the others answer {}, or say what is wrong."""

needs_node = pytest.mark.skipif(
    not shutil.which("node") or not NODE.is_dir(), reason="needs Node.js and its packages: npm ci --prefix tests/node"
)


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    with serving(data_of(tmp_path_factory.mktemp("foreign"), TENANTS)) as api:
        yield api


def curl(api: Api, method: MethodDescriptor, request: Any, token: str) -> subprocess.CompletedProcess[str]:
    header, described = f"authorization: Bearer {token}", f"authorization: Bearer {api.token('provider')}"
    options = ["--protocol", "grpc", "--http2-prior-knowledge", "--reflect", "--reflect-header", described, "-H", header]
    command = [BUF, "curl", *options, "-d", json.dumps(request), f"http://{api.target}{path_of(method)}"]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False, env={"HOME": os.environ["HOME"]})


@pytest.mark.parametrize("method", METHODS.values(), ids=METHODS)
def test_every_method_answers_who_has_only_its_address_and_a_token(api: Api, method: MethodDescriptor) -> None:
    done = curl(api, method, ANSWERED.get(method.name, {}), api.token("provider"))
    if method.name in ANSWERED:
        assert done.returncode == 0, done.stderr
    if done.returncode:
        assert json.loads(done.stderr)["code"] in {"invalid_argument", "failed_precondition", "not_found", "permission_denied"}
    else:
        json.loads(done.stdout or "{}")


def test_and_nobody_else(api: Api) -> None:
    done = curl(api, METHODS["QueryFootprint"], {}, "not-a-token")
    assert done.returncode
    assert "unauthenticated" in done.stderr


def node(api: Api, verb: str, *more: str, account: str = "", page: int = 0) -> subprocess.CompletedProcess[bytes]:
    token = api.token("tenant" if account else "provider", account)
    environment = {"PATH": os.environ["PATH"], "NODE_PATH": str(NODE), "GREENCLOUD_TOKEN": token, "GREENCLOUD_PAGE_SIZE": str(page)}
    command = ["node", str(SCRIPT), verb, api.target, str(ROOT / "proto"), *TIME.values(), *more]
    return subprocess.run(command, capture_output=True, timeout=60, check=False, env=environment)


@needs_node
@pytest.mark.parametrize("account", ["", TENANTS[0].account])
@pytest.mark.parametrize("page", [0, 3])
def test_node_js_pages_through_a_query_exactly(api: Api, account: str, page: int) -> None:
    done = node(api, "query", "account,component,label:key-qzxvkkwj7", account=account, page=page)
    assert (done.returncode, done.stderr) == (0, b"")

    query = FootprintQuery(
        EVER.start, EVER.end, accounts=(account,) if account else None, group_by=("account", "component", "label:key-qzxvkkwj7")
    )
    assert [
        (row["dimensions"], row["energy_millijoules"], row["total_location_based_micrograms"])
        for row in map(json.loads, done.stdout.decode().splitlines())
    ] == [
        (row.dimensions, str(row.energy.millijoules), str(row.total_location_based.micrograms))
        for row in api.data.ledger.snapshot().footprint(query)
    ]


@needs_node
def test_node_js_is_told_what_is_wrong(api: Api) -> None:
    done = node(api, "query", "colour")
    assert done.returncode == 1
    assert b"INVALID_ARGUMENT: group_by: there is no dimension 'colour'" in done.stderr


@needs_node
@pytest.mark.skipif("StreamFootprint" not in METHODS, reason="this release does not stream")
@pytest.mark.parametrize("account", ["", TENANTS[0].account])
def test_node_js_writes_a_stream_that_arrow_reads(api: Api, account: str) -> None:
    done = node(api, "stream", account=account)
    assert (done.returncode, done.stderr) == (0, b"")

    table = pa.ipc.open_stream(done.stdout).read_all()

    query = FootprintQuery(EVER.start, EVER.end, accounts=(account,) if account else None)
    meant = sum(row.energy.millijoules for row in api.data.ledger.snapshot().footprint(query))
    assert sum(table["energy_mj"].to_pylist()) == meant
    assert not account or set(table["account"].to_pylist()) == {account}
