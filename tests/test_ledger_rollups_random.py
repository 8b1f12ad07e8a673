"""Law: rows are the same after any sequence of posts, compactions, builds, deletions and cuts, in every version of it; and faults
of roll-up files stay within bounds."""

from __future__ import annotations

import os
import random
import shutil
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from footprint_oracle import expected
from greencloud.allocation import POSTING_MEASURES
from greencloud.errors import StorageFullError, StoreError
from greencloud.ledger import Batch, Ledger, Snapshot, make_batch, mapped
from greencloud.ledger.columns import UNCERTAINTIES
from greencloud.ledger.rollup import read_rollup
from greencloud.ledger.rollup_table import TEXTS
from greencloud.ledger.rollups import Rollups
from greencloud.ledger.segments import read_headers, read_segment
from greencloud.ledger.version import Commit
from greencloud.results import FootprintQuery, Granularity
from greencloud.units import INT64_MAX, Window
from ledger_builders import CREATED, EVER, START, allocated, batch
from profiles import examples

LATER = datetime(2027, 1, 1, tzinfo=UTC)
SITES = ("s", "t[1]'")
WINDOWS = [Window(START + timedelta(hours=hours)) for hours in (-30, -29, 0, 1, 2, 9, 30, 24 * 27, 24 * 28 + 3)]  # January to March
LABELS = ("{}", '{"team":"core"}', '{"a/b~c":"ü","team":""}', '{"team":"\\ud83d\\ude00"}')


def posting(chance: random.Random) -> dict[str, Any]:
    return {
        "region": chance.choice(["eu", "us"]),
        "account": chance.choice(["a", "b", "é", "zoë", "(unsold)"]),
        "service": chance.choice(["", "web", "db'"]),
        "sku": chance.choice(["", "m1"]),
        "operation": chance.choice(["", "GET /", "a\nb"]),
        "labels": chance.choice(LABELS),
        "component": chance.choice(["dynamic", "idle", "embodied"]),
        "quality": chance.choice(["", "", "estimated", "estimated,partial", "modelled", "modelled,self_reported"]),
        "count": chance.randrange(100),
        **{name: chance.choice([0, 1, 123_456, 1_000_000, 2_500_000]) for name in UNCERTAINTIES},
        **{name: chance.choice([0, 1, 999_999, chance.randrange(2**50)]) for name in POSTING_MEASURES},
        **({"market_uncertainty_ppm": -1} if chance.random() < 0.2 else {}),
    }


def made(site: str, window: Window, revision: int) -> Batch:
    """A batch that looks arbitrary and is the same in every run."""
    chance = random.Random(f"{site} {window} {revision}")
    rows = [posting(chance) for _ in range(chance.randrange(7))]
    return make_batch(
        allocated(rows, site, window, methodology_version=f"greencloud/{revision % 2 + 1}"),
        usage_revision=str(revision),
        provisional=revision % 3 == 2,
        created=CREATED + timedelta(seconds=revision),
    )


def compact(ledger: Ledger, site: str, day: datetime) -> None:
    """Put the segments of one day of a site into one."""
    base = ledger.store.read()
    segments = base.segments(day, day + timedelta(days=1), (site,))
    if len(segments) > 1:
        paths = [ledger.store.root / segment.path for segment in segments]
        headers = [header for path in paths for header in read_headers(path)]
        whole = ledger.write(headers, pa.concat_tables(map(read_segment, paths)))
        assert ledger.store.commit(base, Commit([whole], segments), CREATED)


def replace_file(path: Path, content: bytes) -> None:
    """As a disk does that forgets: the file may be mapped, and writing into it would change what others read."""
    path.with_suffix(".new").write_bytes(content)
    path.with_suffix(".new").rename(path)


def files(root: Path) -> list[Path]:
    return sorted((root / "rollups").glob("*/*.arrow"))


def some(*values: str) -> st.SearchStrategy[tuple[str, ...]]:
    return st.one_of(st.just(()), st.lists(st.sampled_from(values), max_size=2).map(tuple))


