"""The fleet pass against exact rationals, and against itself in other orders, layouts, widths and numbers of threads."""

from __future__ import annotations

import math
import random
from array import array
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from greencloud import _fleet
from greencloud.allocation import fleet
from greencloud.allocation.fleet import OUTPUTS, FleetSums, Prepared, Rows, Site, Weights
from greencloud.errors import StoreError, UsageDataError
from greencloud.usage.fleet import FLEET_MEASURES, write_fleet_segment
from profiles import examples

USES, RESERVES = 3, 2
WEIGHTS = Weights(use=(1.0, 0.05, 20.0), reserved=(1.0, 0.05))
KWH = 3_600_000_000

Row = tuple[int, int, int, tuple[float, ...], tuple[float, ...]]  # window, host, group, use, reserved


@dataclass(frozen=True)
class World:
    """A site's tables as lists, and rows in any order."""

    windows: int
    hosts: int
    groups: int
    dynamic: list[int]
    idle: list[int]
    embodied: list[int]
    overhead: list[int]
    location: list[int]
    market: list[int]
    capacity: list[float]
    rows: Sequence[Row] = ()
    keep_unsold: bool = False

    def site(self) -> Site:
        return Site(
            windows=self.windows,
            hosts=self.hosts,
            dynamic_mj=array("q", self.dynamic),
            idle_mj=array("q", self.idle),
            embodied_ug=array("q", self.embodied),
            overhead_mj=array("q", self.overhead),
            location_ug_per_kwh=array("q", self.location),
            market_ug_per_kwh=array("q", self.market),
            capacity=array("d", self.capacity),
            keep_unsold=self.keep_unsold,
        )

    def columns(self, rows: Sequence[Row], real: str = "d") -> Rows:
        return Rows(
            array("i", [row[0] for row in rows]),
            array("i", [row[1] for row in rows]),
            array("i", [row[2] for row in rows]),
            tuple(array(real, [row[3][k] for row in rows]) for k in range(USES)),
            tuple(array(real, [row[4][k] for row in rows]) for k in range(RESERVES)),
        )

    def by_window(self) -> list[Row]:
        return sorted(self.rows, key=lambda row: row[0])

    def allocate(self, rows: Rows | Prepared | None = None, *, threads: int = 1) -> FleetSums:
        rows = self.columns(self.by_window()) if rows is None else rows
        return fleet.allocate(self.site(), rows, groups=self.groups, weights=WEIGHTS, threads=threads)


def weigh(values: tuple[float, ...], weights: tuple[float, ...]) -> Fraction:
    return sum((Fraction(value) * Fraction(weight) for value, weight in zip(values, weights, strict=True)), Fraction(0))


def half_even(value: Fraction) -> int:
    assume(abs(value % 1 - Fraction(1, 2)) > Fraction(1, 10**9) or value.denominator == 2)  # a tie, but for the doubles' rounding
    return round(value)


