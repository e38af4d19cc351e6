"""An independent check of the network: balance, trade, links, flows by B-theta (not by PTDF), losses and limits."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from grid.checking.flows import flows_by_angles, injections_of
from grid.checking.reported import Amounts, reported_faults
from grid.problem.plan import DispatchPlan
from grid.problem.soft_limits import Limit, SoftLimit
from grid.time_axis import FloatArray

_MW = 1e-2


def check_network(plan: DispatchPlan) -> Iterator[str]:
    """Everything that does not hold of the network."""
    injection = injections_of(plan)
    flows = flows_by_angles(plan.problem.network, injection)
    for period, imbalance in enumerate(injection.sum(axis=0)):
        if abs(imbalance) > _MW:
            yield f"period {period}: production and load differ by {imbalance} MW"
    yield from _ratings(plan)
    if np.abs(flows - plan.schedule.branch_flow_mw).max(initial=0.0) > _MW:
        yield "branch flows do not follow from the injections"
    yield from _losses(plan, flows)
    if np.any(plan.schedule.shed_mw > np.maximum(plan.problem.load_mw, 0.0) + _MW):
        yield "more load is shed than there is"
    kinds = (Limit.OVERLOAD, Limit.INTERFACE_OVERLOAD, Limit.SHEDDING, Limit.SURPLUS)
    yield from reported_faults(plan, kinds, _relaxed(plan, flows))


def _ratings(plan: DispatchPlan) -> Iterator[str]:
    """What exchanges and links can at the most, which no plan may relax."""
    schedule = plan.schedule
    for exchange, imported, exported in zip(
        plan.problem.exchanges, schedule.import_mw, schedule.export_mw, strict=True
    ):
        if (imported > exchange.import_mw + _MW).any() or (exported > exchange.export_mw + _MW).any():
            yield f"{exchange.exchange_id}: trades more than it can"
    for link, flow in zip(plan.problem.network.dc_links, schedule.link_flow_mw, strict=True):
        if np.abs(flow).max(initial=0.0) > link.limit_mw + _MW:
            yield f"{link.link_id}: flow beyond {link.limit_mw} MW"


def _losses(plan: DispatchPlan, flows_mw: FloatArray) -> Iterator[str]:
    """Branches lose ``resistance * flow²``: never more than is counted, and what is counted beyond it is reported."""
    schedule = plan.schedule
    network, lost = plan.problem.network, np.zeros(plan.problem.axis.periods)
    if plan.problem.losses:
        for branch, flow in zip(network.branches, flows_mw, strict=True):
            lost += branch.resistance_pu * flow**2 / network.base_mva
    for t in np.flatnonzero(lost > schedule.losses_mw + _MW + 1e-5 * lost).tolist():
        yield f"period {t}: branches lose {lost[t]} MW, {schedule.losses_mw[t]} MW are counted"
    too_much = np.maximum(schedule.losses_mw - lost, 0.0)
    yield from reported_faults(plan, (Limit.LOSSES,), {SoftLimit(Limit.LOSSES): too_much})


def _relaxed(plan: DispatchPlan, flows_mw: FloatArray) -> Amounts:
    """By how much branches and interfaces are beyond their limits, and what is shed or surplus at each bus."""
    network, none = plan.problem.network, np.zeros(plan.problem.axis.periods)
    of_branch = dict(zip((branch.branch_id for branch in network.branches), flows_mw, strict=True))
    relaxed: dict[SoftLimit, FloatArray] = {}
    for branch, flow in zip(network.branches, flows_mw, strict=True):
        if branch.limit_mw is not None:
            limit = SoftLimit(Limit.OVERLOAD, branch.branch_id)
            relaxed[limit] = np.maximum(np.abs(flow) - branch.limit_mw, 0.0)
    for interface in network.interfaces:
        across = sum((of_branch[name] for name in interface.branches), start=none)
        across = across - sum((of_branch[name] for name in interface.reversed_branches), start=none)
        limit = SoftLimit(Limit.INTERFACE_OVERLOAD, interface.interface_id)
        relaxed[limit] = np.maximum(np.abs(across) - interface.limit_mw, 0.0)
    for bus, shed, surplus in zip(network.buses, plan.schedule.shed_mw, plan.schedule.surplus_mw, strict=True):
        relaxed[SoftLimit(Limit.SHEDDING, bus.bus_id)] = shed
        relaxed[SoftLimit(Limit.SURPLUS, bus.bus_id)] = surplus
    return relaxed
