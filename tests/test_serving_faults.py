"""A refresh or a database that dies on the way changes nothing; one that is away, slow or stands still is no error to who asks."""

from __future__ import annotations

import logging
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from copied_world import BY_ACCOUNT, copied, day, findings, ledger_of, refreshed, snapshot_of
from greencloud.errors import StoppedError, StoreUnavailableError
from greencloud.ledger import Ledger
from greencloud.ledger.stop import Stop
from greencloud.serving import Refreshed, refresh
from greencloud.serving.connection import WRITER, connect
from greencloud.serving.follow import following
from postgres import Postgres, postgres
from test_ledger_rollups_random import WINDOWS, made


@pytest.fixture(scope="module")
def server() -> Iterator[Postgres]:
    with postgres() as running:
        yield running


@pytest.fixture
def own(server: Postgres) -> Postgres:
    """The same: a test that kills it starts it again."""
    return server


@pytest.fixture
def database(server: Postgres) -> str:
    return server.clean()


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    return ledger_of(tmp_path)


def test_what_is_given_up_while_the_database_works_on_it_ends_at_once(ledger: Ledger, database: str) -> None:
    refreshed(database, ledger)
    stop = Stop()
    with copied(database, timeout_s=60) as copy, locked(database):
        timer = threading.Timer(0.2, stop.set)
        timer.start()
        with pytest.raises(StoppedError):
            snapshot_of(ledger, copy).footprint(BY_ACCOUNT, stop=stop)
        timer.join()


@contextmanager
def locked(database: str) -> Iterator[None]:
    """Nobody can read meanwhile."""
    with connect(database) as connection, connection.transaction():
        connection.execute("LOCK greencloud.day_sum IN ACCESS EXCLUSIVE MODE")
        yield


def test_a_slow_database_is_passed_by(ledger: Ledger, database: str, caplog: pytest.LogCaptureFixture) -> None:
    refreshed(database, ledger)
    with copied(database, timeout_s=0.2) as copy, locked(database), caplog.at_level(logging.WARNING):
        for _ in range(2):
            assert snapshot_of(ledger, copy).footprint(BY_ACCOUNT) == ledger.snapshot().footprint(BY_ACCOUNT)
        assert copy.counts == {"slow": 2}
    assert len(caplog.records) == 1  # once a minute
    assert "zoë" not in caplog.text


def test_a_database_that_is_away_is_let_alone_for_some_seconds(ledger: Ledger, tmp_path: Path) -> None:
    now = [0.0]
    with copied(f"host={tmp_path} user=nobody password=secret dbname=none", clock=lambda: now[0]) as copy:
        for _ in range(3):
            assert snapshot_of(ledger, copy).footprint(BY_ACCOUNT) == ledger.snapshot().footprint(BY_ACCOUNT)
        assert copy.counts == {"unavailable": 3}


def test_a_database_that_stands_still_or_is_started_anew(ledger: Ledger, own: Postgres) -> None:
    database = own.database()
    refreshed(database, ledger)
    wanted = ledger.snapshot().footprint(BY_ACCOUNT)
    with copied(database, timeout_s=0.2) as copy:
        assert snapshot_of(ledger, copy).footprint(BY_ACCOUNT) == wanted
        own.kill()
        own.start()
        assert snapshot_of(ledger, copy).footprint(BY_ACCOUNT) == wanted
        assert copy.counts == {"copy": 2}
        backend = own.backends()
        for pid in backend:
            os.kill(pid, signal.SIGSTOP)
        try:
            assert snapshot_of(ledger, copy).footprint(BY_ACCOUNT) == wanted
        finally:
            for pid in backend:
                os.kill(pid, signal.SIGCONT)
        assert copy.counts == {"copy": 2, "unavailable": 1}


REFRESH = """
import sys
from pathlib import Path
from greencloud.ledger import Ledger
from greencloud.serving import refresh
from greencloud.serving.connection import WRITER, connect

def progress(step):
    print(step, flush=True)
    if step.startswith(sys.argv[3]):
        sys.stdin.read()

refresh(sys.argv[2], connect(sys.argv[2], **WRITER), Ledger(Path(sys.argv[1])), progress=progress)
"""


