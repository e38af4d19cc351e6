"""AutoARIMA and MSTL of statsforecast, their prediction intervals read as quantiles.

A seasonal ARIMA with 48 intervals a day does not end within minutes. AutoARIMA therefore is a dynamic harmonic
regression: Fourier terms of day and week, holidays and temperature as regressors, ARIMA errors. MSTL takes day and week
apart and forecasts what is left by AutoARIMA. Both read the last eight weeks.

References:
    Hyndman and Khandakar, "Automatic Time Series Forecasting: The forecast Package for R", J. Stat. Softw. 27(3), 2008.
    Bandara, Hyndman and Bergmeir, "MSTL: A Seasonal-Trend Decomposition Algorithm for Time Series with Multiple
    Seasonal Patterns", Int. J. Operational Research 52(1), 2025.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
import pandas as pd
from rival_case import Case
from statsforecast import StatsForecast
from statsforecast.models import MSTL, AutoARIMA

WEEKS = 8
HARMONICS = {1: 8, 7: 4}
"""Fourier pairs by days of the season."""
Kind = Literal["AutoARIMA", "MSTL"]


def forecast(case: Case, levels: list[float], *, kind: Kind) -> pd.DataFrame:
    """Fit each series by itself, and forecast the horizon."""
    begin = max(case.origin - WEEKS * 7 * case.day, 0)
    seasons = [case.day] if case.solar else [case.day, 7 * case.day]
    trend = AutoARIMA(season_length=1, max_p=3, max_q=3, nmodels=20, approximation=True)
    model = trend if kind == "AutoARIMA" else MSTL(season_length=seasons, trend_forecaster=trend)
    bands = sorted({_band(level) for level in levels} - {0})
    past, table = case.filled(), []
    for row, name in enumerate(case.ids):
        regressors = _regressors(case, row)
        known = pd.DataFrame({"unique_id": name, "ds": case.times.tz_localize(None)[begin : case.origin]})
        known["y"] = past[row, begin:]
        ahead = pd.DataFrame({"unique_id": name, "ds": case.times.tz_localize(None)[case.origin :]})
        given = kind == "AutoARIMA"
        if given:
            known = pd.concat([known, regressors.iloc[begin : case.origin].reset_index(drop=True)], axis=1)
            ahead = pd.concat([ahead, regressors.iloc[case.origin :].reset_index(drop=True)], axis=1)
        engine = StatsForecast(models=[model], freq=f"{case.step_minutes}min", n_jobs=1)
        told = engine.forecast(df=known, h=case.periods, X_df=ahead if given else None, level=bands)
        table.append(np.stack([told[_column(kind, level)].to_numpy(dtype=np.float64) for level in levels], axis=-1))
    return case.table(np.stack(table), levels)


def _band(level: float) -> int:
    """The central interval that ends at a level. [%]"""
    return round(100.0 * abs(2.0 * level - 1.0))


def _column(kind: Kind, level: float) -> str:
    return kind if level == 0.5 else f"{kind}-{'lo' if level < 0.5 else 'hi'}-{_band(level)}"


def _regressors(case: Case, row: int) -> pd.DataFrame:
    at = np.arange(len(case.times))
    columns = {}
    for days, pairs in HARMONICS.items():
        for k in range(1, pairs + 1):
            angle = 2.0 * np.pi * k * at / (days * case.day)
            columns[f"sin_{days}_{k}"], columns[f"cos_{days}_{k}"] = np.sin(angle), np.cos(angle)
    clock = case.calendar()
    if clock["holiday"].iloc[max(case.origin - WEEKS * 7 * case.day, 0) : case.origin].any():
        columns["holiday"] = clock["holiday"].to_numpy()
    for name in case.given:
        one = pd.Series(case.covariates[name][row]).interpolate(limit_direction="both").to_numpy()
        columns[name], columns[f"{name}_squared"] = one, (one - one.mean()) ** 2
    return pd.DataFrame(columns)
