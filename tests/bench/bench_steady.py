"""RTS-GMLC over 48 hours planned again with loads a little other: what set-points move, free and at a price.

Run it by ``make bench``. The data lie beside the repository, in ``../shared/data/rts_gmlc``; without them there is
nothing to do. Every bus's load moves by its own normal error of two thousandths; both new plans have the same time.
"""

from __future__ import annotations

import os
import sys
import time
from dataclasses import replace

import numpy as np
from rts_secure import DATA, secure_problem

from grid.dispatch import DispatchPlan, DispatchProblem, plan_dispatch, plan_document
from grid.dispatch.inherit import PreviousPlan
from grid.site import ChangePrices

DAYS = ("2020-07-06",)
HOURS, SECONDS, GAP, ERROR = 48, 120.0, 0.003, 0.002


def main() -> int:
    """Print one line per day and price."""
    if not DATA.is_dir():
        print(f"no data in {DATA}: nothing to do")
        return 0
    print(f"{SECONDS:.0f} s at most, gap {GAP:.1%}, load average {os.getloadavg()[0]:.1f}")
    for day in sys.argv[1:] or DAYS:
        problem = secure_problem(day, hours=HOURS, secure=False)
        before = plan_dispatch(problem, time_limit_seconds=SECONDS, relative_gap=GAP)
        moved = np.random.default_rng(0).normal(1.0, ERROR, problem.load_mw.shape)
        again = replace(problem, load_mw=problem.load_mw * moved)
        for prices in (None, ChangePrices()):
            began = time.process_time()
            plan = plan_dispatch(after(again, before, prices), time_limit_seconds=SECONDS, relative_gap=GAP)
            print(f"{day} {'free ' if prices is None else 'priced'} {told(plan, before)}, "
                  f"gap {100.0 * plan.gap:.2f} %, {time.process_time() - began:.1f} CPU s", flush=True)  # fmt: skip
    return 0


def after(problem: DispatchProblem, before: DispatchPlan, prices: ChangePrices | None) -> DispatchProblem:
    """The problem as it is planned when ``before`` stands."""
    if prices is None:
        return problem
    document = plan_document(before, plan_id="before", site_id="rts", issued_at=problem.axis.start)
    previous = PreviousPlan(document, at=problem.axis.start)
    told = previous.told(problem.thermal_units, problem.storages, axis=problem.axis, prices=prices)
    return replace(problem, earlier=told)


def told(plan: DispatchPlan, before: DispatchPlan) -> str:
    """What moved, and what the schedule costs."""
    mwh = float(
        np.abs(plan.schedule.power_mw - before.power_mw).sum()
        + np.abs(plan.schedule.discharge_mw - before.discharge_mw).sum()
    )
    switched = int((plan.schedule.on != before.on).sum())
    return f"{mwh:,.0f} MWh moved, {switched} unit hours switched, cost {plan.objective - plan.change_cost:,.0f}"


if __name__ == "__main__":
    sys.exit(main())
