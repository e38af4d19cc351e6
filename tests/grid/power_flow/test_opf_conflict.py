"""A case without a dispatch: a smallest conflict and the ways out, by name; and each way out leads to a dispatch."""

from __future__ import annotations

import numpy as np
import pytest

from grid.cases import read_matpower
from grid.power_flow.opf import solve_opf
from grid.power_flow.opf_document import opf_document
from grid.problem.plan import Status


def ring(*, minimum_mw: float = 40, third_mw: float = 90, exit_mw: float = 5, load_mw: float = 80) -> str:
    """Three buses in a ring of equal lines, generators at all of them, loads of 40 MW and ``load_mw`` at 2 and 3."""
    return f"""function mpc = ring
mpc.version = '2';
mpc.baseMVA = 100;
mpc.bus = [
	1	3	0	0	0	0	1	1	0	230	1	1.1	0.9;
	2	2	40	0	0	0	1	1	0	230	1	1.1	0.9;
	3	1	{load_mw}	0	0	0	1	1	0	230	1	1.1	0.9;
];
mpc.gen = [
	1	0	0	80	-80	1.0	100	1	150	{minimum_mw};
	2	0	0	60	-60	1.0	100	1	90	0;
	3	0	0	30	-30	1.0	100	1	{third_mw}	0;
];
mpc.branch = [
	1	2	0	0.1	0	{exit_mw}	0	0	0	0	1	-30	30;
	1	3	0	0.1	0	{exit_mw}	0	0	0	0	1	-30	30;
	2	3	0	0.1	0	60	0	0	0	0	1	-30	30;
];
mpc.gencost = [
	2	0	0	2	10	0;
	2	0	0	2	30	0;
	2	0	0	2	20	0;
];
"""


@pytest.mark.parametrize(
    ("third_mw", "way"),
    [
        (90, "gen-1 30.000 MW below its minimum output."),
        (60, "gen-1 40.000 MW below its minimum output; 5.000 MW of load shed at bus 3."),
    ],
)
def test_a_smallest_conflict_is_named_with_the_ways_out(third_mw: float, way: str) -> None:
    """40 MW must leave bus 1 over two lines of 5, one of which is enough to forbid it."""
    result = solve_opf(read_matpower(ring(third_mw=third_mw)))
    assert result.status is Status.INFEASIBLE
    conflict, hotter, told = result.message.split(" Way out: ")
    assert conflict == "No dispatch keeps all of: limit of branch-2 (1 to 3), minimum output of gen-1."
    assert hotter.endswith("would carry 35.000 MW, its limit is 5.000 MW, 700.0 % of it.")
    assert told == way


def test_of_two_conflicts_one_is_named_and_the_ways_out_mend_both() -> None:
    """Bus 1 feeds both others over a line each, and neither line can carry its load."""
    two = ring(minimum_mw=0, third_mw=0, exit_mw=5).replace(
        "\t2\t3\t0\t0.1\t0\t60\t0\t0\t0\t0\t1", "\t2\t3\t0\t0.1\t0\t60\t0\t0\t0\t0\t0"
    )
    result = solve_opf(read_matpower(two.replace("100\t1\t90\t0", "100\t1\t0\t0")))
    assert result.conflict == ("limit of branch-2 (1 to 3)", "load at bus 3")
    assert result.message.endswith("Way out: 75.000 MW of load shed at bus 3; 35.000 MW of load shed at bus 2.")
    document = opf_document(result)
    (reason,) = document["reasons"]["load at bus 3"]
    assert reason["text"] == "load at bus 3: cannot be kept together with the others"


def test_each_way_out_leads_to_a_dispatch() -> None:
    wide = ring().replace("1\t3\t0\t0.1\t0\t5", "1\t3\t0\t0.1\t0\t35")
    lowered = ring(minimum_mw=10)
    both = ring(minimum_mw=0, third_mw=60, load_mw=75)
    for text in (wide, lowered, both):
        assert solve_opf(read_matpower(text)).status is Status.OPTIMAL
    assert np.isnan(solve_opf(read_matpower(ring(minimum_mw=10.1))).objective)


def test_load_that_the_lines_cannot_bring_is_in_conflict_and_its_shedding_a_way_out() -> None:
    result = solve_opf(read_matpower(ring(minimum_mw=0, third_mw=60)))
    assert result.message.startswith(
        "No dispatch keeps all of: limit of branch-2 (1 to 3), maximum output of gen-3, load at bus 3. Way out: "
    )
    assert result.message.endswith("Way out: 5.000 MW of load shed at bus 3.")
