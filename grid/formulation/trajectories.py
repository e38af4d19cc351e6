"""What a part of a unit's output range loses around starts and stops: the output trajectories that ramps allow.

A unit that started ``a`` periods ago is at most ``a`` ramps above its start limit, and one that stops ``a + 1`` periods
from now at most ``a`` ramps above its stop limit. A row over as many starts and stops as can exclude one another cuts
the linear relaxation far more than the ramps between neighbouring periods do: on RTS-GMLC in winter by 0.3 % of cost.

References:
    Morales-España, Latorre and Ramos, "Tight and Compact MILP Formulation for the Thermal Unit Commitment Problem",
    IEEE Trans. Power Systems 28(4), 2013 (first and last period).
    Pan and Guan, "A Polyhedral Study of the Integrated Minimum-Up/-Down Time and Ramping Polytope", 2016;
    Knueven, Ostrowski and Watson, "On Mixed-Integer Programming Formulations for the Unit Commitment Problem",
    INFORMS J. Computing 32(4), 2020, eqs. (38)-(41), (46)-(48) (trajectories, and on the pieces of the cost).
"""

from __future__ import annotations

from dataclasses import dataclass

from grid.formulation.linear import IntArray, LinearModel
from grid.formulation.unit_terms import UnitTerms

_NOTHING_MW = 1e-9


@dataclass(frozen=True, slots=True)
class SwitchLosses:
    """What a part of the output range loses by how many periods ago the unit started, and how soon it stops. [MW]

    One row: ``output + sum_a start[a] * started[t - a] + sum_a stop[a] * stopped[t + 1 + a] <= width * on[t]``.
    """

    start: tuple[float, ...]
    stop: tuple[float, ...]


def switch_losses(
    term: UnitTerms, *, width_mw: float, below_mw: float = 0.0, stop_periods: int | None = None
) -> list[SwitchLosses]:
    """The rows that limit the part of the range from ``below_mw`` above minimum to ``below_mw + width_mw``.

    Starts and stops of one row lie so close together that minimum up time allows one of them at most. Where not all of
    them do, there are two rows, one that keeps the starts whole and one that keeps the stops.

    Args:
        stop_periods: How many periods before a stop count. Output with reserve is limited in the last one only.
    """
    longest = term.minimum_up
    starts = _trajectory(width_mw, below_mw, term.start_span_mw, term.ramp_up_mw, longest)
    stop_longest = longest if stop_periods is None else min(stop_periods, longest)
    stops = _trajectory(width_mw, below_mw, term.stop_span_mw, term.ramp_down_mw, stop_longest)
    if not starts or not stops or len(starts) + len(stops) <= longest:
        return [SwitchLosses(starts, stops)]
    if longest == 1:  # start and stop may cut the same period, which then loses the greater of the two
        return [
            SwitchLosses(starts, (max(stops[0] - starts[0], 0.0),)),
            SwitchLosses((max(starts[0] - stops[0], 0.0),), stops),
        ]
    return [SwitchLosses(starts, stops[: longest - len(starts)]), SwitchLosses(starts[: longest - len(stops)], stops)]


def put_capacity(
    model: LinearModel,
    rows: IntArray,
    *,
    on: IntArray,
    start: IntArray,
    stop: IntArray,
    width_mw: float,
    losses: SwitchLosses,
    sign: float = 1.0,
) -> None:
    """Add ``sign`` times (losses minus capacity) to ``rows``; all arrays have shape (periods,)."""
    periods = len(rows)
    model.put(rows, on, -sign * width_mw)
    for age, loss in enumerate(losses.start[:periods]):
        model.put(rows[age:], start[: periods - age], sign * loss)
    for age, loss in enumerate(losses.stop[: periods - 1]):
        model.put(rows[: periods - 1 - age], stop[age + 1 :], sign * loss)


def _trajectory(width_mw: float, below_mw: float, first_mw: float, ramp_mw: float, longest: int) -> tuple[float, ...]:
    losses: list[float] = []
    for age in range(longest):
        loss = width_mw - min(max(first_mw + age * ramp_mw - below_mw, 0.0), width_mw)
        if loss <= _NOTHING_MW:
            break
        losses.append(loss)
    return tuple(losses)
