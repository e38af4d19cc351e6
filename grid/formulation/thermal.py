"""The thermal units' part of the model: commitment, ramps, minimum times, start costs.

The tight three-binary formulation, on generation above the minimum. A group of ``n`` identical units
(:func:`.unit_terms.identical_units`) is one unit whose commitment counts up to ``n``: its constraints are the sums of
the units' own. What it leaves open, who of them is on, :mod:`.commitment` settles.

At the horizon's end minimum times are cut off: a unit may start or stop in the last period, and the next plan
inherits what is left. A unit without a known state may be on or off in the first period at no cost, and its first
start later on is counted as cold.

References:
    Morales-España, Latorre and Ramos, "Tight and Compact MILP Formulation for the Thermal Unit Commitment Problem",
    IEEE Trans. Power Systems 28(4), 2013 (capacity, start costs).
    Rajan and Takriti, "Minimum Up/Down Polytopes of the Unit Commitment Problem with Start-Up Costs", IBM Research
    Report RC23628, 2005.
    Damcı-Kurt et al., "A Polyhedral Study of Production Ramping", Mathematical Programming 158, 2016 (ramps).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from grid.formulation.linear import IntArray, LinearModel
from grid.formulation.starts import add_start_costs
from grid.formulation.trajectories import SwitchLosses, put_capacity, switch_losses
from grid.formulation.unit_terms import UnitTerms, periods_in_state
from grid.problem.dispatch_problem import DispatchProblem
from grid.time_axis import FloatArray

_TOLERANCE_MW = 1e-6


@dataclass(frozen=True, slots=True, eq=False)
class Commitment:
    """The columns of one group's commitment, each of shape (periods,): how many are on, start and stop."""

    on: IntArray
    start: IntArray
    stop: IntArray


@dataclass(frozen=True, slots=True, eq=False)
class ThermalGroup(Commitment):
    """One group's columns, each of shape (periods,).

    ``reserve_up`` and ``reserve_down`` are all that it holds; None where that is of no interest and has no columns.
    ``own_columns`` and ``own_rows`` are all that make the group up; other rows tie it to the rest of the model.
    """

    above: IntArray
    reserve_up: IntArray | None = None
    reserve_down: IntArray | None = None
    own_columns: range = range(0)
    own_rows: range = range(0)


@dataclass(frozen=True, slots=True)
class _Past:
    """What the units of a group bring along: how many were on, and how many periods ago each started or stopped."""

    known: bool
    on: int
    may_stop: int
    above_mw: float
    within_mw: float
    started: tuple[int, ...]
    stopped: tuple[int, ...]


def add_commitment(model: LinearModel, problem: DispatchProblem, term: UnitTerms, group: Sequence[int]) -> Commitment:
    """Add the commitment of one group of identical units, what it costs, and its minimum times."""
    periods, step_hours, count = problem.axis.periods, problem.axis.step_hours, float(len(group))
    past, unit = _past(problem, term, group), term.unit
    columns = Commitment(
        on=model.columns(periods, upper=count, cost=unit.minimum_cost_per_hour * step_hours, integer=True,
                         lower=_forced_on(past, term, count, periods) if unit.must_run else 0.0),
        start=model.columns(periods, upper=_first(periods, count, count if past.known else 0.0),
                            cost=term.tiers[-1].cost, integer=True),
        stop=model.columns(periods, upper=_first(periods, count, past.may_stop), integer=True),
    )  # fmt: skip
    _add_logic(model, columns, past, term, count)
    add_start_costs(model, term, start=columns.start, stop=columns.stop, stopped=past.stopped, rule=problem.start_rule)
    return columns


