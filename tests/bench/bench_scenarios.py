"""RTS-GMLC over 24 hours with ten scenarios: how long a commitment for all of them takes and what it is worth.

Run it by ``make bench``. The data lie beside the repository, in ``../shared/data/rts_gmlc``; without them there is
nothing to do. The scenarios are made: 40 courses of load and of wind and solar power around the day-ahead series, with
errors that fade by a tenth an hour, reduced to ten. Beside it stands the commitment for the central forecast that holds
as reserve what net load's 5 % and 95 % quantiles take. With days as arguments those are planned.
"""

from __future__ import annotations

import os
import sys
import time
from dataclasses import replace

import numpy as np
from rts_secure import DATA, secure_problem

from grid.assets import RenewableKind
from grid.dispatch import DispatchProblem, Scenarios, check_plan, plan_dispatch
from grid.time_axis import FloatArray

DAYS = ("2020-01-27", "2020-07-10")
HOURS, SECONDS, GAP, DRAWN = 24, 400.0, 0.01, 40
LOAD_ERROR, PLANT_ERROR, KEPT = 0.03, 0.25, 0.9


def main() -> int:
    """Print one line per day and risk weight. Returns 1 if a plan breaks a constraint."""
    if not DATA.is_dir():
        print(f"no data in {DATA}: nothing to do")
        return 0
    print(f"{SECONDS:.0f} s at most, gap {GAP:.1%}, load average {os.getloadavg()[0]:.1f}")
    broken = 0
    for day in sys.argv[1:] or DAYS:
        for risk_weight in (0.0, 1.0):
            problem = uncertain(secure_problem(day, hours=HOURS, secure=False), risk_weight=risk_weight)
            began = time.process_time()
            plan = plan_dispatch(problem, time_limit_seconds=SECONDS, relative_gap=GAP)
            cpu, outlook = time.process_time() - began, plan.outlook
            assert outlook is not None
            problems = check_plan(plan)
            broken += bool(problems)
            expected = float(outlook.scenarios.weight @ outlook.costs)
            print(
                f"{day} risk {risk_weight:.0f} {plan.status:<9}gap {100.0 * plan.gap:.2f} %, {cpu:.1f} CPU s, "
                f"expected {expected:,.0f}, at risk {outlook.scenarios.at_risk(outlook.costs):,.0f}; "
                f"{100.0 * (outlook.central_objective / plan.objective - 1.0):.2f} % below the central commitment's, "
                f"{len(problems)} faults found",
                flush=True,
            )
    return int(broken > 0)


def uncertain(problem: DispatchProblem, *, risk_weight: float) -> DispatchProblem:
    """The problem with made scenarios, and the reserve that their net load takes at 5 % and 95 %."""
    random = np.random.default_rng(0)
    periods = problem.axis.periods
    load = problem.load_mw * (1.0 + LOAD_ERROR * errors(random, periods))[:, None, :]
    available = np.repeat(problem.available_mw[None], DRAWN, axis=0)
    for kind in (RenewableKind.WIND, RenewableKind.SOLAR):
        plants = [i for i, plant in enumerate(problem.renewable_plants) if plant.kind is kind and plant.curtailable]
        available[:, plants] *= np.maximum(1.0 + PLANT_ERROR * errors(random, periods), 0.0)[:, None, :]
    net = load.sum(axis=1) - available.sum(axis=1)
    central = problem.load_mw.sum(axis=0) - problem.available_mw.sum(axis=0)
    return replace(
        problem,
        reserve_up_mw=np.maximum(np.quantile(net, 0.95, axis=0) - central, 0.0),
        reserve_down_mw=np.maximum(central - np.quantile(net, 0.05, axis=0), 0.0),
        scenarios=Scenarios(load, available, np.full(DRAWN, 1.0 / DRAWN), risk_weight=risk_weight, risk_level=0.9),
    )


def errors(random: np.random.Generator, periods: int) -> FloatArray:
    """Standard normal courses whose neighbours correlate by ``KEPT``, shape (drawn, periods)."""
    draws = random.standard_normal((DRAWN, periods))
    courses = draws.copy()
    for t in range(1, periods):
        courses[:, t] = KEPT * courses[:, t - 1] + np.sqrt(1.0 - KEPT**2) * draws[:, t]
    return courses


if __name__ == "__main__":
    sys.exit(main())