@contextmanager
def refreshing_until(step: str, ledger: Ledger, database: str) -> Iterator[subprocess.Popen[str]]:
    """A process that stands still in the middle of a refresh."""
    command = [sys.executable, "-c", REFRESH, str(ledger.root), database, step]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
        assert process.stdout
        while not (line := process.stdout.readline()).startswith(step):
            assert line, "it ended"
        try:
            yield process
        finally:
            process.kill()


@pytest.mark.stress
def test_a_refresh_that_is_killed_changes_nothing_and_the_next_does_it(ledger: Ledger, database: str) -> None:
    refreshed(database, ledger)
    before = ledger.snapshot()
    ledger.post_all(day("s", WINDOWS[5], 1))
    with copied(database) as copy:
        with refreshing_until("days", ledger, database) as process:
            assert snapshot_of(ledger, copy, before.version).footprint(BY_ACCOUNT) == before.footprint(BY_ACCOUNT)
            assert copy.counts == {"copy": 1}  # readers do not wait for it
            process.kill()
        assert refreshed(database, ledger).added == 24
        assert snapshot_of(ledger, copy).footprint(BY_ACCOUNT) == ledger.snapshot().footprint(BY_ACCOUNT)
        assert copy.counts == {"copy": 2}
    assert findings(database, ledger) == []


@pytest.mark.stress
def test_a_database_that_is_killed_in_the_middle_of_a_refresh_has_the_version_before(ledger: Ledger, own: Postgres) -> None:
    database = own.database()
    refreshed(database, ledger)
    before = ledger.snapshot()
    ledger.post_all(day("s", WINDOWS[5], 1))
    with refreshing_until("days", ledger, database) as process:
        own.kill()
        process.communicate("")
        assert process.returncode
    own.start()
    with copied(database) as copy:
        assert snapshot_of(ledger, copy, before.version).footprint(BY_ACCOUNT) == before.footprint(BY_ACCOUNT)
        assert copy.counts == {"copy": 1}
    assert refreshed(database, ledger).added == 24
    assert findings(database, ledger) == []


def test_of_two_who_refresh_one_waits_and_finds_it_done(ledger: Ledger, database: str) -> None:
    found: list[Refreshed] = []
    with refreshing_until("days", ledger, database) as process:
        waiting = threading.Thread(target=lambda: found.append(refreshed(database, ledger)))
        waiting.start()
        waiting.join(0.3)
        assert waiting.is_alive()
        process.communicate("")
        waiting.join(30)
    assert found == [Refreshed(ledger.snapshot().version)]


def test_a_follower_brings_the_copy_up_to_date(ledger: Ledger, database: str) -> None:
    with copied(database) as copy, following(database, ledger, seconds=0.05) as posted:
        for revision in 6, 7:
            ledger.post(made("s", WINDOWS[0], revision))
            posted()
            wanted = copy.counts["copy"] + 1
            while copy.counts["copy"] < wanted:
                assert snapshot_of(ledger, copy).footprint(BY_ACCOUNT) == ledger.snapshot().footprint(BY_ACCOUNT)


def test_a_follower_that_may_not_write_says_so_and_ends(
    ledger: Ledger, server: Postgres, database: str, caplog: pytest.LogCaptureFixture
) -> None:
    name = database.rpartition("=")[2]
    with connect(database) as connection:
        connection.execute(f"DROP ROLE IF EXISTS reader; CREATE ROLE reader LOGIN; REVOKE CREATE ON DATABASE {name} FROM reader")
    with caplog.at_level(logging.WARNING), following(server.named(name, "reader"), ledger, seconds=0.01):
        thread = next(each for each in threading.enumerate() if each.name == "greencloud-copy")
        thread.join(10)
        assert not thread.is_alive()
    assert "may not write" in caplog.text


def test_a_database_that_refuses_is_told_in_our_words(ledger: Ledger, database: str) -> None:
    with connect(database, **WRITER, default_transaction_read_only="on") as connection, pytest.raises(StoreUnavailableError):
        refresh(database, connection, ledger)
