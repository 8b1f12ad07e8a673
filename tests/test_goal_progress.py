"""Where the provider stands: compared over the covered seconds only, and unknown wherever it cannot be known."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from fractions import Fraction
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from greencloud.errors import GoalError, NotFoundError
from greencloud.goal import Goal, LedgerYear, apply_goal, current_goal, goal_progress, latest_year, ledger_year, progress
from greencloud.inventory import Entry, Inventory
from greencloud.results import BatchSummary, FootprintQuery, FootprintRow, GoalProgress, GoalStatus, Granularity
from greencloud.units import Emissions, Energy

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
START = datetime(2026, 11, 23, tzinfo=UTC)
BOOKS = Path(__file__).parent / "books" / "goal-provider"


class ListedLedger:
    """Windows with their Scope 1, in lists: what a snapshot answers, written down."""

    def __init__(self, *windows: tuple[str, datetime, int, int]) -> None:
        self.windows = windows  # site, start, seconds, micrograms

    def sites(self) -> list[str]:
        return sorted({site for site, *_ in self.windows})

    def batches(self, start: datetime | None = None, end: datetime | None = None) -> list[BatchSummary]:
        return [
            BatchSummary(
                f"{site}{at}", site, at, at + timedelta(seconds=seconds), "r", "m", "f", "u", "", False, Energy(), Energy(), {}, at
            )
            for site, at, seconds, _ in self.windows
            if (start is None or start <= at) and (end is None or at < end)
        ]

    def footprint(self, query: FootprintQuery) -> list[FootprintRow]:
        total = sum(micrograms for _, at, _, micrograms in self.windows if query.start <= at < query.end)
        return [FootprintRow(query.start, query.end, {}, scope1=Emissions(total))]


def goal_of(kind: str = "absolute", scopes: tuple[str, ...] = ("scope1",), share: str = "0") -> Goal:
    return Goal("g", "G", kind, scopes, 2020, 2030, Path("inventory.csv"), target_share=Fraction(share))


def inventory_of(*entries: tuple[int, str, int | None, int]) -> Inventory:
    return Inventory(
        tuple(Entry(year, scope, category, Emissions(amount), "s") for year, scope, category, amount in entries), "i.csv"
    )


BASE = inventory_of((2020, "scope1", None, 10**12))

hours = st.lists(st.integers(0, 40), unique=True)


@given(hours, hours)
def test_only_hours_that_every_site_covers_count(first: list[int], second: list[int]) -> None:
    windows = [("a", START + timedelta(hours=hour), 3600, 2**hour) for hour in first]
    windows += [("b", START + timedelta(hours=hour), 3600, 3 * 2**hour) for hour in second]
    both = set(first) & set(second) if first and second else set(first) | set(second)
    each = 4 if first and second else 1 if first else 3

    found = ledger_year(ListedLedger(*windows), 2026, ("scope1",))

    assert found.covered_seconds == 3600 * len(both)
    assert found.emissions == {"scope1": Emissions(sum(each * 2**hour for hour in both))}


def test_a_window_that_another_site_covers_in_part_is_left_out_with_the_part() -> None:
    quarter = timedelta(minutes=15)
    finer = [("b", START + n * quarter, 900, 10) for n in (0, 1, 2)]
    second = [("b", START + timedelta(hours=1) + n * quarter, 900, 10) for n in range(4)]
    hourly = [("a", START, 3600, 1000), ("a", START + timedelta(hours=1), 3600, 1000)]

    found = ledger_year(ListedLedger(*hourly, *finer, *second), 2026, ("scope1",))

    assert (found.covered_seconds, found.emissions["scope1"]) == (3600, Emissions(1040))


def test_the_years_of_a_ledger_do_not_mix() -> None:
    ledger = ListedLedger(("a", datetime(2025, 12, 31, 23, tzinfo=UTC), 3600, 7), ("a", datetime(2026, 1, 1, tzinfo=UTC), 3600, 11))

    assert [ledger_year(ledger, year, ("scope1",)).emissions["scope1"].micrograms for year in (2025, 2026)] == [7, 11]
    assert latest_year(ledger) == 2026
    assert latest_year(ListedLedger()) is None


@pytest.mark.parametrize(("scopes", "expected"), [(("scope3",), 1 + 4), (("scope2_market_based", "scope3"), 2 + 4)])
def test_scope_3_takes_the_upstream_of_the_method_that_the_goal_uses(scopes: tuple[str, ...], expected: int) -> None:
    class OneRow(ListedLedger):
        def footprint(self, query: FootprintQuery) -> list[FootprintRow]:
            return [
                FootprintRow(
                    query.start,
                    query.end,
                    {},
                    scope3_upstream_location_based=Emissions(1),
                    scope3_upstream_market_based=Emissions(2),
                    scope3_embodied=Emissions(4),
                )
            ]

    assert ledger_year(OneRow(("a", START, 3600, 0)), 2026, scopes).emissions["scope3"] == Emissions(expected)


@given(st.integers(1, 366 * 86_400), st.sampled_from([2024, 2025, 2026]), st.integers(0, 10**15))
def test_the_allowance_is_the_path_in_proportion_to_time_rounded_once(covered: int, year: int, emitted: int) -> None:
    days = 366 if year == 2024 else 365
    covered = min(covered, days * 86_400)
    path = 10**12 * Fraction(2030 - year, 10)

    found = progress(goal_of(), BASE, LedgerYear(year, covered, {"scope1": Emissions(emitted)}), NOW)

    assert found.path_emissions == Emissions(round(path * covered / (days * 86_400)))
    assert found.gap == Emissions(emitted - found.path_emissions.micrograms)
    assert found.status is (GoalStatus.OFF_TRACK if found.gap.micrograms > 0 else GoalStatus.ON_TRACK)


def test_a_whole_leap_year_is_allowed_its_whole_path() -> None:
    found = progress(goal_of(), BASE, LedgerYear(2024, 366 * 86_400, {"scope1": Emissions(1)}), NOW)

    assert found.path_emissions == next(year.path for year in found.years if year.year == 2024)
    assert "(100.00 %)" in found.notes[0]


def test_a_ledger_that_covers_nothing_is_unknown_and_says_so() -> None:
    found = progress(goal_of(), BASE, LedgerYear(2026, 0), NOW)

    assert found.status is GoalStatus.UNKNOWN
    assert found.notes[0] == "The ledger covers nothing of 2026, so nothing is compared."


def test_a_year_before_the_base_has_no_path() -> None:
    found = progress(goal_of(), BASE, LedgerYear(2019, 3600, {"scope1": Emissions(1)}), NOW)

    assert found.status is GoalStatus.UNKNOWN
    assert any("The path begins in 2020" in note for note in found.notes)


def test_years_without_an_inventory_are_not_known_and_are_named() -> None:
    inventory = inventory_of((2020, "scope1", None, 100), (2023, "scope1", None, 0))

    found = progress(goal_of(), inventory, LedgerYear(2026, 0), NOW)

    actual = {year.year: year.actual for year in found.years}
    assert (actual[2020], actual[2023], actual[2021]) == (Emissions(100), Emissions(0), None)
    assert any("2021-2022, 2024-2025" in note for note in found.notes)


def test_a_ledger_that_sees_a_part_of_the_base_can_be_off_track_but_not_on_track() -> None:
    inventory = inventory_of((2020, "scope3", 1, 10**12), (2020, "scope3", 2, 10**12))
    goal = goal_of(scopes=("scope3",), share="0.5")

    below = progress(goal, inventory, LedgerYear(2026, 3600, {"scope3": Emissions(1)}), NOW)
    above = progress(goal, inventory, LedgerYear(2026, 3600, {"scope3": Emissions(10**12)}), NOW)

    assert (below.status, above.status) == (GoalStatus.UNKNOWN, GoalStatus.OFF_TRACK)
    assert any("The base counts category 1" in note for note in below.notes)


class PartlyMetered(ListedLedger):
    """A ledger in which the meters cover only a part of the windows that start at some hours."""

    def __init__(self, hours: set[int], *windows: tuple[str, datetime, int, int]) -> None:
        super().__init__(*windows)
        self.hours = hours

    def footprint(self, query: FootprintQuery) -> list[FootprintRow]:
        if query.granularity is not Granularity.WINDOW:
            return super().footprint(query)
        return [
            FootprintRow(at, at + timedelta(seconds=seconds), {"site": site}, quality_flags=("modelled", "partial"))
            for site, at, seconds, _ in self.windows
            if query.start <= at < query.end and at.hour in self.hours
        ]


def test_windows_that_are_metered_in_part_are_left_out_with_their_allowance() -> None:
    windows = [(site, START + timedelta(hours=hour), 3600, 10**hour) for site in ("a", "b") for hour in range(3)]

    found = ledger_year(PartlyMetered({1}, *windows), 2026, ("scope1",))

    assert (found.covered_seconds, found.left_out_seconds, found.partial) == (2 * 3600, 3600, False)
    assert found.emissions == {"scope1": Emissions(2 * (1 + 100))}
    assert "3,600 s are left out" in progress(goal_of(), BASE, found, NOW).notes[0]


def test_a_ledger_metered_in_part_alone_can_be_off_track_but_not_on_track() -> None:
    def found(micrograms: int) -> GoalProgress:
        ledger = PartlyMetered({0}, ("a", START, 3600, micrograms))
        return progress(goal_of(), BASE, ledger_year(ledger, 2026, ("scope1",)), NOW)

    assert (found(1).status, found(10**12).status) == (GoalStatus.UNKNOWN, GoalStatus.OFF_TRACK)
    assert found(1).ledger_emissions == Emissions(1)
    assert "lower bound" in found(1).notes[0]


def test_neutrality_is_never_claimed_without_what_balances_the_residual() -> None:
    goal = goal_of("neutrality", share="0.5")
    ledger = LedgerYear(2026, 3600, {"scope1": Emissions(1)})

    before = progress(goal, BASE, ledger, NOW)
    due = progress(goal, BASE, LedgerYear(2030, 3600, {"scope1": Emissions(1)}), NOW)

    assert (before.status, due.status) == (GoalStatus.ON_TRACK, GoalStatus.UNKNOWN)
    assert "removals and credits must balance; none of them are recorded yet" in before.notes[-1]


def test_the_goal_in_force_is_the_one_applied_last(tmp_path: Path) -> None:
    directory = tmp_path / "data" / "goal"
    with pytest.raises(NotFoundError, match="no goal is in force") as caught:
        current_goal(directory)
    assert "greencloud goal apply" in caught.value.advice

    applied = apply_goal(BOOKS / "goal.toml", directory)
    assert applied == current_goal(directory)[0]
    assert (directory / "goal.toml").read_bytes() == (BOOKS / "goal.toml").read_bytes()

    shop = Path(__file__).parents[1] / "examples" / "shop" / "goal.toml"
    assert apply_goal(shop, directory).id == "cloud-scope3-2030"
    assert current_goal(directory)[1].total(2020, ["scope3"]) == Emissions(120 * 10**9)
    assert sorted(path.name for path in directory.parent.iterdir()) == ["goal"]


def test_a_goal_that_does_not_hold_leaves_the_one_in_force(tmp_path: Path) -> None:
    directory = tmp_path / "goal"
    apply_goal(BOOKS / "goal.toml", directory)
    broken = tmp_path / "broken.toml"
    broken.write_text((BOOKS / "goal.toml").read_text().replace("base_year = 2020", "base_year = 2019"))
    (tmp_path / "inventory.csv").write_bytes((BOOKS / "inventory.csv").read_bytes())

    with pytest.raises(GoalError, match="base year 2019"):
        apply_goal(broken, directory)

    assert current_goal(directory)[0].base_year == 2020


def test_the_goal_finds_its_inventory_whatever_it_was_called(tmp_path: Path) -> None:
    (tmp_path / "books").mkdir()
    (tmp_path / "books" / "ghg-2020.csv").write_bytes((BOOKS / "inventory.csv").read_bytes())
    source = tmp_path / "goal.toml"
    source.write_text((BOOKS / "goal.toml").read_text().replace('"inventory.csv"', '"books/ghg-2020.csv"'))

    goal = apply_goal(source, tmp_path / "goal")

    assert goal.inventory == tmp_path / "goal" / "inventory.csv"
    assert current_goal(tmp_path / "goal")[1].years() == [2020, 2021]


def test_the_year_compared_is_the_ledgers_latest_or_this_one(tmp_path: Path) -> None:
    apply_goal(BOOKS / "goal.toml", tmp_path / "goal")
    ledger = ListedLedger(("a", datetime(2024, 2, 29, tzinfo=UTC), 3600, 1))

    assert goal_progress(tmp_path / "goal", ledger, NOW).ledger_year == 2024
    assert goal_progress(tmp_path / "goal", ListedLedger(), NOW).ledger_year == 2026
    assert goal_progress(tmp_path / "goal", ledger, NOW, year=2025).ledger_covered_seconds == 0


def test_a_ledger_whose_meters_cover_part_of_its_windows_is_never_on_track() -> None:
    below = progress(goal_of(), BASE, LedgerYear(2026, 3600, {"scope1": Emissions(1)}, partial=True), NOW)
    above = progress(goal_of(), BASE, LedgerYear(2026, 3600, {"scope1": Emissions(10**15)}, partial=True), NOW)

    assert (below.status, above.status) == (GoalStatus.UNKNOWN, GoalStatus.OFF_TRACK)
    assert any("lower bound" in note for note in below.notes)
