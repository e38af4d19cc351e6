"""Dispatch again for new forecasts from the basis that was kept: plain, with N-1 of branches, with losses, with both.

A day of pglib-opf cases as ``peer_day.py`` makes it: 24 hours, machines that are on, ramps; branches may exceed their
ratings at 3,000 per MWh, after an outage those times 1.2. ``first`` builds and solves; ``again`` is the median and the
longest of ten solves for loads off by 2 % at every bus; ``whole`` is the model of a plan, from the beginning, for the
last of them, whose cost must be the same. CPU time of one thread.

    python tests/bench/bench_redispatch.py case162_ieee_dtc case1354_pegase
"""

from __future__ import annotations

import os
import sys
import time
from dataclasses import replace

os.environ["OMP_NUM_THREADS"] = os.environ["OPENBLAS_NUM_THREADS"] = "1"

import numpy as np
from bench_opf import DATA, case_texts
from peer_day import day_of
from peer_ours import FORECAST_ERROR, FORECASTS, problem_of

from grid.cases import read_matpower
from grid.dispatch import DispatchProblem, Penalties, Redispatch
from grid.formulation.outages import Outages
from grid.formulation.prices import dispatch_fixed
from grid.formulation.ptdf import Ptdf
from grid.formulation.unit_terms import unit_terms

CASES = {"case162_ieee_dtc": ("plain", "N-1", "losses", "both"), "case1354_pegase": ("plain", "N-1", "losses")}
"""With both the tangents of the larger case do not end within a minute."""
KINDS = {"plain": (False, False), "N-1": (True, False), "losses": (False, True), "both": (True, True)}
EMERGENCY = 1.2
ALLOWED = 1e-5


def problem_of_case(text: str, *, secure: bool, losses: bool) -> DispatchProblem:
    """The day of a case, with resistances and emergency ratings."""
    case = read_matpower(text)
    problem, resistance = problem_of(day_of(case)), case.branches.resistance_pu[case.branches.in_service]
    branches = tuple(
        replace(branch, resistance_pu=max(float(ohmic), 0.0), emergency_mw=EMERGENCY * (branch.limit_mw or 0.0))
        for branch, ohmic in zip(problem.network.branches, resistance, strict=True)
    )
    network = replace(problem.network, branches=branches)
    return replace(problem, network=network, penalties=Penalties(), secure=secure, losses=losses)


def measured(problem: DispatchProblem) -> tuple[float, list[float], float, float]:
    """CPU seconds of the first solve, those of each solve again, of the whole model, and how costs differ."""
    shape = (len(problem.thermal_units), problem.axis.periods)
    on, charging = np.ones(shape, dtype=np.bool_), np.zeros((0, shape[1]), dtype=np.bool_)
    began = time.process_time()
    kept = Redispatch(problem, on, charging)
    kept.solve(problem.load_mw, problem.available_mw)
    first, draw, again = time.process_time() - began, np.random.default_rng(1), []
    for _ in range(FORECASTS):
        load = problem.load_mw * draw.normal(1.0, FORECAST_ERROR, (len(problem.load_mw), 1))
        began = time.process_time()
        found = kept.solve(load, problem.available_mw)
        again.append(time.process_time() - began)
    began = time.process_time()
    terms = [unit_terms(unit, step_hours=problem.axis.step_hours) for unit in problem.thermal_units]
    ptdf = Ptdf(problem.network)
    outages = Outages(problem.network, ptdf) if problem.secure else None
    told = replace(problem, load_mw=load)
    whole = dispatch_fixed(told, terms, on, charging, ptdf=ptdf, lines=(), outages=outages)
    seconds = time.process_time() - began
    return first, again, seconds, abs(found.objective / whole.solution.objective - 1.0)


def main() -> int:
    """Print the table. Returns 1 if a warm dispatch costs other than the whole model's."""
    if not DATA.exists():
        print(f"no {DATA}: nothing to do")
        return 0
    wanted, worst = sys.argv[1:] or list(CASES), 0.0
    print(f"{'case':<17}{'asks':<8}{'first':>9}{'again':>10}{'longest':>10}{'whole':>9}{'difference':>12}")
    for name, text in case_texts():
        if (short := name.removeprefix("pglib_opf_")) not in wanted:
            continue
        for kind in CASES.get(short, tuple(KINDS)):
            secure, losses = KINDS[kind]
            first, again, whole, difference = measured(problem_of_case(text, secure=secure, losses=losses))
            worst = max(worst, difference)
            print(
                f"{short:<17}{kind:<8}{first:>7.3f} s{1e3 * float(np.median(again)):>7.1f} ms"
                f"{1e3 * max(again):>7.1f} ms{whole:>7.2f} s{difference:>12.0e}",
                flush=True,
            )
    return int(worst > ALLOWED)


if __name__ == "__main__":
    sys.exit(main())
