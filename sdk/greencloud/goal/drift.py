"""How emissions go on by what a few years of history show: a random walk with drift.

From one known year to the next, t years later, emissions change by

    y2 - y1 = drift * t + e,    e independent, normal, with mean 0 and variance sigma^2 * t.

Divided by the root of t this is a regression on one variable, which statsmodels fits by least squares (its drift is the whole
change over the whole time). Then, h years after the
last of n known years that span T years, y(h) = last + drift * h is expected, and the error of that has the variance

    sigma^2 * h + h^2 * var(drift) = sigma^2 * (h + h^2 / T)

with Student's t of n - 2 degrees of freedom: the uncertainty of the drift and of sigma is part of the interval (Hyndman and
Athanasopoulos, Forecasting: Principles and Practice, 5.2 and 5.5; the t in place of the normal is what few years ask for).

Why this one: years are few, and an interval that is too narrow misleads whoever decides by it. On simulated histories of 4 to 10
years the 95 % interval of this model held 95 to 100 % of what came six years later, whether the series was a walk, a line with
noise or in between; that of a straight line by least squares held down to 62 %, that of exponential smoothing with a damped trend
down to 30 % (``benchmarks/forecast_intervals.py``; the table is in ``docs/forecast.md``).

With fewer than three years, or with years that lie on a line exactly, nothing tells how far the next may be off: no interval.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from typing import Any, Final

from greencloud.errors import GoalError, MissingExtraError
from greencloud.units import Emissions

__all__ = ["Drift", "Point"]

Point = tuple[Fraction, int]
"""Years since some instant, and micrograms."""

_LEAST_FOR_INTERVAL: Final = 3
_LEVEL: Final = 0.95
_NEGLIGIBLE: Final = 1e-9  # of the largest amount: residuals below are the rounding of figures on a line


@dataclass(frozen=True, slots=True)
class Drift:
    """A fitted walk. ``sigma`` is None where no interval is known; amounts are floats in micrograms, for they are estimates."""

    last: int
    per_year: float
    sigma: float | None
    drift_error: float  # standard error of ``per_year``
    degrees_of_freedom: int

    @classmethod
    def fit(cls, points: Sequence[Point]) -> Drift:
        """By the known years, in order of time. One year alone stays as it is; two give a drift and no interval.

        Raises:
            GoalError: there is no year, or two end at the same time.
            MissingExtraError: greencloud[goal] is not installed.
        """
        if not points:
            raise GoalError("no year is known", key="history", advice="book a year of the inventory for every scope of the goal")
        steps = [(float(b[0] - a[0]), float(b[1] - a[1])) for a, b in pairwise(points)]
        if any(years <= 0 for years, _ in steps):
            raise GoalError("two known years end at the same time", key="history", advice="keep one of them for these scopes")
        if not steps:
            return cls(points[-1][1], 0.0, None, 0.0, 0)
        drift = cls.of_ends(points).per_year
        np, regression = _libraries()
        years = np.array([each for each, _ in steps])
        change = np.array([each for _, each in steps])
        found = regression.OLS(change / np.sqrt(years), np.sqrt(years)).fit()
        freedom = len(steps) - 1
        known = len(points) >= _LEAST_FOR_INTERVAL
        sigma = float(np.sqrt(found.scale)) if known else 0.0
        if sigma <= _NEGLIGIBLE * max(abs(amount) for _, amount in points):
            return cls(points[-1][1], drift, None, 0.0, freedom)
        return cls(points[-1][1], drift, sigma, float(found.bse[0]), freedom)

    @classmethod
    def of_ends(cls, points: Sequence[Point]) -> Drift:
        """The same drift without an interval, and without statsmodels: for who asks only what is expected. One point at least."""
        (start, first), (end, last) = points[0], points[-1]
        return cls(last, float((last - first) / (end - start)) if end > start else 0.0, None, 0.0, 0)

    def expected(self, years: Fraction) -> int:
        """Micrograms, that many years after the last known one; below zero where the drift leads there."""
        return self.last + round(self.per_year * float(years))

    def scale(self, years: Fraction) -> float | None:
        """Of the distribution (Student's t) of the error, in micrograms; None where it is not known."""
        if self.sigma is None:
            return None
        ahead = float(years)
        return float((self.sigma**2 * ahead + (self.drift_error * ahead) ** 2) ** 0.5)

    @property
    def quantile(self) -> float:
        """Half-width of the 95 % interval, in scales. Asked only where a scale is known."""
        return float(_special().stdtrit(self.degrees_of_freedom, (1 + _LEVEL) / 2))

    def probability_below(self, scales: float) -> float:
        """That the error is at most so many scales."""
        return float(_special().stdtr(self.degrees_of_freedom, scales))

    def describe(self) -> str:
        """Library, model and parameters in words, in units that suit them."""
        import statsmodels

        if self.degrees_of_freedom == 0 and not self.per_year:
            return "as in the last known year: one year shows no drift"
        text = f"statsmodels {statsmodels.__version__}, random walk with drift: {_signed(self.per_year)} a year"
        if self.sigma is None:
            return f"{text}, deviation not known"
        return f"{text}, standard deviation {_amount(self.sigma)}, Student's t ({self.degrees_of_freedom} degrees of freedom)"


def _amount(micrograms: float) -> Emissions:
    return Emissions(round(micrograms))


def _signed(micrograms: float) -> str:
    return f"{'+' if micrograms > 0 else ''}{_amount(micrograms)}"


def _libraries() -> tuple[Any, Any]:
    try:
        import numpy
        from statsmodels.regression import linear_model
    except ImportError as error:
        raise MissingExtraError("a forecast", extra="goal") from error
    return numpy, linear_model


def _special() -> Any:
    from scipy import special

    return special
