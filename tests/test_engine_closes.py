"""A close says what the ledger says, proves it to every account, survives a kill, and is never quietly changed."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from greencloud.cli import main
from greencloud.engine import DataDirectory
from greencloud.engine.closes import Closes, period_named
from greencloud.errors import NotFoundError, ProofError, QuantityError, StoreError
from greencloud.ledger import Ledger
from greencloud.ledger.compaction import compact
from greencloud.proof import MEASURES, canonical, fingerprint, read_log, verify
from greencloud.results import FootprintQuery
from greencloud.units import INT64_MAX, Window
from ledger_builders import batch, batch_of, hour

DAY = period_named("2026-02-01")
NOW = datetime(2026, 3, 1, tzinfo=UTC)

KILLED = f"""
import os, signal, sys; sys.path.insert(0, {str(Path(__file__).parent)!r})
from pathlib import Path
from greencloud.engine.closes import Closes
from greencloud.ledger import Ledger
from test_engine_closes import DAY, NOW
def kill(at):
    if at == sys.argv[2]:
        os.kill(os.getpid(), signal.SIGKILL)
root = Path(sys.argv[1])
Closes(root / "closes", root / "keys" / "closing", checkpoint=kill).close(Ledger(root / "ledger"), DAY, NOW)
"""


def full_day(ledger: Ledger) -> None:
    """The 24 hours of 2026-02-01: three accounts, a pool, and amounts beyond 64 bits in sum."""
    ledger.post_all(
        [
            batch_of(
                [
                    {"account": "a", "service": "web", "energy_mj": 7, "scope2_location_ug": INT64_MAX},
                    {"account": "a", "service": "db", "energy_mj": 5, "quality": "estimated"},
                    {"account": "b", "energy_mj": at},
                    {"account": "c'; --", "scope3_embodied_ug": 3, "component": "embodied"},
                    {"account": "(unsold)", "energy_mj": 1},
                ],
                window=hour(at),
            )
            for at in range(2, 26)
        ]
    )


@pytest.fixture
def data(tmp_path: Path) -> DataDirectory:
    directory = DataDirectory.open(tmp_path / "data", create=True)
    full_day(directory.ledger)
    return directory


@pytest.mark.parametrize(
    ("name", "start", "end"),
    [
        ("2026", "2026-01-01", "2027-01-01"),
        ("2026-Q1", "2026-01-01", "2026-04-01"),
        ("2026-Q4", "2026-10-01", "2027-01-01"),
        ("2026-12", "2026-12-01", "2027-01-01"),
        ("2024-02", "2024-02-01", "2024-03-01"),
        ("2024-02-29", "2024-02-29", "2024-03-01"),
    ],
)
def test_a_period_is_named_by_its_calendar(name: str, start: str, end: str) -> None:
    period = period_named(name)
    assert (f"{period.start:%Y-%m-%d}", f"{period.end:%Y-%m-%d}") == (start, end)


@pytest.mark.parametrize("name", ["", "26", "2026-13", "2026-Q5", "2026-02-30", "2026-2", "0000", "9999-12-31", "2026-11 "])
def test_what_is_no_period_is_refused(name: str) -> None:
    with pytest.raises(QuantityError, match="is no period"):
        period_named(name)


def test_every_account_gets_a_statement_that_verifies_and_says_what_the_ledger_says(data: DataDirectory) -> None:
    entry = data.closes.close(data.ledger, DAY, NOW).entry
    query = FootprintQuery(DAY.start, DAY.end, group_by=("account",))
    whole = [0] * len(MEASURES)
    rows = data.ledger.snapshot().footprint(query)
    assert {row.dimensions["account"] for row in rows} == {"a", "b", "c'; --", "(unsold)"}
    for row in rows:
        statement, root = data.closes.statement(row.dimensions["account"], "2026-02-01")
        assert root == entry
        findings = verify(json.loads(canonical(statement)), json.loads(canonical(root)), data.closes.log())
        assert not [finding for finding in findings if finding.status == "fault"]
        totals = [int(amount) for amount in statement["totals"]]
        assert totals[0] == row.energy.millijoules
        assert totals[2] == row.scope2_location_based.micrograms
        whole = [held + more for held, more in zip(whole, totals, strict=True)]
    assert whole == [int(amount) for amount in entry["body"]["totals"]]
    assert whole[2] > 2**64
    with pytest.raises(NotFoundError):
        data.closes.statement("nobody", "2026-02-01")
    with pytest.raises(NotFoundError, match="not closed"):
        data.closes.statement("a", "2026-02")


def test_quality_is_on_the_lines_of_a_statement(data: DataDirectory) -> None:
    data.closes.close(data.ledger, DAY, NOW)
    statement, _ = data.closes.statement("a", "2026-02-01")
    assert {line["dimensions"]["quality"] for line in statement["lines"]} == {"", "estimated"}


def test_what_is_not_complete_is_not_closed(data: DataDirectory) -> None:
    closes, ledger = data.closes, data.ledger
    with pytest.raises(ProofError, match="ends at"):
        closes.close(ledger, DAY, DAY.end - timedelta(seconds=1))
    with pytest.raises(ProofError, match="s has no batch from 2026-02-01T00:00:00Z"):
        closes.close(_with_gap(ledger), DAY, NOW)
    assert closes.in_force() == {}


def _with_gap(ledger: Ledger) -> Ledger:
    """A ledger of the same site, which has nothing of the day's first two hours."""
    other = Ledger(ledger.root.with_name("late"))
    other.post_all([batch({"a": 1}, window=hour(at)) for at in (1, *range(4, 26))])
    return other


