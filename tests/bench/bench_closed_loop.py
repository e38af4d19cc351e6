"""What forecasts and reserves are worth: plans made from them, carried out against what happened, and what that cost.

Run it by ``make bench-closed-loop``; the data lie beside the repository, in ``../shared/data``. ``week`` (the default)
runs Prescient's published week: as Prescient ran it, day by day beside what it published, and with forecasts corrected
and reserves held by :class:`closed_loop_cases.Calibrated`, over quantiles; ``--plots DIR`` draws that frontier.
``seasons`` runs four weeks of RTS-GMLC, ``year`` tells how long errors last, and how often what came lay beyond what
was promised. Every plan is checked. What is done is kept in the cache and not run again (``--again`` forgets it), so
that a run can be broken off.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from closed_loop_cases import (
    PRESCIENT,
    RTS_GMLC,
    WEEKS,
    AsShipped,
    Calibrated,
    Foresight,
    Week,
    prescient_week,
    season_week,
    year_beyond,
    year_errors,
)
from closed_loop_plot import Point, draw_frontier

from api.settings import CacheSettings, read_settings
from grid.dispatch import check_plan
from grid.simulation import Forecaster, Operation, Regret, daily_totals, score, simulate

HORIZON = timedelta(hours=36)
FRONTIER = (None, 0.8, 0.9, 0.95, 0.99)
SEASON_LEVELS = (0.95, 0.9)
AS_PUBLISHED = Operation(horizon=HORIZON, relative_gap=2e-4, time_limit_seconds=900.0)
OURS = Operation(horizon=HORIZON, relative_gap=2e-3, time_limit_seconds=600.0)
QUICK = replace(OURS, quick_start_hours=3.0)
SEASON = replace(QUICK, relative_gap=0.005)
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


def replanned(
    week: Week, operation: Operation, foresight: dict[str, Any], kept: Path, *, level: float = 0.95
) -> dict[str, dict[str, Any]]:
    """The same with a plan every few hours, made at its beginning from the errors until then; a line each."""
    results = {}
    for hours, every in OFTEN.items():
        name = f"P{100.0 * level:g}, planned every {hours} hours"
        often = replace(operation, plan_every=every, lead=timedelta(0))
        results[name] = result_of(week, name, Calibrated(week, level, updated=True), often, kept)
        show(name, results[name], foresight)
    return results


def reserve_name(level: float | None, units: str = "running and quick units") -> str:
    """What a result with a reserve at a quantile is called, and kept under."""
    return f"P{100.0 * level:g} of {units}" if level else f"no reserve, {units}"


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
        week = season_week(start)
        heading(week.name)
        foresight = result_of(week, "perfect foresight", Foresight(week.actual), SEASON, kept)
        show("perfect foresight", foresight, foresight)
        for level in SEASON_LEVELS:
            name = reserve_name(level)
            result = result_of(week, name, Calibrated(week, level), SEASON, kept)
            show(name, result, foresight)
            days.setdefault(name, []).append(np.array([result["daily"], foresight["daily"]]))
        for name, result in replanned(week, SEASON, foresight, kept).items():
            days.setdefault(name, []).append(np.array([result["daily"], foresight["daily"]]))
    print()
    for name, found in days.items():
        cost, known = np.concatenate(found, axis=1)
        regret = Regret(cost, known)
        low, high = regret.interval()
        print(f"{name}, {len(cost)} days: regret {regret.share:.2%} of the cost, 90 % interval {low:.2%} to {high:.2%}")
        print("  by day, in thousands:", *((cost - known) / 1e3).round().astype(int))


def run_year(_kept: Path, _plots: Path | None) -> None:
    """How long errors last; how often a year's hours lay beyond quantiles of hours alike, by what makes them alike."""
    wind, _, errors = year_errors()
    lasting = ", ".join(f"{lag} h {np.corrcoef(errors[:-lag], errors[lag:])[0, 1]:.2f}" for lag in (1, 2, 4, 8, 12))
    print(f"mean error {np.abs(errors).mean():.0f} MW, mean wind {wind.mean():.0f} MW; correlation after {lasting}")
    levels, morning = (0.8, 0.9, 0.95, 0.99), slice(4, 12)
    for features, name in ((1, "wind"), (2, "wind and sun"), (4, "wind, sun and the clock")):
        beyond = year_beyond(levels, features=features)
        early = beyond[2, :, morning].mean()
        late = (beyond[2].sum() - beyond[2, :, morning].sum()) / beyond[2, :, morning].size / 2.0
        shares = zip(levels, beyond.mean(axis=(1, 2)), strict=True)
        found = ", ".join(f"P{100.0 * level:g} {share:.1%}" for level, share in shares)
        print(f"{name:<24} beyond {found}; P95 from 4 to 12 h {early:.1%}, else {late:.1%}", flush=True)


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
