"""Scores of several methods on the same cases, and the paired difference between ours and each of them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from grid.scores import coverage, peak_threshold, peak_weighted_losses, pinball_losses
from grid.time_axis import FloatArray

OURS = "gridpilot"
COVERED = (0.25, 0.75)
"""Levels that the central half needs beside those that a case scores."""
HEADER = (
    f"{'':<12}{'origins':>8}{'pinball':>10}{'WQL':>9}{'MAE':>10}{'peak':>10}{'50 %':>7}{'80 %':>7}{'CPU s':>9}   "
    "our loss beside it (95 % over origins)"
)
_DRAWS = 2000


@dataclass(frozen=True, slots=True, eq=False)
class Scored:
    """Every interval that one method forecast on one benchmark and that came.

    Attributes:
        origins: Which case each stands in, shape (intervals,).
        leads, hours: Intervals since the origin, and the local hour of day, shape (intervals,).
        awake: Whether it counts for coverage: by night a plant does nothing, shape (intervals,).
        quantiles: At ``levels``, shape (intervals, levels).
        peak: From where on the power of its series counts as a peak, shape (intervals,).
        levels: What was asked for; ``scored`` are those that the benchmark scores.
        seconds: CPU time of each case.
    """

    method: str
    origins: np.typing.NDArray[np.str_]
    leads: np.typing.NDArray[np.int64]
    hours: np.typing.NDArray[np.int64]
    awake: np.typing.NDArray[np.bool_]
    actual: FloatArray
    quantiles: FloatArray
    peak: FloatArray
    levels: tuple[float, ...]
    scored: tuple[float, ...]
    seconds: dict[str, float]

    def losses(self) -> FloatArray:
        """Pinball loss at the scored levels, shape (intervals,)."""
        return np.asarray(pinball_losses(self.actual, self._told(), levels=self.scored).mean(axis=1))

    def by_origin(self) -> pd.Series:
        """Summed loss of every case."""
        return pd.Series(self.losses()).groupby(self.origins).sum()

    def _told(self) -> FloatArray:
        return self.quantiles[:, [self.levels.index(level) for level in self.scored]]

    def at(self, level: float) -> FloatArray:
        return self.quantiles[:, self.levels.index(level)]

    def line(self, ours: Scored | None) -> str:
        """A row of the table."""
        loss = self.losses().mean()
        wql = 2.0 * loss * len(self.actual) / np.abs(self.actual).sum()
        mae = np.abs(self.actual - self.at(0.5)).mean()
        above = peak_weighted_losses(self.actual, self._told(), levels=self.scored, peak_kw=self.peak)
        half, most = (
            coverage(self.actual[self.awake], self.at(low)[self.awake], self.at(high)[self.awake])
            for low, high in ((0.25, 0.75), (0.1, 0.9))
        )
        losses = f"{loss:>10.4g}{wql:>9.4f}{mae:>10.4g}{np.nanmean(above):>10.4g}"
        figures = f"{len(self.seconds):>8}{losses}{half:>7.1%}{most:>7.1%}"
        beside = "" if ours is None or ours is self else compared(ours, self)
        return f"{self.method:<12}{figures}{np.median(list(self.seconds.values())):>9.1f}   {beside}"


def compared(ours: Scored, theirs: Scored) -> str:
    """By how much our loss is above theirs on the cases that both forecast, with a 95 % bootstrap interval over cases.

    Cases are drawn whole: intervals of one case err together. One case alone tells no interval.
    """
    both = pd.concat([ours.by_origin(), theirs.by_origin()], axis=1, join="inner").to_numpy()
    if not len(both):
        return ""
    drawn = np.random.default_rng(0).integers(len(both), size=(_DRAWS, len(both)))
    sums = both[drawn].sum(axis=1)  # (draws, 2)
    low, high = np.quantile(sums[:, 0] / sums[:, 1] - 1.0, (0.025, 0.975))
    mean = both[:, 0].sum() / both[:, 1].sum() - 1.0
    if len(both) == 1:
        return f"{mean:+.1%}, one case"
    won = int((both[:, 0] < both[:, 1]).sum())
    return f"{mean:+.1%} ({low:+.1%} to {high:+.1%}), better on {won} of {len(both)}"


def read_scored(cases: Path, kept: Path, method: str, *, origins: Sequence[str]) -> Scored | None:
    """What a method said of one benchmark's cases, beside what came; None if nothing is kept.

    Args:
        cases: Holds a folder per origin: ``input.parquet``, ``series.json``, ``truth.parquet``, ``quantiles.txt``.
        kept: Holds ``<origin>.parquet`` and ``<origin>.json`` (CPU seconds) per origin.
        origins: Those to score; of them, those that are kept.
    """
    tables, seconds, scored = [], {}, ()
    for out in (kept / f"{origin}.parquet" for origin in origins):
        if not out.with_suffix(".json").exists():  # written last
            continue
        case = cases / out.stem
        truth = pd.read_parquet(case / "truth.parquet")
        truth["time"] = pd.to_datetime(truth["time"], utc=True)
        told = pd.read_parquet(out)
        told["time"] = pd.to_datetime(told["time"], utc=True)
        table = truth.merge(told, on=["series_id", "time"], how="left", validate="one_to_one")
        settings = next(iter(json.loads((case / "series.json").read_text())["series"].values()))
        step = pd.Timedelta(minutes=settings["interval_minutes"])
        table["origin"] = out.stem
        table["lead"] = ((table["time"] - table["time"].min()) / step).astype(int)
        table["hour"] = table["time"].dt.tz_convert(settings.get("timezone", "UTC")).dt.hour
        table["peak"] = table["series_id"].map(_peaks(case, truth, step=step))
        table["awake"] = _awake(case, table["time"]) if settings["kind"] == "solar" else True
        tables.append(table[table["value"].notna()])
        seconds[out.stem] = float(json.loads(out.with_suffix(".json").read_text())["seconds"])
        scored = tuple(float(part) for part in (case / "quantiles.txt").read_text().split(","))
    if not tables:
        return None
    table = pd.concat(tables, ignore_index=True)
    columns = [name for name in table.columns if name.startswith("q0")]
    if table[columns].isna().any(axis=None):
        raise ValueError(f"{method} left intervals of {cases.name} out; remove what is kept of it and run it again")
    return Scored(
        method=method,
        origins=table["origin"].to_numpy(dtype=np.str_),
        leads=table["lead"].to_numpy(dtype=np.int64),
        hours=table["hour"].to_numpy(dtype=np.int64),
        awake=table["awake"].to_numpy(dtype=np.bool_),
        actual=table["value"].to_numpy(dtype=np.float64),
        quantiles=table[columns].to_numpy(dtype=np.float64),
        peak=table["peak"].to_numpy(dtype=np.float64),
        levels=tuple(float(name[1:]) for name in columns),
        scored=scored,
        seconds=seconds,
    )


def _peaks(case: Path, truth: pd.DataFrame, *, step: pd.Timedelta) -> dict[str, float]:
    """By series, from where on its power counts as a peak."""
    past = pd.read_parquet(case / "input.parquet", columns=["series_id", "time", "value"])
    past["time"] = pd.to_datetime(past["time"], utc=True)
    day, made = int(pd.Timedelta(days=1) / step), {}
    for name, ahead in truth.groupby("series_id")["time"]:
        known = past[past["series_id"] == name].set_index("time")["value"][: ahead.min() - step].asfreq(step)
        made[str(name)] = peak_threshold(known.to_numpy(np.float64), day=day, periods=len(ahead))
    return made


def _awake(case: Path, times: pd.Series) -> pd.Series:
    """Times of day at which the plant gave 2 % of its most on one of the last fortnight's days."""
    past = pd.read_parquet(case / "input.parquet", columns=["time", "value"]).dropna()
    past["time"] = pd.to_datetime(past["time"], utc=True)
    recent = past[past["time"] > past["time"].max() - pd.Timedelta(days=14)]
    top = recent.groupby(recent["time"].dt.time)["value"].max()
    return times.dt.time.map(top).fillna(0.0) > 0.02 * past["value"].max()
