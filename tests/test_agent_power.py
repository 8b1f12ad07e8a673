"""Energy counters: RAPL zones in a folder like the kernel's, and the power model's integral."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from greencloud.agent.power import MeasuredEnergy, ModelledEnergy, PowerModel, Zone, increase
from greencloud.agent.reader import look_at_zones
from greencloud.errors import QuantityError

RANGE = 262_143_328_850  # what the kernel gives on common servers


def zone(root: Path, folder: str, name: str, energy: int, maximum: int = RANGE) -> Path:
    """A zone as the kernel lays it out: sub-zones beside their package, as links do."""
    path = root / folder
    path.mkdir(exist_ok=True)
    (path / "name").write_text(f"{name}\n")
    (path / "energy_uj").write_text(f"{energy}\n")
    (path / "max_energy_range_uj").write_text(f"{maximum}\n")
    return path


@given(start=st.integers(0, RANGE), steps=st.lists(st.integers(0, RANGE - 1), max_size=30))
def test_a_counter_that_wraps_gives_the_sum_of_its_steps(start: int, steps: list[int]) -> None:
    energy, shown = MeasuredEnergy().advance([Zone("intel-rapl:0", "package-0", start, RANGE)]), start
    for step in steps:
        shown = shown + step if shown + step <= RANGE else shown + step - RANGE
        energy = energy.advance([Zone("intel-rapl:0", "package-0", shown, RANGE)])
    assert energy.microjoules == sum(steps)


@given(
    idle=st.fractions(0, 200, max_denominator=1000),
    span=st.fractions(0, 400, max_denominator=1000),
    cores=st.integers(1, 256),
    looks=st.lists(st.tuples(st.integers(0, 10**10), st.fractions(0, 1, max_denominator=997)), max_size=20),
)
def test_the_model_integrates_the_curve_over_any_partition_of_time(
    idle: Fraction, span: Fraction, cores: int, looks: list[tuple[int, Fraction]]
) -> None:
    energy = ModelledEnergy(PowerModel(idle, idle + span), cores)
    expected = Fraction(0)
    for elapsed, share in looks:
        busy = int(elapsed * cores * share)
        energy = energy.advance(elapsed, busy)
        expected += idle * elapsed + (span * Fraction(busy, cores * elapsed) * elapsed if elapsed else 0)
    assert energy.microjoules == int(expected / 1000)


def test_two_vcpu_of_cascade_lake_half_busy_for_an_hour_take_16596_joules() -> None:
    model = PowerModel(Fraction("1.28"), Fraction("7.94"))
    energy = ModelledEnergy(model, 2).advance(3600 * 10**9, 3600 * 10**9)
    assert energy.microjoules == 16_596_000_000
    assert energy.quality == "modelled"


@pytest.mark.parametrize(("elapsed", "busy", "microjoules"), [(10**9, 5 * 10**9, 8_000_000), (10**9, -5, 2_000_000), (-1, 7, 0)])
def test_a_busy_share_outside_0_and_1_is_held_at_the_edge(elapsed: int, busy: int, microjoules: int) -> None:
    assert ModelledEnergy(PowerModel(Fraction(2), Fraction(8)), 2).advance(elapsed, busy).microjoules == microjoules


@pytest.mark.parametrize(("idle", "most"), [(5, 4), (-1, 4)])
def test_a_curve_that_falls_or_is_below_zero_is_refused(idle: int, most: int) -> None:
    with pytest.raises(QuantityError, match="is not possible"):
        PowerModel(Fraction(idle), Fraction(most))


def test_one_wrap_adds_the_range() -> None:
    assert increase(RANGE - 10, 5, RANGE) == 15


def test_packages_and_memory_add_up_and_nested_zones_do_not(tmp_path: Path) -> None:
    zone(tmp_path, "intel-rapl:0", "package-0", RANGE - 1_000_000)
    zone(tmp_path, "intel-rapl:0:0", "core", 500)
    zone(tmp_path, "intel-rapl:0:1", "dram", 100, 65_712_999_613)
    zone(tmp_path, "intel-rapl:1", "package-1", 70)
    zone(tmp_path, "intel-rapl-mmio:0", "package-0", RANGE - 1_000_000)
    energy = MeasuredEnergy().advance(look_at_zones(tmp_path))
    assert energy.microjoules == 0
    zone(tmp_path, "intel-rapl:0", "package-0", 2_000_000)  # wrapped
    zone(tmp_path, "intel-rapl:0:0", "core", 900_000)
    zone(tmp_path, "intel-rapl:0:1", "dram", 400_100, 65_712_999_613)
    zone(tmp_path, "intel-rapl:1", "package-1", 50_070)
    zone(tmp_path, "intel-rapl-mmio:0", "package-0", 2_000_000)
    energy = energy.advance(look_at_zones(tmp_path))
    assert energy.microjoules == 3_000_000 + 400_000 + 50_000
    assert energy.quality == "measured"


def test_the_platform_zone_stands_for_all_that_it_contains(tmp_path: Path) -> None:
    zone(tmp_path, "intel-rapl:0", "package-0", 1)
    zone(tmp_path, "intel-rapl:1", "psys", 2)
    assert [found.name for found in look_at_zones(tmp_path)] == ["psys"]


def test_a_zone_that_goes_missing_for_a_look_is_counted_when_it_is_back() -> None:
    first, later = Zone("intel-rapl:0", "package-0", 10, RANGE), Zone("intel-rapl:0", "package-0", 25, RANGE)
    assert MeasuredEnergy().advance([first]).advance([]).advance([later]).microjoules == 15


@pytest.mark.parametrize("spoiled", ["", "not a number"])
def test_zones_that_cannot_be_read_are_none(tmp_path: Path, spoiled: str) -> None:
    assert look_at_zones(tmp_path / "nothing") == ()
    path = zone(tmp_path, "intel-rapl:0", "package-0", 1)
    (path / "energy_uj").write_text(spoiled)
    assert look_at_zones(tmp_path) == ()
