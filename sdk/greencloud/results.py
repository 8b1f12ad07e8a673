"""What a question about the ledger gives back, the same value whether it was asked of a data directory or of a server.

The ledger makes these values, ``greencloud.wire`` carries them over gRPC without loss, the SDK returns them and the reports show
them. Amounts are unbounded integers (micrograms, millijoules); times are UTC; a row is for the half-open period
``[start, end)``.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from greencloud.units import Emissions, Energy

__all__ = [
    "GROUPABLE",
    "RESTATED_MEASURES",
    "BatchSummary",
    "BookChange",
    "FootprintQuery",
    "FootprintRow",
    "GoalProgress",
    "GoalStatus",
    "GoalYear",
    "Granularity",
    "RefusedWindow",
    "Restatement",
    "RestatementLine",
    "RunSummary",
]

GROUPABLE = ("account", "service", "region", "site", "sku", "operation", "component", "scope")
"""Dimensions of ``group_by``; besides these ``label:<key>``."""


RESTATED_MEASURES = (
    "energy",
    "scope1",
    "scope2_location_based",
    "scope2_market_based",
    "scope3_upstream_location_based",
    "scope3_upstream_market_based",
    "scope3_embodied",
)
"""What a line of a restatement is about: the amounts of a ``FootprintRow`` that are kept, not worked out of others."""


class Granularity(StrEnum):
    ALL = "all"  # the whole time asked for, as one period
    WINDOW = "window"
    HOUR = "hour"
    DAY = "day"
    MONTH = "month"


@dataclass(frozen=True, slots=True)
class FootprintQuery:
    """Which postings count, and how they are added up. Values within a filter are alternatives; filters narrow each other."""

    start: datetime
    end: datetime
    accounts: tuple[str, ...] | None = None  # None: every account and pool
    services: tuple[str, ...] = ()
    regions: tuple[str, ...] = ()
    sites: tuple[str, ...] = ()
    skus: tuple[str, ...] = ()
    operations: tuple[str, ...] = ()
    components: tuple[str, ...] = ()
    group_by: tuple[str, ...] = ()
    granularity: Granularity = Granularity.ALL


@dataclass(frozen=True, slots=True)
class FootprintRow:
    """One period and one combination of dimension values."""

    start: datetime
    end: datetime
    dimensions: dict[str, str]
    energy: Energy = Energy()
    scope1: Emissions = Emissions()
    scope2_location_based: Emissions = Emissions()
    scope2_market_based: Emissions = Emissions()
    scope3_upstream_location_based: Emissions = Emissions()
    scope3_upstream_market_based: Emissions = Emissions()
    scope3_embodied: Emissions = Emissions()
    operation_count: int = 0
    quality_flags: tuple[str, ...] = ()
    provisional: bool = False
    methodology_versions: tuple[str, ...] = ()
    # Of ``energy``, by the weakest kind of evidence that each posting rests on; the four add up to it.
    measured_energy: Energy = Energy()
    modelled_energy: Energy = Energy()
    estimated_energy: Energy = Energy()
    self_reported_energy: Energy = Energy()
    # Half-widths of 95 % intervals, added up over postings as if all erred together: never too narrow for whole accounts and
    # components, whose ratios their postings share. None: not known.
    energy_half_width: Energy | None = None
    location_half_width: Emissions | None = None  # of total_location_based
    market_half_width: Emissions | None = None  # of total_market_based
    updated: datetime | None = None  # when the newest batch behind the row was posted

    @property
    def total_location_based(self) -> Emissions:
        return self.scope1 + self.scope2_location_based + self.scope3_upstream_location_based + self.scope3_embodied

    @property
    def total_market_based(self) -> Emissions:
        return self.scope1 + self.scope2_market_based + self.scope3_upstream_market_based + self.scope3_embodied


@dataclass(frozen=True, slots=True)
class BatchSummary:
    """One (site, window) as posted. ``metered_energy`` = ``account_energy`` + the pools, always."""

    id: str
    site: str
    start: datetime
    end: datetime
    rule: str
    methodology_version: str
    facility_revision: str
    usage_revision: str
    supersedes: str
    provisional: bool
    metered_energy: Energy
    account_energy: Energy
    pool_energy: dict[str, Energy]
    created: datetime
    notes: tuple[str, ...] = ()
    # Of a batch that takes the place of a final one: why, by whom, and in whose words.
    causes: tuple[str, ...] = ()
    requested_by: str = ""
    reason: str = ""

    @property
    def difference(self) -> Energy:
        """Metered less posted; zero in every batch that was ever visible."""
        return self.metered_energy - sum(self.pool_energy.values(), self.account_energy)

    @property
    def withdrawn(self) -> bool:
        """Whether it stands for nothing: a new facility book puts its usage at another site, where it is charged."""
        return any(note.startswith("withdrawn:") for note in self.notes)


@dataclass(frozen=True, slots=True)
class RefusedWindow:
    site: str
    start: datetime
    end: datetime
    message: str
    reason: str


@dataclass(frozen=True, slots=True)
class BookChange:
    """Something that two facility books say differently: ``path`` is section, name and key; "" is not said at all.

    ``account``: whose it is; "" where it is no account's own.
    """

    path: str
    old: str
    new: str
    account: str = ""


@dataclass(frozen=True, slots=True)
class RestatementLine:
    """One measure of one line, before and after: ``energy`` in millijoules, the others in micrograms."""

    account: str
    service: str
    region: str
    sku: str
    component: str
    measure: str
    old: int
    new: int

    @property
    def difference(self) -> int:
        return self.new - self.old


@dataclass(frozen=True, slots=True)
class Restatement:
    """A batch that took the place of a final one: the signed difference, and why, when, by whom and in whose words.

    ``lines`` are those that differ, of the accounts asked for. ``changes`` are those of the facility book that concern the site
    and window, the first of them where there are very many (``changes_left_out`` more). ``kept`` is False where the record of the
    difference is lost: then nothing is known of it, which is not that nothing changed.
    """

    site: str
    start: datetime
    end: datetime
    old_batch: str
    new_batch: str
    restated: datetime
    causes: tuple[str, ...]
    requested_by: str = ""
    reason: str = ""
    lines: tuple[RestatementLine, ...] = ()
    changes: tuple[BookChange, ...] = ()
    changes_left_out: int = 0
    kept: bool = True


@dataclass(frozen=True, slots=True)
class Statement:
    """What an account is told of a closed period, with its proof; ``root`` is the entry of the log that it is verified against.

    Both are canonical JSON (RFC 8785), byte for byte what ``greencloud verify`` takes.
    """

    account: str
    period: str
    statement: bytes
    root: bytes


@dataclass(frozen=True, slots=True)
class RootLogEntry:
    """One entry of the log of roots: a close of ``period``, or a key, which has no period.

    ``restates``: the index of the close that this one takes the place of. ``entry``: canonical JSON, a line of the log.
    """

    index: int
    created: datetime
    key_fingerprint: str
    entry: bytes
    period: str = ""
    start: datetime | None = None
    end: datetime | None = None
    restates: int | None = None


@dataclass(frozen=True, slots=True)
class RunSummary:
    """What one run of the allocation did; of a dry run, what it would have done, with the restatements that would come."""

    posted: tuple[BatchSummary, ...] = ()
    unchanged_count: int = 0
    refused: tuple[RefusedWindow, ...] = ()
    restatements: tuple[Restatement, ...] = ()


class GoalStatus(StrEnum):
    UNKNOWN = "unknown"
    ON_TRACK = "on_track"
    OFF_TRACK = "off_track"


@dataclass(frozen=True, slots=True)
class GoalYear:
    year: int
    path: Emissions
    actual: Emissions | None = None  # None: not known, which is not zero


@dataclass(frozen=True, slots=True)
class GoalProgress:
    """A goal, its path, and how far the provider is. Fields are those of ``greencloud.v1.GoalProgress``."""

    name: str
    display_name: str
    kind: str  # absolute | neutrality
    scopes: tuple[str, ...]
    base_year: int
    base_emissions: Emissions
    target_year: int
    target_emissions: Emissions
    years: tuple[GoalYear, ...]
    ledger_year: int
    ledger_covered_seconds: int
    ledger_emissions: Emissions
    path_emissions: Emissions
    status: GoalStatus
    as_of: datetime
    notes: tuple[str, ...] = field(default=())

    @property
    def gap(self) -> Emissions:
        """Ledger less path; negative is better than the path."""
        return self.ledger_emissions - self.path_emissions
