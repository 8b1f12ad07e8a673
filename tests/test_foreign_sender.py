"""Spans sent by the stock Node.js OpenTelemetry SDK arrive complete, and a report shows them."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import pytest

from serving import greencloud, serving

NODE = Path(__file__).parent / "node"

pytestmark = pytest.mark.skipif(
    not shutil.which("node") or not (NODE / "node_modules").is_dir(),
    reason="needs Node.js and its packages: npm ci --prefix tests/node",
)


def send(target: str, token: str, compression: str, count: int) -> subprocess.CompletedProcess[str]:
    command = ["node", str(NODE / "send.js"), f"http://{target}", token, compression, str(count)]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


def test_node_js_spans_arrive_complete_plain_and_gzip_and_are_reported(tmp_path: Path) -> None:
    data = tmp_path / "data"
    with serving(data) as server:
        for compression in ("none", "gzip"):
            sent = send(server.target, server.token("acme"), compression, 600)
            assert (sent.returncode, sent.stderr) == (0, "")

    greencloud("allocate", "--data", data)
    report = json.loads(
        greencloud("report", "--data", data, "--account", "acme", "--group-by", "service,operation", "-o", "json").stdout
    )

    counts = {
        (row["dimensions"]["service"], row["dimensions"]["operation"]): row["operation_count"]
        for row in report["rows"]
        if row["operation_count"]
    }
    expected = {(f"node-{kind}", f"job {job}"): 200 for kind in ("none", "gzip") for job in range(3)}
    assert expected == counts
    assert all(row["energy"]["millijoules"] > 0 for row in report["rows"])


def test_node_js_spans_with_a_bad_token_are_refused(tmp_path: Path) -> None:
    with serving(tmp_path / "data") as server:
        sent = send(server.target, "not-a-token", "none", 10)

        assert "UNAUTHENTICATED" in sent.stderr or "16" in sent.stderr