DIMENSION = st.sampled_from(
    (
        *("account", "service", "region", "site", "sku", "operation", "component", "methodology_version", "scope"),
        *("label:team", "label:a/b~c", "label:no"),
    )
)
QUERIES = st.builds(
    FootprintQuery,
    start=st.sampled_from([EVER.start, START - timedelta(hours=29), START, START + timedelta(hours=2, seconds=1)]),
    end=st.sampled_from([EVER.end, START + timedelta(hours=2), START + timedelta(days=9), START + timedelta(hours=24 * 28 + 3)]),
    accounts=st.none() | some("a", "zoë", "nobody"),
    services=some("", "web", "no"),
    regions=st.just(()) | some("eu"),
    sites=some(*SITES, "nowhere"),
    skus=st.just(()) | some("m1"),
    operations=st.just(()) | some("a\nb"),
    components=st.just(()) | some("dynamic", "idle"),
    methodology_versions=st.just(()) | some("greencloud/1", "greencloud/2", "greencloud/3"),
    group_by=st.lists(DIMENSION, max_size=3, unique=True).map(tuple),
    granularity=st.sampled_from(
        [Granularity.ALL, Granularity.MONTH, Granularity.QUARTER, Granularity.YEAR, Granularity.DAY, Granularity.HOUR]
    ),
    fiscal_year_start_month=st.integers(1, 12),
)
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("post"), st.sampled_from(SITES), st.sampled_from(WINDOWS), st.integers(0, 5)),
        st.tuples(st.just("post"), st.sampled_from(SITES), st.sampled_from(WINDOWS), st.integers(0, 5)),
        st.tuples(st.just("compact"), st.sampled_from(SITES), st.sampled_from(WINDOWS), st.none()),
        st.tuples(st.just("build"), st.none(), st.none(), st.sampled_from([LATER, LATER, START + timedelta(days=1)])),
        st.tuples(st.just("delete"), st.none(), st.none(), st.integers(0, 20)),
        st.tuples(st.just("cut"), st.none(), st.none(), st.integers(0, 20)),
    ),
    min_size=4,
    max_size=24,
)


def take(step: tuple[str, Any, Any, Any], ledger: Ledger, visible: dict[tuple[str, Window], Batch]) -> None:
    what, site, window, extra = step
    match what:
        case "post":
            visible[site, window] = made(site, window, extra)
            ledger.post(visible[site, window])
        case "compact":
            compact(ledger, site, window.start.replace(hour=0))
        case "build":
            Rollups(ledger.root).build(ledger.snapshot().contents, extra)
        case _ if there := files(ledger.root):
            path = there[extra % len(there)]
            if what == "delete":
                path.unlink()
            else:
                replace_file(path, path.read_bytes()[: extra * 300])


@given(steps=STEPS, queries=st.lists(QUERIES, min_size=4, max_size=8), data=st.data())
@settings(max_examples=examples(6), deadline=None)
def test_rows_are_the_same_with_and_without_rollups(steps: list[Any], queries: list[FootprintQuery], data: st.DataObject) -> None:
    with TemporaryDirectory() as folder:
        ledger = Ledger(Path(folder))
        visible: dict[tuple[str, Window], Batch] = {}
        versions: list[tuple[Snapshot, list[Batch]]] = []
        for each in steps:
            take(each, ledger, visible)
            versions.append((ledger.snapshot(), list(visible.values())))
        for query in queries:
            for snapshot, batches in (versions[-1], data.draw(st.sampled_from(versions))):
                assert snapshot.footprint(query) == expected(query, batches)


@pytest.fixture(scope="module")
def year(tmp_path_factory: pytest.TempPathFactory) -> tuple[Ledger, list[Batch]]:
    ledger = Ledger(tmp_path_factory.mktemp("a [b]*?'c"))
    batches = [made(site, window, at) for at, window in enumerate(WINDOWS) for site in SITES]
    ledger.post_all(batches)
    compact(ledger, "s", START.replace(hour=0))
    Rollups(ledger.root).build(ledger.snapshot().contents, LATER)
    return ledger, batches


