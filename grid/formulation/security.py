"""Which events a problem is to be secure against, who answers them, and the reserve that must cover every loss."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import numpy as np

from grid.formulation.events import Event, Responders
from grid.formulation.injections import Injections, Part, load_shares
from grid.formulation.linear import IntArray, LinearModel
from grid.formulation.model import DispatchModel
from grid.formulation.reserves import Holder, Reserves
from grid.problem.dispatch_problem import DispatchProblem
from grid.problem.requirements import DOWNWARD_RESERVE, UPWARD_RESERVE, products_of
from grid.time_axis import FloatArray


def security_events(model: DispatchModel, holders: Sequence[Holder]) -> list[Event]:
    """The events that a problem is to be secure against; none where it asks for no such security."""
    problem = model.problem
    called = _calls(model, holders) if problem.deliverable else ()
    return [*called, *(_losses(model, holders) if problem.secure_units else ())]


def add_coverage(linear: LinearModel, problem: DispatchProblem, events: Iterable[Event], reserves: Reserves) -> None:
    """Whatever is lost, the upward reserve of all others must make up for it; what is short of that is priced."""
    lost = [event for event in events if event.emergency]
    if not lost:
        return
    held, periods = lost[0].responders.held, problem.axis.periods
    total = linear.columns(periods)
    sums = linear.rows(periods, lower=0.0, upper=0.0)
    linear.put(sums, total, -1.0)
    linear.put(sums[None, :], held, 1.0)
    for event in lost:
        fixed = event.change.fixed_mw.sum(axis=0)
        rows = linear.rows(periods, lower=-fixed)
        linear.put(rows, total, 1.0)
        linear.put(rows[None, :], event.change.columns, event.change.factors)
        if event.barred >= 0:
            linear.put(rows, held[event.barred], -1.0)
        reserves.coverage_rows.append(rows)


def _calls(model: DispatchModel, holders: Sequence[Holder]) -> Iterator[Event]:
    """Each requirement called in full: net load is off by as much, spread as the load of its areas is."""
    problem, reserves, linear = model.problem, model.reserves, model.linear
    net_load = ((True, problem.reserve_up_mw, reserves.short_up), (False, problem.reserve_down_mw, reserves.short_down))
    for upward, required, short in net_load:
        left = [_left_of(linear, model, holder, upward=upward, position=i) for i, holder in enumerate(holders)]
        places = [(i, holder.bus_id, columns) for i, (holder, columns) in enumerate(zip(holders, left, strict=True))]
        if not upward and not problem.reserve_from_plants:
            buses = problem.network.buses
            places += [(-1, buses[i].bus_id, columns) for i, columns in model.renewable.items()]
        title = UPWARD_RESERVE if upward else DOWNWARD_RESERVE
        yield _call(model, title, places, required, short, upward=upward, areas=())
    for need, short in zip(problem.requirements, reserves.product_short, strict=True):
        area = {bus.bus_id: bus.area for bus in problem.network.buses}
        parts = enumerate(zip(holders, reserves.parts[need.product], strict=True))
        places = [(i, h.bus_id, part) for i, (h, part) in parts if not need.areas or area[h.bus_id] in need.areas]
        yield _call(
            model, need.title, places, need.required_mw, short,
            upward=need.product.upward, areas=need.areas,
        )  # fmt: skip


def _left_of(linear: LinearModel, model: DispatchModel, holder: Holder, *, upward: bool, position: int) -> IntArray:
    """What a holder has left for net load beside its products, as columns of their own."""
    products = [product for product in products_of(model.problem.requirements) if product.upward == upward]
    if not products:
        return holder.up if upward else holder.down
    left = linear.columns(model.problem.axis.periods)
    rows = linear.rows(len(left), lower=0.0, upper=0.0)
    linear.put(rows, left, 1.0)
    linear.put(rows, holder.up if upward else holder.down, -1.0)
    for product in products:
        linear.put(rows, model.reserves.parts[product][position], 1.0)
    return left


def _call(
    model: DispatchModel,
    title: str,
    places: Sequence[tuple[int, str, IntArray]],
    required_mw: FloatArray,
    short: IntArray,
    *,
    upward: bool,
    areas: Sequence[str],
) -> Event:
    share, sign = load_shares(model.problem, areas), 1.0 if upward else -1.0
    parts: list[Part] = [(int(bus), short, sign * share[bus]) for bus in np.flatnonzero(share.any(axis=1))]
    return Event(title, Injections.of(-sign * share * required_mw, parts), upward, _responders(model.problem, places))


def _losses(model: DispatchModel, holders: Sequence[Holder]) -> Iterator[Event]:
    """The loss of every thermal unit, curtailable plant and HVDC link. Units stand in groups of their own."""
    problem, bus = model.problem, model.bus
    nothing = np.zeros_like(problem.load_mw)
    everyone = _responders(problem, [(i, holder.bus_id, holder.up) for i, holder in enumerate(holders)])
    shed = load_shares(problem).mean(axis=1)[:, None]  # what nobody makes up for is not served
    everyone = Responders(
        np.hstack([everyone.feeds, shed]),
        np.vstack([everyone.held, model.reserves.coverage_short[None, :]]),
        np.append(everyone.holders, -1),
    )
    for i, columns in enumerate(model.thermal):
        unit = problem.thermal_units[model.groups[i][0]]
        at = bus[unit.bus_id]
        change = Injections.of(nothing, [(at, columns.above, -1.0), (at, columns.on, -unit.minimum_mw)])
        yield Event(unit.unit_id, change, True, everyone, barred=i, emergency=True)
    of_plants = [-1] * (len(holders) - len(model.reserves.plants)) + list(model.reserves.plants)
    for plant, available in zip(problem.renewable_plants, problem.available_mw, strict=True):
        if not plant.curtailable:
            continue
        at = bus[plant.bus_id]
        of_bus = sum(
            mw for other, mw in zip(problem.renewable_plants, problem.available_mw, strict=True)
            if other.curtailable and other.bus_id == plant.bus_id
        )  # fmt: skip
        share = np.divide(available, of_bus, out=np.zeros_like(available), where=np.asarray(of_bus) > 0.0)
        change = Injections.of(nothing, [(at, model.renewable[at], -share)])
        barred = of_plants.index(at) if at in of_plants else -1  # what a lost plant's neighbours hold does not count
        yield Event(plant.plant_id, change, True, everyone, barred=barred, emergency=True)
    for link, flow in zip(problem.network.dc_links, model.link, strict=True):
        change = Injections.of(nothing, [(bus[link.from_bus], flow, 1.0), (bus[link.to_bus], flow, -1.0)])
        yield Event(link.link_id, change, True, everyone, emergency=True)


def _responders(problem: DispatchProblem, places: Sequence[tuple[int, str, IntArray]]) -> Responders:
    """Of each its position among the holders (-1: none of them), its bus and the columns of what it holds."""
    bus = {b.bus_id: i for i, b in enumerate(problem.network.buses)}
    feeds = np.zeros((len(bus), len(places)))
    feeds[[bus[bus_id] for _, bus_id, _ in places], np.arange(len(places))] = 1.0
    held = np.array([columns for _, _, columns in places], dtype=np.int64).reshape(-1, problem.axis.periods)
    return Responders(feeds, held, np.array([holder for holder, _, _ in places], dtype=np.int64))
