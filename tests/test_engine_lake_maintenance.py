"""What maintenance removes of a lake of usage, nobody reads any more; and nothing of what it holds changes."""

from __future__ import annotations

import os
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st

from greencloud.cli import main
from greencloud.engine.lake import partitions, read_partition, write_partition
from greencloud.engine.lake_maintenance import GRACE, maintain_lake
from greencloud.errors import NotFoundError
from greencloud.objects.tree import Tree, tree_at
from greencloud.usage import digest, empty_usage
from strategies import WINDOW
from test_engine_lake import foreign, some, uri

__all__ = ["uri"]

HOUR = timedelta(hours=1)


def later(grace: timedelta = GRACE) -> datetime:
    return datetime.now(UTC) + grace + timedelta(minutes=1)


def names(place: str) -> list[str]:
    return sorted(name for name, _ in tree_at(place).files())


def test_older_editions_go_after_the_grace_and_the_newest_stays(uri: str) -> None:
    first = write_partition(uri, "hall", WINDOW, some(cpu_ns=5))
    second = write_partition(uri, "hall", WINDOW, some(cpu_ns=6))
    other = write_partition(uri, "barn", WINDOW, some("barn"))
    assert maintain_lake(uri, later() - 2 * HOUR).files == 0
    assert digest(read_partition(uri, first)) == digest(some(cpu_ns=5)), "who listed the lake before goes on"
    removed = maintain_lake(uri, later())
    assert (removed.files, removed.bytes) == (2, first.bytes)
    assert names(uri) == sorted(second.files + other.files)
    assert maintain_lake(uri, later()).files == 0
    third = write_partition(uri, "hall", WINDOW, some(cpu_ns=5))
    assert third.files[0].rpartition("/")[2].startswith("000000000003-")


def test_a_grace_is_an_hour_at_least(uri: str) -> None:
    for number in (5, 6):
        write_partition(uri, "hall", WINDOW, some(cpu_ns=number))
    assert maintain_lake(uri, datetime.now(UTC) + HOUR / 2, grace=timedelta(0)).files == 0
    assert maintain_lake(uri, later(HOUR), grace=timedelta(0)).files == 2


def test_a_window_that_is_laid_out_every_day_loses_its_older_editions(tmp_path: Path) -> None:
    """It counts when the next edition came, and not the newest."""
    now = datetime.now(UTC)
    for days in (20, 10, 5, 0):
        part = write_partition(str(tmp_path), "hall", WINDOW, some(cpu_ns=5 + days))
        for name in part.files:
            os.utime(tmp_path / name, (now.timestamp(), (now - timedelta(days=days)).timestamp()))
    assert maintain_lake(str(tmp_path), now).files == 2, "replaced ten days ago; the others five days ago, and now"


def test_readings_of_a_writer_that_was_killed_go(uri: str, monkeypatch: pytest.MonkeyPatch) -> None:
    part = write_partition(uri, "hall", WINDOW, some(cpu_ns=5))
    kind = type(tree_at(uri))
    create = kind.create

    def killed(self: Tree, name: str, content: bytes) -> bool:
        if not name.startswith("readings/"):
            raise KeyboardInterrupt
        return create(self, name, content)

    with monkeypatch.context() as patch:
        patch.setattr(kind, "create", killed)
        for site, number in (("hall", 6), ("barn", 7)):
            with pytest.raises(KeyboardInterrupt):
                write_partition(uri, site, WINDOW, some(site, cpu_ns=number))
    assert len(names(uri)) == 4
    assert maintain_lake(uri, later() - 2 * HOUR).files == 0
    assert maintain_lake(uri, later()).files == 2
    assert names(uri) == sorted(part.files)
    again = write_partition(uri, "barn", WINDOW, some("barn", cpu_ns=7))
    assert digest(read_partition(uri, again)) == digest(some("barn", cpu_ns=7))


def test_a_file_that_was_begun_by_a_writer_that_was_killed_goes(tmp_path: Path) -> None:
    part = write_partition(str(tmp_path), "hall", WINDOW, some())
    folder = (tmp_path / part.files[0]).parent
    begun, theirs = folder / f".{Path(part.files[0]).name}.{'0' * 32}", folder / ".theirs.parquet.1"
    for path in (begun, theirs):
        path.write_bytes(b"half")
    assert maintain_lake(str(tmp_path), later() - 2 * HOUR).files == 0
    removed = maintain_lake(str(tmp_path), later())
    assert (removed.files, removed.bytes, begun.exists(), theirs.exists()) == (1, 4, False, True)


def test_readings_that_are_wanted_after_all_are_put_back(uri: str, monkeypatch: pytest.MonkeyPatch) -> None:
    part = write_partition(uri, "hall", WINDOW, some())
    rows = tree_at(uri).content(part.files[0])
    tree_at(uri).remove(part.files[0])
    kind = type(tree_at(uri))
    remove = kind.remove

    def late(self: Tree, name: str) -> None:
        """The writer came back: it found its readings, and puts the rows."""
        remove(self, name)
        self.create(part.files[0], rows)

    with monkeypatch.context() as patch:
        patch.setattr(kind, "remove", late)
        assert maintain_lake(uri, later()).files == 0
    assert partitions(uri) == [part]
    assert digest(read_partition(uri, part)) == digest(some())


@settings(max_examples=15, deadline=None)
@given(
    st.lists(st.tuples(st.sampled_from(["hall", "barn"]), st.sampled_from([None, 5, 6, 7]), st.booleans()), min_size=1, max_size=8)
)
def test_a_lake_says_the_same_whenever_it_is_maintained(steps: list[tuple[str, int | None, bool]]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        told = {}
        for site, number, maintained in steps:
            usage = empty_usage() if number is None else some(site, cpu_ns=number, energy_mj=None if number == 7 else number)
            write_partition(folder, site, WINDOW, usage)
            told[site] = digest(usage)
            if maintained:
                maintain_lake(folder, later())
            assert {part.site: digest(read_partition(folder, part)) for part in partitions(folder)} == told
        maintain_lake(folder, later())
        assert len(names(folder)) == sum(len(part.files) for part in partitions(folder))


def test_files_of_others_are_left_alone_and_no_lake_is_said_to_be_none(tmp_path: Path) -> None:
    theirs = foreign(tmp_path, some().rows)
    with pytest.raises(NotFoundError, match="no usage was laid out there"):
        maintain_lake(str(tmp_path), later())
    write_partition(str(tmp_path), "barn", WINDOW, some("barn"))
    assert maintain_lake(str(tmp_path), later()).files == 0
    assert theirs.exists()


def test_the_verb(uri: str) -> None:
    for number in (5, 6):
        write_partition(uri, "hall", WINDOW, some(cpu_ns=number))
    done = CliRunner().invoke(main, ["lake", "maintain", uri])
    assert (done.exit_code, done.output) == (0, "0 files removed (0.0 MiB)\n")
    assert CliRunner().invoke(main, ["lake", "maintain", "--grace", "soon", uri]).exit_code == 2
