"""NHITS and PatchTST of neuralforecast: quantile loss, a week of history, calendar and weather ahead where supported.

References:
    Challu et al., "NHITS: Neural Hierarchical Interpolation for Time Series Forecasting", AAAI 2023.
    Nie et al., "A Time Series is Worth 64 Words: Long-term Forecasting with Transformers", ICLR 2023.
"""

from __future__ import annotations

import logging
from typing import Literal

import numpy as np
import pandas as pd
import torch
from neuralforecast import NeuralForecast
from neuralforecast.losses.pytorch import MQLoss
from neuralforecast.models import NHITS, PatchTST
from rival_case import Case

CLOCK = ["hour_sin", "hour_cos", "weekend", "holiday", "season_sin", "season_cos"]
STEPS = 300
Kind = Literal["NHITS", "PatchTST"]


def fit(case: Case, levels: list[float], *, kind: Kind, seed: int = 0) -> NeuralForecast:
    """Train one global network on all series."""
    logging.getLogger("pytorch_lightning").setLevel(logging.ERROR)
    torch.set_num_threads(1)
    shared = {
        "h": case.periods,
        "input_size": 7 * case.day,
        "loss": MQLoss(quantiles=levels),
        "max_steps": STEPS,
        "batch_size": 4,  # series a step; all their windows are made before some are drawn
        "valid_batch_size": 32,  # series that are forecast together: what the library takes where nothing is said
        "scaler_type": "standard",
        "random_seed": seed,
        "step_size": case.day // 24,  # windows begin at every hour
        "enable_progress_bar": False,
        "enable_model_summary": False,
        "enable_checkpointing": False,
        "logger": False,
    }
    if kind == "NHITS":
        network = NHITS(futr_exog_list=CLOCK + list(case.given), windows_batch_size=128, **shared)
    else:
        hour = case.day // 24
        network = PatchTST(
            hidden_size=64,
            n_heads=8,
            linear_hidden_size=128,
            patch_len=4 * hour,
            stride=4 * hour,
            windows_batch_size=64,
            learning_rate=5e-4,
            **shared,
        )
    forecaster = NeuralForecast(models=[network], freq=f"{case.step_minutes}min")
    forecaster.fit(long_form(case).drop(columns="ahead")[lambda rows: rows["y"].notna()])
    return forecaster


def forecast(case: Case, levels: list[float], *, kind: Kind) -> pd.DataFrame:
    """Train, and forecast the horizon."""
    forecaster = fit(case, levels, kind=kind)
    ahead = long_form(case)[lambda rows: rows["ahead"]].drop(columns=["y", "ahead"])
    told = forecaster.predict(futr_df=ahead).sort_values(["unique_id", "ds"], kind="stable")
    quantiles = told.drop(columns=["unique_id", "ds"]).to_numpy(dtype=np.float64)
    return case.table(quantiles.reshape(len(case.ids), case.periods, len(levels)), levels)


def long_form(case: Case) -> pd.DataFrame:
    """The case as neuralforecast and statsforecast want it; holes filled; ``ahead`` marks the horizon."""
    clock = case.calendar()[CLOCK].reset_index(drop=True)
    past = case.filled()
    tables = []
    for row, name in enumerate(case.ids):
        table = clock.copy()
        table.insert(0, "y", np.concatenate([past[row], np.full(case.periods, np.nan)]))
        table.insert(0, "ds", case.times.tz_localize(None))
        table.insert(0, "unique_id", name)
        table["ahead"] = np.arange(len(table)) >= case.origin
        for column in case.given:
            table[column] = pd.Series(case.covariates[column][row]).interpolate(limit_direction="both")
        tables.append(table)
    return pd.concat(tables, ignore_index=True)
