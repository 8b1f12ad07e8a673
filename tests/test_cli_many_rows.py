"""An answer of more rows than the server puts into pages comes as a stream, and is the same."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner

from greencloud.cli import main
from greencloud.client.tables import rows_of_batch, rows_table
from greencloud.server import footprint
from greencloud.testing import Server


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with Server() as running:
        yield running


@pytest.fixture(autouse=True)
def no_profile(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))


@pytest.mark.parametrize(
    "question",
    [
        ["export", "--granularity", "hour", "--group-by", "account,service,operation,scope"],
        ["export", "--granularity", "window", "--group-by", "label:team,component", "-o", "arrow"],
        ["export", "--preset", "focus", "--granularity", "hour", "-o", "jsonl"],
        ["report", "--granularity", "hour", "--group-by", "account", "-o", "json"],
    ],
    ids=" ".join,
)
def test_more_rows_than_fit_into_pages(server: Server, monkeypatch: pytest.MonkeyPatch, question: list[str]) -> None:
    words = [*question, "--server", server.target, "--token", server.token()]
    with monkeypatch.context() as patch:  # first: the server keeps an answer that it once put into pages
        patch.setattr(footprint, "_MOST_ANSWER", 2)
        streamed = CliRunner().invoke(main, words)

    paged = CliRunner().invoke(main, words)

    assert (streamed.exit_code, paged.exit_code) == (0, 0), streamed.output
    assert streamed.stdout_bytes == paged.stdout_bytes


@pytest.mark.parametrize("names", [(), ("account", "scope", "label:team")], ids=str)
def test_rows_become_a_table_and_rows_again(server: Server, names: tuple[str, ...]) -> None:
    with server.client() as client:
        rows = client.query_footprint(start=server.start, end=server.end, group_by=names, granularity="hour").to_list()

    assert rows
    assert [row for batch in rows_table(rows, names).to_batches() for row in rows_of_batch(batch, names)] == rows
