"""What reasons are made from: a priced dispatch, and one finding per asset and period that neighbours merge by."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from zoneinfo import ZoneInfo

import numpy as np

from grid.formulation.prices import FixedDispatch
from grid.formulation.unit_terms import UnitTerms
from grid.problem.dispatch_problem import DispatchProblem
from grid.problem.plan import DispatchPlan, Reason
from grid.time_axis import FloatArray

TOLERANCE_MW = 1e-3
TOLERANCE_PRICE = 1e-3
STEADY_MW = 0.1
"""An asset that is further from where it would be if changes were free is kept there by their price."""


@dataclass(frozen=True, slots=True, eq=False)
class Explained:
    """A plan with the dispatch that its prices were read off, as every reason reads it.

    Attributes:
        planned: The plan's own dispatch: another one where changing an earlier plan has a price.
    """

    plan: DispatchPlan
    dispatch: FixedDispatch
    planned: FixedDispatch
    terms: Sequence[UnitTerms]

    @property
    def problem(self) -> DispatchProblem:
        return self.dispatch.model.problem

    def lmp_at(self, bus_id: str) -> FloatArray:
        """Price at a bus, shape (periods,). [money/MWh]"""
        lmp: FloatArray = self.plan.prices.lmp[self.bus(bus_id)]
        return lmp

    def freely_mw(self, unit: int) -> FloatArray:
        """What a unit would produce if changing the plan before were free, shape (periods,)."""
        above = self.dispatch.solution.values[self.dispatch.model.thermal[unit].above]
        power: FloatArray = np.where(
            self.plan.schedule.on[unit], above + self.problem.thermal_units[unit].minimum_mw, 0.0
        )
        return power

    def bus(self, bus_id: str) -> int:
        return next(i for i, bus in enumerate(self.problem.network.buses) if bus.bus_id == bus_id)

    def clock(self, period: int) -> str:
        """When a period begins (or the horizon ends), on the site's wall clock with its zone, or as its number."""
        if not self.problem.timezone:
            return f"period {period}"
        instant = self.problem.axis.start + period * self.problem.axis.step
        return f"{instant.astimezone(ZoneInfo(self.problem.timezone)):%a %H:%M %Z}"

    def money(self, amount: float) -> str:
        return f"{amount:,.0f} {self.problem.currency}"


@dataclass(frozen=True, slots=True)
class Finding:
    """What holds an asset in one period. Neighbours of one ``kind`` and ``binding`` become one reason.

    Attributes:
        value: Shadow price of the first binding constraint, None where nothing binds. [money/MWh]
        alternative: Extra cost of the next best alternative, the same over a run; None where not computed. [money]
    """

    kind: str
    binding: tuple[str, ...] = ()
    value: float | None = None
    alternative: float | None = None


def merged(
    asset_id: str, findings: Sequence[Finding], describe: Callable[[str, slice, Sequence[Finding]], str]
) -> Iterator[Reason]:
    """Merge neighbouring periods of the same kind, binding and alternative into reasons.

    The shadow price of a reason is the mean over its periods.

    Args:
        describe: Writes the text from the kind, the periods as a slice, and their findings.
    """
    first = 0
    for t in range(1, len(findings) + 1):
        if t < len(findings) and _same(findings[t], findings[first]):
            continue
        run = findings[first:t]
        values = [finding.value for finding in run if finding.value is not None]
        yield Reason(
            asset_id=asset_id,
            first_period=first,
            last_period=t - 1,
            binding=run[0].binding,
            shadow_price_per_mwh=float(np.mean(values)) if values else None,
            runner_up_cost=run[0].alternative,
            text=describe(run[0].kind, slice(first, t), run),
        )
        first = t


def _same(a: Finding, b: Finding) -> bool:
    return (a.kind, a.binding, a.alternative) == (b.kind, b.binding, b.alternative)


def spread(values: FloatArray, *, digits: int = 1) -> str:
    """One number where all are alike, else the lowest and the highest."""
    low, high = float(np.min(values)), float(np.max(values))
    texts = [f"{value + 0.0:.{digits}f}" for value in (low, high)]
    return texts[0] if texts[0] == texts[1] else f"{texts[0]} to {texts[1]}"
