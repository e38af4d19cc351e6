"""Injections and flows of a plan, counted anew: by the angles of the buses, not by distribution factors."""

from __future__ import annotations

import numpy as np

from grid.network import Network
from grid.problem.plan import DispatchPlan
from grid.time_axis import FloatArray


def injections_of(plan: DispatchPlan) -> FloatArray:
    """Net injection at each bus from the plan's set-points, shape (buses, periods). [MW]"""
    schedule = plan.schedule
    problem = plan.problem
    bus = {b.bus_id: i for i, b in enumerate(problem.network.buses)}
    load = np.maximum(problem.load_mw, 0.0)
    shares: FloatArray = np.where(load.sum(axis=0) > 0.0, load, 1.0)
    injection: FloatArray = (
        schedule.shed_mw - schedule.surplus_mw - problem.load_mw - schedule.losses_mw * shares / shares.sum(axis=0)
    )
    for unit, power in zip(problem.thermal_units, schedule.power_mw, strict=True):
        injection[bus[unit.bus_id]] += power
    for plant, power in zip(problem.renewable_plants, schedule.renewable_mw, strict=True):
        injection[bus[plant.bus_id]] += power
    for storage, net in zip(problem.storages, schedule.discharge_mw - schedule.charge_mw, strict=True):
        injection[bus[storage.bus_id]] += net
    for exchange, imported, exported in zip(problem.exchanges, schedule.import_mw, schedule.export_mw, strict=True):
        injection[bus[exchange.bus_id]] += imported - exported
    for link, flow in zip(problem.network.dc_links, schedule.link_flow_mw, strict=True):
        injection[bus[link.from_bus]] -= flow
        injection[bus[link.to_bus]] += flow
    return injection


def flows_by_angles(network: Network, injection: FloatArray) -> FloatArray:
    """Branch flows from a dense B-theta solution, shape (branches, periods). [MW]

    The flow is (angle at its first bus - angle at its second - phase shift) / (x * tap).
    """
    bus = {b.bus_id: i for i, b in enumerate(network.buses)}
    laplacian, fed = np.zeros((len(bus), len(bus))), injection.astype(np.float64)
    for branch in network.branches:
        i, j, b = bus[branch.from_bus], bus[branch.to_bus], 1.0 / (branch.reactance_pu * branch.tap_ratio)
        laplacian[[i, j, i, j], [i, j, j, i]] += [b, b, -b, -b]
        fed[i] += b * np.deg2rad(branch.phase_shift_deg) * network.base_mva
        fed[j] -= b * np.deg2rad(branch.phase_shift_deg) * network.base_mva
    angles = np.zeros_like(fed)
    angles[1:] = np.linalg.solve(laplacian[1:, 1:], fed[1:])
    flows = [
        (angles[bus[b.from_bus]] - angles[bus[b.to_bus]] - np.deg2rad(b.phase_shift_deg) * network.base_mva)
        / (b.reactance_pu * b.tap_ratio)
        for b in network.branches
    ]
    return np.array(flows).reshape(-1, injection.shape[1])
