"""How well and how fast readings are validated, on real channels.

Run it by ``make bench`` (a minute). Faults are planted in real channels at places drawn from a seed; of each kind
it prints the share of wrong intervals that are found by a fitting reason, and the share of clean intervals that are
rejected or doubted. Then real faults, and intervals per CPU-second. It needs the benchmark data beside the repository,
and says so where there is none.
"""

from __future__ import annotations

import argparse
import time
from collections import defaultdict
from dataclasses import replace
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path

import numpy as np
import pandas as pd
from planted_faults import DAY_US, found, plant
from sister_channels import borne_out
from validation_data import Case, chinese_plants, english_homes, golden, households, substations

from api.settings import CacheSettings, read_settings
from grid.faults import InputError
from grid.readings import Quality
from grid.time_axis import to_us
from grid.units import Channel
from grid.validation import ChannelProfile, IntervalReadings, Verdicts, judge
from grid.validation.reasons import DOUBTING, REJECTING

EVER = {"judge_from": datetime(2000, 1, 1, tzinfo=UTC), "judge_until": datetime(2040, 1, 1, tzinfo=UTC)}
NO_VALUE = Quality.MISSING | Quality.GAP
DEAD_FROM_US = to_us(datetime(2019, 7, 31, 16, tzinfo=UTC))  # the tilted sensor of site 3
DATA = Path(__file__).resolve().parents[3] / "shared" / "data"


