"""How well the sun is forecast a day ahead where nobody tells the weather: members alone, on every day of nine months.

The three plants of ``../shared/data/stategrid_pv_15min`` that read without long gaps, refitted every four weeks; a
member has seen nothing from a refit on but what its inputs say of the last days. Networks are left out. Differences in
pinball loss to climatology stand with a bootstrap's 95 % over days. Without the data there is nothing to do.
"""

from __future__ import annotations

from collections import defaultdict
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
from bench_file_forecasts import BANDS, Plain

from forecasting.members.course import ANALOGS, CLIMATOLOGY, FOREST, LEVELS, TREES, Trial
from forecasting.series.request import Covariate, FileSeries, SeriesSettings
from forecasting.series.rows import make_rows
from forecasting.series.splits import TimeSplit
from forecasting.sun.members import SolarMembers
from grid.scores import pinball_losses
from grid.time_axis import FloatArray, TimeAxis

DATA = Path(__file__).resolve().parents[3] / "shared" / "data" / "stategrid_pv_15min" / "plants.parquet"
PLANTS = ("5", "1", "2")
COVARIATES = {"ghi_wm2": Covariate(means="ghi", unit="W/m2"), "temp_c": Covariate(means="air_temperature", unit="degC")}
POSSIBLE = {"ghi_wm2": (-10.0, 1500.0), "temp_c": (-60.0, 60.0)}
START = datetime(2018, 12, 31, 16, tzinfo=UTC)
FIRST_DAY, DAYS, DAY = 270, 28, 96
MEMBERS = (CLIMATOLOGY, ANALOGS, FOREST, TREES)


def main() -> None:
    if not DATA.exists():
        print(f"no {DATA}: nothing to do")
        return
    every = pd.read_parquet(DATA)
    for plant in PLANTS:
        table = every[every["site"].astype(str) == plant].sort_values("timestamp")
        scores: dict[str, list[FloatArray]] = defaultdict(list)
        for day in range(FIRST_DAY, len(table) // DAY, DAYS):
            for member, found in scored(table, day).items():
                scores[member].append(found)
        bands = "".join(f"{band:>8}" for band in BANDS)
        print(f"\nplant {plant}\n{'':<18}{'WQL':>8}{bands}   loss beside climatology", flush=True)
        usual = np.concatenate(scores[CLIMATOLOGY])
        for member in MEMBERS:
            print(f"{member:<18}{line(np.concatenate(scores[member]), usual)}")


def scored(table: pd.DataFrame, day: int) -> dict[str, FloatArray]:
    """By member, the sums of :func:`by_day` for every day from a refit to the next."""
    until = min(day + DAYS, len(table) // DAY) * DAY
    past = table.iloc[:until]
    known = np.arange(until + DAY) < until
    given = {name: past[name].where(past[name].between(*POSSIBLE[name])) for name in COVARIATES}
    capacity = float(past["capacity_mw"].iloc[0])
    one = FileSeries(
        series_id="plant",
        settings=SeriesSettings(kind="solar", interval_minutes=15, capacity=capacity, covariates=COVARIATES),
        axis=TimeAxis(START, timedelta(minutes=15), until + DAY),
        values=np.where(known, np.pad(past["power_mw"].to_numpy(np.float64), (0, DAY)), np.nan),
        covariates={n: np.where(known, np.pad(v.to_numpy(np.float64), (0, DAY)), np.nan) for n, v in given.items()},
        origin=until,
        asked=np.arange(until, until + DAY),
    )
    rows = make_rows([one])
    origins = np.arange(day * 24, until // 4, 24)
    trial = Trial(TimeSplit((day - 42) * 24, day * 24, until // 4), origins, 24, nightly=False)
    members = SolarMembers(rows, course=Plain(), trial=trial, trained=True)
    actual = rows.values[:, origins[:, None] + np.arange(24)]  # (rows, origins, hours)
    return {name: by_day(actual, said) for name, said in members.past(origins, 24).items() if name in MEMBERS}


def by_day(actual: FloatArray, said: FloatArray) -> FloatArray:
    """Loss, power, intervals within each band, and intervals of daylight of every day, shape (days, 6)."""
    awake = np.isfinite(actual) & (said[..., -1] > 0.0)
    loss = pinball_losses(actual.ravel(), said.reshape(-1, len(LEVELS)), levels=LEVELS).mean(axis=-1)
    columns = [np.nan_to_num(loss.reshape(actual.shape)), np.nan_to_num(np.abs(actual))]
    for lower, upper in BANDS.values():
        bounds = said[..., LEVELS.index(lower)], said[..., LEVELS.index(upper)]
        columns.append(awake & (actual >= bounds[0]) & (actual <= bounds[1]))
    return np.stack([one.sum(axis=(0, 2)) for one in [*columns, awake]], axis=-1).astype(np.float64)


def line(days: FloatArray, usual: FloatArray) -> str:
    """WQL, coverage by daylight, and the loss beside another's of the same days."""
    total = days.sum(axis=0)
    drawn = np.random.default_rng(0).integers(len(days), size=(2000, len(days)))
    spread = days[drawn, 0].sum(axis=1) / usual[drawn, 0].sum(axis=1) - 1.0
    low, high = np.quantile(spread, (0.025, 0.975))
    covered = "".join(f"{one / total[5]:>8.1%}" for one in total[2:5])
    beside = total[0] / usual[:, 0].sum() - 1.0
    return f"{2.0 * total[0] / total[1]:>8.3f}{covered}   {beside:+.1%} ({low:+.1%} to {high:+.1%})"


if __name__ == "__main__":
    main()