@given(query=QUERIES)
@settings(max_examples=examples(40), deadline=None)
def test_rollups_give_what_a_plain_loop_gives(year: tuple[Ledger, list[Batch]], query: FootprintQuery) -> None:
    assert year[0].snapshot().footprint(query) == expected(query, year[1])


@pytest.fixture(scope="module")
def rolled_up(tmp_path_factory: pytest.TempPathFactory) -> Path:
    ledger = Ledger(tmp_path_factory.mktemp("rolled up") / "ledger")
    ledger.post_all([made(site, window, 0) for window in WINDOWS for site in SITES])
    assert Rollups(ledger.root).build(ledger.snapshot().contents, LATER) == len(SITES) * (6 + 3)
    return ledger.root


@pytest.fixture
def ledger(rolled_up: Path, tmp_path: Path) -> Ledger:
    """Two sites; days in January, February and March, whose roll-ups are all made."""
    return Ledger(shutil.copytree(rolled_up, tmp_path / "ledger"))


def rows(ledger: Ledger, query: FootprintQuery = EVER) -> Any:
    return ledger.snapshot().footprint(query)


def test_whole_months_are_read_from_rollups_alone(ledger: Ledger) -> None:
    before = rows(ledger)
    for path in ledger.store.folder.iterdir():
        path.unlink()
    assert rows(ledger) == before
    cut = FootprintQuery(START + timedelta(hours=1), EVER.end)  # between two windows of a day
    with pytest.raises(StoreError):
        rows(ledger, cut)


def test_a_post_leaves_the_rollups_of_its_day_and_month_behind(ledger: Ledger) -> None:
    known = set(files(ledger.root))
    earlier = ledger.snapshot()
    ledger.post(made("s", WINDOWS[0], 1))
    contents = ledger.snapshot().contents
    assert len(Rollups(ledger.root).unreferenced([contents])) == 2
    assert Rollups(ledger.root).unreferenced([contents, earlier.contents]) == []
    assert Rollups(ledger.root).build(contents, LATER) == 2
    assert known < set(files(ledger.root))
    assert Rollups(ledger.root).build(contents, LATER) == 0


def test_compaction_leaves_rollups_good(ledger: Ledger) -> None:
    compact(ledger, "s", START.replace(hour=0))
    assert Rollups(ledger.root).build(ledger.snapshot().contents, LATER) == 0
    assert Rollups(ledger.root).unreferenced([ledger.snapshot().contents]) == []


def test_the_same_batches_make_the_same_file_anywhere(ledger: Ledger, tmp_path: Path) -> None:
    other = Ledger(tmp_path / "other")
    for site in reversed(SITES):
        other.post_all([made(site, window, 0) for window in reversed(WINDOWS)])
        compact(other, site, START.replace(hour=0))
    Rollups(other.root).build(other.snapshot().contents, LATER)
    assert {path.name: path.read_bytes() for path in files(other.root)} == {
        path.name: path.read_bytes() for path in files(ledger.root)
    }


def test_a_rollup_whose_sums_do_not_fit_is_not_made_and_sums_stay_exact(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path)
    first, _, second, third, _, fourth, *_ = WINDOWS
    amounts = {first: INT64_MAX, second: INT64_MAX, third: 1, fourth: 1}
    ledger.post_all([batch({"a": amount}, window=window) for window, amount in amounts.items()])
    # The second and the third lie on one day, whose sum is beyond; January's is too, February has one day.
    assert Rollups(tmp_path).build(ledger.snapshot().contents, LATER) == 3
    assert [row.energy.millijoules for row in rows(ledger)] == [2 * INT64_MAX + 2]


def test_an_empty_day_has_a_rollup_without_rows(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path)
    ledger.post(batch({}))
    assert Rollups(tmp_path).build(ledger.snapshot().contents, LATER) == 2
    assert rows(ledger) == []
    assert ledger.verify() == []