def test_gaps_are_told_and_a_provisional_batch_is_refused(data: DataDirectory) -> None:
    late = _with_gap(data.ledger)
    closing = data.closes.close(late, DAY, NOW, allow_gaps=True)
    assert [str(gap) for gap in closing.gaps] == ["s has no batch from 2026-02-01T00:00:00Z to 2026-02-01T02:00:00Z"]
    assert closing.entry["body"]["notes"] == [str(gap) for gap in closing.gaps]
    late.post(batch({"a": 2}, window=hour(9), provisional=True))
    with pytest.raises(ProofError, match="1 batches are provisional"):
        data.closes.close(late, DAY, NOW, allow_gaps=True)


def test_a_site_that_opened_later_or_was_shut_down_before_lacks_nothing(data: DataDirectory) -> None:
    for at in (-30, -3):
        data.ledger.post(batch({"a": 1}, site="old", window=hour(at)))
    data.ledger.post(batch({"a": 1}, site="new", window=hour(24 * 20)))
    closing = data.closes.close(data.ledger, DAY, NOW)
    assert (closing.gaps, closing.notes) == ((), [])


def test_a_site_that_began_or_ended_in_the_period_is_told(data: DataDirectory) -> None:
    for at in range(10, 15):
        data.ledger.post(batch({"a": 1}, site="short", window=hour(at)))
    with pytest.raises(ProofError, match="short has no batch from 2026-02-01T13:00:00Z to 2026-02-02T00:00:00Z"):
        data.closes.close(data.ledger, DAY, NOW)  # eleven hours of silence are no end
    data.ledger.post(batch({"a": 1}, window=hour(14 + 24)))
    closing = data.closes.close(data.ledger, DAY, NOW)
    assert closing.gaps == ()
    assert closing.notes == [
        "short has no batch before 2026-02-01T08:00:00Z: it is taken to begin then",
        "short has no batch after 2026-02-01T13:00:00Z: it is taken to end then",
    ]
    statement, root = data.closes.statement("a", DAY.name)
    notes = [finding.text for finding in verify(statement, root) if (finding.topic, finding.status) == ("close", "note")]
    assert notes == closing.notes


def test_what_the_ledger_has_not_reached_is_missing(tmp_path: Path) -> None:
    """As where the clock is ahead, or the allocation behind."""
    data = DataDirectory.open(tmp_path / "data", create=True)
    data.ledger.post_all([batch({"a": 1}, window=hour(at), site=site) for at in range(2, 10) for site in "st"])
    with pytest.raises(ProofError, match="s has no batch from 2026-02-01T08:00:00Z to 2026-02-02T00:00:00Z; t has no batch"):
        data.closes.close(data.ledger, DAY, NOW)