def quotas(world: World) -> tuple[list[list[Fraction]], list[Fraction], list[Fraction]]:
    """The oracle: what each group, nobody and the provider bear of each output, in exact rationals."""
    by_group = [[Fraction(0)] * len(OUTPUTS) for _ in range(world.groups)]
    unattributed, unsold = [Fraction(0)] * len(OUTPUTS), [Fraction(0)] * len(OUTPUTS)
    for w in range(world.windows):
        rows = [row for row in world.rows if row[0] == w]
        hosts = range(w * world.hosts, (w + 1) * world.hosts)
        dynamic, idle, embodied = (sum(table[h] for h in hosts) for table in (world.dynamic, world.idle, world.embodied))
        use = [sum((weigh(row[3], WEIGHTS.use) for row in rows if row[1] == h), Fraction(0)) for h in range(world.hosts)]
        reserved = sum((weigh(row[4], WEIGHTS.reserved) for row in rows), Fraction(0))
        sold = min(reserved / Fraction(world.capacity[w]), Fraction(1)) if world.capacity[w] else Fraction(int(reserved > 0))
        idle_sold = half_even(idle * sold)
        embodied_sold = half_even(embodied * (sold if world.keep_unsold else Fraction(int(reserved > 0))))
        kept = idle - idle_sold if world.keep_unsold or not reserved else 0
        loose = Fraction(sum(world.dynamic[h] for h, used in zip(hosts, use, strict=True) if not used))
        facility = dynamic + idle + world.overhead[w]
        pools = [
            world.overhead[w],
            half_even(Fraction(facility * world.location[w], KWH)),
            half_even(Fraction(facility * world.market[w], KWH)),
        ]
        for _, h, group, used, asked in rows:
            x = world.dynamic[w * world.hosts + h] * weigh(used, WEIGHTS.use) / use[h] if use[h] else Fraction(0)
            share = weigh(asked, WEIGHTS.reserved) / reserved if reserved else Fraction(0)
            y, z = idle_sold * share, (idle - idle_sold - kept) * share
            borne = by_group[group]
            borne[0] += x
            borne[1] += y
            borne[2] += z
            for k, pool in enumerate(pools, 3):
                borne[k] += pool * (x + y + z) / (dynamic + idle) if dynamic + idle else Fraction(0)
            borne[6] += embodied_sold * share
        unattributed[0] += loose
        unsold[2] += kept
        for k, pool in enumerate(pools, 3):
            unattributed[k] += pool * loose / (dynamic + idle) if dynamic + idle else Fraction(pool)
            unsold[k] += Fraction(pool * kept, dynamic + idle) if dynamic + idle else Fraction(0)
        unsold[6] += embodied - embodied_sold
    return by_group, unattributed, unsold


def check_conserved(world: World, sums: FleetSums) -> None:
    whole = [sum(sums.output(name)) + sums.unattributed[k] + sums.unsold[k] for k, name in enumerate(OUTPUTS)]
    assert [whole[0], whole[1] + whole[2], *whole[3:]] == world.site().totals()
    assert min([*sums.by_group, *sums.unattributed, *sums.unsold, 0]) == 0


def bits(sums: FleetSums) -> tuple[bytes, tuple[int, ...], tuple[int, ...]]:
    return sums.by_group.tobytes(), sums.unattributed, sums.unsold


amounts = st.one_of(st.just(0), st.integers(0, 20), st.integers(0, 10**10))
factors = st.one_of(st.just(0), st.integers(0, 10**9))
numbers = st.one_of(
    st.just(0.0),
    st.integers(0, 5).map(float),
    st.floats(0, 100, width=32),
    st.floats(2.0**-60, 2.0**60, width=32),
)


@st.composite
def worlds(draw: st.DrawFn) -> World:
    windows, hosts, groups = draw(st.integers(1, 3)), draw(st.integers(1, 4)), draw(st.integers(1, 5))

    def table(values: st.SearchStrategy[Any], n: int) -> list[Any]:
        return draw(st.lists(values, min_size=n, max_size=n))

    row = st.tuples(
        st.integers(0, windows - 1),
        st.integers(0, hosts - 1),
        st.integers(0, groups - 1),
        st.tuples(*[numbers] * USES),
        st.tuples(*[numbers] * RESERVES),
    )
    return World(
        windows,
        hosts,
        groups,
        table(amounts, windows * hosts),
        table(amounts, windows * hosts),
        table(amounts, windows * hosts),
        table(amounts, windows),
        table(factors, windows),
        table(factors, windows),
        table(numbers, windows),
        draw(st.lists(row, max_size=24)),
        draw(st.booleans()),
    )