def add_thermal_group(
    model: LinearModel,
    problem: DispatchProblem,
    term: UnitTerms,
    group: Sequence[int],
    *,
    reserve_up_rows: IntArray,
    reserve_down_rows: IntArray,
    commitment: Commitment | None = None,
) -> ThermalGroup:
    """Add one group of identical units; its headroom goes into the reserve rows (``>= requirement``).

    Args:
        term: Of any unit of the group.
        group: Positions in ``problem.thermal_units``.
        reserve_up_rows, reserve_down_rows: Shape (periods,).
        commitment: That of the group, if the model has it already.
    """
    first_column, first_row = model.column_count, model.row_count
    commitment = commitment or add_commitment(model, problem, term, group)
    periods, step_hours, count = problem.axis.periods, problem.axis.step_hours, float(len(group))
    above = model.columns(periods, upper=term.span_mw * count)
    columns = ThermalGroup(commitment.on, commitment.start, commitment.stop, above)
    _add_segments(model, columns, term, count, step_hours)
    past = _past(problem, term, group)
    up, down = _add_capacity_and_ramps(
        model, columns, past, term, count, reserve_up_rows, reserve_down_rows, told=problem.tells_reserve
    )
    return replace(
        columns,
        reserve_up=up,
        reserve_down=down,
        own_columns=range(first_column, model.column_count),
        own_rows=range(first_row, model.row_count),
    )


def _past(problem: DispatchProblem, term: UnitTerms, group: Sequence[int]) -> _Past:
    step_hours = problem.axis.step_hours
    states = [problem.initial.get(problem.thermal_units[i].unit_id) for i in group]
    known = [state for state in states if state is not None]
    running = [state for state in known if state.on]
    stop_limit = term.unit.minimum_mw + term.stop_span_mw + _TOLERANCE_MW
    return _Past(
        known=bool(known),
        on=len(running),
        may_stop=sum(state.power_mw - state.within_mw <= stop_limit for state in running),
        above_mw=sum(max(state.power_mw - term.unit.minimum_mw, 0.0) for state in running),
        within_mw=sum(state.within_mw for state in running),
        started=tuple(periods_in_state(state, step_hours=step_hours) for state in running),
        stopped=tuple(periods_in_state(state, step_hours=step_hours) for state in known if not state.on),
    )


def _first(periods: int, later: float, first: float) -> FloatArray:
    values = np.full(periods, later)
    values[:1] = first
    return values


def _recent(ages: Sequence[int], *, oldest: int, youngest: int = 0, periods: int) -> FloatArray:
    """How many past events lie ``youngest`` to ``oldest`` periods before each period, shape (periods,)."""
    age_then = np.arange(periods)[:, None] + np.asarray(ages, dtype=np.int64)[None, :]
    count: FloatArray = ((age_then >= youngest) & (age_then <= oldest)).sum(axis=1).astype(np.float64)
    return count


def _forced_on(past: _Past, term: UnitTerms, count: float, periods: int) -> FloatArray:
    """A must-run unit that was stopped before the plan first sees its minimum down time through."""
    return count - _recent(past.stopped, oldest=term.minimum_down - 1, periods=periods)


def _add_window(
    model: LinearModel, rows: IntArray, columns: IntArray, *, youngest: int, oldest: int, value: float
) -> None:
    """Add to row t the columns of the periods ``t - oldest`` to ``t - youngest``."""
    periods = len(rows)
    for age in range(youngest, min(oldest, periods - 1) + 1):
        model.put(rows[age:], columns[: periods - age], value)


def _add_logic(model: LinearModel, group: Commitment, past: _Past, term: UnitTerms, count: float) -> None:
    periods = len(group.on)
    change = np.zeros(periods)
    change[:1] = past.on
    balance = model.rows(periods, lower=change, upper=change)
    model.put(balance, group.on, 1.0)
    model.put(balance[1:], group.on[:-1], -1.0)
    model.put(balance, group.start, -1.0)
    model.put(balance, group.stop, 1.0)
    if not past.known:
        model.put(balance[:1], group.on[:1], -1.0)

    up = model.rows(periods, upper=-_recent(past.started, oldest=term.minimum_up - 1, periods=periods))
    _add_window(model, up, group.start, youngest=0, oldest=term.minimum_up - 1, value=1.0)
    model.put(up, group.on, -1.0)
    down = model.rows(periods, upper=count - _recent(past.stopped, oldest=term.minimum_down - 1, periods=periods))
    _add_window(model, down, group.stop, youngest=0, oldest=term.minimum_down - 1, value=1.0)
    model.put(down, group.on, 1.0)


