"""Re-dispatch of a commitment when forecasts change: a linear program that is kept and solved again from its basis.

Which units are on, and which storages charge, stays as it is, but for storages that idle; everything else is set anew.
Reserves are there to be used now, so none is held back. With no binaries the program is small: a unit is the pieces of
its cost curve above its minimum, a period one balance, the limits of branches and ramps come in where they are violated
and what may be relaxed at a bus where it pays (:mod:`.reliefs`), and stay. New forecasts change nothing but bounds, so
the last basis stays dual feasible, and the dual simplex method goes on from it.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace

import highspy
import numpy as np
import numpy.typing as npt
from scipy.sparse import coo_array, csc_array, csr_array, hstack

from grid.dispatch.committed import Committed
from grid.dispatch.held_network import HeldNetwork
from grid.dispatch.redispatched import Redispatched
from grid.dispatch.reliefs import Reliefs
from grid.dispatch.results import taken_by_plant, traded
from grid.formulation.build import available_by_bus
from grid.formulation.commitment import BoolArray
from grid.formulation.linear import INFINITY, IntArray, LinearModel, add_columns, add_rows, new_highs, require_ok
from grid.formulation.relaxation import INFEASIBLE, UnsolvedError, run_warm
from grid.formulation.relaxed import relaxed
from grid.formulation.storages import add_energy
from grid.problem.dispatch_problem import DispatchProblem
from grid.problem.soft_limits import Limit
from grid.problem.validate import require_valid
from grid.time_axis import FloatArray

_RAMP_TOLERANCE_MW = 1e-6
_BOTH_MW = 1e-6
_SLACK_MW = 1e-6


class Redispatch:
    """A problem whose commitment is settled, kept in the solver for one set of forecasts after the other.

    Args:
        on: Thermal commitment, shape (units, periods).
        charging: Whether each storage may charge (or else discharge), shape (storages, periods).
        idle: Where a storage may do either whatever ``charging`` says, same shape; nowhere if None.

    Raises:
        InputError: If the problem is malformed; every fault is listed.
        ValueError: If it asks for N-1 security of units, which is a matter of reserves.
    """

    def __init__(
        self, problem: DispatchProblem, on: BoolArray, charging: BoolArray, *, idle: BoolArray | None = None
    ) -> None:
        require_valid(problem)
        if problem.secure_units:
            raise ValueError("a re-dispatch holds no reserve for the loss of a unit; plan anew with plan_dispatch")
        self._problem, self._committed = problem, Committed(problem, on)
        self._ramp_free = ~self._committed.ramps
        self._linear = LinearModel()
        self._feeds: list[csr_array] = []
        self._idle = np.zeros_like(charging) if idle is None else idle
        self._add_columns(charging)
        feed = csr_array(hstack(self._feeds))
        self._entities = np.arange(self._linear.column_count).reshape(-1, problem.axis.periods)
        self._lost = self._linear.columns(problem.axis.periods, upper=INFINITY if problem.losses else 0.0)
        self._balance = self._linear.rows(problem.axis.periods)
        self._linear.put(self._balance[None, :], self._entities, np.asarray(feed.sum(axis=0))[:, None])
        self._linear.put(self._balance, self._lost, -1.0)
        self._reliefs = Reliefs(problem)
        self._network, self._network_rows = HeldNetwork(problem, feed), np.zeros(0, dtype=np.int64)
        self._stored = [
            add_energy(self._linear, problem, storage, charge, discharge)
            for storage, charge, discharge in zip(problem.storages, self._charge, self._discharge, strict=True)
        ]
        self._rows = self._linear.row_count
        self._highs = new_highs()
        self._highs.setOptionValue("presolve", "off")  # the program is small, and every number in it about a MW:
        self._highs.setOptionValue("simplex_scale_strategy", 0)  # either costs more than the simplex method itself
        self._linear.load(self._highs, integer=False)

    def solve(self, load_mw: FloatArray, available_mw: FloatArray, *, seconds: float = 60.0) -> Redispatched:
        """Dispatch for new forecasts.

        Args:
            load_mw, available_mw: As in :class:`DispatchProblem`.
            seconds: Of wall time, at most. What is in the program by then stays in it: another call goes on from there.

        Raises:
            ValueError: If shapes differ from the problem's, or values are not finite, or a plant's are below 0.
            UnsolvedError: If limits that are never relaxed leave no dispatch (``infeasible``), or it is not settled in
                time.
        """
        until = time.monotonic() + seconds
        told = self._told(load_mw, available_mw)
        fixed = self._set_forecasts(told)
        self._network.expect(load_mw, fixed)
        self._set_idle(self._idle, np.ones_like(self._idle), np.ones_like(self._idle))
        self._set_rows(-fixed.sum(axis=0))
        still = ""
        while (left := until - time.monotonic()) > 0.0:
            self._highs.setOptionValue("time_limit", self._highs.getRunTime() + left)  # it adds up the time of its runs
            status = run_warm(self._highs)
            if status == highspy.HighsModelStatus.kTimeLimit:
                break
            if status in INFEASIBLE and self._relieve(self._worth(self._ray()), proof=True):
                continue
            if status != highspy.HighsModelStatus.kOptimal:
                self._highs.clearSolver()  # its basis may be at fault, and would be the next one's start
                raise UnsolvedError(self._highs.modelStatusToString(status), infeasible=status in INFEASIBLE)
            solution = self._highs.getSolution()
            values = np.array(solution.col_value)
            flow = self._network.flows(values[self._entities], values[self._lost])
            above = self._committed.unit_of_piece @ values[self._piece]
            if not (self._add_network(flow, values) | self._add_ramps(above) | self._settle(values)):
                worth = self._worth(np.array(solution.row_dual))
                if not self._relieve(worth, proof=False):
                    found = self._read(told, values, worth, above, flow)
                    self._drop_tangents(np.array(solution.row_value))
                    return found
            if self._problem.losses:
                still = f": losses still {self._network.losses_short_mw(flow, values[self._lost]):.3g} MW short"
        raise UnsolvedError(f"not settled in {seconds:g} s{still}")

    def _add_columns(self, charging: BoolArray) -> None:
        """Columns of all that feeds in or takes out: entities of ``feed``, each with its periods."""
        problem, committed = self._problem, self._committed
        bus = {b.bus_id: i for i, b in enumerate(problem.network.buses)}
        units = np.array([bus[unit.bus_id] for unit in problem.thermal_units], dtype=np.int64)
        stores = [bus[storage.bus_id] for storage in problem.storages]
        profiles = [problem.profile_of(storage) for storage in problem.storages]
        ins = np.array([profile.charge_mw for profile in profiles]).reshape(charging.shape)
        outs = np.array([profile.discharge_mw for profile in profiles]).reshape(charging.shape)
        charging = charging | (outs == 0.0)  # what can only charge always may
        self._in_mw, self._out_mw = ins, outs
        wear = [storage.cycle_cost_per_mwh for storage in problem.storages]
        trades = [bus[exchange.bus_id] for exchange in problem.exchanges]

        def told(field: str) -> FloatArray:
            rows = [getattr(exchange, field) for exchange in problem.exchanges]
            return np.array(rows, dtype=np.float64).reshape(len(trades), problem.axis.periods)

        links = problem.network.dc_links
        limit = np.array([link.limit_mw for link in links])[:, None]
        self._minimum_feed = csr_array((np.ones(len(units)), (units, np.arange(len(units)))), (len(bus), len(units)))
        low, high = committed.piece_bounds_mw
        self._piece = self._block(units[committed.owner], 1.0, low, high, committed.piece_cost_per_mwh)
        self._taken_at = sorted(available_by_bus(problem, curtailable=True))
        self._taken = self._block(self._taken_at, 1.0)
        self._charge = self._block(stores, -1.0, 0.0, ins * (charging | self._idle))
        self._discharge = self._block(stores, 1.0, 0.0, outs * (~charging | self._idle), wear)
        self._import = self._block(trades, 1.0, 0.0, told("import_mw"), told("import_price"))
        self._export = self._block(trades, -1.0, 0.0, told("export_mw"), -told("export_price"))
        self._block([bus[link.from_bus] for link in links], -1.0, -limit, limit)
        to = np.array([bus[link.to_bus] for link in links], dtype=np.int64)
        self._feeds[-1] += csr_array((np.ones(len(to)), (to, np.arange(len(to)))), shape=self._feeds[-1].shape)

    def _block(
        self,
        buses: Sequence[int] | IntArray,
        factor: float,
        lower: npt.ArrayLike = 0.0,
        upper: npt.ArrayLike = INFINITY,
        price: npt.ArrayLike = 0.0,
    ) -> IntArray:
        """Columns of one kind, shape (entities, periods), each feeding ``factor`` MW into its bus."""
        shape, axis = (len(self._problem.network.buses), len(buses)), self._problem.axis
        entries = np.asarray(buses, dtype=np.int64), np.arange(len(buses))
        self._feeds.append(csr_array((np.full(len(buses), factor), entries), shape=shape))
        prices = np.asarray(price, dtype=np.float64)
        cost = (prices[:, None] if prices.ndim == 1 else prices) * axis.step_hours
        return self._linear.columns((len(buses), axis.periods), lower=lower, upper=upper, cost=cost)

    def _told(self, load_mw: FloatArray, available_mw: FloatArray) -> DispatchProblem:
        """The problem with new forecasts."""
        own = self._problem
        if load_mw.shape != own.load_mw.shape or available_mw.shape != own.available_mw.shape:
            raise ValueError(
                f"load and available power must have shapes {own.load_mw.shape} and {own.available_mw.shape}, "
                f"got {load_mw.shape} and {available_mw.shape}"
            )
        if not (np.isfinite(load_mw).all() and np.isfinite(available_mw).all() and (available_mw >= 0.0).all()):
            raise ValueError("load and available power must be finite, available power at least 0")
        return replace(own, load_mw=load_mw, available_mw=available_mw)

    def _set_forecasts(self, problem: DispatchProblem) -> FloatArray:
        """Bounds of what depends on forecasts. Returns what is fed in anyway, shape (buses, periods)."""
        taken, must_take = available_by_bus(problem, curtailable=True), available_by_bus(problem, curtailable=False)
        fixed = self._minimum_feed @ self._committed.minimum_mw - problem.load_mw
        for i, mw in must_take.items():
            fixed[i] += mw
        self._reliefs.expect(problem)
        self._set_upper(self._taken, np.array([taken[i] for i in self._taken_at]))
        self._set_upper(self._reliefs.columns, self._reliefs.most_mw)
        return np.asarray(fixed)

    def _set_upper(self, columns: IntArray, most: FloatArray) -> None:
        """Let columns range between 0 and ``most``, of the same shape."""
        if columns.size:
            indices, upper = columns.ravel().astype(np.int32), most.ravel()
            status = self._highs.changeColsBounds(len(upper), indices, np.zeros_like(upper), upper)
            require_ok(status, "changeColsBounds")

    def _set_rows(self, balance: FloatArray) -> None:
        """Bounds of balances and of the network's rows, and how losses count in these, for new forecasts."""
        network = self._network
        rows = np.concatenate([self._balance, self._network_rows]).astype(np.int32)
        lower, upper = (np.concatenate([balance, bound]) for bound in network.bounds(network.rows))
        status = self._highs.changeRowsBounds(len(rows), rows, lower, upper)  # type: ignore[attr-defined]
        require_ok(status, "changeRowsBounds")
        if self._problem.losses:
            columns, shares = self._lost[network.rows.period].tolist(), network.of_lost(network.rows).tolist()
            for row, column, share in zip(self._network_rows.tolist(), columns, shares, strict=True):
                require_ok(self._highs.changeCoeff(row, column, share), "changeCoeff")

    def _add_network(self, flow_mw: FloatArray, values: FloatArray) -> bool:
        """Add what the network asks and ``values`` violate; False if there is nothing."""
        price = self._problem.penalties.overload * self._problem.axis.step_hours
        count = len(self._network_rows)
        for new in self._network.violated(flow_mw, values[self._lost]):
            rows = csr_array(np.hstack([self._network.of_entities(new), self._network.of_lost(new)[:, None]]))
            columns = np.vstack([self._entities, self._lost])
            rows.indices = columns[rows.indices, np.repeat(new.period, np.diff(rows.indptr))]
            first = self._add_rows(rows, *self._network.bounds(new))
            self._network_rows = np.concatenate([self._network_rows, first])
            soft = first[~new.tangent]
            if len(soft) and np.isfinite(price):
                both = 2 * len(soft)
                signs, at = np.repeat([-1.0, 1.0], len(soft)), (np.tile(soft, 2), np.arange(both))
                over = csc_array((signs, at), shape=(self._rows, both))
                zero, free, cost = np.zeros(both), np.full(both, INFINITY), np.full(both, price)
                add_columns(self._highs, over, cost=cost, lower=zero, upper=free)
        return len(self._network_rows) > count

    def _worth(self, duals: FloatArray) -> FloatArray:
        """Of a MW fed in at each bus by the duals of rows, shape (buses, periods). [money]"""
        return np.asarray(duals[self._balance] + self._network.prices(duals[self._network_rows]))

    def _ray(self) -> FloatArray:
        """Duals that prove that the program has no solution, shape (rows,); 0 if HiGHS has none."""
        _, there, ray = self._highs.getDualRay()  # type: ignore[attr-defined]
        return np.array(ray) if there else np.zeros(self._rows)

    def _relieve(self, worth: FloatArray, *, proof: bool) -> bool:
        """Bring in what may be relaxed at a bus and pays (:meth:`.reliefs.Reliefs.paying`); False if nothing does."""
        new, periods = self._reliefs.paying(worth, proof=proof), len(self._balance)
        if not len(new):
            return False
        columns = self._highs.getNumCol() + np.arange(len(new) * periods).reshape(-1, periods)
        feed, cost = self._reliefs.bring_in(new, columns)
        counts = self._network.extend(feed)
        balance = np.repeat(feed.sum(axis=0), periods), (np.tile(self._balance, len(new)), np.arange(columns.size))
        rows, entities = counts.nonzero()
        at = self._network_rows[rows], entities * periods + self._network.rows.period[rows]
        shape = (self._rows, columns.size)
        entries = csc_array(balance, shape=shape) + csc_array((counts[rows, entities], at), shape=shape)
        self._entities = np.vstack([self._entities, columns])
        upper, costs = self._reliefs.most_mw[-len(new) :].ravel(), np.repeat(cost, periods)
        add_columns(self._highs, entries, cost=costs, lower=np.zeros_like(upper), upper=upper)
        return True

    def _drop_tangents(self, values_of_rows: FloatArray) -> None:
        """Those that do not bind go, or they would gather. They were in the basis, which stays one without them."""
        slack = values_of_rows[self._network_rows] - self._network.bounds(self._network.rows)[0]
        gone = self._network.rows.tangent & (slack > _SLACK_MW)
        if gone.any():
            rows = self._network_rows[gone].astype(np.int32)
            require_ok(self._highs.deleteRows(len(rows), rows), "deleteRows")
            self._network.drop(gone)
            stay = self._network_rows[~gone]
            self._network_rows = stay - np.searchsorted(rows, stay)
            self._rows -= len(rows)

    def _add_ramps(self, above: FloatArray) -> bool:
        """Add the ramps between two periods that are violated; False if there is none."""
        up, down = self._committed.ramp_up_mw[:, None], self._committed.ramp_down_mw[:, None]
        change = np.diff(above, axis=1)
        beyond = (change > up + _RAMP_TOLERANCE_MW) | (-change > down + _RAMP_TOLERANCE_MW)
        new = np.argwhere(beyond & ~self._ramp_free)
        if not len(new):
            return False
        unit, period = new.T
        pieces = coo_array(self._committed.unit_of_piece[unit])
        before = self._piece[pieces.col, period[pieces.row]]
        entries = (np.repeat([1.0, -1.0], len(before)), (np.tile(pieces.row, 2), np.concatenate([before + 1, before])))
        rows = csr_array(entries, shape=(len(new), self._linear.column_count))
        self._add_rows(rows, -down[unit, 0], up[unit, 0])
        self._ramp_free[unit, period] = True
        return True

    def _settle(self, values: FloatArray) -> bool:
        """Let a storage that does both at once do what it does more of only, a rule; False if there is none."""
        charge, discharge = values[self._charge], values[self._discharge]
        both = self._idle & (np.minimum(charge, discharge) > _BOTH_MW)
        self._set_idle(both, charge > discharge, charge <= discharge)
        return bool(both.any())

    def _set_idle(self, where: BoolArray, charges: BoolArray, discharges: BoolArray) -> None:
        """Which of the two a storage may do ``where``, all of shape (storages, periods)."""
        for columns, most, may in ((self._charge, self._in_mw, charges), (self._discharge, self._out_mw, discharges)):
            self._set_upper(columns[where], (most * may)[where])

    def _add_rows(self, rows: csr_array, lower: FloatArray, upper: FloatArray) -> IntArray:
        count = len(lower)
        add_rows(self._highs, rows, lower, upper)
        self._rows += count
        return np.arange(self._rows - count, self._rows)

    def _read(
        self, problem: DispatchProblem, values: FloatArray, worth: FloatArray, above: FloatArray, flow: FloatArray
    ) -> Redispatched:
        """What was found for ``problem``: the one of this dispatch with the forecasts that were solved for."""
        at_buses = (Limit.SHEDDING, Limit.SURPLUS, Limit.SPILL)
        shed, surplus, spilled = (self._reliefs.mw(limit, values) for limit in at_buses)
        buses = range(len(shed))
        imported, exported = traded(values[self._import], values[self._export])
        return Redispatched(
            objective=float(self._highs.getInfo().objective_function_value) + self._committed.cost,
            power_mw=self._committed.minimum_mw + above,
            charge_mw=values[self._charge],
            discharge_mw=values[self._discharge],
            state_of_charge_mwh=np.array([values[stored.energy] for stored in self._stored]).reshape(
                self._charge.shape
            ),
            renewable_mw=taken_by_plant(
                problem,
                dict(zip(self._taken_at, values[self._taken], strict=True)),
                dict(enumerate(spilled)),
            ),
            import_mw=imported,
            export_mw=exported,
            shed_mw=shed,
            branch_flow_mw=flow,
            lmp=worth / problem.axis.step_hours,
            violations=tuple(
                relaxed(
                    problem,
                    shed_mw=(buses, shed),
                    surplus_mw=(buses, surplus),
                    spilled_mw=(buses, spilled),
                    others=self._network.relaxed(flow, values[self._lost]),
                    due_mwh=[values[stored.due_shortfall] for stored in self._stored],
                    end_mwh=[float(values[stored.end_shortfall][0]) for stored in self._stored],
                )
            ),
        )
