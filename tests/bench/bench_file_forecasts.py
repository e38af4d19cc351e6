"""How good forecasts from files are: scores, coverage, CPU time, every member alone and the mix without each of them.

Run it by ``make bench``. The cases are built by ``../shared/bench/forecast_cases.py`` from the data beside it; without
them there is nothing to do. Every input ends at its origin's horizon, so that nothing can leak. Arguments such as
``vic_elec:03,12`` choose benchmarks and origins, ``vic_elec`` or ``vic_elec:all`` every origin of one, ``all`` all
there are; ``--seeds 0,1,2`` tells how far the scores of several seeds lie apart; ``--plain`` leaves the networks out.
The column "peak" is the peak-weighted pinball loss (:func:`grid.scores.peak_weighted_losses`). Coverage is that of
daylight for the sun: at night every forecast is 0, whatever a meter reads.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd
from file_cases import BUILDER, wanted_cases

from forecasting.engine.mixture import hear, mix
from forecasting.files.forecast import kind_of_work
from forecasting.members.course import LEVELS, Course
from forecasting.networks.encoders import Encoder
from forecasting.nouns import IndexArray
from forecasting.quantiles.mixing import at_levels
from forecasting.series.calendar import make_calendar
from forecasting.series.request import FileSeries
from forecasting.series.rows import make_rows
from forecasting.series.table import read_request
from grid.scores import coverage, peak_threshold, peak_weighted_losses, pinball_losses, weighted_quantile_loss
from grid.time_axis import FloatArray

USUAL = ["gefcom2014_load:05,08", "gefcom2014_solar:04", "gefcom2014_weekly:00,10", "vic_elec:06,18"]
USUAL += ["stategrid_pv_15min:12", "sgsc_households:06"]
LOSSES = ("pinball", "WQL", "MAE", "peak")
BANDS = {"50 %": (0.25, 0.75), "80 %": (0.1, 0.9), "90 %": (0.05, 0.95)}
DAYS_AHEAD = {"day 1": 1, "days 2-3": 3, "days 4-7": 7, "later": 10_000}
MIX = "mix"


class Plain(Course):
    """No networks."""

    @property
    def networks(self) -> dict[str, Encoder]:
        return {}


@dataclass(frozen=True)
class Answers:
    """One way of mixing, over every series and origin.

    Attributes:
        actual: Shape (intervals,). NaN where unknown.
        quantiles: At LEVELS, shape (intervals, levels).
        day, hour: Of each interval: days ahead, from 0, and the local hour, both of shape (intervals,).
        peak: From where on the power of its series counts as a peak, shape (intervals,).
    """

    actual: FloatArray
    quantiles: FloatArray
    day: IndexArray
    hour: IndexArray
    peak: FloatArray

    @classmethod
    def joined(cls, parts: list[Answers]) -> Answers:
        return cls(*(np.concatenate([getattr(part, name) for part in parts]) for name in cls.__annotations__))

    def only(self, chosen: npt.NDArray[np.bool_]) -> Answers:
        """Some of the intervals."""
        return Answers(*(getattr(self, name)[chosen] for name in self.__annotations__))


Said = dict[str, list[Answers]]
"""By way of mixing."""


def main() -> None:
    if not BUILDER.exists():
        print(f"no {BUILDER}: nothing to do")
        return
    parser = argparse.ArgumentParser()
    parser.add_argument("cases", nargs="*", default=USUAL)
    parser.add_argument("--seeds", default="0")
    parser.add_argument("--plain", action="store_true")
    asked = parser.parse_args()
    courses = [(Plain if asked.plain else Course)(seed=int(seed)) for seed in asked.seeds.split(",")]
    with tempfile.TemporaryDirectory(prefix="gridpilot-bench-") as folder:
        root = Path(folder)
        subprocess.run([sys.executable, str(BUILDER), "build", folder], check=True)
        for benchmark, origins in wanted_cases(root, asked.cases).items():
            cases = [root / benchmark / origin for origin in origins]
            levels = tuple(float(part) for part in (cases[0] / "quantiles.txt").read_text().split(","))
            mixes = {}
            for course in courses:
                said: Said = defaultdict(list)
                began = time.process_time()
                for case in cases:
                    for way, answers in forecast_case(case, course).items():
                        said[way] += answers
                seconds = (time.process_time() - began) / len(cases)
                mixes[f"mix, seed {course.seed}"] = Answers.joined(said[MIX])
                if course is courses[0]:
                    print(f"\n{benchmark}: {len(cases)} origins, {seconds:.0f} CPU seconds each")
                    tell({way: Answers.joined(answers) for way, answers in said.items()}, levels)
            if len(courses) > 1:
                tell_spread(mixes, levels)


def forecast_case(case: Path, course: Course) -> Said:
    """The mix, the mix without each member, and every member alone."""
    series = read_request(case / "input.parquet", case / "series.json")
    truth = pd.read_parquet(case / "truth.parquet")
    truth["time"] = pd.to_datetime(truth["time"], utc=True)
    said: Said = defaultdict(list)
    for key, group in groupby(sorted(series, key=kind_of_work), key=kind_of_work):
        heard = hear(make_rows(list(group)), course=course, trained=key[1] == "trained")
        names = set(heard.present)
        ways = {MIX: set[str]()} | {f"without {one}": {one} for one in sorted(names)}
        ways |= {f"only {one}": names - {one} for one in sorted(names)}
        for index, one in enumerate(heard.rows.series):
            happened, day, hour = _happened(one, truth)
            day_long = 24 * 60 // one.settings.interval_minutes
            peak = peak_threshold(one.values[: one.origin], day=day_long, periods=one.axis.periods - one.origin)
            for way, without in ways.items():
                told = mix(heard, index, seed=course.seed, without=without).quantiles[one.asked - one.origin]
                said[way].append(Answers(happened, told, day, hour, np.full(len(hour), peak)))
    return said


def _happened(one: FileSeries, truth: pd.DataFrame) -> tuple[FloatArray, IndexArray, IndexArray]:
    """Actual values of the asked intervals, their days ahead and their local hours."""
    own = truth[truth["series_id"] == one.series_id].set_index("time")["value"]
    actual = own.reindex(one.axis.index[one.asked]).to_numpy(dtype=np.float64)
    hour = make_calendar(one.axis, timezone=one.settings.timezone, holidays="").hour[one.asked]
    day = (one.asked - one.origin) * one.settings.interval_minutes // (24 * 60)
    return actual, day, hour


def tell(said: dict[str, Answers], levels: tuple[float, ...]) -> None:
    """The tables of one benchmark."""
    print(f"{'':<28}" + "".join(f"{name:>10}" for name in LOSSES) + "".join(f"{band:>7}" for band in BANDS))
    whole, since = said[MIX], 0
    for name, until in DAYS_AHEAD.items():
        said[f"mix, {name}"] = whole.only((whole.day >= since) & (whole.day < until))
        since = until
    for begin in range(0, 24, 6):
        said[f"mix, {begin} to {begin + 6} h"] = whole.only((whole.hour >= begin) & (whole.hour < begin + 6))
    for way, answers in said.items():
        if np.isfinite(answers.actual).any():
            print(_line(way, scores(answers, levels)))


def tell_spread(mixes: dict[str, Answers], levels: tuple[float, ...]) -> None:
    """The scores of each seed, and how far they lie apart: losses as a share of their mean, coverage in points."""
    found = {name: scores(answers, levels) for name, answers in mixes.items()}
    for name, one in found.items():
        print(_line(name, one))
    every = np.stack(list(found.values()))  # (seeds, scores)
    apart = np.ptp(every, axis=0)
    mean = np.maximum(every.mean(axis=0), np.finfo(np.float64).tiny)  # no peak came near, no loss
    losses = "".join(f"{share:>10.1%}" for share in (apart / mean)[: len(LOSSES)])
    print(f"{'highest less lowest':<28}{losses}" + "".join(f"{100.0 * one:>7.1f}" for one in apart[len(LOSSES) :]))


def scores(answers: Answers, levels: tuple[float, ...]) -> FloatArray:
    """The losses, then the coverage of each band, shape (LOSSES and BANDS,)."""
    known = answers.only(np.isfinite(answers.actual))
    said = at_levels(known.quantiles, levels=LEVELS, wanted=levels)
    loss = pinball_losses(known.actual, said, levels=levels)
    wql = weighted_quantile_loss(known.actual, said, levels=levels)
    mae = np.abs(known.actual - known.quantiles[:, LEVELS.index(0.5)]).mean()
    peak = np.nanmean(peak_weighted_losses(known.actual, said, levels=levels, peak_kw=known.peak))
    awake = known.only(known.quantiles[:, -1] > 0.0)  # not the night of a plant
    within = [
        coverage(awake.actual, *(awake.quantiles[:, LEVELS.index(level)] for level in band)) for band in BANDS.values()
    ]
    return np.array([loss.mean(), wql, mae, peak, *within])


def _line(name: str, found: FloatArray) -> str:
    losses = "".join(f"{loss:>10.4g}" for loss in found[: len(LOSSES)])
    return f"{name:<28}{losses}" + "".join(f"{share:>7.1%}" for share in found[len(LOSSES) :])


if __name__ == "__main__":
    main()
