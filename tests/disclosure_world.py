"""A provider's year, for tests of disclosures: every kind of entry, instrument, goal and product once."""

from __future__ import annotations

from datetime import UTC, date, datetime
from fractions import Fraction
from typing import Any

from greencloud.results.disclosures import DisclosureInputs, LedgerEnergy
from greencloud.results.goals import Goal, GoalKind, GoalProgress, GoalStatus, GoalYear, Milestone
from greencloud.results.instruments import Instrument, InstrumentKind, InstrumentUse, Neutrality
from greencloud.results.inventory import (
    ActivityData,
    EntryState,
    InventoryEntry,
    InventoryLine,
    InventoryPolicy,
    InventoryRestatement,
    InventoryTotals,
    RestatementCause,
    YearState,
)
from greencloud.results.product_footprints import ProductFootprint, product_footprint_id
from greencloud.results.reporting_year import ReportingYear
from greencloud.units import Emissions, Energy

__all__ = ["NOW", "YEAR", "entry", "inputs", "product", "totals"]

NOW = datetime(2026, 4, 1, 12, tzinfo=UTC)
YEAR = ReportingYear(2025)
BASE = ReportingYear(2020)
TONNE = 10**12


def entry(id_: str, scope: str, micrograms: int, category: int | None = None, **more: Any) -> InventoryEntry:
    values: dict[str, Any] = {"year": YEAR, "source": "meter", "evidence": ("ab" * 32,), "uncertainty": Fraction(5, 100)} | more
    return InventoryEntry(id=id_, scope=scope, category=category, emissions=Emissions(micrograms), **values)


