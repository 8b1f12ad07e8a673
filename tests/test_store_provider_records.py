"""What a provider swears to and keeps, over the command line, on two machines of one store: closes, books and the audit trail."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

from click.testing import CliRunner

from greencloud.cli import main
from greencloud.engine import DataDirectory
from object_places import kept, take_out
from test_engine_closes_objects import DAYS, days_of


def run(*words: str | Path, exit_code: int | None = 0) -> str:
    done = CliRunner().invoke(main, [str(word) for word in words])
    assert exit_code is None or done.exit_code == exit_code, done.output
    return done.output


def findings(data: Path) -> dict[str, tuple[str, str]]:
    told: list[dict[str, Any]] = json.loads(run("doctor", "--data", data, "-o", "json", exit_code=None))
    return {each["topic"]: (each["status"], each["text"]) for each in told}


def test_two_machines_keep_one_record_of_what_is_done(uri: str, tmp_path: Path) -> None:
    one, other = tmp_path / "a", tmp_path / "b"
    for data in (one, other):
        run("init", "--data", data, "--store", uri)
    days_of(DataDirectory.open(one, create=False).ledger)
    run("ledger", "close", "--data", one, DAYS[0].name)
    statement = ("--account", "a", "--period", DAYS[0].name, "--out", tmp_path / "statement")
    run("statement", "--data", other, *statement)
    files = [tmp_path / "statement" / name for name in ("statement.json", "root.json", "log.jsonl")]
    run("verify", files[0], "--root", files[1], "--log", files[2])
    document = tmp_path / "invoice.pdf"
    document.write_bytes(b"invoice 7")
    digest = run("inventory", "evidence", "put", "--data", other, document).split()[0]
    run("ledger", "close", "--data", other, DAYS[1].name, exit_code=None)  # it has no key
    for data in (one, other):
        shutil.rmtree(data / "closes", ignore_errors=True)
        trail = DataDirectory.open(data, create=False).audit.entries()
        assert [(each.action, each.outcome == "OK") for each in trail] == [
            ("ledger close", True),
            ("inventory evidence put", True),
            ("ledger close", False),
        ]
    assert digest
    told = findings(one)
    assert {name: told[name][0] for name in ("audit trail", "closes", "books", "evidence")} == dict.fromkeys(
        ("audit trail", "closes", "books", "evidence"), "ok"
    ), told
    take_out(uri, "audit/000000000002.json")
    assert findings(other)["audit trail"] == ("fault", "line 2 is missing, though line 3 is there")
    assert {key.partition("/")[0] for key in kept(uri)} >= {"audit", "books", "closes", "ledger"}
    assert not [key for key in kept(uri) if "keys" in key or "pem" in key]
