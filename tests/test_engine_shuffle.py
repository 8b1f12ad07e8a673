"""A raw lake laid out by site and window holds what ingesting its files would give, whoever does it and however often."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4

import pytest
from click.testing import CliRunner

from greencloud.cli import main
from greencloud.engine.lake import partitions, read_partition
from greencloud.engine.raw_lake import raw_files
from greencloud.engine.shuffle import InMemory, Job, Shuffled, Shuffler, shuffle_lake
from greencloud.engine.spill import Processes
from greencloud.errors import DecodeError, NotFoundError, StoreError, UsageDataError
from greencloud.facility import Facility
from greencloud.objects.tree import tree_at
from greencloud.telemetry import Collected
from greencloud.units import Window, microseconds_of
from greencloud.usage import Usage, digest, merge, select
from object_store import Lake
from raw_lake import ingested, laid_down
from telemetry_world import HOUR_NS, SECOND, T0, book, span, tenant, traces
from test_telemetry_shuffle import admitted, crowd, told

T0_TIME = datetime.fromtimestamp(T0 // SECOND, UTC)


def usage_of(lake: str) -> Usage:
    return merge(read_partition(lake, part) for part in partitions(lake))


def check(made: Shuffled, lake: str, expected: Collected) -> None:
    assert digest(usage_of(lake)) == digest(expected.usage)
    assert told(made.dead_letters) == told(expected.dead_letters)
    assert (made.spans, made.duplicates) == (expected.span_count, expected.duplicate_count)
    assert (made.rows, made.readings) == (expected.usage.rows.num_rows, expected.usage.readings.num_rows)


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Collected]:
    """A raw lake, and what is in it."""
    root = tmp_path_factory.mktemp("raw")
    files = laid_down(root, crowd(5, 30))
    return root, ingested(tmp_path_factory.mktemp("data"), root, files, book())


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lake]:
    store = Lake(tmp_path_factory.mktemp("store"))
    try:
        yield store.start()
    finally:
        store.stop()


@pytest.mark.parametrize("engine", [InMemory(), Processes(2)], ids=lambda engine: engine.name)
def test_the_lake_holds_what_ingesting_the_files_gives(world: tuple[Path, Collected], engine: Shuffler, tmp_path: Path) -> None:
    raw, expected = world
    check(shuffle_lake(str(raw), str(tmp_path), book(), engine, buckets=3), str(tmp_path), expected)
    before = partitions(str(tmp_path))
    again = shuffle_lake(str(raw), str(tmp_path), book(), InMemory(), buckets=1)
    assert partitions(str(tmp_path)) == before, "the same again changes nothing"
    assert again.emptied == 0


def test_object_storage_at_both_ends(
    world: tuple[Path, Collected], running: Lake, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    for name, value in running.environment.items():
        monkeypatch.setenv(name, value)
    raw, expected = world
    uri = f"s3://lake/{uuid4().hex}"
    for name, _ in tree_at(str(raw)).files():
        tree_at(f"{uri}/raw").create(name, tree_at(str(raw)).content(name))
    check(shuffle_lake(f"{uri}/raw", f"{uri}/usage", book(), InMemory()), f"{uri}/usage", expected)


def test_of_a_time_only_its_windows_are_made(world: tuple[Path, Collected], tmp_path: Path) -> None:
    raw, expected = world
    start, end = T0_TIME - timedelta(hours=3), T0_TIME + timedelta(hours=2)
    shuffle_lake(str(raw), str(tmp_path), book(), InMemory(), start=start, end=end)
    found = partitions(str(tmp_path))
    assert {part.start for part in found} <= {start + timedelta(hours=hour) for hour in range(5)}
    for part in found:
        assert digest(read_partition(str(tmp_path), part)) == digest(select(expected.usage, part.site, part.window))


def test_windows_of_which_nothing_is_known_any_more_are_emptied(tmp_path: Path) -> None:
    raw, lake = tmp_path / "raw", str(tmp_path / "lake")
    sent = [tenant(traces([span(number, T0 + number * HOUR_NS, T0 + number * HOUR_NS + SECOND)])) for number in (1, 2)]
    for number, record in enumerate(sent):
        path = raw / "role=tenant" / "account=alice" / f"{number}.pb"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(record.payload)
    assert shuffle_lake(str(raw), lake, book(), InMemory()).windows == 2
    path.unlink()
    made = shuffle_lake(str(raw), lake, book(), InMemory())
    assert (made.windows, made.emptied) == (1, 1)
    assert [read_partition(lake, part).rows.num_rows for part in partitions(lake)] == [1, 0]
    assert shuffle_lake(str(raw), lake, book(), InMemory()).emptied == 0


def test_a_source_without_telemetry_empties_nothing(world: tuple[Path, Collected], tmp_path: Path) -> None:
    raw, expected = world
    shuffle_lake(str(raw), str(tmp_path / "lake"), book(), InMemory())
    with pytest.raises(NotFoundError, match="mistyped: there is no telemetry there"):
        shuffle_lake(str(tmp_path / "mistyped"), str(tmp_path / "lake"), book(), InMemory())
    assert digest(usage_of(str(tmp_path / "lake"))) == digest(expected.usage)


def test_a_partial_run_leaves_no_window_that_is_not_whole(
    world: tuple[Path, Collected], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    raw, expected = world
    reduced, done = Job.reduced, 0

    def dying(self: Job, number: int, key: str, contents: list[bytes]) -> object:
        nonlocal done
        done += number == 2
        if done > 7:
            raise InterruptedError
        return reduced(self, number, key, contents)

    with monkeypatch.context() as patch:
        patch.setattr(Job, "reduced", dying)
        with pytest.raises(InterruptedError):
            shuffle_lake(str(raw), str(tmp_path), book(), InMemory())
    some = partitions(str(tmp_path))
    assert 0 < len(some) < 10
    for part in some:
        assert digest(read_partition(str(tmp_path), part)) == digest(select(expected.usage, part.site, part.window))
    check(shuffle_lake(str(raw), str(tmp_path), book(), InMemory()), str(tmp_path), expected)


# Whose a file is.


def put(root: Path, name: str, content: bytes = b"") -> None:
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)


def test_whose_a_file_is_follows_from_its_place(tmp_path: Path) -> None:
    put(tmp_path, "role=provider/day=1/a.jsonl.gz")
    put(tmp_path, "x/role=tenant/account=team%2Fa/day=1/b.binpb")
    put(tmp_path, "role=tenant/_temporary/c.jsonl")
    put(tmp_path, "d.wal")
    put(tmp_path, "role=provider/readme.txt")
    found, others = raw_files(str(tmp_path))
    assert [(file.name, file.role, file.account) for file in found] == [
        ("d.wal", "", ""),
        ("role=provider/day=1/a.jsonl.gz", "provider", ""),
        ("x/role=tenant/account=team%2Fa/day=1/b.binpb", "tenant", "team/a"),
    ]
    assert others == ["role=provider/readme.txt"]


@pytest.mark.parametrize(
    "name",
    [
        "a.jsonl",
        "role=tenant/a.jsonl",
        "role=tenant/account=/a.jsonl",
        "role=tenant/account=(bad)/a.jsonl",
        "role=provider/account=acme/a.jsonl",
        "account=acme/role=tenant/a.jsonl",
        "role=tenant/account=a/role=provider/a.jsonl",
        "role=admin/a.jsonl",
        "role=tenant/account=acme/a.wal",
        "role=provider/a.wal",
        "account=acme/a.wal",
    ],
)
def test_a_file_that_may_be_anybodys_is_refused(tmp_path: Path, name: str) -> None:
    put(tmp_path, name)
    with pytest.raises(UsageDataError, match=r"told by its place|account|place of one sender"):
        raw_files(str(tmp_path))


@pytest.mark.parametrize("target", ["../account=bob/b.jsonl", "nowhere.jsonl"])
def test_a_link_to_another_senders_file_is_refused(tmp_path: Path, target: str) -> None:
    put(tmp_path, "role=tenant/account=bob/b.jsonl")
    put(tmp_path, "role=tenant/account=alice/a.jsonl")
    (tmp_path / "role=tenant/account=alice/b.jsonl").symlink_to(target)
    with pytest.raises(StoreError, match=r"account=alice/b\.jsonl is a link"):
        raw_files(str(tmp_path))


def test_what_a_payload_says_of_its_account_moves_nothing(tmp_path: Path) -> None:
    named = traces([span(1, T0, T0 + SECOND)], {"service.name": "shop", "host.name": "h1", "cloud.account.id": "bob"})
    put(tmp_path / "raw", "role=tenant/account=alice/a.pb", named)
    made = shuffle_lake(str(tmp_path / "raw"), str(tmp_path / "lake"), book(), InMemory())
    assert usage_of(str(tmp_path / "lake")).rows["account"].to_pylist() == ["alice"]
    assert [letter.reason for letter in made.dead_letters] == ["a tenant's resource names another account: ignored"]


def test_what_is_left_out_is_told(tmp_path: Path) -> None:
    put(tmp_path / "raw", "role=tenant/account=alice/a.pb", traces([span(1, 5, T0), span(2, T0, T0 + SECOND)]))
    put(tmp_path / "raw", "role=provider/notes.txt")
    made = shuffle_lake(str(tmp_path / "raw"), str(tmp_path / "lake"), book(), InMemory())
    assert {letter.reason: letter.count for letter in made.dead_letters} == {
        "items rejected": 1,
        "a file that is neither OTLP nor a log": 1,
    }


@pytest.mark.parametrize("engine", [InMemory(), Processes(1)], ids=lambda engine: engine.name)
def test_a_damaged_file_is_named(tmp_path: Path, engine: Shuffler) -> None:
    put(tmp_path / "raw", "role=provider/a.jsonl", b"{")
    with pytest.raises(DecodeError, match=r"a\.jsonl:1"):
        shuffle_lake(str(tmp_path / "raw"), str(tmp_path / "lake"), book(), engine)


def test_windows_of_five_minutes(tmp_path: Path) -> None:
    facility: Facility = book(window_seconds=300)
    files = laid_down(tmp_path / "raw", admitted([tenant(traces([span(1, T0, T0 + 700 * SECOND)]))]))
    shuffle_lake(str(tmp_path / "raw"), str(tmp_path / "lake"), facility, InMemory())
    expected = ingested(tmp_path / "data", tmp_path / "raw", files, facility)
    assert digest(usage_of(str(tmp_path / "lake"))) == digest(expected.usage)
    assert [part.window for part in partitions(str(tmp_path / "lake"))] == [
        Window.of_us(microseconds_of(T0_TIME) + 300_000_000 * number, 300) for number in range(3)
    ]


def test_the_command_lays_a_lake_out(world: tuple[Path, Collected], tmp_path: Path) -> None:
    raw = tmp_path / "raw"
    shutil.copytree(world[0], raw)
    put(raw, "role=provider/notes.txt")
    runner = CliRunner()
    assert runner.invoke(main, ["init", "--data", str(tmp_path / "data")]).exit_code == 0
    done = runner.invoke(main, ["lake", "shuffle", "--data", str(tmp_path / "data"), str(raw), str(tmp_path / "lake")])
    assert done.exit_code == 0, done.output
    assert "windows" in done.stdout
    assert "a file that is neither OTLP nor a log" in done.stderr
    refused = runner.invoke(main, ["lake", "shuffle", "--data", str(tmp_path / "data"), "--engine", "ray", str(raw), "lake"])
    assert (refused.exit_code, "take --engine processes or spark" in refused.stderr) == (2, True)
    for words in (["--folder", str(tmp_path)], ["--engine", "processes", "--worker-memory", "4GB"]):  # not passed over in silence
        refused = runner.invoke(main, ["lake", "shuffle", "--data", str(tmp_path / "data"), *words, str(raw), "lake"])
        assert (refused.exit_code, f"{words[-2]} is for" in refused.stderr) == (2, True)
    nothing = runner.invoke(main, ["allocate", "--data", str(tmp_path / "data"), "--lake", str(tmp_path / "mistyped")])
    assert "mistyped: no usage is laid out there" in nothing.stderr
    assert "greencloud ingest" not in nothing.stderr