def main() -> None:
    """Print every table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--channels", type=int, default=None, help="of each set only so many")
    options = parser.parse_args()
    if not DATA.is_dir():
        print(f"skipped: no benchmark data in {DATA}; it is not part of the repository")
        return
    sets = {"sgsc_households": households(DATA), "liander_openstef": substations(DATA)}
    for name, cases in sets.items():
        _planted(name, list(islice(cases, options.channels)), np.random.default_rng(options.seed))
    _sums_and_registers(np.random.default_rng(options.seed))
    _english_homes()
    _chinese_plants()
    _golden()


def _planted(name: str, cases: list[Case], rng: np.random.Generator) -> None:
    """Recall of every kind of planted fault, false flags, and speed, over the cases of one set."""
    recall: dict[str, list[tuple[int, int]]] = defaultdict(list)
    clean = flagged = intervals = 0
    qualities: list[np.ndarray] = []
    spent = 0.0
    for case, each in ((chosen, each) for chosen in cases for each in _portions(chosen)):
        planting = plant(case.readings, rng, each=each)
        began = time.process_time()
        verdicts = judge(planting.readings, case.profile, **EVER)
        spent += time.process_time() - began
        intervals += len(planting.readings.starts_us)
        for kind, counts in found(planting, verdicts).items():
            recall[kind].append(counts)
        untouched = np.setdiff1d(_valued(case.readings), np.concatenate(planting.touched))
        wrongly = _bad(verdicts) & np.isin(verdicts.starts_us, untouched)
        clean, flagged = clean + len(untouched), flagged + int(wrongly.sum())
        qualities.append(verdicts.quality[wrongly])
    print(f"\n{name}: {len(cases)} channels, {intervals:,} intervals, {intervals / spent:,.0f} intervals/CPU s")
    print(f"  {'planted fault':<20}{'found':>9}{'intervals':>11}")
    for kind, counts in recall.items():
        hits, of = np.sum(counts, axis=0)
        print(f"  {kind:<20}{hits / of:>9.1%}{of:>11,}")
    wrong = _reasons(np.concatenate(qualities))
    print(f"  false flags: {flagged / clean:.3%} of {clean:,} clean intervals ({wrong})")


def _sums_and_registers(rng: np.random.Generator) -> None:
    """Homes behind a check meter, one of them failing for hours; and their registers, wrapping, reset and misread."""
    homes = [case.readings for case in islice(households(DATA), 40)]
    hits = {"sum check": [0, 0], "register wrap": [0, 0], "register reset": [0, 0], "register misread": [0, 0]}
    for group in range(0, 40, 5):
        common = homes[group].starts_us
        for home in homes[group + 1 : group + 5]:
            common = np.intersect1d(common, home.starts_us)
        parts = np.stack([home.values[np.isin(home.starts_us, common)] for home in homes[group : group + 5]])
        total = IntervalReadings(30, common, parts.sum(axis=0), common + 1_800_000_000)
        wrong = np.zeros(len(common), dtype=bool)
        for begin in rng.integers(0, max(1, len(common) - 48), 6):
            wrong[begin : begin + 24] = parts[0, begin : begin + 24] > 0.1 * total.values[begin : begin + 24]
        sent = replace(total, values=np.where(wrong, total.values - parts[0], total.values))
        verdicts = judge(total, ChannelProfile(Channel.IMPORT, "load"), parts=sent, **EVER)
        _count(hits["sum check"], verdicts, common[wrong], Quality.SUM_MISMATCH)
    for home in homes:
        used = np.cumsum(np.nan_to_num(home.values)) / 2.0
        profile = ChannelProfile(Channel.IMPORT_REGISTER, register_kwh=100_000.0)
        reset, misread = rng.choice(np.arange(200, len(used) - 200, 500), 2, replace=False)
        wrapping = (99_000.0 + used) % 100_000.0
        wraps = home.starts_us[1:][np.diff(wrapping) < 0]
        wrapping[misread] = (wrapping[misread] + 50_000.0) % 100_000.0
        verdicts = judge(replace(home, values=wrapping), profile, **EVER)
        _count(hits["register wrap"], verdicts, wraps, Quality.ROLLOVER)
        _count(hits["register misread"], verdicts, home.starts_us[[misread]], Quality.SPIKE)
        exchanged = 40_000.0 + used
        exchanged[reset:] -= exchanged[reset]
        verdicts = judge(replace(home, values=exchanged), profile, **EVER)
        _count(hits["register reset"], verdicts, home.starts_us[[reset]], Quality.RESET)
    print("\nsgsc_households behind check meters and with registers: planted faults")
    for name, (got, of) in hits.items():
        print(f"  {name:<20}{got / of:>9.1%}{of:>11,}")


def _count(hits: list[int], verdicts: Verdicts, wrong: np.ndarray, bit: Quality) -> None:
    hits[0] += int(np.isin(wrong, verdicts.starts_us[verdicts.quality & int(bit) != 0]).sum())
    hits[1] += len(wrong)


def _portions(case: Case) -> list[int]:
    """Faults of each kind, planting by planting: one in 150 days, and in short channels several plantings of one."""
    days = (case.readings.starts_us[-1] - case.readings.starts_us[0]) / DAY_US
    return [round(days / 150)] if days > 300 else [1] * 6


def _english_homes() -> None:
    """The wraps of smeter_homes: pairs of opposite sign above 100 kWh, and energy that piled up over a gap."""
    hits: dict[str, list[int]] = {"wrap of a counter": [0, 0], "energy of a gap in one value": [0, 0]}
    clean = flagged = 0
    for case in english_homes(DATA):
        values, starts = case.readings.values, case.readings.starts_us
        verdicts = judge(case.readings, case.profile, **EVER)
        after_gap = np.concatenate([[False], np.isnan(values[:-1])])
        real = {
            "wrap of a counter": np.abs(values) > 200.0,
            "energy of a gap in one value": after_gap & (values > 20.0) & (values < 200.0),
        }
        for name, where in real.items():
            hits[name][0] += int(np.isin(starts[where], verdicts.starts_us[_bad(verdicts)]).sum())
            hits[name][1] += int(where.sum())
        fine = ~np.isnan(values) & ~real["wrap of a counter"] & ~after_gap
        clean += int(fine.sum())
        flagged += int((_bad(verdicts) & np.isin(verdicts.starts_us, starts[fine])).sum())
    print("\nsmeter_homes: real faults")
    for name, (got, of) in hits.items():
        print(f"  {name:<32}{got} of {of}")
    print(f"  other flags: {flagged / clean:.3%} of {clean:,} intervals")


def _chinese_plants() -> None:
    """Sentinels of the sensors, the dead irradiance of site 3 after July 2019, and nights planted into power."""
    marks = {"level": (-99.0,), "tilted": (-99.0,), "air": (-99.0, 3276.7, -3276.7)}
    print("\nstategrid_pv_15min: real faults, and generation planted at night")
    rng = np.random.default_rng(0)
    for site, cases in chinese_plants(DATA):
        profile = cases["power"].profile
        print(f"  site {site} at {profile.latitude:.0f}, {profile.longitude:.0f} by its own light")
        for name, sentinels in marks.items():
            case = cases[name]
            verdicts = judge(case.readings, case.profile, **EVER)
            wrong = np.isclose(case.readings.values[:, None], sentinels, rtol=1e-6).any(axis=1)
            wrong |= (name == "air") & (np.abs(case.readings.values) > 3000.0)
            got = np.isin(case.readings.starts_us[wrong], verdicts.starts_us[_bad(verdicts)]).sum()
            dead = (site == 3 and name == "tilted") & (case.readings.starts_us >= DEAD_FROM_US)
            print(f"    {name:<8} sentinels {got} of {wrong.sum()}, {_others(cases, name, verdicts, wrong | dead)}")
            if site == 3 and name == "tilted":
                _dead_sensor(case, verdicts)
        _nights(cases, rng)


def _others(cases: dict[str, Case], name: str, verdicts: Verdicts, wrong: np.ndarray) -> str:
    """The flags on intervals not known to be wrong, without and with those that the plant's other channels bear out."""
    readings = cases[name].readings
    flagged = _bad(verdicts) & np.isin(verdicts.starts_us, readings.starts_us[~wrong])
    sisters = [case.readings for other, case in cases.items() if other not in (name, "air")]
    real = flagged & borne_out(readings, verdicts, sisters)
    false = flagged & ~real
    of = (~wrong & ~np.isnan(readings.values)).sum()
    return (
        f"false flags {false.sum() / of:.3%} ({_reasons(verdicts.quality[false])}),"
        f" borne out by others {real.sum() / of:.3%} ({_reasons(verdicts.quality[real])})"
    )


