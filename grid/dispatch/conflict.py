"""Why a problem whose limits may not be relaxed has no plan: a smallest set of limits in conflict, and the ways out.

The limits are those of the operator's that may not be relaxed at a price: load served, production taken, reserves,
branch ratings, a storage's final level. A deletion filter relaxes them one after another; a limit without which there
still is no plan stays relaxed, so that what remains is irreducible: no plan keeps all of it, and without any one of
them there is one. It works on the linear relaxation where that proves the conflict, else with whole units. A way out
relaxes one limit of it alone, by as little as its usual price allows, and others besides only where that is not enough.
Where it is cheaper to relax several limits at once, whichever they are, that comes first. Ways out are looked for with
whole units, and say so where time allowed only the relaxation. Which limits of units take part is told as well
(:mod:`.unit_limits`). What is left of the limits when time runs out conflicts, but less of it may.

References:
    Chinneck and Dravnieks, "Locating Minimal Infeasible Constraint Sets in Linear Programs", ORSA J. Computing 3, 1991.
"""

from __future__ import annotations

import math
import time
from collections.abc import Sequence, Set
from dataclasses import dataclass

from grid.dispatch.relaxable import Relaxable
from grid.dispatch.unit_limits import UnitLimits, limits_of_units
from grid.dispatch.ways_out import WayOut
from grid.formulation.outages import Outages
from grid.formulation.ptdf import Ptdf
from grid.formulation.relaxation import UnsolvedError
from grid.formulation.unit_terms import UnitTerms
from grid.problem.dispatch_problem import DispatchProblem
from grid.problem.soft_limits import Limit, SoftLimit

_FILTER_SHARE, _WAYS_SHARE = 0.5, 0.7
_WORTH_MIXING = 0.01
_KEPT = {
    Limit.SHEDDING: "load served in full",
    Limit.SURPLUS: "production within what can be taken",
    Limit.SPILL: "must-take plants at bus {of}",
    Limit.RESERVE_UP: "upward reserve",
    Limit.RESERVE_DOWN: "downward reserve",
    Limit.PRODUCT_UP: "{of} reserve",
    Limit.PRODUCT_DOWN: "{of} reserve",
    Limit.LARGEST_LOSS: "upward reserve for the largest loss",
    Limit.STORAGE_END: "final level of storage {of}",
    Limit.STORAGE_DUE: "energy due in storage {of}",
    Limit.OVERLOAD: "rating of branch {of}",
    Limit.INTERFACE_OVERLOAD: "rating of interface {of}",
    Limit.OVERLOAD_AFTER_OUTAGE: "rating of branch {of}",
    Limit.OVERLOAD_AFTER_LOSS: "rating of branch {of}",
    Limit.OVERLOAD_BY_RESERVE: "rating of branch {of}",
}
"""What keeping a limit is called; those of load and of surplus power stand for all buses together."""


@dataclass(frozen=True, slots=True)
class Conflict:
    """Limits that cannot all hold, none of which can be left out, and the ways out of it, the cheapest first.

    Without limits, those of the units and storages themselves contradict their states before the plan.

    Attributes:
        settled: Else time ran out: fewer of the limits may conflict, and ways out may be missing. Without limits none
            of them is known then.
        of_units: Limits of thermal units that take part; None if none does, or if that is not known.
    """

    limits: tuple[SoftLimit, ...]
    ways_out: tuple[WayOut, ...]
    settled: bool = True
    of_units: UnitLimits | None = None

    @property
    def message(self) -> str:
        """The conflict and its ways out as sentences."""
        if not (self.limits or self.settled):
            conflict = (
                "No plan keeps every limit: that is proven. Time ran out before it was known which of them conflict."
            )
            return " ".join([conflict, *map(str, self.ways_out)])
        units = [] if self.of_units is None else [str(self.of_units)]
        if not self.limits:
            theirs = "The own limits of thermal units or storages contradict their states before the plan"
            return " ".join([f"{theirs}: no schedule of theirs exists.", *units])
        names = ", ".join(limit_name(limit) for limit in self.limits)
        conflict = f"No plan keeps {'the limit' if len(self.limits) == 1 else 'all of'}: {names}."
        late = [] if self.settled else ["Time ran out: fewer of them may conflict, and there may be other ways out."]
        return " ".join([conflict, *units, *map(str, self.ways_out), *late])


