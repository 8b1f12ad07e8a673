"""How the model would have done: from each earlier year on, a forecast of all later known years against what came.

The origin moves on year by year (rolling origin; Tashman, 2000), from the third known year, the first that gives an interval, to
the last but one. Errors are relative to what came, averaged over all pairs of origin and later year; beside them stand those of
"as in the last year", which a model should beat to be worth its words. A year of zero has no relative error and is left out.
"""

from __future__ import annotations

from collections.abc import Sequence

from greencloud.goal.drift import Drift, Point
from greencloud.results.forecasts import Backtest

__all__ = ["backtest"]

_FIRST_ORIGIN = 3


def backtest(points: Sequence[Point]) -> Backtest:
    """Of the known years in order of time. Figures are None where there are too few years; rounded to six decimals."""
    origins = range(_FIRST_ORIGIN, len(points))
    model: list[float] = []
    naive: list[float] = []
    within: list[bool] = []
    for count in origins:
        known, later = points[:count], points[count:]
        drift = Drift.fit(known)
        for years, actual in later:
            ahead = years - known[-1][0]
            error = drift.expected(ahead) - actual
            if actual:
                model.append(abs(error) / abs(actual))
                naive.append(abs(drift.last - actual) / abs(actual))
            if (scale := drift.scale(ahead)) is not None:
                within.append(abs(error) <= scale * drift.quantile)
    return Backtest(len(origins), _mean(model), _mean(naive), _mean(within))


def _mean(values: Sequence[float]) -> float | None:
    return round(sum(values) / len(values), 6) if values else None
