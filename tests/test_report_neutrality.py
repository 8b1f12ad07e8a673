"""A claim as a table and as a chart: printed parts add up to what is printed as their sum."""

from __future__ import annotations

import re
from decimal import Decimal
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from greencloud.goal.neutrality import neutrality
from greencloud.report.drawing import draw
from greencloud.report.neutrality import neutrality_document, neutrality_table
from greencloud.report.neutrality_chart import neutrality_chart
from greencloud.results.instruments import Neutrality
from greencloud.units import Emissions
from instrument_builders import TONNE, credit, removal
from test_goal_neutrality import YEAR, used

micrograms = st.integers(0, 10**22) | st.integers(0, 60).map(lambda tonnes: tonnes * TONNE)


@st.composite
def claims(draw: st.DrawFn) -> Neutrality:
    classes = [5, 500, 5_000]
    made = [used(removal(durability=years), draw(st.integers(0, 60)), years) for years in classes]
    optional = st.none() | micrograms.map(Emissions)
    return neutrality(
        year=YEAR,
        goal="",
        scopes=("scope1",),
        residual=Emissions(draw(micrograms)),
        base=draw(optional),
        path=draw(optional),
        instruments=[*made, used(credit(), draw(st.integers(0, 60)), 1)],
    )


def values(spec: dict[str, Any]) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = spec["data"]["values"]
    return found


HALF = TONNE + TONNE // 2_000 + 1
"""1.0005 t and a microgram: two of them are 2.001 t, though each by itself rounds to 1.001 t."""


@given(claims())
@example(neutrality(year=YEAR, goal="", scopes=("scope1",), residual=Emissions(2 * HALF), path=Emissions(HALF), instruments=()))
def test_the_parts_of_a_column_add_up_as_they_are_printed(claim: Neutrality) -> None:
    spec = neutrality_chart(claim)
    captions = spec["layer"][0]["encoding"]["x"]["axis"]["labelExpr"]
    for column in {value["column"] for value in values(spec)}:
        parts = [value for value in values(spec) if value["column"] == column]
        printed = [Decimal(re.sub(r"[^\d.-]", "", value["text"].split(" ")[0])) for value in parts if "<" not in value["text"]]
        if len(printed) == len(parts):
            found = re.search(rf'"{re.escape(column)}": "([\d,.<]+) ', captions)
            assert found
            assert "<" in found[1] or sum(printed) == Decimal(found[1].replace(",", ""))
        for one, other in pairwise(parts):
            assert one["to"] == other["from"]
            assert one["beside"] < other["beside"] or not other["name"]


@given(claims())
def test_the_rows_of_the_table_add_up_as_they_are_printed(claim: Neutrality) -> None:
    text = neutrality_table(claim)

    def amount(label: str) -> Decimal:
        found = re.search(rf"^{label} +(-?[\d,]+(?:\.\d+)?)", text, flags=re.MULTILINE)
        assert found, label
        return Decimal(found[1].replace(",", ""))

    labels = (
        "removed, stored for 1,000 years or more",
        "removed, stored for 100 to 999 years",
        "removed, stored for less than 100 years",
    )
    parts = sum(map(amount, labels)) + amount("offset by credits")
    assert amount("2024, gross: the residual") == parts + amount("neither removed nor offset")
    if claim.base is not None:
        assert amount("base year, gross") == amount("reduced since the base year") + amount("2024, gross: the residual")
    assert neutrality_document(claim)["balance"]["micrograms"] == claim.balance.micrograms


@pytest.mark.parametrize("kind", ["svg", "png"])
def test_a_claim_is_drawn(kind: str) -> None:
    residual = Emissions(100 * TONNE)
    made = [used(removal(durability=years), 20, years) for years in (50, 500, 5_000)]
    claim = neutrality(
        year=YEAR,
        goal="goals/zero",
        scopes=("scope1",),
        residual=residual,
        base=residual,
        path=Emissions(97 * TONNE),
        instruments=made,
    )
    drawn = draw(neutrality_chart(claim), kind)
    assert len(drawn) > 1_000
    if kind == "svg":
        for text in (
            "zero: 2024 is not neutral",
            "Gross emissions 2024",
            "Above the path",
            "path: 97.00 t",
            "Neither removed nor offset",
        ):
            assert text in drawn.decode()
    assert neutrality_chart(claim, title="Ours")["title"]["text"] == "Ours"
