"""Published errors of providers, made again here, put right, and told as restatements: exactly by how much, for whom, and why."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from facility_books import write
from greencloud.allocation.apportion import apportion
from greencloud.engine import DataDirectory, run_allocation
from greencloud.errors import FacilityError, UsageDataError
from greencloud.ledger.segments import read_headers
from greencloud.results import RESTATED_MEASURES, Restatement, RunSummary
from greencloud.usage import usage_from

START = datetime(2026, 1, 31, tzinfo=UTC)
NOW = START + timedelta(days=30)
EMITTED = [measure for measure in RESTATED_MEASURES if measure not in {"energy", "scope1", "scope3_embodied"}]

HEAD = """
[facility]
name = "Regions"
[[accounts]]
id = "acme"
[[accounts]]
id = "globex"
[[curves]]
name = "c"
points = [[0, 1000], [1, 4000]]
source = "test"
"""


def region(name: str, grams: str, reserved: tuple[str, str] = ("3", "1")) -> str:
    """A site of one metered host of 4 vCPU in a grid zone of its own, of which both accounts reserve a part."""
    site = f"""
[[sites]]
id = "{name}"
region = "{name}"
grid_zone = "{name}"
pue = 1
scope1 = "none"
[[hosts]]
id = "{name}-host"
site = "{name}"
vcpu = 4
memory = "16 GiB"
curve = "c"
"""
    for account, vcpu in zip(("acme", "globex"), reserved, strict=True):
        site += f'[[reservations]]\naccount = "{account}"\nsite = "{name}"\nvcpu = {vcpu}\nstart = 2026-01-01\n'
        site += f'memory = "{4 * int(vcpu)} GiB"\n'
    for kind in ("location", "residual", "upstream"):
        site += f'[[factors]]\nzone = "{name}"\nkind = "{kind}"\nstart = 2026-01-01\ng_per_kwh = "{grams}"\nsource = "supplier"\n'
    return site


def metered(site: str, hours: int, kwh: int = 4) -> str:
    rows = [
        f"{(START + timedelta(hours=hour)).strftime('%Y-%m-%dT%H:%M:%SZ')},3600,{site},{site}-host,{kwh},3600\n"
        for hour in range(hours)
    ]
    return "".join(rows)


METERS = "window_start,window_s,site,host,energy_kwh,covered_s\n"


def used(site: str, account: str, cpu_s: int, hour: int = 0) -> dict[str, object]:
    at = START + timedelta(hours=hour)
    place = {"window_start": at, "window_s": 3600, "site": site, "host": f"{site}-host", "account": account, "service": "web"}
    return {**place, "cpu_ns": cpu_s * 10**9, "source": "provider", "quality": "exact"}


def directory(folder: Path, rows: list[dict[str, object]]) -> DataDirectory:
    data = DataDirectory.open(folder / "data", create=True)
    data.segments.write(usage_from(rows))
    return data


def apply(data: DataDirectory, folder: Path, book: str, **csv: str) -> None:
    folder.mkdir(exist_ok=True)
    data.apply_facility(write(folder, book, **csv))


def run(data: DataDirectory, later: int = 0, **options: object) -> RunSummary:
    done = run_allocation(data, now=NOW + timedelta(hours=later), **options)  # type: ignore[arg-type]
    assert done.refused == ()
    assert data.ledger.verify() == []
    return done


def totals(restatement: Restatement, side: str) -> Counter[str]:
    found: Counter[str] = Counter()
    for line in restatement.lines:
        found[line.measure] += getattr(line, side)
    return found


def test_two_regions_overstated_by_29_and_6_percent(tmp_path: Path) -> None:
    """AWS, July 2025: two regions overstated by 29 % and 6 %. A third was right."""
    rows = [used(site, account, cpu) for site in "abc" for account, cpu in (("acme", 3600), ("globex", 3600))]
    data = directory(tmp_path, rows)
    meters = METERS + "".join(metered(site, 1) for site in "abc")
    apply(data, tmp_path / "wrong", HEAD + region("a", "129") + region("b", "106") + region("c", "100"), meters=meters)
    run(data)
    right = HEAD + region("a", "100") + region("b", "100") + region("c", "100")
    apply(data, tmp_path / "right", right, meters=meters)

    foreseen = run(data, 1, dry_run=True, requested_by="ada", reason="July 2025")
    assert data.ledger.snapshot().restatements() == []
    run(data, 1, requested_by="ada", reason="July 2025")
    found = data.ledger.snapshot().restatements()
    assert tuple(found) == foreseen.restatements
    by_site = {each.site: each for each in found}
    assert {each.causes for each in found} == {("corrected_factor",)}
    assert {(each.requested_by, each.reason, each.restated) for each in found} == {("ada", "July 2025", NOW + timedelta(hours=1))}
    for site, ratio in (("a", Fraction(-29, 129)), ("b", Fraction(-6, 106))):
        restated = by_site[site]
        lines = {(line.account, line.component, line.measure) for line in restated.lines}
        assert {account for account, _, _ in lines} == {"acme", "globex"}
        assert {component for _, component, _ in lines} == {"dynamic", "idle"}
        assert {measure for _, _, measure in lines} == set(EMITTED)  # energy is what was metered, and was never wrong
        for line in restated.lines:
            assert Fraction(line.difference, line.old) == ratio, line
        # The region's total now is the metered load, 4 kWh, at 100 g: 400 g for each line of emissions.
        assert totals(restated, "new") == dict.fromkeys(EMITTED, 400_000_000)
        assert [(each.path, each.old, each.new) for each in restated.changes] == [
            (f"factors.{site}.{kind}", f"{129 if site == 'a' else 106} g/kWh", "100 g/kWh")
            for kind in ("location", "residual", "upstream")
        ]
    assert round(float(Fraction(-29, 129)) * 100, 2) == -22.48
    # The region that was right is restated too, since its batch names another book; its difference is nothing.
    assert by_site["c"].lines == ()
    assert by_site["c"].changes == ()
    assert {each.site for each in data.ledger.snapshot().restatements(accounts=["acme"])} == {"a", "b"}


def test_the_missing_day_of_each_rack_month_comes_back(tmp_path: Path) -> None:
    """AWS 3.0 to 3.0.1: a day of each rack-month was missing. Here a rack lives two days, the last of January and the first of
    February, each booked by its month; the one of January is missing."""
    mass_kg, hours = 3_000, 48
    data = directory(tmp_path, [used("a", "globex", 1800, hour) for hour in range(hours)])

    def rack(day: str) -> str:
        return (
            f'[[hardware]]\nid = "rack-1/{day[:7]}"\nsite = "a"\nembodied_kg = {mass_kg // 2}\n'
            f'in_service = {day}\nlife_days = 1\nsource = "maker"\n'
        )

    meters = METERS + metered("a", hours)
    book = HEAD + region("a", "100")
    apply(data, tmp_path / "wrong", book + rack("2026-02-01"), meters=meters)
    assert len(run_allocation(data, now=NOW).posted) == hours
    apply(data, tmp_path / "right", book + rack("2026-01-31") + rack("2026-02-01"), meters=meters)
    run(data, 1, end=START + timedelta(days=1))  # January alone

    found = data.ledger.snapshot().restatements()
    assert {each.causes for each in found} == {("corrected_factor",)}
    assert {line.measure for each in found for line in each.lines} == {"scope3_embodied"}
    booked: Counter[str] = Counter()
    for restated in found:
        booked.update({f"{restated.start:%m-%d}": sum(line.difference for line in restated.lines)})
    assert booked == {"01-31": mass_kg * 10**9 // 2}
    assert {change.path for each in found for change in each.changes} == {"hardware.rack-1/2026-01"}
    visible = data.ledger.snapshot().contents.segments()
    charged = sum(_embodied(data, segment.path) for segment in visible)
    assert charged == mass_kg * 10**9  # the sum over its life is its mass, to the microgram


def _embodied(data: DataDirectory, path: str) -> int:
    return sum(header.totals["scope3_embodied_ug"] for header in read_headers(data.ledger.root / path))


def test_late_data_of_a_final_hour_moves_energy_between_accounts_and_makes_none(tmp_path: Path) -> None:
    data = directory(tmp_path, [used("a", "acme", 7200)])
    apply(data, tmp_path / "book", HEAD + region("a", "100"), meters=METERS + metered("a", 1))
    run(data)
    data.segments.write(usage_from([used("a", "globex", 3600)]))
    foreseen = run(data, 1, dry_run=True)
    assert [len(foreseen.posted), len(foreseen.restatements)] == [1, 1]
    run(data, 1)
    (restated,) = data.ledger.snapshot().restatements()
    assert restated.causes == ("late_data",)
    assert restated.changes == ()
    dynamic = {
        line.account: (line.old, line.new) for line in restated.lines if (line.component, line.measure) == ("dynamic", "energy")
    }
    old, share = dynamic["acme"]
    assert dynamic == {"acme": (old, share), "globex": (0, old - share)}
    assert share == old * 2 // 3
    assert totals(restated, "difference") == dict.fromkeys({line.measure for line in restated.lines}, 0)


def test_a_refund_takes_nothing_below_zero(tmp_path: Path) -> None:
    """AWS 3.0 to 3.0.1: negative revenue (refunds) gave negative emissions. A negative weight cannot be written here, in use or in
    the book; capacity that is given back is a smaller reservation, and what it restates is signed while what is charged is not."""
    with pytest.raises(UsageDataError, match="negative"):
        usage_from([used("a", "globex", -3600)])
    data = directory(tmp_path, [used("a", "acme", 3600), used("a", "globex", 3600)])
    meters = METERS + metered("a", 1)
    with pytest.raises(FacilityError, match="negative"):
        apply(data, tmp_path / "refund", HEAD + region("a", "100", ("3", "-1")), meters=meters)
    apply(data, tmp_path / "before", HEAD + region("a", "100", ("1", "3")), meters=meters)
    run(data)
    apply(data, tmp_path / "after", HEAD + region("a", "100", ("1", "1")), meters=meters)
    run(data, 1)
    (restated,) = data.ledger.snapshot().restatements()
    assert restated.causes == ("corrected_mapping",)
    assert [(each.path, each.old, each.new, each.account) for each in restated.changes] == [
        ("reservations.globex.a.memory_bytes", str(12 << 30), str(4 << 30), "globex"),
        ("reservations.globex.a.vcpu", "3", "1", "globex"),
    ]
    assert all(line.old >= 0 and line.new >= 0 for line in restated.lines)
    assert any(line.difference < 0 for line in restated.lines)
    assert not any(totals(restated, "difference").values())


@given(st.lists(st.integers(-5, 5), min_size=1, max_size=5).filter(lambda weights: min(weights) < 0), st.integers(0, 10**9))
def test_no_weight_is_negative(weights: list[int], total: int) -> None:
    with pytest.raises(ValueError, match="negative"):
        apportion(total, weights)