def totals(entries: list[InventoryEntry], year: ReportingYear = YEAR, *, state: YearState = YearState.OPEN) -> InventoryTotals:
    """What the books make of entries, plainly."""
    kept = [each for each in entries if each.year == year and each.state is not EntryState.WITHDRAWN]
    lines = []
    for key in sorted({(each.scope, each.category) for each in kept if not each.biogenic}, key=str):
        of = [each for each in kept if (each.scope, each.category) == key and not each.biogenic]
        known = all(each.uncertainty is not None for each in of)
        width = Emissions(sum(abs(each.emissions.micrograms) // 20 for each in of)) if known else None
        drafts = sum(each.state is EntryState.DRAFT for each in of)
        amount = sum((each.emissions for each in of), Emissions())
        lines.append(InventoryLine(*key, amount, len(of), drafts, width, tuple(each.name for each in of)))
    scopes = {line.scope for line in lines}

    def total(method: str) -> Emissions | None:
        wanted = {"scope1", f"scope2_{method}", "scope3"}
        if not wanted <= scopes:
            return None
        return sum((line.emissions for line in lines if line.scope in wanted), Emissions())

    return InventoryTotals(
        year=year,
        start=year.start(1),
        end=year.end(1),
        state=state,
        lines=tuple(lines),
        biogenic=sum((each.emissions for each in kept if each.biogenic), Emissions()),
        total_location_based=total("location_based"),
        total_market_based=total("market_based"),
        as_of=17,
    )


def product(sku: str = "c4.large", region: str = "north", operations: int = 3_000_000, **more: Any) -> ProductFootprint:
    start, end = datetime(2025, 1, 1, tzinfo=UTC), datetime(2026, 1, 1, tzinfo=UTC)
    values: dict[str, Any] = {
        "id": product_footprint_id(sku, region, start=start, end=end, covered_seconds=31_536_000),
        "ledger_version": 12,
        "energy": Energy(3_600_000_000 * 90_001),
        "scope1": Emissions(1_000_000_007),
        "scope2_location_based": Emissions(40_000_000_000_001),
        "scope2_market_based": Emissions(3_000_000_000_000),
        "scope3_upstream_location_based": Emissions(4_000_000_000_000),
        "scope3_upstream_market_based": Emissions(500_000_000_000),
        "scope3_embodied": Emissions(9_999_999_999_999),
        "exempted": Fraction(3, 100),
        "measured_share": Fraction(97, 100),
        "methodology_versions": ("greencloud/1",),
        "grid_zones": ("SE",),
        "updated": NOW,
    } | more
    return ProductFootprint(
        sku=sku, region=region, start=start, end=end, covered_seconds=31_536_000, operation_count=operations, **values
    )


def _entries() -> list[InventoryEntry]:
    diesel = ActivityData(Fraction(1000), "L", Fraction(268, 100), "kg/L", "DEFRA 2025", gas="CO2", gwp_set="AR6")
    return [
        entry("s1-diesel", "scope1", 51_000 * TONNE + 333_333_333, activity=diesel),
        entry("s1-refrigerant", "scope1", 1_234 * TONNE + 333_333_333),
        entry("s2-lb", "scope2_location_based", 371_000 * TONNE + 444_444_444),
        entry("s2-mb", "scope2_market_based", 98_765 * TONNE + 555_555_555, state=EntryState.APPROVED),
        entry(
            "s3-1", "scope3", 200_000 * TONNE + 499_999_999, 1, state=EntryState.VERIFIED, verified_by="Assure", assurance="limited"
        ),
        entry("s3-2", "scope3", 150_000 * TONNE + 499_999_999, 2),
        entry("s3-3", "scope3", 70_000 * TONNE + 499_999_999, 3, uncertainty=None),
        entry("s3-6", "scope3", 9_400 * TONNE + 499_999_999, 6),
        entry("s3-11", "scope3", 100_000 * TONNE + 999, 11),
        entry("bio", "scope1", 77 * TONNE, biogenic=True),
        entry("b-s1", "scope1", 60_000 * TONNE, year=BASE),
        entry("b-s2", "scope2_location_based", 400_000 * TONNE, year=BASE),
        entry("b-s2m", "scope2_market_based", 390_000 * TONNE, year=BASE),
        entry("b-s3", "scope3", 529_400 * TONNE, year=BASE),
    ]


def _certificates(kind: InstrumentKind, id_: str, units: int) -> Instrument:
    use = InstrumentUse(f"instruments/{id_}", YEAR, 1, units, "amy", NOW)
    return Instrument(
        id=id_,
        kind=kind,
        registry="Registry",
        project="Wind <park> & sons",
        serial_prefix="",
        serial_first=1,
        serial_last=units + 10,
        vintage_start=date(2025, 1, 1),
        vintage_end=date(2025, 12, 31),
        geography="SE",
        uses=(use,),
    )


def inputs() -> DisclosureInputs:
    entries = _entries()
    goal = Goal(
        id="neutral-2030",
        display_name="Neutral operations",
        kind=GoalKind.NEUTRALITY,
        scopes=("scope1", "scope2_market_based"),
        base_year=BASE,
        target_year=ReportingYear(2030),
        milestones=(Milestone(ReportingYear(2027), share=Fraction(1, 3)),),
    )
    progress = GoalProgress(
        name=goal.name,
        display_name=goal.display_name,
        kind="neutrality",
        scopes=goal.scopes,
        base_year=2020,
        base_emissions=Emissions(450_000 * TONNE),
        target_year=2030,
        target_emissions=Emissions(),
        years=(GoalYear(2020, Emissions(450_000 * TONNE), Emissions(450_000 * TONNE)), GoalYear(2025, Emissions(225_000 * TONNE))),
        ledger_year=2025,
        ledger_covered_seconds=0,
        ledger_emissions=Emissions(),
        path_emissions=Emissions(),
        status=GoalStatus.OFF_TRACK,
        as_of=NOW,
        latest_year=BASE,
        milestones=(Milestone(ReportingYear(2027), emissions=Emissions(150_000 * TONNE)),),
    )
    neutrality = Neutrality(
        year=YEAR,
        goal=goal.name,
        scopes=goal.scopes,
        base=Emissions(450_000 * TONNE),
        residual=Emissions(150_999 * TONNE),
        path=None,
        lines=(),
        removed=Emissions(40 * TONNE),
        offset=Emissions(500 * TONNE),
        balance=Emissions(150_459 * TONNE),
        neutral=False,
        reduction_first=False,
        findings=("the residual is above the path",),
    )
    return DisclosureInputs(
        inventory=totals(entries),
        created=NOW,
        policy=InventoryPolicy(base_year=BASE, organization="Example Cloud Ltd", revision=1),
        base_inventory=totals(entries, BASE, state=YearState.CLOSED),
        entries=tuple(entries),
        restatements=(
            InventoryRestatement(
                entry="inventoryEntries/s1-diesel",
                year=YEAR,
                scope="scope1",
                category=None,
                before=Emissions(50_000 * TONNE),
                after=Emissions(51_000 * TONNE),
                cause=RestatementCause.LATE_DATA,
                reason='=HYPERLINK("http://x") <b>late</b> invoices',
                restated_by="amy",
                restated=NOW,
                revision=2,
            ),
        ),
        goals=((goal, progress),),
        neutrality=(neutrality,),
        instruments=(
            _certificates(InstrumentKind.ENERGY_CERTIFICATE, "go-1", 900),
            _certificates(InstrumentKind.REMOVAL, "dac-1", 40),
            _certificates(InstrumentKind.OFFSET_CREDIT, "vcu-1", 500),
        ),
        ledger_energy=LedgerEnergy(Energy(3_600_000_000 * 1_234_567), Energy(), 31_000_000, 31_536_000, 12),
        products=(product(), product("storage", operations=0, grid_zones=("SE", "NO"))),
    )
