"""The bridge for people (a table a section, in one unit) and for programs (a document and CSV, exact).

Document: ``year ledger_version covered_seconds year_seconds closes sections notes``. A section has ``scope category lines ledger
inventory difference finding``, a line ``kind label micrograms evidence``; amounts are integers in micrograms of CO2e.
"""

from __future__ import annotations

import csv
import io
from typing import Any, Final

from greencloud.report.amounts import EMISSION_UNITS, Scale, kg_decimal, scale_for
from greencloud.report.delimited import inert
from greencloud.report.sheet import Column, Sheet
from greencloud.report.tables import table_text
from greencloud.results.bridges import Bridge, BridgeSection
from greencloud.results.inventory import SCOPE3_CATEGORIES

__all__ = ["bridge_csv", "bridge_document", "bridge_table", "section_title"]

_SCHEMA: Final = "greencloud.bridge/1"
_TITLES: Final = {
    "scope1": "Scope 1",
    "scope2_location_based": "Scope 2, location-based",
    "scope2_market_based": "Scope 2, market-based",
    "scope2_methods": "Scope 2, from location-based to market-based",
    "scope3": "Scope 3",
}


def section_title(section: BridgeSection) -> str:
    """``Scope 3, category 2: Capital goods``."""
    title = _TITLES.get(section.scope, section.scope)
    return f"{title}, category {section.category}: {SCOPE3_CATEGORIES[section.category]}" if section.category else title


def bridge_table(bridge: Bridge) -> str:
    """Each section's steps, the inventory, and the difference, to the last microgram where it is not zero."""
    if not bridge.sections:
        return f"Neither the ledger nor the inventory holds anything of {bridge.year}.\n"
    amounts = [line.emissions.micrograms for section in bridge.sections for line in section.lines]
    scale = scale_for([max(map(abs, amounts), default=0)], EMISSION_UNITS)
    lines = [f"From customers' statements to the inventory of {bridge.year}, CO2e; exact figures: -o json", ""]
    for section in bridge.sections:
        columns = (Column((section_title(section),)), Column((scale.unit,), numeric=True))
        body = [(line.label, scale.show(line.emissions.micrograms)) for line in section.lines]
        body.append(("Difference, not explained", _difference(section, scale)))
        booked = "not booked" if section.inventory is None else scale.show(section.inventory.micrograms)
        lines += [*table_text(Sheet(columns, tuple(body), ("Inventory", booked))), ""]
        if section.finding:
            lines += [f"  {section.finding}", ""]
    lines.append("The bridge closes." if bridge.closes else "THE BRIDGE DOES NOT CLOSE: see the findings above.")
    return "\n".join([*lines, *bridge.notes]) + "\n"


def _difference(section: BridgeSection, scale: Scale) -> str:
    amount = section.difference.micrograms
    return "0" if not amount else f"{scale.show(amount)} ({amount:,} µg)"


def bridge_document(bridge: Bridge) -> dict[str, Any]:
    return {
        "schema": _SCHEMA,
        "year": str(bridge.year),
        "ledger_version": bridge.ledger_version,
        "covered_seconds": bridge.covered_seconds,
        "year_seconds": bridge.year_seconds,
        "closes": bridge.closes,
        "sections": [
            {
                "scope": section.scope,
                "category": section.category,
                "lines": [
                    {
                        "kind": line.kind,
                        "label": line.label,
                        "micrograms": line.emissions.micrograms,
                        "evidence": list(line.evidence),
                    }
                    for line in section.lines
                ],
                "ledger": section.ledger.micrograms,
                "inventory": None if section.inventory is None else section.inventory.micrograms,
                "difference": section.difference.micrograms,
                "finding": section.finding,
            }
            for section in bridge.sections
        ],
        "notes": list(bridge.notes),
    }


def bridge_csv(bridge: Bridge) -> str:
    """A line a step, with the inventory and the difference as the last two of each section; kilograms, exactly."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(("year", "scope", "category", "kind", "label", "kg_co2e", "evidence"))
    for section in bridge.sections:
        head = (str(bridge.year), section.scope, section.category or "")
        for line in section.lines:
            amount = kg_decimal(line.emissions.micrograms)
            writer.writerow((*head, line.kind, inert(line.label), amount, inert(" ".join(line.evidence))))
        booked = "" if section.inventory is None else kg_decimal(section.inventory.micrograms)
        writer.writerow((*head, "inventory", "Inventory", booked, ""))
        writer.writerow((*head, "difference", inert(section.finding), kg_decimal(section.difference.micrograms), ""))
    return text.getvalue()
