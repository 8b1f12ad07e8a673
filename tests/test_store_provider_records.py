"""What a provider swears to and keeps, over the command line, on two machines of one store: closes, books and the audit trail."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

from click.testing import CliRunner

from greencloud.cli import main
from greencloud.engine import DataDirectory
from greencloud.server.wiring import services_of
from inventory_world import entry
from object_places import kept, take_out
from test_engine_closes_objects import DAYS, NOW, days_of


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


def test_two_servers_of_a_store_have_the_same_books_trail_and_log(uri: str, tmp_path: Path) -> None:
    one, other = (DataDirectory.attach(uri, tmp_path / name) for name in ("a", "b"))
    days_of(one.ledger)
    first, second = (services_of(data, lambda: NOW) for data in (one, other))
    assert first.audit
    assert second.audit
    place = first.audit.begin("CloseYear", subject="ada", role="provider.admin", request_id="r", summary="")
    first.audit.end(place, "OK")
    second.audit.begin("Restate", subject="ben", role="provider.admin", request_id="s", summary="")
    assert first.audit.entries() == second.audit.entries()
    assert [(each.subject, each.outcome) for each in first.audit.entries()] == [("ada", "OK"), ("ben", "")]
    made = first.books("ada").create_inventory_entry(entry())
    assert second.books("ben").get_inventory_entry(made.id) == made
    one.closes.close(one.ledger, DAYS[0], NOW)
    assert second.root_log() == first.root_log()
    assert second.statement("a", DAYS[0].name) == first.statement("a", DAYS[0].name)
