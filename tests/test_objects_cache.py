"""The copies of objects stay below their bound, and what is wanted or held stays."""

from __future__ import annotations

import os
import time
from pathlib import Path
from tempfile import TemporaryDirectory

from hypothesis import given
from hypothesis import strategies as st

from greencloud.objects.cache import Cache, mark

FILES = st.lists(
    st.tuples(st.integers(1, 300), st.integers(0, 120), st.booleans(), st.booleans(), st.sampled_from(["", "a", "a/b"])),
    min_size=1,
    max_size=12,
)


@given(files=FILES, bound=st.integers(1, 1000))
def test_what_was_wanted_longest_ago_goes_first_and_nothing_in_use(
    files: list[tuple[int, int, bool, bool, str]], bound: int
) -> None:
    with TemporaryDirectory() as name:
        now, made = time.time(), {}
        for at, (size, minutes, held, put, folder) in enumerate(files):
            path = Path(name, folder, f"f{at:02}")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(bytes(size))
            wanted = now - 60 * minutes
            os.utime(path, (wanted, now))
            if put:
                mark(path)
            made[path] = (wanted, size, held or minutes <= 1 or not put)
        cache = Cache([Path(name)], bound, in_use_s=90.0)
        with cache.holding([path for path, (_, _, held, _, _) in zip(made, files, strict=True) if held]):
            cache.added(1)
            left = {path for path in Path(name).rglob("*") if path.is_file()}
        gone = set(made) - left
        assert not any(made[path][2] for path in gone)
        free = [path for path in left if not made[path][2]]
        assert sum(made[path][1] for path in left) <= bound or not free
        assert all(made[path][0] <= made[other][0] for path in gone for other in free)
        if sum(size for size, *_ in files) <= bound:
            assert not gone


def test_a_copy_that_is_asked_for_is_in_use_from_then_on(tmp_path: Path) -> None:
    old, older = tmp_path / "old", tmp_path / "older"
    for path, age in ((old, 1000), (older, 2000)):
        path.write_bytes(bytes(10))
        mark(path)
        os.utime(path, (time.time() - age, 5))
    cache = Cache([tmp_path, tmp_path / "none"], 10)
    assert cache.has(older)
    assert older.stat().st_mtime == 5
    assert not cache.has(tmp_path / "other")
    cache.added(10)
    assert list(tmp_path.iterdir()) == [older]


def test_what_is_held_beyond_the_bound_goes_when_it_is_let_go(tmp_path: Path) -> None:
    cache, path = Cache([tmp_path], 1, in_use_s=0), tmp_path / "f"
    with cache.holding([path, path]), cache.holding([path]):
        path.write_bytes(bytes(10))
        mark(path)
        cache.added(10)
        assert path.exists()
    assert not path.exists()


def test_what_a_process_left_unfinished_goes_in_the_end(tmp_path: Path) -> None:
    left, fresh = tmp_path / ".a.part", tmp_path / ".b.part"
    for path, age in ((left, 4000), (fresh, 10)):
        path.write_bytes(b"half")
        os.utime(path, (time.time(), time.time() - age))
    Cache([tmp_path], 1000).added(1)
    assert list(tmp_path.iterdir()) == [fresh]


def test_what_was_never_put_goes_after_a_day_and_a_lock_never(tmp_path: Path) -> None:
    yesterday = time.time() - 100_000
    for name, size in (("never", 9), ("lock", 0), (".part", 9)):
        (tmp_path / name).write_bytes(bytes(size))
        os.utime(tmp_path / name, (yesterday, yesterday))
    (tmp_path / "young").write_bytes(bytes(9))
    Cache([tmp_path], 1, in_use_s=0).added(1)
    assert {path.name for path in tmp_path.iterdir()} == {"lock", "young"}