def _put_capacity(
    model: LinearModel, rows: IntArray, group: ThermalGroup, width_mw: float, losses: SwitchLosses, sign: float = 1.0
) -> None:
    put_capacity(
        model, rows, on=group.on, start=group.start, stop=group.stop, width_mw=width_mw, losses=losses, sign=sign
    )


def _add_segments(model: LinearModel, group: ThermalGroup, term: UnitTerms, count: float, step_hours: float) -> None:
    """Output above minimum as the sum of segments, each at most its width for every unit that is on."""
    periods = len(group.on)
    total = model.rows(periods, lower=0.0, upper=0.0)
    model.put(total, group.above, -1.0)
    below = 0.0
    for segment in term.segments:
        columns = model.columns(periods, upper=segment.width_mw * count, cost=segment.cost_per_mwh * step_hours)
        model.put(total, columns, 1.0)
        for losses in switch_losses(term, width_mw=segment.width_mw, below_mw=below):
            limit = model.rows(periods, upper=0.0)
            model.put(limit, columns, 1.0)
            _put_capacity(model, limit, group, segment.width_mw, losses)
        below += segment.width_mw


def _add_capacity_and_ramps(
    model: LinearModel,
    group: ThermalGroup,
    past: _Past,
    term: UnitTerms,
    count: float,
    reserve_up_rows: IntArray,
    reserve_down_rows: IntArray,
    *,
    told: bool,
) -> tuple[IntArray | None, IntArray | None]:
    """Output plus reserve within capacity, start, stop and ramp limits. Returns the columns of the reserves.

    Where one row limits the upward reserve and no ramp can bind, the reserve is that row's slack and goes straight
    into the system's requirement, unless it is to be ``told``; otherwise it has a column of its own.
    """
    periods = len(group.on)
    pairs = switch_losses(term, width_mw=term.span_mw, stop_periods=1)
    explicit = told or len(pairs) > 1 or not term.ramp_free
    reserve_up = model.columns(periods, upper=term.span_mw * count) if explicit else None
    for losses in pairs:
        rows = model.rows(periods, upper=0.0)
        targets = [(rows, 1.0)] if explicit else [(rows, 1.0), (reserve_up_rows, -1.0)]
        for target, sign in targets:
            model.put(target, group.above, sign)
            _put_capacity(model, target, group, term.span_mw, losses, sign)
        if reserve_up is not None:
            model.put(rows, reserve_up, 1.0)
    if reserve_up is not None:
        model.put(reserve_up_rows, reserve_up, 1.0)
    if term.ramp_free and not told:
        model.put(reserve_down_rows, group.above, 1.0)
        return reserve_up, None

    reserve_down = model.columns(periods, upper=term.span_mw * count)
    model.put(reserve_down_rows, reserve_down, 1.0)
    footroom = model.rows(periods, lower=0.0)
    model.put(footroom, group.above, 1.0)
    model.put(footroom, reserve_down, -1.0)
    if not term.ramp_free:
        _add_ramp(model, group, past, term, reserve=reserve_up, up=True)
        _add_ramp(model, group, past, term, reserve=reserve_down, up=False)
    return reserve_up, reserve_down


def _add_ramp(
    model: LinearModel, group: ThermalGroup, past: _Past, term: UnitTerms, *, reserve: IntArray | None, up: bool
) -> None:
    """``above[t] + reserve[t] - above[t-1] <= ramp * on[t] - (ramp - start_span) * start[t]``, and its mirror down."""
    first = 0 if past.known else 1
    sign = 1.0 if up else -1.0
    ramp = term.ramp_up_mw if up else term.ramp_down_mw
    at_switch = term.start_span_mw if up else term.stop_span_mw
    before = past.within_mw + past.above_mw * sign + (0.0 if up else ramp * past.on)
    known = _first(len(group.on), 0.0, before)[first:]
    rows = model.rows(len(known), upper=known)
    model.put(rows, group.above[first:], sign)
    model.put(rows[1 - first :], group.above[:-1], -sign)
    if reserve is not None:
        model.put(rows, reserve[first:], 1.0)
    if up:
        model.put(rows, group.on[first:], -ramp)
        model.put(rows, group.start[first:], ramp - at_switch)
    else:
        model.put(rows[1 - first :], group.on[:-1], -ramp)
        model.put(rows, group.stop[first:], ramp - at_switch)
