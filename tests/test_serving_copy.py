"""Law: whatever happened to a ledger, its serving copy gives the rows that the ledger gives, bit for bit, or says that it
cannot. What dies on the way changes nothing; a database that is away, slow, old or another's is no error to those who ask."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from copied_world import BY_ACCOUNT, copied, day, findings, ledger_of, refreshed, snapshot_of
from footprint_oracle import expected
from greencloud.errors import ConflictError, NotFoundError, StoppedError, TooLargeError
from greencloud.ledger import Batch, Ledger, make_batch
from greencloud.ledger.stop import Stop
from greencloud.results import FootprintQuery, Granularity
from greencloud.serving import CopiedSnapshot, Refreshed, drop, with_copy
from greencloud.serving.connection import WRITER, address_of, checked, connect
from greencloud.serving.schema import decoded, encoded
from greencloud.units import INT64_MAX, Window
from ledger_builders import CREATED, EVER, START, allocated, batch, batch_of, hour
from postgres import Postgres, postgres
from profiles import examples
from test_ledger_rollups_random import QUERIES, SITES, WINDOWS, compact, made


@pytest.fixture(scope="module")
def server() -> Iterator[Postgres]:
    with postgres() as running:
        yield running


@pytest.fixture
def database(server: Postgres) -> str:
    return server.clean()


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("post"), st.sampled_from(SITES), st.sampled_from(WINDOWS), st.integers(0, 5)),
        st.tuples(st.just("day"), st.sampled_from(SITES), st.sampled_from(WINDOWS), st.sampled_from([0, 1, 2])),
        st.tuples(st.just("withdraw"), st.sampled_from(SITES), st.sampled_from(WINDOWS), st.none()),
        st.tuples(st.just("compact"), st.sampled_from(SITES), st.sampled_from(WINDOWS), st.none()),
        st.tuples(st.just("refresh"), st.none(), st.none(), st.none()),
    ),
    min_size=3,
    max_size=8,
)
NAMED = QUERIES.flatmap(
    lambda query: st.builds(
        lambda accounts, granularity: replace(query, accounts=accounts, granularity=granularity),
        st.sampled_from([("a",), ("b", "zoë"), ("a", "é", "(unsold)"), ("nobody",)]),
        st.sampled_from(Granularity),
    )
)


def take(step: tuple[str, Any, Any, Any], ledger: Ledger, visible: dict[tuple[str, Window], Batch], database: str) -> None:
    what, site, window, revision = step
    batches = []
    match what:
        case "post":
            batches = [made(site, window, revision)]
        case "day":
            batches = day(site, window, revision)
        case "withdraw":
            batches = [batch({}, site, window, notes=("withdrawn: it is charged elsewhere",))]
        case "compact":
            compact(ledger, site, window.start.replace(hour=0))
        case _ if visible:
            refreshed(database, ledger)
    if batches:
        ledger.post_all(batches)
        visible |= {(site, each.window): each for each in batches}


@given(steps=STEPS, queries=st.lists(NAMED, min_size=4, max_size=8), late=st.booleans())
@settings(max_examples=examples(5), deadline=None)
def test_the_copy_gives_what_the_ledger_gives_after_any_history(
    server: Postgres, steps: list[Any], queries: list[FootprintQuery], late: bool
) -> None:
    database = server.named("postgres")
    with TemporaryDirectory() as folder, connect(database, **WRITER) as connection:
        drop(database, connection)
        ledger = Ledger(Path(folder) / "ledger")
        visible: dict[tuple[str, Window], Batch] = {}
        for each in [("post", SITES[0], WINDOWS[2], 0), *steps]:
            take(each, ledger, visible, database)
        if not late:
            refreshed(database, ledger)
            assert findings(database, ledger) == []
        with copied(database) as copy:
            asked = snapshot_of(ledger, copy)
            for query in queries:
                assert asked.footprint(query) == ledger.snapshot().footprint(query) == expected(query, list(visible.values()))
            if not late:
                assert copy.counts == {"copy": len(queries)}


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    return ledger_of(tmp_path)


def test_pools_and_everybody_are_questions_for_the_ledger(ledger: Ledger, database: str) -> None:
    refreshed(database, ledger)
    with copied(database) as copy:
        assert snapshot_of(ledger, copy).footprint(EVER) == ledger.snapshot().footprint(EVER)
        assert snapshot_of(ledger, copy).footprint(replace(EVER, accounts=())) == []
        assert not copy.counts


def test_only_what_changed_is_copied_and_compaction_copies_nothing(ledger: Ledger, database: str) -> None:
    first = refreshed(database, ledger)
    assert first.added == len(WINDOWS) * len(SITES)
    assert refreshed(database, ledger) == Refreshed(first.version)

    ledger.post_all(day("s", WINDOWS[2], 1))
    assert (done := refreshed(database, ledger)).added == 24
    assert done.removed == sum(window.start.date() == START.date() for window in WINDOWS)
    compact(ledger, "s", START.replace(hour=0))
    moved = refreshed(database, ledger)
    assert (moved.added, moved.removed, moved.bytes) == (0, 0, 0)
    ledger.post(made("s", WINDOWS[2], 3))  # cuts the day's segment open
    again = refreshed(database, ledger)
    assert (again.added, again.removed) == (1, 1)
    assert findings(database, ledger) == []


def test_a_question_is_answered_of_the_version_asked_for_alone(ledger: Ledger, database: str) -> None:
    refreshed(database, ledger)
    before = ledger.snapshot()
    with copied(database) as copy:
        ledger.post(made("s", WINDOWS[0], 7))
        assert snapshot_of(ledger, copy).footprint(BY_ACCOUNT) == ledger.snapshot().footprint(BY_ACCOUNT)
        assert copy.counts == {"version": 1}
        assert snapshot_of(ledger, copy, before.version).footprint(BY_ACCOUNT) == before.footprint(BY_ACCOUNT)
        assert copy.counts == {"version": 1, "copy": 1}
        refreshed(database, ledger)  # while the copy is being asked
        for version in before.version, None:
            assert snapshot_of(ledger, copy, version).footprint(BY_ACCOUNT) == ledger.snapshot(version).footprint(BY_ACCOUNT)
        assert copy.counts == {"version": 2, "copy": 2}


def test_a_ledger_that_was_restored_and_went_another_way_is_another(ledger: Ledger, database: str, tmp_path: Path) -> None:
    subprocess.run(["cp", "-r", ledger.root, tmp_path / "restored"], check=True)
    restored = Ledger(tmp_path / "restored")
    ledger.post(made("s", WINDOWS[0], 7))
    restored.post(made("s", WINDOWS[0], 8))
    refreshed(database, ledger)
    assert restored.snapshot().version == ledger.snapshot().version
    with copied(database) as copy:
        assert snapshot_of(restored, copy).footprint(BY_ACCOUNT) == restored.snapshot().footprint(BY_ACCOUNT)
        assert copy.counts == {"version": 1}
    assert "another history" in findings(database, restored)[0]
    refreshed(database, restored)
    assert findings(database, restored) == []


def test_the_copy_of_another_ledger_is_neither_asked_nor_written_over(ledger: Ledger, database: str, tmp_path: Path) -> None:
    other = Ledger(tmp_path / "other")
    other.post(batch({"a": 5}))
    refreshed(database, other)
    with pytest.raises(ConflictError, match="another ledger"):
        refreshed(database, ledger)
    with copied(database) as copy:
        assert snapshot_of(ledger, copy).footprint(BY_ACCOUNT) == ledger.snapshot().footprint(BY_ACCOUNT)
        assert copy.counts == {"version": 1}
    assert findings(database, other) == []


@pytest.mark.parametrize("change", ["UPDATE greencloud.copy_state SET format = 2", "ALTER TABLE greencloud.day RENAME TO days", ""])
def test_a_copy_of_another_release_or_none_is_not_asked(ledger: Ledger, database: str, change: str) -> None:
    if change:
        refreshed(database, ledger)
        with connect(database) as connection:
            connection.execute(change)
    with copied(database) as copy:
        assert snapshot_of(ledger, copy).footprint(BY_ACCOUNT) == ledger.snapshot().footprint(BY_ACCOUNT)
        assert copy.counts == {"schema": 1}
    if "format" in change:
        with pytest.raises(ConflictError, match="format 2"):
            refreshed(database, ledger)


def test_an_empty_ledger_has_no_copy(database: str, tmp_path: Path) -> None:
    with pytest.raises(NotFoundError):
        refreshed(database, Ledger(tmp_path / "ledger"))
    assert findings(database, Ledger(tmp_path / "ledger")) == [
        "there is no copy in this database: build it by the same command without --check"
    ]


def test_texts_of_every_kind_come_back(database: str, tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "ledger")
    texts = ["\0", "\0001", "\ue000", "\ue0000", "\ue0001\0", "\\N", "\\.", "a\n\\.\nb", "\t\r\n\\", "'\"%s{}", "ü \U0001f600", ""]
    rows = [{"account": text or "-", "operation": text, "service": text[::-1], "energy_mj": at} for at, text in enumerate(texts)]
    posted = batch_of(rows, window=hour(0))
    ledger.post_all([posted, *(batch({}, window=hour(at)) for at in (-30, 90))])  # so that the day is added up
    assert refreshed(database, ledger).rolled == 2
    assert findings(database, ledger) == []
    with copied(database) as copy:
        for text in texts:
            for granularity in Granularity.DAY, Granularity.HOUR:
                query = replace(EVER, accounts=(text or "-",), group_by=("operation", "service"), granularity=granularity)
                assert snapshot_of(ledger, copy).footprint(query) == expected(query, [posted])
                assert snapshot_of(ledger, copy).footprint(replace(query, operations=(text,))) == expected(query, [posted])
        assert set(copy.counts) == {"copy"}


@given(st.text(st.sampled_from("\0\ue00001a")))
def test_encoded_texts_are_decoded(text: str) -> None:
    assert decoded(encoded(text)) == text
    assert "\0" not in encoded(text)


def test_sums_are_exact_beyond_64_bits(database: str, tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "ledger")
    widest = {"energy_uncertainty_ppm": 2**31 - 1, "location_uncertainty_ppm": 2**31 - 1, "market_uncertainty_ppm": 2**31 - 1}
    posted = [
        make_batch(
            allocated([{"energy_mj": INT64_MAX, "scope1_ug": INT64_MAX, "scope2_market_ug": INT64_MAX, **widest}], window=window),
            usage_revision="u",
            provisional=False,
            created=CREATED,
        )
        for window in WINDOWS
    ]
    ledger.post_all(posted)
    refreshed(database, ledger)
    with copied(database) as copy:
        for granularity in Granularity:
            query = replace(EVER, accounts=("a",), granularity=granularity)
            assert snapshot_of(ledger, copy).footprint(query) == expected(query, posted)
        assert set(copy.counts) == {"copy"}


def test_too_many_rows_are_refused_as_by_the_ledger_and_nobody_waits_for_what_was_given_up(ledger: Ledger, database: str) -> None:
    refreshed(database, ledger)
    query = replace(BY_ACCOUNT, granularity=Granularity.WINDOW)
    with copied(database) as copy:
        with pytest.raises(TooLargeError):
            snapshot_of(ledger, copy).footprint(query, most=1)
        stop = Stop()
        stop.set()
        with pytest.raises(StoppedError):
            snapshot_of(ledger, copy).footprint(query, stop=stop)
        assert not copy.counts


def test_the_copy_is_read_by_a_role_that_may_only_read(ledger: Ledger, server: Postgres, database: str) -> None:
    refreshed(database, ledger)
    name = database.rpartition("=")[2]
    with connect(database) as connection:
        connection.execute("CREATE ROLE asker LOGIN; GRANT USAGE ON SCHEMA greencloud TO asker")
        connection.execute("GRANT SELECT ON ALL TABLES IN SCHEMA greencloud TO asker")
    with copied(server.named(name, "asker")) as copy:
        assert snapshot_of(ledger, copy).footprint(BY_ACCOUNT) == ledger.snapshot().footprint(BY_ACCOUNT)
        assert copy.counts == {"copy": 1}
    with connect(database) as connection:
        connection.execute("DROP OWNED BY asker; DROP ROLE asker")


def test_changes_by_hand_are_found(ledger: Ledger, database: str) -> None:
    ledger.post(batch_of([{"account": "x"}], "lone", WINDOWS[0]))
    refreshed(database, ledger)
    assert findings(database, ledger) == []
    with connect(database) as connection:
        connection.execute("UPDATE greencloud.posting SET energy_mj = energy_mj + 1 WHERE account = 'a'")
        connection.execute("UPDATE greencloud.day_sum SET service = 'other' WHERE account = 'b'")
        connection.execute("DELETE FROM greencloud.posting WHERE account = 'zoë'")
        connection.execute("INSERT INTO greencloud.day_sum SELECT * FROM greencloud.day_sum WHERE site = 'lone'")
    found = findings(database, ledger)
    for table, account, told in (
        ("posting", "a", "the sums of energy_mj differ"),
        ("day_sum", "b", "a row says something else"),
        ("posting", "zoë", "0 rows in the copy, and"),
        ("day_sum", "x", "2 rows in the copy, and 1 in the ledger"),
    ):
        assert any(each.startswith(table) and f"account {account}:" in each and told in each for each in found), told
    assert not [each for each in found if "account é" in each]


def test_a_drop_takes_what_is_ours_and_leaves_what_is_not(ledger: Ledger, database: str) -> None:
    refreshed(database, ledger)
    with connect(database, **WRITER) as connection:
        connection.execute("CREATE TABLE greencloud.own AS SELECT 1 AS number")
        assert drop(database, connection)
        assert not drop(database, connection)
        assert connection.execute("SELECT number FROM greencloud.own").fetchone() == (1,)
    assert refreshed(database, ledger).added


def test_every_column_and_table_is_commented(ledger: Ledger, database: str) -> None:
    refreshed(database, ledger)
    with connect(database) as connection:
        rows = connection.execute(
            "SELECT relname, obj_description(oid), (SELECT array_agg(attname) FROM pg_attribute "
            "WHERE attrelid = c.oid AND attnum > 0 AND atttypid = 'numeric'::regtype AND col_description(c.oid, attnum) IS NULL) "
            "FROM pg_class c WHERE relnamespace = 'greencloud'::regnamespace AND relkind IN ('r', 'p') AND NOT relispartition"
        ).fetchall()
    assert len(rows) == 6
    assert all(comment and not bare for _, comment, bare in rows), rows


def test_a_password_is_neither_an_argument_nor_told() -> None:
    secret = "postgresql://me:hush@db.example:6432/footprints"
    with pytest.raises(ValueError, match="can be read by everybody"):
        checked(secret, said_by_option=True)
    assert checked(secret, said_by_option=False) == secret
    assert address_of(secret) == "db.example:6432/footprints"
    with pytest.raises(ValueError, match="no connection string") as caught:
        checked("postgresql://me:hush@[db", said_by_option=False)
    assert "hush" not in str(caught.value)


def test_a_snapshot_with_a_copy_is_a_snapshot(ledger: Ledger, database: str) -> None:
    with copied(database) as copy:
        found = snapshot_of(ledger, copy)
        assert isinstance(found, CopiedSnapshot)
        assert (found.version, found.batches(), found.accounts()) == (
            ledger.snapshot().version, ledger.snapshot().batches(), ledger.snapshot().accounts(),
        )  # fmt: skip
    assert with_copy(ledger.snapshot, None) == ledger.snapshot