NO_ROWS = World(1, 2, 1, [7, 8], [5, 6], [3, 4], [2], [KWH], [1], [10.0])
FACTOR_0 = replace(NO_ROWS, location=[0], market=[0], rows=[(0, 0, 0, (1.0, 0.0, 0.0), (1.0, 0.0))])
ONE_TENANT = replace(NO_ROWS, rows=[(0, h, 0, (1.0, 2.0, 3.0), (100.0, 0.0)) for h in (0, 1)])
ZERO_USE = replace(NO_ROWS, rows=[(0, 0, 0, (0.0, 0.0, 0.0), (0.0, 0.0)), (0, 1, 0, (0.0, 0.0, 0.0), (1.0, 0.0))])
HUGE_AND_TINY = replace(
    NO_ROWS, groups=2, rows=[(0, 0, 0, (2.0**60, 0.0, 0.0), (2.0**60, 0.0)), *[(0, h, 1, (1e-9,) * 3, (1e-9, 1.0)) for h in (0, 1)]]
)
NO_ENERGY = replace(NO_ROWS, dynamic=[0, 0], idle=[0, 0], rows=ONE_TENANT.rows)


@settings(deadline=None, max_examples=examples(60))
@given(worlds())
@example(NO_ROWS)
@example(FACTOR_0)
@example(ONE_TENANT)
@example(ZERO_USE)
@example(HUGE_AND_TINY)
@example(replace(HUGE_AND_TINY, keep_unsold=True))
@example(NO_ENERGY)
def test_every_output_is_conserved_and_within_a_unit_of_its_exact_quota(world: World) -> None:
    sums = world.allocate()
    check_conserved(world, sums)
    by_group, unattributed, unsold = quotas(world)
    for k, name in enumerate(OUTPUTS):
        got = [*sums.output(name), sums.unattributed[k], sums.unsold[k]]
        exact = [*(borne[k] for borne in by_group), unattributed[k], unsold[k]]
        assert max(abs(a - b) for a, b in zip(got, exact, strict=True)) <= world.windows * 1.01, name


@settings(deadline=None, max_examples=examples(25))
@given(worlds(), st.randoms(use_true_random=False))
@example(HUGE_AND_TINY, random.Random(1))
def test_order_layout_width_and_threads_change_no_bit(world: World, rng: random.Random) -> None:
    expected = bits(world.allocate())
    shuffled = rng.sample(world.rows, len(world.rows))
    mixed = world.columns(sorted(shuffled, key=lambda row: row[0]))
    by_host = world.columns(sorted(shuffled, key=lambda row: row[:2]))
    prepared = fleet.prepare(world.columns(shuffled), windows=world.windows, hosts=world.hosts, threads=2)
    for rows in (mixed, by_host, prepared):
        for threads in (1, 2, 8):
            assert bits(world.allocate(rows, threads=threads)) == expected


@pytest.mark.parametrize("real", ["d", "f"])
def test_a_larger_fleet_has_the_same_bits_however_it_is_taken(real: str) -> None:
    world = larger()
    rng = random.Random(5)
    shuffled = rng.sample(world.rows, len(world.rows))
    results = set()
    by_window, mixed = world.columns(world.by_window(), real), world.columns(shuffled, real)
    by_host = world.columns(sorted(world.rows, key=lambda row: row[:2]), real)
    for wide in (False, True):
        _fleet.wide(wide)
        try:
            for threads in range(1, 9):
                results.add(bits(world.allocate(by_window, threads=threads)))
                prepared = fleet.prepare(mixed, windows=world.windows, hosts=world.hosts, threads=threads)
                results.add(bits(world.allocate(prepared, threads=threads)))
            results.add(bits(world.allocate(by_host)))
        finally:
            _fleet.wide(True)
    assert len(results) == 1
    check_conserved(world, world.allocate(by_host))


def segment_tables(world: World) -> tuple[list[datetime], pa.Table, pa.Table]:
    starts = [datetime(2026, 11, 23, tzinfo=UTC) + timedelta(hours=w) for w in range(world.windows)]
    windows = pa.table(
        {
            "window_start": pa.array(starts, pa.timestamp("us", "UTC")),
            "capacity": pa.array(world.capacity, pa.float64()),
            "overhead_mj": world.overhead,
            "location_ug_per_kwh": world.location,
            "market_ug_per_kwh": world.market,
        }
    )
    hosts = pa.table(
        {
            "window_start": windows["window_start"].take([w for w in range(world.windows) for _ in range(world.hosts)]),
            "host": [f"host-{h}" for _ in range(world.windows) for h in range(world.hosts)],
            "dynamic_mj": world.dynamic,
            "idle_mj": world.idle,
            "embodied_ug": world.embodied,
        }
    )
    return starts, windows, hosts


