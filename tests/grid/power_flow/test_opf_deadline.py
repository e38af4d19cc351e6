"""A case of one period whose time runs out: the best dispatch so far, or what is known of its conflict."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from grid.cases import read_matpower
from grid.formulation.relaxation import UnsolvedError
from grid.power_flow.opf import OpfResult, solve_opf
from grid.power_flow.opf_program import OpfProgram, Solved
from grid.problem.plan import Status


def line(*, low_mw: float, load_mw: float, limit_mw: float) -> str:
    """Quadratic costs at both ends of a line, and load at the second."""
    return f"""function mpc = line
mpc.version = '2';
mpc.baseMVA = 100;
mpc.bus = [1 3 0 0 0 0 1 1 0 230 1 1.1 0.9; 2 1 {load_mw} 0 0 0 1 1 0 230 1 1.1 0.9];
mpc.gen = [1 0 0 9 -9 1 100 1 200 {low_mw}; 2 0 0 9 -9 1 100 1 200 0];
mpc.gencost = [2 0 0 3 0.1 10 0; 2 0 0 3 0.2 40 0];
mpc.branch = [1 2 0 0.1 0 {limit_mw} 0 0 0 0 1 -30 30];
"""


@pytest.fixture
def solve_within(monkeypatch: pytest.MonkeyPatch) -> Callable[[str, int], OpfResult]:
    """Solve a case within so many runs of HiGHS, then time is over."""
    run = OpfProgram.run

    def solve(text: str, runs: int) -> OpfResult:
        left = runs

        def run_or_be_late(program: OpfProgram, *, until: float) -> Solved | None:
            nonlocal left
            left -= 1
            return run(program, until=until if left >= 0 else 0.0)

        monkeypatch.setattr(OpfProgram, "run", run_or_be_late)
        return solve_opf(read_matpower(text))

    return solve


def test_the_best_dispatch_that_keeps_every_limit_is_taken(solve_within: Callable[[str, int], OpfResult]) -> None:
    """The second run keeps the limit that the first one broke; what would follow are finer pieces of the costs."""
    text = line(low_mw=0, load_mw=150, limit_mw=93)
    early = solve_within(text, 2)
    assert early.status is Status.FEASIBLE
    assert 0.0 < early.gap < 0.1
    assert early.flow_mw == pytest.approx([93.0])
    with pytest.raises(UnsolvedError):
        solve_within(text, 1)
    assert solve_within(text, 100).status is Status.OPTIMAL


def test_without_full_branches_a_few_runs_settle_quadratic_costs(
    solve_within: Callable[[str, int], OpfResult],
) -> None:
    """Costs are fine from the start where machines would stand if no branch had a limit."""
    assert solve_within(line(low_mw=0, load_mw=150, limit_mw=0), 3).status is Status.OPTIMAL


def test_no_time_at_all_is_no_answer() -> None:
    with pytest.raises(UnsolvedError):
        solve_opf(read_matpower(line(low_mw=0, load_mw=50, limit_mw=93)), time_limit_seconds=0.0)


def test_of_a_conflict_is_told_what_is_known_of_it(solve_within: Callable[[str, int], OpfResult]) -> None:
    text = line(low_mw=120, load_mw=150, limit_mw=93)
    told = [solve_within(text, runs).message for runs in range(2, 30)]
    assert told[0].endswith("Time ran out before it was known which of them conflict.")
    assert told[-1] == (
        "No dispatch keeps all of: limit of branch-1 (1 to 2), minimum output of gen-1. "
        "Way out: branch-1 (1 to 2) would carry 120.000 MW, its limit is 93.000 MW, 129.0 % of it. "
        "Way out: gen-1 27.000 MW below its minimum output."
    )
    ends = [
        "there may be other ways out, and fewer of them may conflict.",
        "Time ran out: there may be other ways out.",
    ]
    assert all(any(message.endswith(end) for message in told) for end in ends)
