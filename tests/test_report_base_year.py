"""The base year's table: its share is never shown at a threshold that it does not reach."""

from __future__ import annotations

from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st

from greencloud.report.inventory_year_tables import assessment_table
from greencloud.results.inventory import BaseYearAssessment
from greencloud.results.reporting_year import ReportingYear


@given(share=st.fractions(0, 1, max_denominator=10**6), percent=st.integers(1, 100))
def test_what_is_below_the_threshold_is_shown_below_it(share: Fraction, percent: int) -> None:
    threshold = Fraction(percent, 100)
    found = BaseYearAssessment(ReportingYear(2020), threshold, (), (), share, share >= threshold)
    (line,) = [line for line in assessment_table(found).splitlines() if line.startswith("greatest share")]
    shown = Fraction(line.partition(": ")[2].partition(" ")[0]) / 100
    assert (shown >= threshold) == (share >= threshold)
    assert abs(shown - share) < Fraction(1, 10_000)


def test_nearly_five_percent_are_not_five() -> None:
    found = BaseYearAssessment(ReportingYear(2020), Fraction(5, 100), (), (), Fraction(75, 1501), False)
    assert "4.99 %; threshold: 5 %" in assessment_table(found)
