"""How sure a row is, in words: what its energy rests on, how wide its intervals are, and how fresh it is.

Shares of evidence are of energy, in whole per cent. None shows as 0 % where there is some, nor as 100 % where there is other: those
are ``<1 %`` and ``>99 %``. What is not known is left out or says so; it is never a zero.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from fractions import Fraction
from typing import Final

from greencloud.report.amounts import Scale
from greencloud.results import FootprintRow
from greencloud.units import Energy, format_instant, round_half_even

__all__ = ["EVIDENCE", "certainty_lines", "evidence_of", "evidence_text", "posted_text", "with_width"]

EVIDENCE: Final = ("measured", "modelled", "estimated", "self_reported")
"""From the strongest to the weakest."""

_WORDS: Final = {kind: kind.replace("_", "-") for kind in EVIDENCE}


def evidence_of(row: FootprintRow) -> dict[str, Energy] | None:
    """Energy by what it rests on; None where that is not known: the parts do not add up to the row's energy."""
    found = {kind: getattr(row, f"{kind}_energy") for kind in EVIDENCE}
    return found if sum(found.values(), Energy()) == row.energy else None


def evidence_text(row: FootprintRow, words: Mapping[str, str] = _WORDS) -> str:
    """``82 % measured, 18 % modelled``; empty where there is no energy, or nothing known of it. ``words`` names each kind."""
    found = evidence_of(row)
    if not found or not row.energy.millijoules:
        return ""
    whole = row.energy.millijoules
    return ", ".join(f"{_percent(part.millijoules, whole)} {words[kind]}" for kind, part in found.items() if part.millijoules)


def _percent(part: int, whole: int) -> str:
    rounded = round_half_even(Fraction(part * 100, whole))
    if rounded == 0:
        return "<1 %"
    return ">99 %" if rounded == 100 and part != whole else f"{rounded} %"


def posted_text(updated: datetime, now: datetime | None) -> str:
    """``posted 12 min ago``; at a time, where it is not known what time it is, or the two clocks disagree."""
    if now is None or now < updated:
        return f"posted {format_instant(updated)}"
    minutes = (now - updated) // timedelta(minutes=1)
    if minutes < 1:
        return "posted less than a minute ago"
    if minutes < 120:
        return f"posted {minutes} min ago"
    return f"posted {minutes // 60} h ago" if minutes < 48 * 60 else f"posted {minutes // (24 * 60)} days ago"


def with_width(amount: int, width: int, scale: Scale) -> str:
    """``11.824 kg ± 1.402``."""
    return f"{scale.show(amount)} {scale.unit} ± {scale.show(width)}"


def certainty_lines(total: FootprintRow, energy: Scale, mass: Scale, now: datetime | None) -> list[str]:
    """What stands below a sheet: intervals of the total, what it rests on, and when it was posted; nothing where none is known."""
    told = []
    if total.energy_half_width is not None:
        told.append(f"energy {with_width(total.energy.millijoules, total.energy_half_width.millijoules, energy)}")
    for name, amount, width in (
        ("location-based", total.total_location_based, total.location_half_width),
        ("market-based", total.total_market_based, total.market_half_width),
    ):
        if width is not None:
            told.append(f"{name} {with_width(amount.micrograms, width.micrograms, mass)}")
    lines = [f"95 % intervals, as if all erred together: {', '.join(told)}."] if told else []
    if evidence := evidence_text(total):
        lines.append(f"Energy is {evidence}.")
    if total.updated is not None:
        posted = posted_text(total.updated, now)
        lines.append(f"{posted[0].upper()}{posted[1:]}.")
    return lines
