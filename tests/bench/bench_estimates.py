"""How well what is missing is estimated, in real channels: short gaps by three methods, and long ones.

Run it by ``make bench`` (three minutes). Gaps are cut at places drawn from a seed. Those of up to two hours are filled
by a plain line, as validation does from the channel alone, and as it does with donors: a plant's irradiance, the other
substations, four other homes. Then gaps of 4 to 72 hours; and both with a register that is read every midnight. It
needs the benchmark data beside the repository, and says so where there is none.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path

import numpy as np
import pandas as pd
from validation_data import Case, chinese_plants, english_homes, households, interval_readings, substations

from grid.readings import Quality
from grid.time_axis import FloatArray
from grid.units import Channel
from grid.validation import ChannelProfile, IntervalReadings, KnownTotals, Verdicts, judge, known_totals

EVER = {"judge_from": datetime(2000, 1, 1, tzinfo=UTC), "judge_until": datetime(2040, 1, 1, tzinfo=UTC)}
ESTIMATED = Quality.ESTIMATED_LINEARLY | Quality.ESTIMATED_BY_REFERENCE_DAYS
SHORT, LONG = (0.25, 2.0), (4.0, 72.0)
DAY_US = 86_400_000_000
DEAD_SENSOR = "plant 3"
DATA = Path(__file__).resolve().parents[3] / "shared" / "data"

WithDonors = tuple[Case, list[IntervalReadings]]


@dataclass(frozen=True)
class Estimates:
    """What was cut out of channels, and what stands in its place, each shape (intervals,).

    Attributes:
        high: The 98 % quantile of the channel.
        totals: With donors, and a register that is read every midnight.
        followed: Where a donor was followed.
    """

    true: FloatArray
    line: FloatArray
    alone: FloatArray
    donors: FloatArray
    totals: FloatArray
    high: FloatArray
    followed: FloatArray


def main() -> None:
    """Print both tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--channels", type=int, default=None, help="of each set only so many")
    options = parser.parse_args()
    if not DATA.is_dir():
        print(f"skipped: no benchmark data in {DATA}; it is not part of the repository")
        return
    rng = np.random.default_rng(options.seed)
    print("gaps of up to 2 h: MAPE above 5 % of the 98 % quantile, WAPE (summed error / sum), bias")
    print(f"{'':<22}{'plain line':>22}{'alone':>22}{'with donors':>22}{'followed':>10}{'totals: WAPE':>14}")
    sets = _sets(options.channels)
    for name, cases in sets.items():
        _show_short(name, [(case.name, _estimated(case, donors, rng, SHORT)) for case, donors in cases])
    print("gaps of 4 to 72 h: WAPE, without and with totals")
    for name, cases in sets.items():
        found = _joined([_estimated(case, [], rng, LONG) for case, _ in cases])
        print(f"{name:<22}{_wape(found.alone, found.true):>8.1%}{_wape(found.totals, found.true):>8.1%}")


def _show_short(name: str, estimates: Sequence[tuple[str, Estimates]]) -> None:
    _show(name, [found for _, found in estimates])
    if DEAD_SENSOR in dict(estimates):
        _show("  with live sensors", [found for case, found in estimates if case != DEAD_SENSOR])


def _show(name: str, estimates: Sequence[Estimates]) -> None:
    found = _joined(estimates)
    scores = "".join(_scores(guess, found) for guess in (found.line, found.alone, found.donors))
    print(f"{name:<22}{scores}{found.followed.mean():>10.0%}{_wape(found.totals, found.true):>14.1%}")


def _scores(guess: FloatArray, found: Estimates) -> str:
    big = found.true > 0.05 * found.high
    mape = (np.abs(guess - found.true)[big] / found.true[big]).mean()
    bias = (guess - found.true).sum() / found.true.sum()
    return f"{mape:>8.1%}{_wape(guess, found.true):>7.1%}{bias:>7.1%}"


def _wape(guess: FloatArray, true: FloatArray) -> float:
    return float(np.abs(guess - true).sum() / true.sum())


def _joined(estimates: Sequence[Estimates]) -> Estimates:
    return Estimates(*(np.concatenate([getattr(e, name) for e in estimates]) for name in Estimates.__annotations__))


def _sets(channels: int | None) -> dict[str, list[WithDonors]]:
    """The channels of every set, each with what it may follow."""
    plants = [(cases["power"], [_sound(cases["tilted"]), _sound(cases["level"])]) for _, cases in chinese_plants(DATA)]
    return {
        "vic_elec": [(_victoria(), [])],
        "stategrid_pv_15min": plants[:channels],
        "liander_openstef": list(_among_others(substations(DATA), channels)),
        "smeter_homes": list(_among_others(english_homes(DATA), channels, of=4)),
        "sgsc_households": list(_among_others(households(DATA), channels, of=4)),
    }


