"""RTS-GMLC over 48 hours with its network, spinning reserve and N-1: how long a plan takes and what it is worth.

Run it by ``make bench``. The data lie beside the repository, in ``../shared/data/rts_gmlc``; without them there is
nothing to do. Every plan is checked apart, after every outage as well; the plan without N-1 stands beside it. With days
as arguments those are planned.
"""

from __future__ import annotations

import os
import sys
import time

from rts_secure import DATA, secure_problem

from grid.dispatch import check_plan, plan_dispatch
from grid.dispatch.outage_check import check_outages

DAYS = ("2020-01-27", "2020-07-06", "2020-08-12")
HOURS, SECONDS, GAP = 48, 60.0, 0.005


def main() -> int:
    """Print one line per day with and without N-1. Returns 1 if a plan breaks a constraint."""
    if not DATA.is_dir():
        print(f"no data in {DATA}: nothing to do")
        return 0
    print(f"{SECONDS:.0f} s at most, gap {GAP:.1%}, load average {os.getloadavg()[0]:.1f}")
    broken = 0
    for day in sys.argv[1:] or DAYS:
        for secure in (False, True):
            began = time.process_time()
            plan = plan_dispatch(
                secure_problem(day, hours=HOURS, secure=secure), time_limit_seconds=SECONDS, relative_gap=GAP
            )
            cpu = time.process_time() - began
            problems = [*check_plan(plan), *(check_outages(plan) if secure else [])]
            broken += bool(problems)
            mw = sum(violation.amount_mw for violation in plan.violations)
            print(
                f"{day} {'N-1' if secure else '   '} {plan.status:<9}{plan.objective:>14,.0f}{100.0 * plan.gap:>8.3f} %"
                f"{plan.build_seconds + plan.solve_seconds:>7.1f} s{cpu:>7.1f} CPU s, {mw:,.1f} MW relaxed, "
                f"{len(problems)} faults found",
                flush=True,
            )
            print("\n".join(problems[:3]), end="\n" if problems else "")
    return int(broken > 0)


if __name__ == "__main__":
    sys.exit(main())
