"""Instruments and initiatives as tables for people, documents (``-o json``) and data sets (``-o csv``).

A document has a ``schema`` and else the fields of its value (``greencloud.results.instruments``); an instrument has its ``name``,
``units``, ``unused_units`` and ``etag`` besides. The data set of instruments has the columns that an import reads.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from greencloud.report.amounts import exact_decimal
from greencloud.report.dataset import Dataset, Field, Kind, Value
from greencloud.report.inventory_tables import columns_text, exact_tonnes, pairs_text, shortened
from greencloud.report.value_documents import document_of
from greencloud.results.instruments import Initiative, Instrument, InstrumentKind, InstrumentPolicy, InstrumentUse, ScopeThreePlus
from greencloud.units import Emissions, format_instant

__all__ = [
    "initiative_document",
    "initiative_table",
    "initiatives_document",
    "initiatives_table",
    "instrument_document",
    "instrument_policy_document",
    "instrument_policy_table",
    "instrument_table",
    "instruments_data",
    "instruments_document",
    "instruments_table",
    "scope_three_plus_document",
    "scope_three_plus_table",
    "use_document",
    "use_table",
]


def instrument_document(instrument: Instrument) -> dict[str, Any]:
    return {"schema": "greencloud.instrument/1", **_instrument(instrument)}


def instruments_document(instruments: Iterable[Instrument]) -> dict[str, Any]:
    return {"schema": "greencloud.instruments/1", "instruments": [_instrument(each) for each in instruments]}


def _instrument(instrument: Instrument) -> dict[str, Any]:
    counts = {"units": instrument.units, "unused_units": instrument.unused_units, "etag": instrument.etag}
    return {"name": instrument.name, **document_of(instrument), **counts}


def instruments_data(instruments: Iterable[Instrument]) -> Dataset:
    """Columns as an import reads them, and how many units are used and free."""
    counts = {"serial_first", "serial_last", "durability_years", "used_units", "unused_units"}
    days = {"vintage_start", "vintage_end", "retired"}
    kinds = {**dict.fromkeys(counts, Kind.COUNT), **dict.fromkeys(days, Kind.DATE)}
    return Dataset(
        tuple(Field(name, kinds.get(name, Kind.TEXT)) for name in _COLUMNS),
        tuple(_row(each) for each in instruments),
    )


_COLUMNS = (
    *("id", "kind", "registry", "project", "serial_prefix", "serial_first", "serial_last", "vintage_start", "vintage_end"),
    *("geography", "method", "durability_years", "unit_cost", "currency", "retired", "beneficiary", "reference"),
    *("used_units", "unused_units"),
)


def _row(each: Instrument) -> tuple[Value, ...]:
    retirement = each.retirement
    return (
        *(each.id, str(each.kind), each.registry, each.project, each.serial_prefix, each.serial_first, each.serial_last),
        *(each.vintage_start, each.vintage_end, each.geography, each.method, each.durability_years),
        *("" if each.cost is None else exact_decimal(each.cost), each.currency),
        *((retirement.retired, retirement.beneficiary, retirement.reference) if retirement else (None, "", "")),
        *(each.units - each.unused_units, each.unused_units),
    )


def instruments_table(instruments: Sequence[Instrument]) -> str:
    """One row an instrument. There is no total: MWh and tonnes do not add up, and neither do removals and offsets."""
    if not instruments:
        return "No instrument is recorded.\n"
    body = tuple(
        (
            *(each.id, str(each.kind), each.registry, shortened(each.project), _serials(each.serial_first, each.serial_last)),
            *(f"{each.vintage_start} to {each.vintage_end}", each.geography, _durability(each)),
            str(each.retirement.retired) if each.retirement else "no",
            *(f"{each.units:,}", f"{each.unused_units:,}", _unit(each)),
        )
        for each in instruments
    )
    head = ("instrument", "kind", "registry", "project", "serials", "vintage", "from", "stored", "retired", "units", "free", "of")
    return columns_text(head, body, numeric={"units", "free"})


def instrument_table(instrument: Instrument) -> str:
    retirement = instrument.retirement
    cost = "" if instrument.cost is None else f"{exact_decimal(instrument.cost)} {instrument.currency} a unit"
    rows = [
        ("name", instrument.name),
        ("kind", str(instrument.kind)),
        ("registry", instrument.registry),
        ("project", instrument.project),
        ("serials", instrument.serial_prefix + _serials(instrument.serial_first, instrument.serial_last)),
        ("units", f"{instrument.units:,} {_unit(instrument)}, {instrument.unused_units:,} of them free"),
        ("vintage", f"{instrument.vintage_start} to {instrument.vintage_end}"),
        ("from", instrument.geography),
        ("method", instrument.method),
        ("stored", _durability(instrument)),
        ("cost", cost),
        ("retired", f"{retirement.retired} for {retirement.beneficiary}, {retirement.reference}" if retirement else "no"),
        *(("evidence", digest) for digest in (retirement.evidence if retirement else ())),
        ("recorded by", instrument.created_by),
        ("etag", instrument.etag),
    ]
    uses = [*instrument.uses, *instrument.cancelled_uses]
    return pairs_text(rows) + (f"\n{_uses_text(uses)}" if uses else "")


def use_document(use: InstrumentUse) -> dict[str, Any]:
    return {"schema": "greencloud.instrument_use/1", **document_of(use), "units": use.units}


def use_table(use: InstrumentUse) -> str:
    return _uses_text([use])


def _uses_text(uses: Sequence[InstrumentUse]) -> str:
    body = tuple(
        (
            *(str(use.year), _serials(use.serial_first, use.serial_last), f"{use.units:,}", use.goal, use.market, use.used_by),
            *(format_instant(use.used) if use.used else "", use.cancelled_by),
            *(format_instant(use.cancelled) if use.cancelled else "", shortened(use.reason)),
        )
        for use in uses
    )
    head = ("used for", "serials", "units", "goal", "market", "by", "at", "cancelled by", "cancelled at", "reason")
    return columns_text(head, body, numeric={"units"})


def instrument_policy_document(policy: InstrumentPolicy) -> dict[str, Any]:
    return {"schema": "greencloud.instrument_policy/1", **document_of(policy), "etag": policy.etag}


def instrument_policy_table(policy: InstrumentPolicy) -> str:
    told = f"{policy.most_vintage_years} years before the reporting year at the most"
    return pairs_text([("vintage", told), ("set by", policy.updated_by or "nobody: the default"), ("etag", policy.etag)])


def initiative_document(initiative: Initiative) -> dict[str, Any]:
    return {"schema": "greencloud.initiative/1", **_initiative(initiative)}


def initiatives_document(initiatives: Iterable[Initiative]) -> dict[str, Any]:
    return {"schema": "greencloud.initiatives/1", "initiatives": [_initiative(each) for each in initiatives]}


def _initiative(initiative: Initiative) -> dict[str, Any]:
    years = [{**document_of(year), "avoided": document_of(year.avoided)} for year in initiative.years]
    return {"name": initiative.name, **document_of(initiative), "years": years, "etag": initiative.etag}


def initiatives_table(initiatives: Sequence[Initiative]) -> str:
    if not initiatives:
        return "No initiative is recorded.\n"
    body = tuple(
        (each.id, each.display_name, shortened(each.partner), exact_decimal(each.attribution), _span(each)) for each in initiatives
    )
    return columns_text(("initiative", "name", "partner", "share", "years"), body, numeric={"share"})


def initiative_table(initiative: Initiative) -> str:
    rows = [
        ("name", initiative.name),
        ("title", initiative.display_name),
        ("partner", initiative.partner),
        ("baseline", initiative.baseline),
        ("counterfactual", initiative.counterfactual),
        ("methodology", initiative.methodology),
        ("share", exact_decimal(initiative.attribution)),
        ("said by", initiative.created_by),
        ("etag", initiative.etag),
    ]
    if not initiative.years:
        return pairs_text(rows)
    show = exact_tonnes(amount for year in initiative.years for amount in (year.baseline, year.actual))
    body = tuple(
        (str(year.year), show(year.baseline), show(year.actual), show(year.avoided), str(len(year.evidence)))
        for year in initiative.years
    )
    amounts = ("baseline t", "actual t", "avoided t", "evidence")
    return f"{pairs_text(rows)}\n{columns_text(('year', *amounts), body, numeric=set(amounts))}"


def scope_three_plus_document(book: ScopeThreePlus) -> dict[str, Any]:
    return {
        "schema": "greencloud.scope_three_plus/1",
        "initiatives": [_initiative(each) for each in book.initiatives],
        "by_year": [{"year": str(year), "attributed": document_of(amount)} for year, amount in book.by_year],
        "cumulative": document_of(book.cumulative),
        "target": document_of(book.target),
        "target_year": document_of(book.target_year),
    }


def scope_three_plus_table(book: ScopeThreePlus) -> str:
    """By year and in all, beside the target and nothing else."""
    show = exact_tonnes([book.cumulative, book.target, *(amount for _, amount in book.by_year)])
    lines = ["Avoided emissions of others (Scope 3+): beside the inventory, never netted with it.", ""]
    until = f" to the end of {book.target_year}" if book.target_year else ""
    rows = [*((str(year), f"{show(amount)} t") for year, amount in book.by_year), (f"in all{until}", f"{show(book.cumulative)} t")]
    if book.target is not None:
        rows += [("target", f"{show(book.target)} t"), ("still to come", f"{show(_beyond(book.target, book.cumulative))} t")]
    width, digits = max(len(label) for label, _ in rows), max(len(text) for _, text in rows)
    return "\n".join([*lines, *(f"{label:<{width}}  {text:>{digits}}" for label, text in rows)]) + "\n"


def _beyond(target: Emissions, sum_: Emissions) -> Emissions:
    return max(target - sum_, Emissions())


def _span(initiative: Initiative) -> str:
    years = [str(year.year) for year in initiative.years]
    return "" if not years else years[0] if len(years) == 1 else f"{years[0]} to {years[-1]}"


def _serials(first: int, last: int) -> str:
    return str(first) if first == last else f"{first} to {last}"


def _durability(instrument: Instrument) -> str:
    return "" if instrument.durability_years is None else f"{instrument.durability_years:,} years"


def _unit(instrument: Instrument) -> str:
    return "MWh" if instrument.kind is InstrumentKind.ENERGY_CERTIFICATE else "t"
