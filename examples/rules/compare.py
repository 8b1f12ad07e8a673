"""Runs the rules of allocation side by side on a converted recording, and shows what each does to whom.

    python examples/rules/compare.py FOLDER RECORDING [--plot FILE.svg] [--top N]

FOLDER is what the convert.py of RECORDING (trainticket, gpu_cluster, gpu_serving) wrote. Tables in Markdown go to standard output;
accounts after the N largest under the default rule are one line. The plot needs ``pip install altair vl-convert-python``; the
file's ending chooses SVG or PNG.
"""

from __future__ import annotations

import argparse
import math
import sys
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import greencloud
from greencloud.allocation import RULES, Comparison, compare

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from recordings import figure, say

ABOUT = {
    "trainticket": ("TrainTicket: 46 services on 10 nodes", "Recording: Nezha (MIT)"),
    "gpu_cluster": ("GPU cluster: four classes of pods", "Computed from Alibaba cluster-trace-gpu-v2023"),
    "gpu_serving": ("GPU serving: 4,244 tenants on 24 GPUs", "Computed from Alibaba cluster-trace-v2026-GenAI"),
}
WATTS = "watts: Cloud Carbon Footprint (Apache-2.0)"
MJ_PER_KWH, UG_PER_KG = 3_600_000_000, 1_000_000_000
LOCATION_BASED = ("scope1_ug", "scope2_location_ug", "scope3_upstream_location_ug", "scope3_embodied_ug")
CLIP = 8.0  # the colour of the plot ends at 8 times the default, and an eighth of it


@dataclass(frozen=True, slots=True)
class Amount:
    energy_mj: int = 0
    location_ug: int = 0  # Scope 1, 2 and 3, embodied too
    embodied_ug: int = 0

    def __add__(self, other: Amount) -> Amount:
        return Amount(self.energy_mj + other.energy_mj, self.location_ug + other.location_ug, self.embodied_ug + other.embodied_ug)


Bills = dict[str, dict[str, Amount]]
"""By account, then by rule."""


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description="Compare the rules of allocation on a converted recording.")
    parser.add_argument("folder", type=Path, metavar="FOLDER")
    parser.add_argument("recording", choices=tuple(ABOUT), metavar="RECORDING")
    parser.add_argument("--plot", type=Path, metavar="FILE")
    parser.add_argument("--top", type=int, default=8, metavar="N", help="accounts with a line of their own (default: 8)")
    options = parser.parse_args(arguments)
    if options.plot and not all(map(find_spec, ("altair", "vl_convert"))):  # told before the minute that the rules may take
        sys.exit("compare.py: --plot needs: pip install altair vl-convert-python")
    try:
        facility = greencloud.read_facility(options.folder / "facility.toml")
        usage = greencloud.read_usage(options.folder / "usage.parquet")
    except greencloud.GreencloudError as error:
        sys.exit(f"compare.py: {error}")
    bills = bills_of(compare(facility, usage, rules=RULES, by=("account",)))
    shown = largest(bills, options.top)
    print("\n\n".join(tables(shown)))
    print()
    spread = relative(bills)
    if len(bills) > len(shown):
        print("\n".join(spread_table(spread)))
    if options.plot:
        draw(options.recording, shown, spread if len(bills) > len(shown) else {}, options.plot)


def bills_of(comparison: Comparison) -> Bills:
    bills: Bills = defaultdict(dict)
    for row in comparison.table.to_pylist():
        location = sum(int(row[name]) for name in LOCATION_BASED)
        bills[row["account"]][row["rule"]] = Amount(int(row["energy_mj"]), location, int(row["scope3_embodied_ug"]))
    return dict(bills)


def is_pool(account: str) -> bool:
    return account.startswith("(")


def largest(bills: Bills, top: int) -> Bills:
    """The largest accounts under the default rule, the others as one, and the pools, which are never hidden in a sum."""
    accounts = sorted(
        (account for account in bills if not is_pool(account)), key=lambda account: (-bills[account][RULES[0]].energy_mj, account)
    )
    top += len(accounts) == top + 1  # one account is not "others"
    shown = {account: bills[account] for account in accounts[:top]}
    if rest := accounts[top:]:
        added = {rule: sum((bills[account][rule] for account in rest), Amount()) for rule in RULES}
        shown[f"{len(rest):,} others"] = added
    return shown | {account: bills[account] for account in sorted(bills) if is_pool(account)}


def tables(shown: Bills) -> Iterable[str]:
    yield table("kWh", shown, lambda amount: figure(amount.energy_mj / MJ_PER_KWH))
    yield table(
        "kg CO2e, location-based (of it embodied)",
        shown,
        lambda amount: f"{figure(amount.location_ug / UG_PER_KG)} ({figure(amount.embodied_ug / UG_PER_KG)})",
    )


def table(unit: str, shown: Bills, cell: Any) -> str:
    lines = [f"| {unit} | " + " | ".join(f"`{rule}`" for rule in RULES) + " |", "| --- |" + " ---: |" * len(RULES)]
    lines += [f"| {account} | " + " | ".join(cell(by_rule[rule]) for rule in RULES) + " |" for account, by_rule in shown.items()]
    totals = {rule: sum((by_rule[rule] for by_rule in shown.values()), Amount()) for rule in RULES}
    lines.append("| **all** | " + " | ".join(cell(totals[rule]) for rule in RULES) + " |")
    return "\n".join(lines)


