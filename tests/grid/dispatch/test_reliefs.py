"""Which limits at a bus come into the program of a re-dispatch."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from grid.dispatch import DispatchProblem, Limit, Penalties
from grid.dispatch.reliefs import Reliefs


@pytest.fixture
def problem(make_problem: Any) -> DispatchProblem:
    """Load at a and b, a unit at b, power that must be taken at c; two periods."""
    made: DispatchProblem = make_problem(
        {
            "load_mw": {"a": [4.0, 5.0], "b": [6.0, 7.0], "c": [0.0, 0.0]},
            "branches": {"ab": {"from": "a", "to": "b"}, "bc": {"from": "b", "to": "c"}},
            "units": {"u": {"bus": "b", "capacity_mw": 50.0, "cost_per_mwh": 10.0}},
            "plants": {"roof": {"bus": "c", "available_mw": [2.0, 3.0], "curtailable": False}},
        }
    )
    return made


def expecting(problem: DispatchProblem) -> Reliefs:
    reliefs = Reliefs(problem)
    reliefs.expect(problem)
    return reliefs


def test_what_is_worth_more_than_it_costs_comes_in_with_all_its_periods(problem: DispatchProblem) -> None:
    reliefs = expecting(problem)
    assert not len(reliefs.paying(np.full((3, 2), 9_999.0), proof=False))
    worth = np.array([[0.0, 10_001.0], [0.0, -5_001.0], [-301.0, 10_001.0]])  # nothing is there to be shed at c
    feed, cost = reliefs.bring_in(reliefs.paying(worth, proof=False), np.arange(6).reshape(3, 2))
    cheapest_first = np.argsort(cost)
    np.testing.assert_allclose(cost[cheapest_first], [300.0, 5_000.0, 10_000.0])
    np.testing.assert_allclose(feed.toarray()[:, cheapest_first], [[0, 0, 1], [0, -1, 0], [-1, 0, 0]])
    assert not len(reliefs.paying(worth, proof=False))  # all of them are there now
    relaxed = {limit: reliefs.mw(limit, np.ones(6)).any(axis=1).tolist() for limit in (Limit.SHEDDING, Limit.SURPLUS)}
    assert relaxed == {Limit.SHEDDING: [True, False, False], Limit.SURPLUS: [False, True, False]}


def test_against_a_proof_everything_helps_that_moves_the_right_way_whatever_it_costs(problem: DispatchProblem) -> None:
    reliefs = expecting(problem)
    new = reliefs.paying(np.array([[1e-3, 0.0], [2e-3, 0.0], [0.0, 0.0]]), proof=True)
    reliefs.bring_in(new, np.arange(4).reshape(2, 2))
    np.testing.assert_allclose(reliefs.most_mw, [[6.0, 7.0], [4.0, 5.0]])  # the best first
    assert not len(reliefs.paying(np.zeros((3, 2)), proof=True))


def test_limits_of_infinite_price_never_come_in(problem: DispatchProblem) -> None:
    hard = replace(problem, penalties=Penalties(shedding=np.inf, spill=np.inf))
    reliefs = expecting(hard)
    assert not len(reliefs.paying(np.full((3, 2), 1e9), proof=True))
    assert len(reliefs.paying(np.full((3, 2), -1e9), proof=True)) == 1
    assert not reliefs.mw(Limit.SHEDDING, np.ones(2)).any()


def test_at_once_no_more_come_in_than_a_hundred_or_as_many_as_there_are(make_problem: Any) -> None:
    names = [f"b{k}" for k in range(250)]
    problem = make_problem(
        {
            "load_mw": {name: [1.0] for name in names},
            "branches": {f"to {name}": {"from": names[0], "to": name} for name in names[1:]},
        }
    )
    reliefs, worth, counts = expecting(problem), np.full((250, 1), 1e5), []
    while len(new := reliefs.paying(worth, proof=False)):
        counts.append(len(new))
        reliefs.bring_in(new, len(reliefs.inside) + np.arange(len(new))[:, None])
    assert counts == [100, 100, 50]