def test_too_many_combinations_are_left_to_postings(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path)
    texts = [f"{number:04}" for number in range(2_000)]
    ledger.post(
        make_batch(
            allocated(
                {
                    **dict.fromkeys(("region", "account", "service", "sku", "operation", "component"), text),
                    "labels": f'{{"team":"{text}"}}',
                    "energy_mj": 1,
                }
                for text in texts
            ),
            usage_revision="u",
            provisional=False,
            created=CREATED,
        )
    )
    assert Rollups(tmp_path).build(ledger.snapshot().contents, LATER) == 2
    by = ("region", "account", "service", "sku", "operation", "component")  # 2000**6 > 2**63
    for names in (by, by[:3], (*by[:3], "label:team")):
        found = rows(ledger, FootprintQuery(EVER.start, EVER.end, group_by=names))
        assert [tuple(row.dimensions.values()) for row in found] == [(text,) * len(names) for text in texts]


def test_the_second_batch_is_the_first_without_accounts_operations_and_labels(ledger: Ledger) -> None:
    for path in files(ledger.root):
        fine, whole = (pa.Table.from_batches([each]).to_pylist() for each in read_rollup(path, check=True).batches)
        assert [tuple(row[name] for name in TEXTS) for row in fine] == sorted(tuple(row[name] for name in TEXTS) for row in fine)
        assert {row[name] for row in whole for name in ("account", "operation", "labels")} <= {""}
        for name in (*POSTING_MEASURES, "count", "market_half_width_ug"):
            assert sum(row[name] for row in fine) == sum(row[name] for row in whole)


def changed_bytes(content: bytes) -> Iterator[tuple[int, bytes]]:
    chance = random.Random(1)
    for at in sorted(chance.sample(range(len(content)), examples(20))):
        changed = bytearray(content)
        changed[at] ^= chance.choice([1, 0x80, 0xFF])
        yield at, bytes(changed)


def test_a_changed_byte_never_leads_out_of_bounds_and_every_one_that_counts_is_named(ledger: Ledger) -> None:
    path = max(files(ledger.root), key=lambda each: each.stat().st_size)
    whole = path.read_bytes()
    good = [pa.Table.from_batches([each]) for each in read_rollup(path).batches]
    queries = [
        EVER,
        FootprintQuery(
            EVER.start, EVER.end, accounts=("a", "zoë"), group_by=("service", "label:team"), granularity=Granularity.DAY
        ),
        FootprintQuery(EVER.start, EVER.end, group_by=("account", "operation", "site"), services=("web",)),
    ]
    for at, changed in changed_bytes(whole):
        replace_file(path, changed)
        try:
            rollup = read_rollup(path, check=True)
        except StoreError:
            pass
        else:
            # What the digest does not cover: padding, and texts about the file.
            assert [pa.Table.from_batches([each]) for each in rollup.batches] == good, at
        mapped._kept.cache_clear()  # so that it is opened anew
        for query in queries:
            ledger.snapshot().footprint(query)


def test_a_full_disk_is_told_and_leaves_nothing(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    for path in files(ledger.root):
        path.unlink()

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(StorageFullError):
        Rollups(ledger.root).build(ledger.snapshot().contents, LATER)
    assert [path for path in (ledger.root / "rollups").rglob("*") if path.is_file()] == []


def test_what_was_never_finished_is_unreferenced(ledger: Ledger) -> None:
    left = ledger.root / "rollups" / "day" / ".x.arrow-token.part"
    left.write_bytes(b"")
    assert Rollups(ledger.root).unreferenced([ledger.snapshot().contents]) == [left]


def test_a_forked_process_reads_them_too(ledger: Ledger) -> None:
    before = rows(ledger)
    child = os.fork()
    if child == 0:
        os._exit(0 if Snapshot(ledger.store.root, ledger._latest).footprint(EVER) == before else 1)
    assert os.waitpid(child, 0)[1] == 0
