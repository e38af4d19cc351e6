"""What reasons are made from: a priced dispatch, and one finding per asset and period that neighbours merge by."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from grid.explaining.event_values import EventValue
from grid.formulation.prices import FixedDispatch
from grid.formulation.unit_terms import UnitTerms
from grid.problem.dispatch_problem import DispatchProblem
from grid.problem.plan import DispatchPlan, Reason, Status
from grid.problem.requirements import DOWNWARD_RESERVE, UPWARD_RESERVE
from grid.time_axis import FloatArray
from grid.words import decimals, in_decimals

TOLERANCE_MW = 1e-3
TOLERANCE_PRICE = 1e-3
MW_DIGITS = 3
"""Decimals of a plan's document, a kW: no sentence tells more."""
STEADY_MW = 0.1
"""An asset that is further from where it would be if changes were free is kept there by their price."""


@dataclass(frozen=True, slots=True, eq=False)
class Explained:
    """A plan with the dispatch that its prices were read off, as every reason reads it.

    Attributes:
        planned: The plan's own dispatch: another one where changing an earlier plan has a price.
        events: What the events are worth that the plan is secure against.
    """

    plan: DispatchPlan
    dispatch: FixedDispatch
    planned: FixedDispatch
    terms: Sequence[UnitTerms]
    events: Sequence[EventValue]

    @property
    def problem(self) -> DispatchProblem:
        return self.dispatch.model.problem

    @property
    def committed_by(self) -> str:
        """What settled which units are on, where that was no search; empty after one."""
        return {Status.RULE_BASED: "the rule", Status.ROLLED_ON: "the plan rolled on"}.get(self.plan.status, "")

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

    def of_loss(self, asset_id: str) -> FloatArray:
        """What a MW less of an asset saves as its loss must be made up for, shape (periods,). [money/MWh]"""
        found = [event.less for event in self.events if event.loss and event.of == asset_id]
        return sum(found, np.zeros(self.problem.axis.periods))

    def of_holding(self, holder: int, *, upward: bool) -> dict[str, FloatArray]:
        """What a MW that a holder of reserve holds is worth, by what it is held for, each (periods,). [money/MWh]

        Of the reserve for net load and the products, all that is worth counts for the one of which most is held.

        Args:
            holder: Position: thermal units come first, then storages.
        """
        prices, reserves = self.plan.prices, self.dispatch.model.reserves
        title, price = (UPWARD_RESERVE, prices.held_up) if upward else (DOWNWARD_RESERVE, prices.reserve_down)
        if within := reserves.within_up if upward else reserves.within_down:
            duals = self.dispatch.solution.row_duals[within[holder]]
            price = price + duals / self.problem.axis.step_hours  # how the two share it is arbitrary where both bind
        price = sum((event.held[holder] for event in self.events if event.of == title), price)
        held = self.held_mw(holder, upward=upward)
        most = np.argmax(np.stack(list(held.values())), axis=0)
        worth = {name: np.where(most == k, price, 0.0) for k, name in enumerate(held)}
        if upward:
            worth |= {event.title: event.held[holder] for event in self.events if event.loss}
        return worth

    def held_mw(self, holder: int, *, upward: bool) -> dict[str, FloatArray]:
        """What a holder holds for net load and of each product, each (periods,); plants come after storages. [MW]"""
        plan = self.plan.schedule
        title, of_assets = (
            (UPWARD_RESERVE, (plan.reserve_up_mw, plan.storage_reserve_up_mw, plan.renewable_reserve_up_mw))
            if upward
            else (
                DOWNWARD_RESERVE,
                (plan.reserve_down_mw, plan.storage_reserve_down_mw, plan.renewable_reserve_down_mw),
            )
        )
        products = {held.product.title: held.all_mw[holder] for held in plan.products if held.product.upward == upward}
        return {title: np.vstack(of_assets)[holder] - sum(products.values())} | products

    def held_ready(self, findings: Sequence[Finding]) -> str:
        """What an asset is held back for, and what reserve is worth there."""
        name, worth = findings[0].binding[0], np.mean([finding.value or 0.0 for finding in findings])
        article = "the " if name in {event.title for event in self.events if event.loss} else ""
        return f"{article}{name}, worth {worth:.1f} {self.problem.currency}/MW and hour"

    def power_words(self, greatest_mw: float | FloatArray) -> PowerWords:
        return PowerWords(float(np.max(np.abs(greatest_mw), initial=0.0)), self.problem.currency)

    def bus(self, bus_id: str) -> int:
        return next(i for i, bus in enumerate(self.problem.network.buses) if bus.bus_id == bus_id)

    def clock(self, period: int) -> str:
        return self.problem.clock(period)

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
    low, high = (in_decimals(float(value), digits) for value in (np.min(values), np.max(values)))
    return low if low == high else f"{low} to {high}"


@dataclass(frozen=True, slots=True)
class PowerWords:
    """How sentences speak of power, or of energy: with three digits of what is greatest, and of no less than a kW.

    What is much less, but not nothing, has a digit of its own.
    """

    greatest_mw: float
    currency: str

    @property
    def digits(self) -> int:
        return decimals(self.greatest_mw, most=MW_DIGITS)

    def number(self, values: float | FloatArray) -> str:
        """Without its unit; as :func:`spread` where there are several."""
        sizes = np.abs(np.asarray(values, dtype=float))
        least = float(np.min(sizes, where=sizes > TOLERANCE_MW, initial=np.inf))
        own = decimals(least, most=MW_DIGITS, digits=1) if least < np.inf else 0
        return spread(np.asarray(values), digits=max(self.digits, own))

    def saves(self, price_per_mwh: float, more: str) -> str:
        """What ``more`` (or less) would save; a kW of it where a MW is more than there is."""
        if self.greatest_mw >= 1.0:
            return f"1 MW {more} would save {price_per_mwh:.1f} {self.currency}/h"
        by_kw = price_per_mwh / 1000.0
        digits = decimals(by_kw, most=6) if abs(price_per_mwh) > TOLERANCE_PRICE else 0
        return f"1 kW {more} would save {in_decimals(by_kw, digits)} {self.currency}/h"


def compared(prices: FloatArray, costs: FloatArray) -> str:
    """The verb between a price and a cost over some periods."""
    beats, below = bool((prices > costs + TOLERANCE_PRICE).any()), bool((prices < costs - TOLERANCE_PRICE).any())
    return {(True, False): "beats", (False, True): "is below", (False, False): "equals"}.get(
        (beats, below), "lies on both sides of"
    )
