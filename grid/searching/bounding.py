"""The lower bound: branch and cut on the whole model, told of every better plan that is found beside it.

Each better plan that :mod:`.improving` finds lets it fix, by their reduced costs, columns that no better
plan can change.
"""

from __future__ import annotations

import math

import highspy

from grid.formulation.linear import new_highs, require_ok
from grid.formulation.model import DispatchModel
from grid.searching.incumbent import Incumbent, begin_from, listen, offer_result

_BETTER = 1e-6


def bound(model: DispatchModel, incumbent: Incumbent) -> None:
    """Raise the proven bound until the search is over or the model is solved."""
    if incumbent.over():
        return
    highs = new_highs(gap=incumbent.target, seconds=incumbent.remaining())
    model.linear.load(highs, integer=True)
    begin_from(highs, incumbent.found.values)
    told = incumbent.found.objective

    def follow(event: highspy.HighsCallbackEvent) -> None:
        if math.isfinite(proven := float(event.data_out.mip_dual_bound)):
            incumbent.prove(proven)

    def tell(event: highspy.HighsCallbackEvent) -> None:
        nonlocal told
        found = incumbent.found
        if (
            event.data_in is not None
            and found.values is not None
            and found.objective < told - _BETTER * abs(found.objective)
        ):
            told = found.objective
            event.data_in.setSolution(found.values)

    highs.cbMipInterrupt.subscribe(follow)
    highs.cbMipUserSolution.subscribe(tell)
    listen(highs, incumbent, by="branch and cut")
    require_ok(highs.run(), "run")
    offer_result(highs, incumbent, by="branch and cut")
    if highs.getModelStatus() == highspy.HighsModelStatus.kInfeasible and incumbent.found.values is None:
        incumbent.prove(math.inf)
    elif math.isfinite(proven := float(highs.getInfo().mip_dual_bound)):
        incumbent.prove(proven)