def segment_usage(rows: Sequence[Row], starts: list[datetime]) -> pa.Table:
    measures = [(*row[3], 0.0, *row[4]) for row in rows]
    return pa.table(
        {
            "window_start": pa.array([starts[row[0]] for row in rows], pa.timestamp("us", "UTC")),
            "host": [f"host-{row[1]}" for row in rows],
            "account": [f"account-{row[2] // 7:02}" for row in rows],
            "service": [f"service-{row[2] % 7}" for row in rows],
            **{name: pa.array([row[k] for row in measures], pa.float32()) for k, name in enumerate(FLEET_MEASURES)},
        }
    )


@pytest.mark.parametrize("threads", [1, 3])
def test_segments_at_rest_give_what_their_rows_give(tmp_path: Path, threads: int) -> None:
    world = replace(larger(), rows=[row for row in larger().rows if row[0] != 4])  # a window that no segment has
    starts, windows, hosts = segment_tables(world)
    for name, mine in (("a", range(4)), ("b", range(4, 9))):
        rows = [row for row in world.rows if row[0] in mine]
        write_fleet_segment(tmp_path / name, segment_usage(random.Random(2).sample(rows, len(rows)), starts))
    weights = replace(WEIGHTS, use=(*WEIGHTS.use, 1.0))
    # The order of the site's tables does not matter.
    hosts = hosts.take(random.Random(4).sample(range(len(hosts)), len(hosts)))
    sums = fleet.allocate_segments([tmp_path / "b", tmp_path / "a"], windows, hosts, weights=weights, threads=threads)
    expected = world.allocate()
    assert (sums.unattributed, sums.unsold) == (expected.unattributed, expected.unsold)
    accounts = [(f"account-{g // 7:02}", f"service-{g % 7}") for g in range(world.groups)]
    assert list(zip(sums.by_group["account"].to_pylist(), sums.by_group["service"].to_pylist(), strict=True)) == accounts
    for name in OUTPUTS:
        assert sums.by_group[name].to_pylist() == expected.output(name).tolist()


def test_segments_that_do_not_fit_the_site_are_refused(tmp_path: Path) -> None:
    world = larger()
    starts, windows, hosts = segment_tables(world)
    path = tmp_path / "a"
    write_fleet_segment(path, segment_usage(world.rows, starts))
    weights = replace(WEIGHTS, use=(*WEIGHTS.use, 1.0))
    for paths, w, h, message in (
        ([path, path], windows, hosts, "in two segments"),
        ([path], windows.slice(1), hosts, "not in the site's tables"),
        ([path], windows, hosts.filter(pc.not_equal(hosts["host"], "host-0")), "a host is not"),
        ([path], windows, hosts.slice(1), "62 rows where 63"),
        ([path], windows.drop(["capacity"]), hosts, "windows have no column capacity"),
        ([path], windows, hosts.drop(["idle_mj", "embodied_ug"]), "hosts have no column idle_mj, embodied_ug"),
        ([path], windows, _with(hosts, "idle_mj", -1), "the site's tables: idle_mj -1 at index 0 is negative"),
        ([path], windows, _with(hosts, "dynamic_mj", 1 << 52), "the totals of window 0 reach 2\\*\\*52"),
        ([path], _with(windows, "capacity", -1.0), hosts, "capacity -1.0 at index 0 is not a weight"),
    ):
        with pytest.raises(UsageDataError, match=message):
            fleet.allocate_segments(paths, w, h, weights=weights)
    (tmp_path / "b").write_bytes(path.read_bytes()[:1000])
    with pytest.raises(StoreError, match="not a fleet segment"):
        fleet.allocate_segments([tmp_path / "b"], windows, hosts, weights=weights)
    with pytest.raises(UsageDataError, match="cpu_s is missing"):
        write_fleet_segment(path, segment_usage(world.rows, starts).drop(["cpu_s"]))