def _among_others(cases: Iterator[Case], channels: int | None, *, of: int | None = None) -> Iterator[WithDonors]:
    """Each channel with others of its set, never one of the same meter: so many of those that follow, or all."""
    chosen = list(islice(cases, channels))
    sound = [_sound(case) for case in chosen]
    for at, case in enumerate(chosen):
        others = [(at + step) % len(chosen) for step in range(1, len(chosen))]
        apart = [other for other in others if _meter(chosen[other]) != _meter(case)]
        yield case, [sound[other] for other in apart[:of]]


def _meter(case: Case) -> str:
    """Case names end with the direction where a meter counts both."""
    return case.name.removesuffix(f" {Channel.IMPORT}").removesuffix(f" {Channel.EXPORT}")


def _sound(case: Case) -> IntervalReadings:
    """A channel's readings as a donor is known: NaN where a verdict rejects or doubts."""
    verdicts, readings = judge(case.readings, case.profile, **EVER), case.readings
    unsound = verdicts.starts_us[verdicts.quality & int(Quality.VALID) == 0]
    values = np.where(np.isin(readings.starts_us, unsound), np.nan, readings.values)
    return IntervalReadings(readings.interval_minutes, readings.starts_us, values, readings.received_us)


def _victoria() -> Case:
    table = pd.read_parquet(DATA / "vic_elec" / "vic_elec.parquet")
    kw = table["demand_mw"].to_numpy() * 1000.0
    readings = interval_readings(pd.DatetimeIndex(table["timestamp_utc"]), kw, minutes=30)
    return Case("Victoria", readings, ChannelProfile(Channel.LOAD, "load", "Australia/Melbourne"))


def _estimated(
    case: Case, donors: list[IntervalReadings], rng: np.random.Generator, hours: tuple[float, float]
) -> Estimates:
    """Cut gaps at random, and estimate them by every method."""
    readings = case.readings
    taken = _cut(readings, rng, hours)
    known = ~taken & ~np.isnan(readings.values)
    sent = IntervalReadings(
        readings.interval_minutes, readings.starts_us[~taken], readings.values[~taken], readings.received_us[~taken]
    )
    told = judge(readings, case.profile, **EVER)
    taken &= ~np.isin(readings.starts_us, told.starts_us)  # what is wrong in the data is no measure of an estimate
    alone = judge(sent, case.profile, **EVER)
    following = judge(sent, case.profile, donors=donors, **EVER)
    scaled = judge(sent, case.profile, donors=donors, totals=_daily_totals(readings), **EVER)
    line = np.interp(readings.starts_us, readings.starts_us[known], readings.values[known])
    guesses = [_guesses(verdicts, readings.starts_us) for verdicts in (alone, following, scaled)]
    derived = following.starts_us[following.quality & int(Quality.DERIVED) != 0]
    there = taken & ~np.isnan(guesses).any(axis=0)
    high = np.full(len(taken), np.nanquantile(np.abs(readings.values), 0.98))
    columns = (readings.values, line, *guesses, high, np.isin(readings.starts_us, derived).astype(np.float64))
    return Estimates(*(column[there] for column in columns))


def _cut(readings: IntervalReadings, rng: np.random.Generator, hours: tuple[float, float]) -> np.ndarray:
    """Which intervals are taken out: of short gaps one in three days, of long ones forty."""
    per_hour = 60 / readings.interval_minutes
    taken = np.zeros(len(readings.starts_us), dtype=bool)
    days = (readings.starts_us[-1] - readings.starts_us[0]) // DAY_US
    for _ in range(max(40, days // 3) if hours == SHORT else 40):
        slots = max(1, round(per_hour * rng.uniform(*hours)))
        begin = int(rng.integers(1, len(taken) - slots - 1))
        if not taken[max(0, begin - 96) : begin + slots + 96].any():
            taken[begin : begin + slots] = ~np.isnan(readings.values[begin : begin + slots])
    return taken


def _guesses(verdicts: Verdicts, starts_us: np.ndarray) -> FloatArray:
    """The estimate at each start, NaN where there is none."""
    estimated = verdicts.quality & int(ESTIMATED) != 0
    guesses = dict(zip(verdicts.starts_us[estimated].tolist(), verdicts.values[estimated].tolist(), strict=True))
    return np.array([guesses.get(start, np.nan) for start in starts_us.tolist()])


def _daily_totals(readings: IntervalReadings) -> KnownTotals:
    """What a register read every midnight tells, to 10 Wh; none where the day has a gap."""
    per_day = 1440 // readings.interval_minutes
    day = readings.starts_us // DAY_US
    days, first, count = np.unique(day, return_index=True, return_counts=True)
    kwh = np.add.reduceat(readings.values, first) * readings.interval_minutes / 60.0
    counted = np.concatenate([[0.0], np.cumsum(np.where(count == per_day, np.nan_to_num(kwh), 0.0))])
    shown = np.append(
        np.where((count == per_day) & ~np.isnan(kwh), np.floor(counted[:-1] * 100.0) / 100.0, np.nan), np.nan
    )
    register = IntervalReadings(1440, np.append(days, days[-1] + 1) * DAY_US, shown, np.append(days, days[-1]) * DAY_US)
    return known_totals(register)


if __name__ == "__main__":
    main()
