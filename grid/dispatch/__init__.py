"""Dispatch: from a site and its forecasts to a priced and explained plan. No database, no web."""

from grid.checking.check import check_plan
from grid.dispatch.always import plan_always
from grid.dispatch.assemble import assemble_problem
from grid.dispatch.document import case_document, plan_document
from grid.dispatch.held import HeldPlan, dispatch_held, hold_plan, redispatch_document
from grid.dispatch.planning import plan_dispatch
from grid.dispatch.realised import Realised, realised
from grid.dispatch.redispatch import Redispatch
from grid.dispatch.redispatched import Redispatched
from grid.problem.dispatch_problem import DispatchProblem, UnitState
from grid.problem.plan import DispatchPlan, Reason, Status
from grid.problem.scenarios import Outlook, Scenarios
from grid.problem.soft_limits import Limit, Penalties, SoftLimit, Violation

__all__ = [
    "DispatchPlan",
    "DispatchProblem",
    "HeldPlan",
    "Limit",
    "Outlook",
    "Penalties",
    "Realised",
    "Reason",
    "Redispatch",
    "Redispatched",
    "Scenarios",
    "SoftLimit",
    "Status",
    "UnitState",
    "Violation",
    "assemble_problem",
    "case_document",
    "check_plan",
    "dispatch_held",
    "hold_plan",
    "plan_always",
    "plan_dispatch",
    "plan_document",
    "realised",
    "redispatch_document",
]
