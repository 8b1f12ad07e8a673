"""How often the 95 % interval of a model of few yearly figures holds what comes: the table of docs/forecast.md.

Simulated series of known and coming years, with noise of 4 % of the level: a walk with drift, a line with independent noise, a line
with noise that lasts (autoregressive, 0.7), and a rise that wears off. ``python benchmarks/forecast_intervals.py``
takes some minutes.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from fractions import Fraction
from typing import Any

import numpy as np
import pandas as pd
from statsmodels.regression.linear_model import OLS
from statsmodels.tsa.exponential_smoothing.ets import ETSModel

from greencloud.goal.drift import Drift

AHEAD = 6
Model = Callable[[Any], tuple[Any, Any]]


def drift(series: Any) -> tuple[Any, Any]:
    """Ours."""
    found = Drift.fit([(Fraction(place), round(value * 1e12)) for place, value in enumerate(series)])
    ahead = [Fraction(year) for year in range(1, AHEAD + 1)]
    half = [(found.scale(year) or 0) * found.quantile / 1e12 for year in ahead]
    return np.array([found.expected(year) / 1e12 for year in ahead]), np.array(half)


def line(series: Any) -> tuple[Any, Any]:
    """A straight line by least squares, with the prediction interval of statsmodels."""
    places = np.arange(len(series) + AHEAD)
    design = np.column_stack([np.ones(len(places)), places])
    found = OLS(series, design[: len(series)]).fit().get_prediction(design[len(series) :])
    low, high = found.conf_int(obs=True).T
    return found.predicted_mean, (high - low) / 2


def smoothing(series: Any) -> tuple[Any, Any]:
    """Exponential smoothing with a damped trend."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        fitted = ETSModel(pd.Series(series), error="add", trend="add", damped_trend=True).fit(disp=False)
        frame = fitted.get_prediction(len(series), len(series) + AHEAD - 1).summary_frame(alpha=0.05)
    return frame["mean"].to_numpy(), ((frame["pi_upper"] - frame["pi_lower"]) / 2).to_numpy()


def series_of(kind: str, count: int, random: Any) -> Any:
    noise = random.normal(size=count) * 40
    if kind == "walk":
        return 1000 + np.cumsum(20 + noise)
    if kind == "wears off":
        return 1000 + 200 * (1 - 0.7 ** np.arange(count)) + noise
    if kind == "lasting noise":
        for place in range(1, count):
            noise[place] += 0.7 * noise[place - 1]
    return 1000 + 20 * np.arange(count) + noise


def main() -> None:
    random = np.random.default_rng(1)
    for known, models in ((4, (drift, line)), (6, (drift, line)), (10, (drift, line, smoothing))):
        for kind in ("walk", "line", "lasting noise", "wears off"):
            told = []
            for model in models:
                runs = 200 if model is smoothing else 2_000
                held, error = np.zeros(AHEAD), np.zeros(AHEAD)
                for _ in range(runs):
                    series = series_of(kind, known + AHEAD, random)
                    expected, half = model(series[:known])
                    held += np.abs(series[known:] - expected) <= half
                    error += np.abs(series[known:] - expected)
                shares = " / ".join(f"{share:.0%}" for share in held[[0, -1]] / runs)
                told.append(f"{model.__name__} {shares}, error {error[-1] / runs:.0f}")
            print(f"{known:>2} years, {kind}: {'; '.join(told)}", flush=True)


if __name__ == "__main__":
    main()
