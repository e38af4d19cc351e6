"""A dispatch problem with some of its inputs changed: what the plan would be if …"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from grid.assets import RenewableKind, RenewablePlant
from grid.faults import Fault, InputError
from grid.network import Interface
from grid.problem.dispatch_problem import DispatchProblem
from grid.time_axis import FloatArray


@dataclass(frozen=True, slots=True)
class Changes:
    """What is changed, over the whole horizon.

    Attributes:
        load_scale: Every load times this, >= 0.
        renewable_scale: Available power of the plants of a kind times this, >= 0, at most their capacity.
        unavailable_units: Thermal units, plants or storages that cannot run.
        unavailable_branches: Branches or links that are out.
    """

    load_scale: float = 1.0
    renewable_scale: Mapping[RenewableKind, float] = field(default_factory=dict)
    unavailable_units: frozenset[str] = frozenset()
    unavailable_branches: frozenset[str] = frozenset()


def change_problem(problem: DispatchProblem, changes: Changes) -> DispatchProblem:
    """The same problem with ``changes`` made. Reserve requirements stay: they come from the forecasts' uncertainty.

    Raises:
        InputError: Naming every asset, branch or link that the problem does not have, and every negative scale.
    """
    faults = [*_unknown(problem, changes), *_negative(changes)]
    if faults:
        raise InputError(faults)
    out, cut = changes.unavailable_units, changes.unavailable_branches
    scenarios, network = problem.scenarios, problem.network
    if scenarios is not None:
        scenarios = replace(
            scenarios,
            load_mw=scenarios.load_mw * changes.load_scale,
            available_mw=_available(scenarios.available_mw, problem.renewable_plants, changes),
        )
    return replace(
        problem,
        network=replace(
            network,
            branches=tuple(branch for branch in network.branches if branch.branch_id not in cut),
            interfaces=tuple(_without(network.interfaces, cut)),
            dc_links=tuple(link for link in network.dc_links if link.link_id not in cut),
        ),
        thermal_units=tuple(unit for unit in problem.thermal_units if unit.unit_id not in out),
        storages=tuple(storage for storage in problem.storages if storage.storage_id not in out),
        exchanges=tuple(exchange for exchange in problem.exchanges if exchange.exchange_id not in out),
        storage_profiles={name: told for name, told in problem.storage_profiles.items() if name not in out},
        load_mw=problem.load_mw * changes.load_scale,
        available_mw=_available(problem.available_mw, problem.renewable_plants, changes),
        scenarios=scenarios,
        initial={name: state for name, state in problem.initial.items() if name not in out},
        initial_mwh={name: charge for name, charge in problem.initial_mwh.items() if name not in out},
    )


def _available(available_mw: FloatArray, plants: Sequence[RenewablePlant], changes: Changes) -> FloatArray:
    """Scaled by kind and at most the plants' capacity, or what they had if that is more, (..., plants, periods)."""
    out, scales = changes.unavailable_units, changes.renewable_scale
    scale = np.array([0.0 if plant.plant_id in out else scales.get(plant.kind, 1.0) for plant in plants])
    capacity_mw = np.array([plant.capacity_mw for plant in plants])
    most = np.maximum(capacity_mw[:, None], available_mw)
    return np.asarray(np.minimum(available_mw * scale[:, None], most))


def _without(interfaces: Sequence[Interface], cut: frozenset[str]) -> Iterator[Interface]:
    """Interfaces over the branches that are left."""
    for interface in interfaces:
        forward = tuple(name for name in interface.branches if name not in cut)
        backward = tuple(name for name in interface.reversed_branches if name not in cut)
        if forward or backward:
            yield replace(interface, branches=forward, reversed_branches=backward)


def _unknown(problem: DispatchProblem, changes: Changes) -> list[Fault]:
    assets = {
        *(unit.unit_id for unit in problem.thermal_units),
        *(plant.plant_id for plant in problem.renewable_plants),
        *(storage.storage_id for storage in problem.storages),
        *(exchange.exchange_id for exchange in problem.exchanges),
    }
    lines = {
        *(branch.branch_id for branch in problem.network.branches),
        *(link.link_id for link in problem.network.dc_links),
    }
    return [
        Fault(f"{place}: {name}", "the site has none of this name", "see the site's assets, or a plan's branches")
        for place, names, known in (
            ("unavailable_units", changes.unavailable_units, assets),
            ("unavailable_branches", changes.unavailable_branches, lines),
        )
        for name in sorted(names - known)
    ]


def _negative(changes: Changes) -> list[Fault]:
    scales = {"load_scale": changes.load_scale}
    scales |= {f"{kind.value}_scale": scale for kind, scale in changes.renewable_scale.items()}
    return [
        Fault(name, f"must be a number >= 0, got {scale}", "1 leaves it as it is")
        for name, scale in scales.items()
        if not scale >= 0.0
    ]
