"""RTS-GMLC over 48 hours with its network, reserves and N-1: how long a plan takes and what it is worth.

Run it by ``make bench``. The data lie beside the repository, in ``../shared/data/rts_gmlc``; without them there is
nothing to do. Reserves are the sum of the day's products for the whole system, then each product in its areas. Every
plan is checked apart, after every outage as well. With days as arguments those are planned.
"""

from __future__ import annotations

import os
import sys
import time

from rts_secure import DATA, held_together, secure_problem

from grid.checking.outage_check import check_outages
from grid.dispatch import check_plan, plan_dispatch

DAYS = ("2020-01-27", "2020-04-10", "2020-07-06", "2020-09-05")
HOURS, SECONDS, GAP = 48, 60.0, 0.005


def main() -> int:
    """Print two lines per day. Returns 1 if a plan breaks a constraint."""
    if not DATA.is_dir():
        print(f"no data in {DATA}: nothing to do")
        return 0
    print(f"{SECONDS:.0f} s at most, gap {GAP:.1%}, load average {os.getloadavg()[0]:.1f}")
    broken = 0
    for day in sys.argv[1:] or DAYS:
        products = secure_problem(day, hours=HOURS)
        for title, problem in (("together", held_together(products)), ("products", products)):
            began = time.process_time()
            plan = plan_dispatch(problem, time_limit_seconds=SECONDS, relative_gap=GAP)
            cpu = time.process_time() - began
            problems = [*check_plan(plan), *check_outages(plan)]
            broken += bool(problems)
            mw = sum(violation.amount_mw for violation in plan.violations)
            print(
                f"{day} {title} {plan.status:<9}{plan.objective:>14,.0f}{100.0 * plan.gap:>8.3f} %"
                f"{plan.build_seconds + plan.solve_seconds:>7.1f} s{cpu:>7.1f} CPU s, {mw:,.1f} MW relaxed, "
                f"{len(problems)} faults found",
                flush=True,
            )
            print("\n".join(problems[:3]), end="\n" if problems else "")
    return int(broken > 0)


if __name__ == "__main__":
    sys.exit(main())
