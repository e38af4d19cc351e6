"""What forecasts and reserves are worth: plans made from them, carried out against what happened, and what that cost.

Run it by ``make bench-closed-loop``; the data lie beside the repository, in ``../shared/data``. ``week`` (the default)
runs Prescient's published week: as Prescient ran it, day by day beside what it published, and with forecasts corrected
and reserves held by :class:`closed_loop_cases.Calibrated`, over quantiles; ``--plots DIR`` draws that frontier.
``seasons`` runs four weeks of RTS-GMLC, each begun where perfect foresight left the day before it. ``year`` tells how
long errors last, how often what came lay beyond what was promised, and the pinball loss of that. Every plan is checked.
What is done is kept in the cache and not run again (``--again`` forgets it), so that a run can be broken off.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, replace
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from closed_loop_cases import (
    DAY_HOURS,
    LEAD_HOURS,
    PRESCIENT,
    RTS_GMLC,
    WEEKS,
    AsShipped,
    Calibrated,
    Foresight,
    Week,
    analogue_errors,
    before_week,
    errors_to_come,
    prescient_week,
    season_week,
    year_errors,
    year_quantiles,
)
from closed_loop_plot import Point, draw_frontier
from rts_gmlc_year import HOUR

from api.settings import CacheSettings, read_settings
from grid.dispatch import UnitState, check_plan
from grid.problem.window import window
from grid.simulation import Forecaster, Operation, Regret, daily_totals, perfect_foresight, score, simulate
from grid.simulation.carried import Carried

HORIZON = timedelta(hours=36)
FRONTIER = (None, 0.8, 0.9, 0.95, 0.99)
LEVEL = 0.95
AS_PUBLISHED = Operation(horizon=HORIZON, relative_gap=2e-4, time_limit_seconds=900.0)
OURS = Operation(horizon=HORIZON, relative_gap=2e-3, time_limit_seconds=600.0)
QUICK = replace(OURS, quick_start_hours=3.0)
SEASON = replace(QUICK, relative_gap=0.003)
OFTEN = {"six": timedelta(hours=6), "three": timedelta(hours=3)}


def result_of(week: Week, name: str, forecaster: Forecaster, operation: Operation, kept: Path) -> dict[str, Any]:
    """Simulate, unless that was done before; one line is printed."""
    file = kept / f"{week.name} {name}.json".replace(" ", "_").replace("'", "")
    if not file.is_file():
        began = time.process_time()
        simulated = simulate(week.actual, forecaster, operation=operation)
        document = {
            **asdict(score(simulated)),
            "total": score(simulated).total,
            "daily": daily_totals(simulated).tolist(),
            "worst_gap": max(made.plan.gap for made in simulated.made),
            "faults": check_plan(simulated.realised)
            + [told for made in simulated.made for told in check_plan(made.plan)],
            "cpu_seconds": time.process_time() - began,
        }
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps(document), encoding="utf-8")
    result: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    for fault in result.get("faults", ()):
        print(f"{week.name}, {name}: {fault}")
    return result


def replanned(week: Week, operation: Operation, foresight: dict[str, Any], kept: Path) -> dict[str, dict[str, Any]]:
    """The same with a plan every few hours, made at its beginning from the errors until then; a line each."""
    results = {}
    for hours, every in OFTEN.items():
        name = f"P{100.0 * LEVEL:g} with a plan every {hours} hours"
        often = replace(operation, plan_every=every, lead=timedelta(0))
        results[name] = result_of(week, name, Calibrated(week, LEVEL), often, kept)
        show(name, results[name], foresight)
    return results


def reserve_name(level: float | None, units: str = "running and quick units") -> str:
    """What a result with a reserve at a quantile is called, and kept under."""
    return f"P{100.0 * level:g} held by {units}" if level else f"no reserve, {units}"


def settled(day: str, kept: Path) -> Week:
    """A week of RTS-GMLC, begun where perfect foresight left the day before it; that day is kept, too."""
    file = kept / f"RTS-GMLC_until_{day}.json"
    if not file.is_file():
        happened = before_week(day, DAY_HOURS + HORIZON // HOUR)
        before = window(happened, replace(happened.axis, periods=DAY_HOURS))
        simulated = simulate(before, perfect_foresight(happened), operation=QUICK)
        left = Carried(before.initial, before.initial_mwh).after(simulated.realised, DAY_HOURS)
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps(asdict(left)), encoding="utf-8")
    left = json.loads(file.read_text(encoding="utf-8"))
    week, units = season_week(day), {name: UnitState(**state) for name, state in left["units"].items()}
    return replace(week, actual=replace(week.actual, initial=units, initial_mwh=left["stored_mwh"]))


def production_of(result: dict[str, Any]) -> float:
    """Cost without the price of what was relaxed."""
    return float(result["no_load"] + result["energy"] + result["starts"] + result["wear"])


def show(name: str, result: dict[str, Any], foresight: dict[str, Any]) -> None:
    """One line of a table."""
    production = production_of(result)
    above = production / production_of(foresight) - 1.0
    print(
        f"{name:<32}{production:>12,.0f}{above:>8.2%}{result['starts']:>11,.0f}{result['unserved_mwh']:>9.1f}"
        f"{result['curtailed_mwh']:>10,.0f}{result['overload_mwh']:>9.1f}{result['promised']:>9.3f}"
        f"{result['exceeded']:>9.3f}{result['worst_gap']:>9.2%}{result['cpu_seconds']:>8.0f}",
        flush=True,
    )


def heading(title: str) -> None:
    """The names of the columns of :func:`show`."""
    print(
        f"\n{title}\n{'':<32}{'cost':>12}{'above':>8}{'starts':>11}{'unserved':>9}{'curtailed':>10}{'overload':>9}"
        f"{'promised':>9}{'exceeded':>9}{'gap':>9}{'CPU s':>8}",
        flush=True,
    )


def run_week(kept: Path, plots: Path | None) -> None:
    """Prescient's week: beside what was published, then the frontier of cost and unserved energy."""
    week = prescient_week()
    again = result_of(week, "as published", AsShipped(week.forecast), AS_PUBLISHED, kept)
    daily = pd.read_csv(PRESCIENT / "published" / "daily_summary.csv")
    published = (daily["Fixed costs"] + daily["Generation costs"]).to_numpy()
    print("Prescient's week, day by day\n       date        ours     published  difference")
    for date, ours, theirs in zip(daily["Date"], again["daily"], published, strict=True):
        print(f"{date:>11}{ours:>12,.2f}{theirs:>14,.2f}{ours / theirs - 1.0:>12.4%}")
    print(
        f"{'total':>11}{again['total']:>12,.2f}{published.sum():>14,.2f}{again['total'] / published.sum() - 1.0:>12.4%}"
    )
    heading("The same week with our forecasts and reserves; above: perfect foresight's cost")
    foresight = result_of(week, "perfect foresight", Foresight(week.actual), OURS, kept)
    show("perfect foresight", foresight, foresight)
    show("Prescient's plan", again, foresight)
    points = []
    for level in FRONTIER:
        for units, operation in (("running units", OURS), ("running and quick units", QUICK)):
            name = reserve_name(level, units)
            result = result_of(week, name, Calibrated(week, level), operation, kept)
            show(name, result, foresight)
            above = production_of(result) / production_of(foresight) - 1.0
            points.append(Point(level, operation is QUICK, above, result["unserved_mwh"]))
    replanned(week, QUICK, foresight, kept)
    if plots is not None:
        draw_frontier(points, plots / "frontier.png")