def _with(table: pa.Table, name: str, amount: float) -> pa.Table:
    """The table with another amount in all its rows."""
    return table.set_column(table.column_names.index(name), name, pa.array([amount] * len(table), table.schema.field(name).type))


def larger() -> World:
    """Hosts of a few rows and of more than a block, and one without any."""
    rng = random.Random(3)
    windows, hosts, groups = 9, 7, 50
    rows: list[Row] = []
    for w in range(windows):
        for h in range(hosts):
            for _ in range(0 if h == 3 else 1500 if (w, h) in {(2, 5), (2, 6)} else rng.randrange(40)):
                # Dyadic fractions, so that float32 holds them and both widths of column are the same numbers.
                use = tuple(rng.randrange(1 << 16) / 256 for _ in range(USES))
                rows.append((w, h, rng.randrange(groups), use, (rng.randrange(64) / 4, rng.randrange(64) / 4)))

    def table(most: int, n: int) -> list[int]:
        return [rng.randrange(most) for _ in range(n)]

    dynamic, idle, embodied = (table(10**9, windows * hosts) for _ in range(3))
    capacity = [0.0, 1.0, 1e3, 1e4, 1e9, 1e30, 5e2, 5e2, 5e2]
    return World(
        windows,
        hosts,
        groups,
        dynamic,
        idle,
        embodied,
        table(10**10, windows),
        table(10**9, windows),
        table(10**9, windows),
        capacity,
        rows,
    )


def test_windows_taken_apart_add_up_to_the_whole() -> None:
    world = larger()
    total = array("q", bytes(8 * len(OUTPUTS) * world.groups))
    for w in range(world.windows):
        at = slice(w * world.hosts, (w + 1) * world.hosts)
        part = World(
            1, world.hosts, world.groups, world.dynamic[at], world.idle[at], world.embodied[at], [world.overhead[w]],
            [world.location[w]], [world.market[w]], [world.capacity[w]], [(0, *row[1:]) for row in world.rows if row[0] == w],
        )  # fmt: skip
        total = array("q", map(sum, zip(total, part.allocate().by_group, strict=True)))
    assert total == world.allocate().by_group