def _dead_sensor(case: Case, verdicts: Verdicts) -> None:
    """Site 3 after July 2019: the irradiance on the array, which is a fortieth of what it was."""
    dead = case.readings.starts_us >= DEAD_FROM_US
    lit = dead & (np.nan_to_num(case.readings.values) > 0)
    days = np.unique(case.readings.starts_us[lit] // DAY_US)
    told = np.unique(verdicts.starts_us[verdicts.quality & int(Quality.ZERO) != 0] // DAY_US)
    before = np.unique(case.readings.starts_us[~dead] // DAY_US)
    doubted = np.unique(verdicts.starts_us[_bad(verdicts)] // DAY_US)
    print(
        f"    {'':<8} dead after July 2019: {np.isin(days, told).mean():.1%} of {len(days)} days are told dead, and"
        f" {np.isin(before, told).mean():.1%} of the days before; {np.isin(days, doubted).mean():.1%} flagged at all"
    )


def _nights(cases: dict[str, Case], rng: np.random.Generator) -> None:
    """Generation planted at 200 places of the nights."""
    case = cases["power"]
    values = case.readings.values.copy()
    local_hour = (case.readings.starts_us // 3_600_000_000 + 8) % 24
    chosen = rng.choice(np.flatnonzero((local_hour < 3) & ~np.isnan(values)), 200, replace=False)
    values[chosen] = case.profile.capacity * rng.uniform(0.05, 0.8, 200)
    verdicts = judge(replace(case.readings, values=values), case.profile, **EVER)
    at_night = verdicts.starts_us[verdicts.quality & int(Quality.NIGHT_GENERATION | Quality.SPIKE) != 0]
    planted = np.isin(np.arange(len(values)), chosen)
    print(
        f"    power    generation at night {np.isin(case.readings.starts_us[planted], at_night).mean():.1%} of 200,"
        f" {_others(cases, 'power', verdicts, planted)}"
    )


def _golden() -> None:
    """The PVDAQ clock error: days of daylight saving time are an hour off, the others are not."""
    try:
        case = golden(read_settings(CacheSettings).cache_dir)
    except InputError as error:
        print(f"\nPVDAQ: skipped, its wheel cannot be had: {error}")
        return
    verdicts = judge(case.readings, case.profile, **EVER)
    days = pd.to_datetime(np.unique(case.readings.starts_us // DAY_US), unit="D", utc=True)
    drifting = np.unique(verdicts.starts_us[verdicts.quality & int(Quality.CLOCK_DRIFT) != 0] // DAY_US)
    told = np.isin(np.unique(case.readings.starts_us // DAY_US), drifting)
    summer = np.array([bool(day.dst()) for day in (days + pd.Timedelta(hours=18)).tz_convert(case.profile.timezone)])
    lost = int((verdicts.quality & int(Quality.CLOCK_CHANGE) != 0).sum())
    print("\nPVDAQ system 50: a clock labelled UTC-7 that follows daylight saving time")
    print(f"  clock drift found on {told[summer].mean():.1%} of {summer.sum()} days that are an hour off,")
    print(f"  told wrongly on {told[~summer].mean():.1%} of {(~summer).sum()} days that are right;")
    print(f"  {lost} quarter-hours found lost at changes of the clock")


def _reasons(quality: np.ndarray) -> str:
    """How often each rejecting or doubting bit is set."""
    counts = {str(bit.name).lower(): int((quality & int(bit) != 0).sum()) for bit in REJECTING | DOUBTING}
    return ", ".join(f"{name} {count}" for name, count in counts.items() if count) or "none"


def _valued(readings: IntervalReadings) -> np.ndarray:
    return readings.starts_us[~np.isnan(readings.values)]


def _bad(verdicts: Verdicts) -> np.ndarray:
    """Which verdicts reject or doubt a value that was sent."""
    bad: np.ndarray = verdicts.quality & int(REJECTING | DOUBTING | Quality.ROLLOVER) & ~int(NO_VALUE) != 0
    return bad


if __name__ == "__main__":
    main()