def run_seasons(kept: Path, _plots: Path | None) -> None:
    """28 days of RTS-GMLC, with a bootstrap interval over days."""
    days: dict[str, list[np.ndarray]] = {}
    for start in WEEKS:
        week = settled(start, kept)
        heading(week.name)
        foresight = result_of(week, "perfect foresight", Foresight(week.actual), SEASON, kept)
        show("perfect foresight", foresight, foresight)
        a_day_ahead = result_of(week, reserve_name(LEVEL), Calibrated(week, LEVEL), SEASON, kept)
        show(reserve_name(LEVEL), a_day_ahead, foresight)
        results = {reserve_name(LEVEL): a_day_ahead, **replanned(week, SEASON, foresight, kept)}
        for name, result in results.items():
            days.setdefault(name, []).append(np.array([result["daily"], foresight["daily"]]))
    print()
    for name, found in days.items():
        cost, known = np.concatenate(found, axis=1)
        regret = Regret(cost, known)
        low, high = regret.interval()
        print(f"{name}, {len(cost)} days: regret {regret.share:.2%} of the cost, 90 % interval {low:.2%} to {high:.2%}")
        print("  by day, in thousands:", *((cost - known) / 1e3).round().astype(int))


def run_year(_kept: Path, _plots: Path | None) -> None:
    """How long errors last; how often a year's hours lay beyond their quantiles, by who tells them, and their loss."""
    wind, _, errors = year_errors()
    lasting = ", ".join(f"{lag} h {np.corrcoef(errors[:-lag], errors[lag:])[0, 1]:.2f}" for lag in (1, 2, 4, 8, 12))
    print(f"mean error {np.abs(errors).mean():.0f} MW, mean wind {wind.mean():.0f} MW; correlation after {lasting}")
    tellers = {
        "hours alike by wind": partial(analogue_errors, features=1),
        "by wind and sun": partial(analogue_errors, features=2),
        "by wind, sun and the clock": analogue_errors,
        "regression and hours alike": errors_to_come,
    }
    levels, morning = (0.5, 0.8, 0.9, 0.95, 0.99), np.isin(np.arange(DAY_HOURS), range(4, 12))
    for when, every, lead in (("the day before", DAY_HOURS, LEAD_HOURS), ("every six hours", 6, 0), ("three", 3, 0)):
        for name, teller in tellers.items():
            came, quantiles = year_quantiles(teller, every=every, lead=lead, levels=levels)
            short, beyond = came - quantiles, came > quantiles + 1e-3
            p50, *_, p95, _ = (
                np.maximum(level * mw, (level - 1.0) * mw).mean() for level, mw in zip(levels, short, strict=True)
            )
            found = ", ".join(
                f"P{100.0 * level:g} {share.mean():.1%}" for level, share in zip(levels, beyond, strict=True)
            )
            print(
                f"{when}, {name:<27} beyond {found}; P95 from 4 to 12 h {beyond[3][:, morning].mean():.1%}, "
                f"else {beyond[3][:, ~morning].mean():.1%}; pinball loss of P50 {p50:.1f}, P95 {p95:.1f} MW",
                flush=True,
            )


def main() -> int:
    """Run what the arguments name."""
    runs: dict[str, tuple[Callable[[Path, Path | None], None], Path]] = {
        "week": (run_week, PRESCIENT),
        "seasons": (run_seasons, RTS_GMLC),
        "year": (run_year, RTS_GMLC),
    }
    kept = read_settings(CacheSettings).cache_dir / "closed_loop"
    parser = argparse.ArgumentParser(description="What forecasts and reserves are worth.")
    parser.add_argument("names", nargs="*", default=["week"], metavar="NAME", help=" or ".join(runs))
    parser.add_argument("--again", action="store_true", help="forget what was done before")
    parser.add_argument("--plots", type=Path, metavar="DIR", help="where the frontier of the week is drawn")
    asked = parser.parse_args()
    if asked.again:
        for file in kept.glob("*.json"):
            file.unlink()
    for name in asked.names:
        run, data = runs[name]
        if data.is_dir():
            run(kept, asked.plots)
        else:
            print(f"no data in {data}: nothing to do")
    return 0


if __name__ == "__main__":
    sys.exit(main())