def test_a_change_after_the_close_is_seen_and_closed_anew_by_name(data: DataDirectory) -> None:
    closes, ledger = data.closes, data.ledger
    first = closes.close(ledger, DAY, NOW).entry
    before = closes.statement("b", DAY.name)
    with pytest.raises(ProofError, match="nothing in it has changed"):
        closes.close(ledger, DAY, NOW)
    compact(ledger, NOW)
    assert closes.changed(ledger.snapshot()) == []  # where batches lie is no change
    ledger.post(batch({"a": 50, "b": 60}, window=hour(3)))
    assert closes.changed(ledger.snapshot()) == [DAY.name]
    second = closes.close(ledger, DAY, NOW + timedelta(days=1)).entry
    assert second["body"]["restates"] == first["index"]
    assert closes.changed(ledger.snapshot()) == []
    assert closes.entry_of(DAY.name) == second
    log = closes.log()
    for statement, root in (before, closes.statement("b", DAY.name)):
        assert not [finding for finding in verify(statement, root, log) if finding.status == "fault"]
    assert verify(before[0], second)[0].status == "ok"
    assert any(finding.status == "fault" for finding in verify(before[0], second))
    assert list(closes.faults()) == []


def test_a_new_key_is_vouched_for_and_a_lost_one_is_named(data: DataDirectory) -> None:
    closes = data.closes
    closes.close(data.ledger, DAY, NOW)
    fresh = closes.rotate(NOW + timedelta(days=1))
    data.ledger.post(batch({"a": 1}, window=hour(3)))
    closes.close(data.ledger, DAY, NOW + timedelta(days=2))
    assert [entry["kind"] for entry in closes.log()] == ["key", "close", "key", "close"]
    statement, root = closes.statement("a", DAY.name)
    assert not [f for f in verify(statement, root, closes.log(), fresh) if f.status == "fault"]
    keys = data.keys_directory / "closing"
    assert {oct(path.stat().st_mode & 0o777) for path in keys.iterdir()} == {"0o600"}
    assert oct((data.path / "closes" / root["body"]["root"]).stat().st_mode & 0o777) == "0o700"
    (keys / f"{fresh}.pem").unlink()
    assert any(fresh in fault for fault in closes.faults())
    with pytest.raises(StoreError, match="in force"):
        closes.rotate(NOW + timedelta(days=3))


