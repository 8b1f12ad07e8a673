"""Any values of the inventory, for what must hold whatever they say."""

from __future__ import annotations

from fractions import Fraction

from hypothesis import strategies as st

from greencloud.results.inventory import (
    INVENTORY_SCOPES,
    ActivityData,
    BaseYearAssessment,
    BaseYearLine,
    BookRecord,
    DataQuality,
    EntryImport,
    EntryState,
    InventoryEntry,
    InventoryLine,
    InventoryPolicy,
    InventoryRestatement,
    InventoryTotals,
    InventoryYear,
    LedgerReference,
    RestatementCause,
    RowError,
    StructuralChange,
    StructuralEffect,
    YearState,
)
from greencloud.results.reporting_year import ReportingYear
from test_wire import emissions, energies, instants, texts, tuples

counts = st.integers(0, 2**31 - 1)
years = st.builds(ReportingYear, st.integers(1900, 2199), st.booleans())
categories = st.none() | st.integers(1, 15)
scopes = st.sampled_from(INVENTORY_SCOPES) | texts
fractions = st.fractions() | st.builds(Fraction, st.integers(-(10**60), 10**60), st.integers(1, 10**60))
activities = st.builds(
    ActivityData,
    amount=fractions,
    unit=texts,
    factor=fractions,
    factor_unit=texts,
    factor_source=texts,
    gas=texts,
    gwp_set=texts,
)
references = st.builds(
    LedgerReference,
    measure=texts,
    start=instants,
    end=instants,
    ledger_version=st.integers(0, 2**63 - 1),
    covered_seconds=st.integers(0, 2**63 - 1),
    energy=energies,
    facility_revision=texts,
)
entries = st.builds(
    InventoryEntry,
    id=texts,
    year=years,
    scope=scopes,
    category=categories,
    emissions=emissions,
    source=texts,
    site=texts,
    business=texts,
    activity=st.none() | activities,
    reference=st.none() | references,
    evidence=tuples,
    uncertainty=st.none() | fractions,
    data_quality=st.none() | st.sampled_from(DataQuality),
    biogenic=st.booleans(),
    state=st.sampled_from(EntryState),
    revision=st.integers(1, 2**31 - 1),
    created_by=texts,
    created=st.none() | instants,
    approved_by=texts,
    verified_by=texts,
    assurance=texts,
)
restatements = st.builds(
    InventoryRestatement,
    entry=texts,
    year=years,
    scope=scopes,
    category=categories,
    before=st.none() | emissions,
    after=st.none() | emissions,
    cause=st.sampled_from(RestatementCause),
    reason=texts,
    restated_by=texts,
    restated=instants,
    revision=counts,
    structural_change=texts,
)
row_errors = st.builds(RowError, row=counts, column=texts, message=texts, advice=texts)
imports = st.builds(
    EntryImport,
    added=st.lists(entries, max_size=2).map(tuple),
    restated=st.lists(restatements, max_size=2).map(tuple),
    unchanged=counts,
    errors=st.lists(row_errors, max_size=2).map(tuple),
    evidence=texts,
    validate_only=st.booleans(),
)
policies = st.builds(
    InventoryPolicy,
    base_year=st.none() | years,
    fiscal_year_start_month=st.integers(1, 12),
    consolidation_approach=texts,
    significance_threshold=fractions,
    gwp_set=texts,
    organization=texts,
    revision=counts,
    updated_by=texts,
)
effects = st.builds(StructuralEffect, scope=scopes, category=categories, emissions=emissions)
changes = st.builds(
    StructuralChange,
    id=texts,
    kind=texts,
    effective=instants,
    description=texts,
    effects=st.lists(effects, max_size=3).map(tuple),
    evidence=tuples,
    applied=st.booleans(),
    created_by=texts,
)
base_lines = st.builds(BaseYearLine, scope=scopes, booked=emissions, effect=emissions)
assessments = st.builds(
    BaseYearAssessment,
    base_year=years,
    threshold=fractions,
    lines=st.lists(base_lines, max_size=3).map(tuple),
    changes=tuples,
    share=st.none() | fractions,
    recalculation_required=st.booleans(),
)
inventory_years = st.builds(
    InventoryYear,
    year=years,
    state=st.sampled_from(YearState),
    submitted_by=texts,
    closed_by=texts,
    closed=st.none() | instants,
    entry_count=counts,
    draft_count=counts,
    restatement_count=counts,
    digest=texts,
)
lines = st.builds(
    InventoryLine,
    scope=scopes,
    category=categories,
    emissions=emissions,
    entry_count=counts,
    draft_count=counts,
    half_width=st.none() | emissions,
    entries=tuples,
)
totals = st.builds(
    InventoryTotals,
    year=years,
    start=instants,
    end=instants,
    state=st.sampled_from(YearState),
    lines=st.lists(lines, max_size=3).map(tuple),
    biogenic=emissions,
    total_location_based=st.none() | emissions,
    total_market_based=st.none() | emissions,
    as_of=st.integers(0, 2**63 - 1),
)
records = st.builds(
    BookRecord,
    number=st.integers(0, 2**63 - 1),
    time=instants,
    actor=texts,
    kind=texts,
    reason=texts,
    digest=texts,
    body=texts,
)
