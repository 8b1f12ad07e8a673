"""The server's own metrics: what a scrape shows is what was sent, and the dashboard asks for nothing that is not there."""

from __future__ import annotations

import json
import re
import time
import urllib.request
from collections import Counter
from pathlib import Path

import grpc
import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import Metric
from prometheus_client.parser import text_string_to_metric_families

from greencloud.server import ListenError
from greencloud.server.counts import OTHER, AccountBytes
from greencloud.server.settings import Settings
from otlp import SECOND, SpanSpec, exporting, trace_request
from serving import Served, serving

DASHBOARD = Path(__file__).parents[1] / "deploy" / "grafana" / "greencloud-intake.json"


def url(server: Served) -> str:
    found = re.search(r"metrics on (http://\S+)", server.log.read_text())
    assert found
    return found[1]


def scrape(server: Served) -> dict[str, Metric]:
    with urllib.request.urlopen(url(server), timeout=20) as answer:
        text = answer.read().decode()
    assert "eyJ" not in text, "a token"
    return {family.name: family for family in text_string_to_metric_families(text)}


def total(families: dict[str, Metric], name: str, **labels: str) -> float:
    samples = [sample for family in families.values() for sample in family.samples if sample.name == name]
    assert samples, name
    return sum(sample.value for sample in samples if labels.items() <= sample.labels.items())


def send(server: Served) -> int:
    """Three spans of which one is wrong, one request that is no OTLP, and one without a token."""
    now = time.time_ns()
    spans = [SpanSpec(number, number, now - SECOND, now) for number in (1, 2)] + [SpanSpec(3, 3, now, now - SECOND)]
    request = trace_request({"service.name": "shop"}, spans)
    with exporting(server.target, server.token("acme")) as export:
        export(request)
    for token, body in ((server.token("acme"), b"\xff"), ("nonsense", b"")):
        with exporting(server.target, token) as export, pytest.raises(grpc.RpcError):
            export(body)
    return len(request)


@pytest.mark.parametrize("workers", ["1", "2"])
def test_a_scrape_shows_what_was_sent_and_the_dashboard_asks_for_nothing_else(tmp_path: Path, workers: str) -> None:
    with serving(tmp_path / "data", "--metrics", "127.0.0.1:0", "--workers", workers) as server:
        size = send(server)
        families = scrape(server)
        again = scrape(server)

    assert total(families, "greencloud_intake_spans_total") == 2
    assert total(families, "greencloud_intake_rejected_total", signal="traces") == 1
    assert total(families, "greencloud_intake_size_bytes_total") == size
    assert total(families, "greencloud_intake_account_size_bytes_total", account="acme") == size
    for code in ("OK", "INVALID_ARGUMENT", "UNAUTHENTICATED"):
        assert total(families, "greencloud_intake_requests_total", signal="traces", code=code) == 1
    assert total(families, "greencloud_intake_duration_seconds_count", signal="traces") == 3
    assert total(families, "greencloud_log_syncs_total") == 1
    assert total(families, "greencloud_disk_free_bytes") > 0
    assert total(again, "greencloud_intake_account_size_bytes_total") == size
    if workers == "2":
        assert total(families, "greencloud_worker_alive") == 2
        assert total(families, "greencloud_worker_restarts_total") == 0
        asked = set(re.findall(r"\bgreencloud_\w+", DASHBOARD.read_text()))
        shown = {sample.name for family in families.values() for sample in family.samples}
        assert len(asked) > 15
        assert asked <= shown


def test_the_dashboard_is_one_that_grafana_can_import() -> None:
    board = json.loads(DASHBOARD.read_text())

    panels = [panel for panel in board["panels"] if panel["type"] != "row"]
    assert board["title"] == "greencloud intake"
    assert len({panel["id"] for panel in board["panels"]}) == len(board["panels"])
    for panel in panels:
        assert panel["description"], panel["title"]
        assert {target["datasource"]["uid"] for target in panel["targets"]} == {"${datasource}"}
        assert panel["gridPos"]["x"] + panel["gridPos"]["w"] <= 24


def test_metrics_are_for_this_machine_unless_something_guards_them(tmp_path: Path) -> None:
    with pytest.raises(ListenError, match="--insecure"):
        Settings(data=tmp_path, metrics="0.0.0.0:9464").check()
    assert Settings(data=tmp_path, metrics="127.0.0.1:9464").check() is None
    assert Settings(data=tmp_path, metrics="0.0.0.0:9464", insecure=True).check() is None


names = st.sampled_from("abcdefgh")


@given(st.lists(st.lists(st.tuples(names, st.integers(1, 1_000)), max_size=20), max_size=8))
def test_few_accounts_are_named_all_bytes_are_shown_and_sums_only_grow_while_they_are_named(
    looks: list[list[tuple[str, int]]],
) -> None:
    accounts = AccountBytes(most=3)
    before: dict[str, int] = {}
    sent: Counter[str] = Counter()
    for batch in looks:
        for name, size in batch:
            accounts.add(name, size)
            sent[name] += size
        shown = accounts.look()
        assert len(shown) <= 4
        assert all(shown[name] >= before[name] for name in shown.keys() & before.keys())
        assert sum(shown.values()) <= sent.total()
        grown = sum(shown.values()) - sum(before[name] for name in shown.keys() & before.keys())
        assert grown == sum(size for _, size in batch)
        before = shown


def test_the_busiest_of_late_are_named() -> None:
    accounts = AccountBytes(most=2)
    for name in "abcd":
        accounts.add(name, 1)
    accounts.look()
    for name, size in (("c", 500), ("d", 400), ("a", 10)):
        accounts.add(name, size)

    assert accounts.look().keys() == {"c", "d", OTHER}