def test_an_account_of_too_many_lines_keeps_nobody_from_closing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The limit of a statement is lowered, so that some hundred lines are too many."""
    for module in ("closing", "lines", "statement"):
        monkeypatch.setattr(f"greencloud.proof.{module}.MAX_LINES", 100)
    data = DataDirectory.open(tmp_path / "data", create=True)
    for at in range(2, 26):
        many = [{"account": "mallory", "service": f"{at}-{number}", "energy_mj": number} for number in range(10)]
        data.ledger.post(batch_of([{"account": "victim", "energy_mj": 5}, *many], window=hour(at)))
    root = data.closes.close(data.ledger, DAY, NOW).entry
    (note,) = root["body"]["notes"]
    assert "in 1 account: the smallest are summed" in note
    assert "mallory" not in note
    statement, _ = data.closes.statement("mallory", DAY.name)
    findings = verify(json.loads(canonical(statement)), root, data.closes.log())
    assert not [finding for finding in findings if finding.status == "fault"]
    assert len(statement["lines"]) == 100
    (rest,) = [line["dimensions"] for line in statement["lines"] if "remainder" in line["dimensions"]]
    assert (rest["remainder"], rest["service"], rest["site"]) == ("141 smaller lines", "", "s")
    assert statement["totals"][0] == str(24 * sum(range(10)))
    assert data.closes.statement("victim", DAY.name)[0]["totals"][0] == str(24 * 5)


AHEAD = datetime(2036, 3, 1, tzinfo=UTC)


def kept_keys(data: DataDirectory) -> set[str]:
    return {path.stem for path in (data.keys_directory / "closing").iterdir()}


def test_a_clock_that_was_ahead_keeps_nobody_from_closing_and_changing_keys(data: DataDirectory) -> None:
    closes = data.closes
    closes.close(data.ledger, DAY, AHEAD)
    data.ledger.post(batch({"a": 1}, window=hour(3)))
    closes.close(data.ledger, DAY, NOW)
    fresh = closes.rotate(NOW)
    data.ledger.post(batch({"a": 2}, window=hour(3)))
    root = closes.close(data.ledger, DAY, AHEAD + timedelta(microseconds=1)).entry
    assert [entry["time"] for entry in closes.log()] == ["2036-03-01T00:00:00Z"] * 5
    statement, _ = closes.statement("a", DAY.name)
    assert not [finding for finding in verify(statement, root, closes.log(), fresh) if finding.status == "fault"]
    assert list(closes.faults()) == []


def test_a_key_whose_entry_is_refused_is_not_kept(data: DataDirectory) -> None:
    closes = data.closes
    closes.close(data.ledger, DAY, NOW)
    keys = data.keys_directory / "closing"

    def another_first(step: str) -> None:
        if step == "key_written":
            closes.rotate(NOW)

    between = Closes(closes.folder, keys, checkpoint=another_first)
    with pytest.raises(ProofError, match="make the entry anew"):
        between.rotate(NOW)
    in_force = closes.log()[-1]["body"]["key"]
    assert len(closes.log()) == 3
    assert kept_keys(data) == {fingerprint(bytes.fromhex(closes.log()[0]["key"])), fingerprint(bytes.fromhex(in_force))}
    (keys / f"{fingerprint(bytes.fromhex(in_force))}.pem").unlink()
    with pytest.raises(StoreError, match="in force"):
        closes.rotate(NOW)
    assert kept_keys(data) == {fingerprint(bytes.fromhex(closes.log()[0]["key"]))}


@pytest.mark.stress
@pytest.mark.parametrize("step", ["tree_written", "key_written", "logged"])
def test_a_close_that_is_killed_is_made_or_not_and_can_be_made_again(data: DataDirectory, step: str) -> None:
    done = subprocess.run([sys.executable, "-c", KILLED, str(data.path), step], check=False, timeout=60, capture_output=True)
    assert done.returncode == -9, done.stderr
    assert list(data.closes.in_force()) == ([DAY.name] if step == "logged" else [])
    assert list(data.closes.faults()) == []
    if step != "logged":
        data.closes.close(data.ledger, DAY, NOW)
    statement, root = data.closes.statement("a", DAY.name)
    assert not [finding for finding in verify(statement, root, data.closes.log()) if finding.status == "fault"]


def flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def cut(path: Path) -> None:
    os.truncate(path, path.stat().st_size // 2)


@pytest.mark.parametrize("harm", [flip, cut, Path.unlink])
def test_damage_to_what_was_closed_is_named(data: DataDirectory, harm: Callable[[Path], None]) -> None:
    closes = data.closes
    entry = closes.close(data.ledger, DAY, NOW).entry
    log_file = closes.folder / "log.jsonl"
    for path in [log_file, *sorted((closes.folder / entry["body"]["root"]).iterdir())]:
        kept = path.read_bytes()
        harm(path)
        if path != log_file or harm is not Path.unlink:
            assert list(Closes(closes.folder, data.keys_directory / "closing").faults()), path.name
        path.write_bytes(kept)
    assert list(closes.faults()) == []


def test_the_verbs_close_write_and_verify_and_doctor_says_what_changed(data: DataDirectory, tmp_path: Path) -> None:
    runner = CliRunner()
    there = ["--data", str(data.path)]
    closed = runner.invoke(main, ["ledger", "close", *there, DAY.name])
    assert closed.exit_code == 0, closed.output
    assert "is closed by entry 1 of the log" in closed.output
    assert runner.invoke(main, ["ledger", "close", *there, DAY.name]).exit_code != 0
    written = runner.invoke(main, ["statement", *there, "--account", "a", "--period", DAY.name, "--out", str(tmp_path / "a")])
    assert written.exit_code == 0, written.output
    shutil.move(data.path, tmp_path / "elsewhere")
    files = [str(tmp_path / "a" / name) for name in ("statement.json", "root.json", "log.jsonl")]
    verified = runner.invoke(main, ["verify", files[0], "--root", files[1], "--log", files[2]])
    assert verified.exit_code == 0, verified.output
    there = ["--data", str(tmp_path / "elsewhere")]
    moved = DataDirectory.open(tmp_path / "elsewhere", create=False)
    assert runner.invoke(main, ["ledger", "closes", *there]).exit_code == 0
    moved.ledger.post(batch({"a": 1}, window=hour(3)))
    listed = runner.invoke(main, ["ledger", "closes", *there, "-o", "json"])
    assert (listed.exit_code, json.loads(listed.output)[0]["changed"]) == (3, True)
    doctor = runner.invoke(main, ["doctor", *there])
    assert "2026-02-01: the ledger says something else now than was closed" in doctor.output
    audited = runner.invoke(main, ["ledger", "audit", *there, DAY.name, "--out", str(tmp_path / "audit.jsonl"), "--named"])
    assert audited.exit_code == 0, audited.output
    rotated = runner.invoke(main, ["ledger", "rotate-key", *there])
    assert len(rotated.output.strip()) == 64
    kept = runner.invoke(main, ["ledger", "maintain", *there])
    assert "1 days compacted" in kept.output
    assert runner.invoke(main, ["ledger", "versions", *there]).output.count("\n") == moved.ledger.snapshot().version + 1


def test_whether_a_window_is_closed_follows_the_log_and_reads_it_once(data: DataDirectory, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another process closes meanwhile, loses the log, and damages it."""
    reads = 0

    def counted(path: Path) -> list[dict[str, Any]]:
        nonlocal reads
        reads += 1
        return read_log(path)

    monkeypatch.setattr("greencloud.engine.root_log.read_log", counted)
    ledger, hours = data.ledger, [batch({"a": 1}, window=hour(at)).summary for at in (1, 2, 25, 26)]

    def closed() -> list[bool]:
        return [ledger.closed(each) for each in hours]

    assert closed() == [False] * 4
    data.closes.close(data.ledger, DAY, NOW)
    reads = 0
    assert closed() == closed() == [False, True, True, False]
    assert reads == 1
    data.ledger.post(batch({"a": 1}, window=hour(1)))
    data.closes.close(data.ledger, period_named("2026-01-31"), NOW, allow_gaps=True)
    reads = 0
    assert closed() == closed() == [True, True, True, False]
    assert reads == 1
    log_file = data.closes.folder / "log.jsonl"
    kept = log_file.read_bytes()
    log_file.unlink()
    assert closed() == [False] * 4
    log_file.write_bytes(kept[:-1])
    for _ in range(2):
        with pytest.raises(ProofError, match="cut off"):
            closed()