def find_conflict(
    problem: DispatchProblem,
    terms: Sequence[UnitTerms],
    ptdf: Ptdf,
    outages: Outages | None = None,
    *,
    whole: bool = False,
    seconds: float = math.inf,
) -> Conflict:
    """The irreducible conflict of a problem that has no plan, and the ways out; what is known of them in time.

    Args:
        whole: The linear relaxation has a solution, and no commitment in whole numbers has.
    """
    began = time.monotonic()
    program = Relaxable(problem, terms, ptdf, outages, until=began + _FILTER_SHARE * seconds)
    relaxed: set[SoftLimit] = set()
    needed: set[SoftLimit] = set()
    limits: list[SoftLimit] = []  # proven to conflict
    ways_out: list[WayOut] = []
    settled = True
    try:
        solution = program.solve(None, whole=whole)
        if solution is None:
            program.until = began + seconds
            return Conflict(
                (), (), of_units=limits_of_units(problem, (), ptdf, outages, whole=whole, until=program.until)
            )
        ways_out = [program.way_out(None, solution, whole=whole)]
        while untried := [limit for limit in program.limits if limit not in relaxed | needed]:
            limit = untried[0]  # branches that are met on the way come in at the end
            if program.solve({*relaxed, limit}, whole=whole) is not None:
                needed.add(limit)
                continue
            relaxed.add(limit)
            limits = [one for one in program.limits if one not in relaxed]
        limits = [one for one in program.limits if one in needed]
    except UnsolvedError:
        settled = False
    program.until = began + _WAYS_SHARE * seconds
    try:
        for limit in limits if settled else ():
            ways_out += _ways_out(program, limit, relaxed, whole=whole)
    except UnsolvedError:
        settled = False
    if not whole:
        ways_out = _in_whole_numbers(program, ways_out, relaxed)
    of_units = None
    if settled:
        of_units = limits_of_units(problem, limits, ptdf, outages, whole=whole, until=began + seconds)
    return Conflict(tuple(limits), tuple(_worth_telling(ways_out)), settled, of_units)


def _worth_telling(ways: Sequence[WayOut]) -> list[WayOut]:
    """The ways out, the cheapest first; that by several limits only where it is cheaper by more than a percent."""
    single = sorted((way for way in ways if way.limit is not None), key=lambda way: way.extra_cost)
    enough = (1.0 - _WORTH_MIXING) * single[0].extra_cost if single else math.inf
    return [way for way in ways if way.limit is None and way.extra_cost < enough] + single


def _ways_out(program: Relaxable, limit: SoftLimit | None, others: Set[SoftLimit], *, whole: bool) -> list[WayOut]:
    """The way out by one limit alone; where that is not enough, by those outside the conflict besides, if there is.

    Args:
        limit: None: by whichever limits.
    """
    for relaxed in (None,) if limit is None else ({limit}, {limit, *others}):
        solution = program.solve(relaxed, whole=whole)
        if solution is not None:
            return [program.way_out(limit, solution, whole=whole)]
    return []


def _in_whole_numbers(program: Relaxable, ways: Sequence[WayOut], others: Set[SoftLimit]) -> list[WayOut]:
    """The ways out of the linear relaxation with whole units; as they are where time runs out, the dearest first."""
    found = []
    for way in sorted(ways, key=lambda way: way.extra_cost):
        try:
            found += _ways_out(program, way.limit, others, whole=True)
        except UnsolvedError:
            found.append(way)
    return found


def limit_name(limit: SoftLimit) -> str:
    """What keeping a limit is called."""
    return limit.worded(_KEPT[limit.kind])
