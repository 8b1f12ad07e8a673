"""What the documents tell a reader to run, runs."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from otlp import SECOND, SpanSpec, exporting, trace_request
from serving import Served, greencloud, serving

API = (Path(__file__).parents[1] / "docs" / "api.md").read_text(encoding="utf-8")
NOW = time.time_ns()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    data = tmp_path_factory.mktemp("docs") / "data"
    with serving(data) as served:
        with exporting(served.target, served.token("acme")) as export:
            export(trace_request({"service.name": "shop"}, [SpanSpec(1, 1, NOW - SECOND, NOW, "buy")]))
        greencloud("allocate", "--data", data)
        yield served


def block(language: str) -> str:
    found = re.search(rf"```{language}\n(.*?)```", API, flags=re.DOTALL)
    assert found
    # A period that surely holds the present, in place of the one shown.
    text = re.sub(r"2026-11-01T00:00:00Z", "2020-01-01T00:00:00Z", found[1]).replace("2026-12-01T00:00:00Z", "2200-01-01T00:00:00Z")
    return text.replace("datetime(2026, 11, 1", "datetime(2020, 1, 1").replace("datetime(2026, 12, 1", "datetime(2200, 1, 1")


def test_the_buf_curl_of_the_api_page_answers(server: Served) -> None:
    command = block("sh").replace("127.0.0.1:4317", server.target)
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    environment = os.environ | {"TOKEN": server.token("acme"), "PATH": path}
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, timeout=60, env=environment, check=False)

    assert done.returncode == 0, done.stderr
    assert '"service": "shop"' in done.stdout


def test_the_python_of_the_api_page_prints_rows(server: Served) -> None:
    program = block("python").replace("127.0.0.1:4317", server.target).replace('token="..."', f'token="{server.token("acme")}"')
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=False)

    assert done.returncode == 0, done.stderr
    assert "'operation': 'buy'" in done.stdout
