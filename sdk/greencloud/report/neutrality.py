"""A claim of neutrality as a table for people and a document (``-o json``). Amounts are exact, so that parts add up as printed."""

from __future__ import annotations

from fractions import Fraction
from typing import Any, Final

from greencloud.report.inventory_tables import columns_text, exact_tonnes
from greencloud.report.value_documents import document_of
from greencloud.results.instruments import Neutrality
from greencloud.units import round_half_even

__all__ = ["neutrality_document", "neutrality_table"]

_LABELS: Final = {
    "reduced": "reduced since the base year",
    "removal_permanent": "removed, stored for 1,000 years or more",
    "removal_long": "removed, stored for 100 to 999 years",
    "removal_short": "removed, stored for less than 100 years",
    "offset": "offset by credits",
}


def neutrality_document(claim: Neutrality) -> dict[str, Any]:
    return {"schema": "greencloud.neutrality/1", **document_of(claim)}


def neutrality_table(claim: Neutrality) -> str:
    """Base, reductions, gross residual, what balances it in order, the rest, and what a reader must know."""
    show = exact_tonnes([claim.base, claim.residual, claim.removed, claim.offset, claim.balance])
    lines = {line.kind: line for line in claim.lines}
    share = {kind: _percent(line.share) for kind, line in lines.items()}
    body = [] if claim.base is None else [("base year, gross", show(claim.base), "", "")]
    if "reduced" in lines:
        body.append((_LABELS["reduced"], show(lines["reduced"].emissions), share["reduced"], ""))
    body.append((f"{claim.year}, gross: the residual", show(claim.residual), "", ""))
    body += [
        (label, show(lines[kind].emissions), share[kind], ", ".join(name.partition("/")[2] for name in lines[kind].instruments))
        for kind, label in _LABELS.items()
        if kind in lines and kind != "reduced"
    ]
    body.append(("neither removed nor offset", show(claim.balance), "", ""))
    whose = claim.goal or "the organization"
    told = "neutral" if claim.neutral else "NOT neutral"
    order = "reduction came first" if claim.reduction_first else "reduction did not come first, or that is not known"
    head = ("", "t CO2e", "of base", "instruments")
    return (
        "\n".join(
            [
                f"Neutrality {claim.year} of {whose}: {', '.join(claim.scopes)}",
                "",
                columns_text(head, tuple(body), numeric={"t CO2e", "of base"}),
                f"{told}; {order}",
                *(f"- {finding}" for finding in claim.findings),
            ]
        )
        + "\n"
    )


def _percent(share: Fraction | None) -> str:
    if share is None:
        return ""
    tenths = round_half_even(share * 1_000)
    whole, part = divmod(abs(tenths), 10)
    return f"{'-' if tenths < 0 else ''}{whole}.{part} %"