def test_a_ledger_that_was_open_before_a_close_restates_what_was_closed(data: DataDirectory) -> None:
    ledger = data.ledger

    def replaced(window: Window) -> tuple[str, ...]:
        ledger.post(batch({"a": 1}, window=window, provisional=True))
        found = ledger.post(batch({"a": 2}, window=window))
        assert found
        return found.causes

    assert replaced(hour(0)) == ()
    data.closes.close(data.ledger, period_named("2026-01-31"), NOW, allow_gaps=True)
    assert replaced(hour(1)) == ("unknown",)
    assert replaced(hour(26)) == ()


@pytest.mark.parametrize("there_before", [False, True])
def test_an_auditors_list_is_for_the_owner_alone_while_it_is_written(
    data: DataDirectory, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, there_before: bool
) -> None:
    data.closes.close(data.ledger, DAY, NOW)
    out = tmp_path / "audit.jsonl"
    if there_before:
        out.touch(mode=0o644)
    modes = set()
    listed = Closes.audit

    def watched(self: Closes, name: str, *, named: bool) -> Iterator[bytes]:
        for line in listed(self, name, named=named):
            modes.add(oct(out.stat().st_mode & 0o777))
            yield line

    monkeypatch.setattr(Closes, "audit", watched)
    done = CliRunner().invoke(main, ["ledger", "audit", "--data", str(data.path), DAY.name, "--named", "--out", str(out)])
    assert done.exit_code == 0, done.output
    assert (modes, out.stat().st_mode & 0o777) == ({"0o600"}, 0o600)
    assert b'"account":"a"' in out.read_bytes()