def test_totals_up_to_the_limit_are_conserved() -> None:
    most = 2**52 - 1
    rows = [(0, h, g, (1.0 + g, 0.0, 0.0), (0.3 + h, 0.0)) for h in (0, 1) for g in range(3)]
    for dynamic, idle, overhead in ((most, 0, 0), (0, most, 0), (1, 0, most - 1), (most // 3, most // 3, most // 3)):
        world = World(1, 2, 3, [dynamic, 0], [idle, 0], [most, 0], [overhead], [KWH - 1], [KWH // 2], [7.0], rows)
        for keep in (False, True):
            check_conserved(replace(world, keep_unsold=keep), replace(world, keep_unsold=keep).allocate())


def test_a_worked_example() -> None:
    world = World(
        1, 2, 2, dynamic=[100, 50], idle=[40, 40], embodied=[30, 30], overhead=[46], location=[KWH], market=[0], capacity=[8.0],
        rows=[
            (0, 0, 0, (3.0, 0.0, 0.0), (1.0, 0.0)),
            (0, 0, 1, (1.0, 0.0, 0.0), (3.0, 0.0)),
        ],
    )  # fmt: skip
    sums = world.allocate()
    table = sums.table().to_pydict()
    assert table["dynamic_mj"] == [75, 25]  # by use on host 0
    assert sums.unattributed[0] == 50  # nobody used host 1
    assert table["idle_mj"] == [10, 30]  # half of the capacity is reserved
    assert table["unsold_mj"] == [10, 30]
    assert table["overhead_mj"] == [19, 17]  # 46 x 95/230 = 19, 46 x 85/230 = 17
    assert sums.unattributed[3] == 10
    assert table["location_ug"] == [114, 102]  # 276 in all
    assert table["market_ug"] == [0, 0]
    assert table["embodied_ug"] == [15, 45]
    kept = replace(world, keep_unsold=True).allocate()
    assert kept.unsold == (0, 0, 40, 8, 48, 0, 30)


GOOD: Row = (0, 1, 1, (1.0, 1.0, 1.0), (1.0, 1.0))


@pytest.mark.parametrize("layout", ["rows", "mixed", "prepared"])
@pytest.mark.parametrize(
    ("bad", "message"),
    [
        ((0, 1, 2, (1.0, 1.0, 1.0), (1.0, 1.0)), "group 2 is not one of 2"),
        ((0, 1, -1, (1.0, 1.0, 1.0), (1.0, 1.0)), "group -1 is not"),
        ((0, 1, 0, (1.0, -1e-30, 1.0), (1.0, 1.0)), "use column 1 is -1e-30"),
        ((0, 1, 0, (1.0, 1.0, math.nan), (1.0, 1.0)), "use column 2 is nan"),
        ((0, 1, 0, (1.0, 1.0, 1.0), (math.inf, 1.0)), "reserved column 0 is inf"),
        ((0, 1, 0, (1.0, 1.0, 1.0), (1.0, -math.inf)), "reserved column 1 is -inf"),
        ((0, 1, 0, (1e200, 1.0, 1.0), (1.0, 1.0)), "use column 0 at 1e\\+200 is beyond"),
        ((0, 1, 0, (1.0, 1.0, 1.7e308), (1.0, 1.0)), "use column 2 at 1.7e\\+308 is beyond"),
        ((0, 1, 0, (1.0, 1.0, 1.0), (1e200, 1.0)), "reserved column 0 at 1e\\+200 is beyond"),
    ],
)
@pytest.mark.parametrize("at", [0, 5, 16])
def test_a_row_that_cannot_be_taken_is_named(layout: str, bad: Row, message: str, at: int) -> None:
    rows = [GOOD] * at + [bad] + [GOOD] * (20 - at)
    if layout == "mixed":
        rows[-1] = (0, 0, *GOOD[2:])
    columns: Rows | Prepared
    world = replace(NO_ROWS, groups=2)
    columns = world.columns(rows)
    if layout == "prepared":
        columns = fleet.prepare(columns, windows=1, hosts=2)
    for threads in (1, 3):
        with pytest.raises(UsageDataError, match=message) as refused:
            world.allocate(columns, threads=threads)
        assert refused.value.row == at
        assert refused.value.advice


def test_a_zero_with_a_sign_is_zero() -> None:
    world = replace(NO_ROWS, rows=[(0, 0, 0, (-0.0, -0.0, 1.0), (-0.0, 1.0))] * 9)
    check_conserved(world, world.allocate())


@pytest.mark.parametrize("threads", [1, 4])
def test_the_first_of_several_bad_rows_is_named(threads: int) -> None:
    world = larger()
    rows = world.by_window()
    for at in (40, 900, 2500):
        rows[at] = (*rows[at][:3], (math.nan,) * USES, rows[at][4])
    with pytest.raises(UsageDataError) as refused:
        world.allocate(world.columns(rows), threads=threads)
    assert refused.value.row == 40


@pytest.mark.parametrize(
    ("codes", "message", "row"),
    [
        ([0, 1, 0], "window 0 follows 1", 2),
        ([0, 0, 3], "window 3 is not one of 2", 2),
        ([-1, 0, 1], "window -1 is not one of 2", 0),
        ([2, 0, 1], "window 2 is not one of 2", 0),
        ([1, 0, 0], "window 0 follows 1", 1),
    ],
)
def test_windows_out_of_order_or_range_are_refused(codes: list[int], message: str, row: int) -> None:
    world = World(2, 2, 1, [0] * 4, [0] * 4, [0] * 4, [0] * 2, [0] * 2, [0] * 2, [1.0] * 2)
    columns = world.columns([(w, 0, 0, (1.0,) * USES, (1.0,) * RESERVES) for w in codes])
    with pytest.raises(UsageDataError, match=message) as refused:
        world.allocate(columns)
    assert refused.value.row == row


def test_hosts_out_of_range_are_refused_by_the_pass_and_by_prepare() -> None:
    for host in (-1, 2):
        columns = NO_ROWS.columns([(0, 0, *GOOD[2:]), (0, host, *GOOD[2:])])
        for call in (lambda c=columns: NO_ROWS.allocate(c), lambda c=columns: fleet.prepare(c, windows=1, hosts=2)):
            with pytest.raises(UsageDataError, match=f"host {host} is not one of 2") as refused:
                call()
            assert refused.value.row == 1


def test_columns_of_other_lengths_or_types_are_refused() -> None:
    columns = NO_ROWS.columns([(0, 0, 0, *GOOD[3:])] * 3)
    two = NO_ROWS.columns([(0, 0, 0, *GOOD[3:])] * 2)
    single = NO_ROWS.columns([(0, 0, 0, *GOOD[3:])] * 3, "f")
    for bad in (
        replace(columns, window=two.window),
        replace(columns, host=two.host),
        replace(columns, group=two.group),
        replace(columns, use=(*columns.use[:2], two.use[2])),
        replace(columns, reserved=(columns.reserved[0], single.reserved[1])),
        replace(columns, use=columns.use[:2]),
    ):
        with pytest.raises(ValueError, match=r"rows|dtype|weights"):
            NO_ROWS.allocate(bad)


@pytest.mark.parametrize("offsets", [[0, 1], [0, 5, 2], [0, -1, 2], [1, 1, 2], [0, 1, 3]])
def test_offsets_that_do_not_fit_are_refused(offsets: list[int]) -> None:
    columns = NO_ROWS.columns([(0, 0, 0, *GOOD[3:]), (0, 1, 0, *GOOD[3:])])
    with pytest.raises(ValueError, match="offsets"):
        NO_ROWS.allocate(Prepared(array("q", offsets), columns.group, columns.use, columns.reserved))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"dynamic": [1, -2]}, "dynamic_mj -2 at index 1 is negative"),
        ({"idle": [1]}, "idle_mj has 1 items, not 2"),
        ({"embodied": [2**52, 0]}, "totals of window 0 reach"),
        ({"dynamic": [2**51, 2**51]}, "totals of window 0 reach"),
        ({"overhead": [2**62]}, "totals of window 0 reach"),
        ({"dynamic": [2**51, 0], "location": [2**62]}, "totals of window 0 reach"),
        ({"capacity": [math.nan]}, "capacity nan at index 0"),
        ({"capacity": [-1.0]}, "capacity -1.0 at index 0"),
        ({"capacity": [math.inf]}, "capacity inf at index 0"),
        ({"capacity": []}, "as many items of capacity"),
    ],
)
def test_tables_that_cannot_be_are_refused(change: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        replace(NO_ROWS, **change).site()


@settings(deadline=None, max_examples=examples(60))
@given(st.data())
def test_whatever_the_columns_hold_it_is_allocated_or_refused(data: st.DataObject) -> None:
    n = data.draw(st.integers(0, 40))
    codes = st.lists(st.integers(-2, 3), min_size=n, max_size=n)
    reals = st.lists(st.one_of(st.floats(0, 10), st.floats()), min_size=n, max_size=n)
    rows = Rows(
        array("i", sorted(data.draw(codes)) if data.draw(st.booleans()) else data.draw(codes)),
        array("i", data.draw(codes)),
        array("i", data.draw(codes)),
        tuple(array("d", data.draw(reals)) for _ in range(USES)),
        tuple(array("d", data.draw(reals)) for _ in range(RESERVES)),
    )
    world = World(3, 3, 3, [5] * 9, [7] * 9, [11] * 9, [13] * 3, [10**9] * 3, [0] * 3, [0.0, 1.0, 100.0])
    offsets = array("q", data.draw(st.lists(st.integers(-3, n + 3), min_size=10, max_size=10)))
    for columns in (rows, Prepared(offsets, rows.group, rows.use, rows.reserved)):
        try:
            check_conserved(world, world.allocate(columns, threads=2))
        except ValueError:
            continue
    try:
        check_conserved(world, world.allocate(fleet.prepare(rows, windows=3, hosts=3)))
    except UsageDataError:
        return
