"""A data directory and the server on it give the same bytes, for every verb that takes both; what is typed beats what is set."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner

from cli_world import run, two_months
from greencloud.cli import main
from serving import Served, serving


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    data = two_months(tmp_path_factory.mktemp("sources"))
    with serving(data) as server:
        yield server


@pytest.fixture(autouse=True)
def no_profile(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    for name in ("DATA", "SERVER", "PROFILE", "TOKEN", "TOKEN_FILE", "CONFIG"):
        monkeypatch.delenv(f"GREENCLOUD_{name}", raising=False)


QUESTIONS = [
    ["report", "--account", "acme", "-o", "csv"],
    ["report", "--account", "acme", "--period", "2026-02", "--change", "-o", "md"],
    ["report", "--period", "2026", "--granularity", "quarter", "-o", "jsonl"],
    ["report", "--period", "2026", "--granularity", "year", "--group-by", "account,region,component", "--limit", "3", "-o", "tsv"],
    ["report", "--filter", "region=a", "--sort", "energy:desc", "--group-by", "account", "-o", "parquet"],
    ["diff", "2026-01", "2026-02", "--group-by", "account,region"],
    ["diff", "a", "b", "--between", "region", "-o", "json"],
    ["export", "--preset", "aws-carbon"],
    ["export", "--preset", "google-carbon", "-o", "jsonl"],
    ["export", "--preset", "focus", "--granularity", "day", "-o", "arrow"],
    ["values", "service"],
    ["values", "region", "--period", "2026-01", "--account", "acme", "-o", "json"],
    ["values", "label", "-o", "csv"],
    ["availability"],
    ["availability", "--account", "acme", "-o", "json"],
    ["availability", "-o", "csv"],
    ["compare", "--by", "account,service", "-o", "csv"],
    ["compare", "--rule", "reserved", "--rule", "used", "--period", "2026-01"],
    ["restatements", "-o", "json"],
    ["statement", "--list", "-o", "json"],
    ["explain", "--account", "acme", "--period", "2026-02", "-o", "json"],
]


@pytest.mark.parametrize("question", QUESTIONS, ids=" ".join)
def test_a_directory_and_its_server_say_the_same_bytes(served: Served, question: list[str]) -> None:
    token = served.token()
    results = [
        CliRunner().invoke(main, [question[0], *where, *question[1:]], catch_exceptions=False)
        for where in (["--data", str(served.data)], ["--server", served.target, "--token", token])
    ]

    assert [result.exit_code for result in results] == [0, 0], [result.stderr for result in results]
    assert results[0].stdout_bytes == results[1].stdout_bytes
    assert results[0].stdout_bytes


def test_what_is_typed_beats_what_is_set(served: Served, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    asked = ["availability", "-o", "json"]
    wanted = run(served.data, *asked).stdout
    (tmp_path / "token").write_text(served.token())
    (tmp_path / "greencloud").mkdir()
    (tmp_path / "greencloud" / "config.toml").write_text(
        f'[profile.default]\nserver = "127.0.0.1:1"\n[profile.here]\nserver = "{served.target}"\ntoken_file = "../token"\n'
    )

    def ask(*options: str, **environment: str) -> str:
        result = CliRunner(env=environment).invoke(main, [*asked, *options], catch_exceptions=False)
        assert result.exit_code == 0, result.output
        return result.stdout

    assert ask("--profile", "here") == wanted
    assert ask(GREENCLOUD_PROFILE="here") == wanted
    assert ask("--data", str(served.data)) == wanted
    assert ask(GREENCLOUD_DATA=str(served.data), GREENCLOUD_SERVER="127.0.0.1:1") == wanted
    token = str(tmp_path / "token")
    assert ask("--server", served.target, "--token-file", token, GREENCLOUD_DATA=str(tmp_path / "none")) == wanted
    assert ask(GREENCLOUD_SERVER=served.target, GREENCLOUD_TOKEN=served.token()) == wanted


@pytest.mark.parametrize(
    ("options", "code", "said"),
    [
        ([], 2, "either --data DIR or --server HOST:PORT"),
        (["--data", "d", "--server", "h:1"], 2, "either --data DIR or --server HOST:PORT"),
        (["--data", "d", "--profile", "p"], 2, "either --data DIR or --server HOST:PORT"),
        (["--profile", "nowhere"], 1, "there is no profile 'nowhere'"),
        (["--server", "127.0.0.1:1", "--timeout", "2"], 6, "check the address"),
    ],
)
def test_what_is_wrong_is_told(options: list[str], code: int, said: str) -> None:
    result = CliRunner().invoke(main, ["availability", *options])

    assert result.exit_code == code, result.output
    assert said in " ".join(result.stderr.split())
    assert not result.stdout


def test_a_wrong_token_ends_with_code_4(served: Served) -> None:
    result = CliRunner().invoke(main, ["values", "service", "--server", served.target, "--token", "no.such.token"])

    assert result.exit_code == 4


LIGHT = """
import json, sys
for name in ("pyarrow", "duckdb", "deltalake", "cryptography", "jwt", "opentelemetry", "rich", "numpy"):
    sys.modules[name] = None
from click.testing import CliRunner
from greencloud.cli import main
asked, source = map(json.loads, sys.argv[1:])
done = [CliRunner().invoke(main, question + source, prog_name="greencloud") for question in asked]
print(json.dumps([[each.exit_code, each.stdout, each.stderr] for each in done]))
"""

LIGHT_QUESTIONS = [
    ["report", "--period", "2026-02", "--change", "-o", "json"],
    ["diff", "2026-01", "2026-02"],
    ["export", "--preset", "google-carbon", "-o", "jsonl"],
    ["values", "service"],
    ["availability"],
    ["compare", "--rule", "used", "--rule", "reserved", "-o", "csv"],
    ["restatements"],
    ["export", "-o", "parquet"],
]


def test_a_light_client_answers_every_question_to_a_server(served: Served) -> None:
    """Without what only the server needs; Arrow and Parquet name the extra that brings them."""
    source = ["--server", served.target, "--token", served.token("acme")]
    command = [sys.executable, "-c", LIGHT, json.dumps(LIGHT_QUESTIONS), json.dumps(source)]
    told = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True).stdout

    for question, (code, out, err) in zip(LIGHT_QUESTIONS, json.loads(told), strict=True):
        if "parquet" in question:
            assert code == 1, question
            assert "pip install 'greencloud[arrow]'" in err
        else:
            assert code == 0, (question, err)
            assert out, question