def relative(bills: Bills) -> dict[str, list[float]]:
    """By rule, each account's energy as a multiple of its energy under the default rule, ascending."""
    found: dict[str, list[float]] = {}
    for rule in RULES[1:]:
        pairs = [
            (by_rule[rule].energy_mj, by_rule[RULES[0]].energy_mj) for account, by_rule in bills.items() if not is_pool(account)
        ]
        found[rule] = sorted(amount / base for amount, base in pairs if base)
    return found


QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)


def quantiles(ascending: list[float]) -> list[float]:
    return [ascending[min(len(ascending) - 1, int(part * len(ascending)))] for part in QUANTILES]


def spread_table(spread: dict[str, list[float]]) -> Iterable[str]:
    yield "| times the default, over accounts | 5 % | 25 % | median | 75 % | 95 % | most |"
    yield "| --- | ---: | ---: | ---: | ---: | ---: | ---: |"
    for rule, ascending in spread.items():
        cells = [*quantiles(ascending), ascending[-1]]
        yield f"| `{rule}` | " + " | ".join(figure(cell) for cell in cells) + " |"


def draw(recording: str, shown: Bills, spread: dict[str, list[float]], picture: Path) -> None:
    import altair

    title, source = ABOUT[recording]
    rules = [rule.replace("_", " ") for rule in RULES]
    cells = []
    for account, by_rule in shown.items():
        base = by_rule[RULES[0]].energy_mj
        for rule, name in zip(RULES, rules, strict=True):
            amount = by_rule[rule].energy_mj
            times = amount / base if base else (CLIP if amount else 1.0)
            cells.append(
                {
                    "account": account,
                    "rule": name,
                    "text": figure(amount / MJ_PER_KWH),
                    "times": round(math.log2(min(max(times, 1 / CLIP), CLIP)), 3),
                }
            )
    ticks = {-3: "1/8 or less", -2: "1/4", -1: "1/2", 0: "as much", 1: "2", 2: "4", 3: "8 or more"}
    base_chart = altair.Chart(altair.Data(values=cells)).encode(
        x=altair.X(
            "rule:N",
            sort=rules,
            title=None,
            axis=altair.Axis(orient="top", labelAngle=0, labelLimit=0, labelPadding=4, ticks=False, domain=False),
        ),
        y=altair.Y(
            "account:N",
            sort=altair.EncodingSortField("place", order="ascending"),
            title=None,
            axis=altair.Axis(ticks=False, domain=False),
        ),
    )
    heat = base_chart.mark_rect(stroke="white", strokeWidth=2).encode(
        color=altair.Color(
            "times:Q",
            scale=altair.Scale(domain=[-3, 0, 3], range=["#0072b2", "#f7f7f7", "#d55e00"], interpolate="lab"),
            legend=altair.Legend(
                title="times the default",
                values=list(ticks),
                labelExpr=" : ".join(f"datum.value == {at} ? '{text}'" for at, text in ticks.items()) + " : ''",
                gradientLength=min(190, 24 * len(shown)),
            ),
        )
    )
    words = base_chart.mark_text(fontSize=11).encode(
        text="text:N", color=altair.condition("abs(datum.times) > 2.6", altair.value("white"), altair.value("black"))
    )
    heading = altair.TitleParams(
        f"What each rule does to whom. {title}",
        subtitle=[
            "kWh of each account under each rule; the first is the default, colour compares with it",
            f"{source}; {WATTS}",
        ],
    )
    chart: Any = (heat + words).properties(width=530, height=24 * len(shown), title=heading)
    if spread:
        chart = altair.vconcat(chart, spread_chart(altair, spread, rules)).resolve_scale(color="independent")
    chart = chart.configure(font="sans-serif", background="white").configure_view(stroke=None)
    chart = chart.configure_title(anchor="start", fontSize=13, subtitleFontSize=11, subtitleColor="#444444", offset=8)
    chart.save(str(picture), scale_factor=2)
    say(f"{picture}: {picture.stat().st_size:,} bytes")


def spread_chart(altair: Any, spread: dict[str, list[float]], rules: list[str]) -> Any:
    """A line from 5 to 95 %, a bar over the middle half, and a tick at the median; what is zero has no place on the scale."""
    values: list[dict[str, Any]] = []
    for rule, ascending in spread.items():
        if not ascending[-1]:
            continue
        low, lower, middle, upper, high = quantiles(ascending)
        values.append({"rule": rule.replace("_", " "), "low": low, "lower": lower, "middle": middle, "upper": upper, "high": high})
    ends = [value[end] for value in values for end in ("low", "high")]
    order = [rule for rule in rules if any(value["rule"] == rule for value in values)]
    base = altair.Chart(altair.Data(values=values)).encode(y=altair.Y("rule:N", sort=order, title=None))
    axis = altair.Axis(values=[1, 2, 5, 10, 20, 50, 100, 200, 500], grid=True)
    scale = altair.Scale(type="log", nice=False, domain=[min(1, *ends), 1.2 * max(ends)])
    x = altair.X("low:Q", scale=scale, axis=axis, title="tenant's energy, times that under the default rule (log scale)")
    line = base.mark_rule(color="#0072b2", strokeWidth=2).encode(x=x, x2="high:Q")
    half = base.mark_bar(color="#56b4e9", height=14).encode(x=altair.X("lower:Q", scale=scale), x2="upper:Q")
    tick = base.mark_tick(color="black", thickness=3, height=18).encode(x=altair.X("middle:Q", scale=scale))
    title = "All tenants: 5 to 95 % (line), middle half (bar), median (tick)"
    return (line + half + tick).properties(width=530, height=30 * len(values), title=title)


if __name__ == "__main__":
    main()
