"""Draws who bears what: one bar an account, in the ledger's components, from ``greencloud report``.

    greencloud report --data DATA --group-by account,component -o json > report.json
    python examples/trainticket/plot.py report.json who-bears-what.svg

Needs ``pip install altair vl-convert-python``; the file's ending chooses SVG or PNG.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

COMPONENTS = ["dynamic", "idle", "unsold", "overhead", "shared", "embodied", "building"]


def bars(document: dict[str, Any]) -> list[dict[str, Any]]:
    """One value a row of the report: grams of CO2e, location-based, with the account and the component."""
    return [
        {
            "account": row["dimensions"]["account"],
            "component": row["dimensions"]["component"],
            "order": COMPONENTS.index(row["dimensions"]["component"]),
            "grams": row["total_location_based"]["micrograms"] / 1e6,
        }
        for row in document["rows"]
    ]


def main(report: str, picture: str) -> None:
    import altair

    document = json.loads(Path(report).read_text(encoding="utf-8"))
    period = document["period"]
    chart = (
        altair.Chart(altair.Data(values=bars(document)))
        .mark_bar()
        .encode(
            x=altair.X("sum(grams):Q", title="g CO2e, location-based, all scopes"),
            y=altair.Y("account:N", sort="-x", title=None),
            color=altair.Color("component:N", scale=altair.Scale(domain=COMPONENTS, scheme="tableau10"), title=None),
            order=altair.Order("order:Q"),
        )
        .properties(width=560, title=f"Who bears what, {period['start']} to {period['end']}")
        .configure(font="sans-serif", background="white")
    )
    chart.save(picture, scale_factor=2)


if __name__ == "__main__":
    main(*sys.argv[1:])
