"""A dispatch plan as tables for a terminal: the system hour by hour, then every asset with its reason."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from rich import box
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from api.planning import has_schedule
from api.relaxed import relaxed_by, unsecured_outages
from grid.words import decimals, in_decimals

Document = dict[str, Any]
_BLOCKS = " ▁▂▃▄▅▆▇█"
_HOURS_SHOWN = 3
_MARKS_SHOWN = 40
_MW_DIGITS = 3


def plan_report(plan: Document, *, timezone: str) -> RenderableType:
    """Render a plan document for people.

    Args:
        plan: The document of :func:`grid.dispatch.plan_document`; one without a schedule only says why.
        timezone: IANA name; hours are shown on the site's wall clock.
    """
    if not has_schedule(plan):
        return Group(_headline(plan, timezone), *_violations(plan, timezone))
    return Group(
        _headline(plan, timezone),
        _system_table(plan, timezone),
        _unit_table(plan),
        *_violations(plan, timezone),
        *unsecured_outages(plan),
    )


def _headline(plan: Document, timezone: str) -> Text:
    issued = f"issued {_local(plan['issued_at'], timezone):%Y-%m-%d %H:%M} ({timezone}), {plan['axis']['periods']} h"
    if has_schedule(plan):
        gap = plan["gap"]
        proof = "nothing proven about the optimum" if gap is None else f"proven within {gap:.2%} of the optimum"
        outcome = f"cost {plan['objective']:,.0f} {plan['currency']}, {proof}"
    else:
        outcome = f"no schedule. {plan['message']}"
    text = Text("\nPlan ").append(plan["plan_id"], style="bold").append(f", {issued}: ")
    return text.append(plan["status"], style="bold").append(f", {outcome}, after {plan['solve_seconds']:.1f} s\n")


def _local(instant: str, timezone: str) -> datetime:
    return datetime.fromisoformat(instant).astimezone(ZoneInfo(timezone))


def _system_table(plan: Document, timezone: str) -> Table:
    table = _table(f"The system every {_HOURS_SHOWN} h [MW], prices over the buses [{plan['currency']}/MWh]")
    table.add_column("hour", no_wrap=True)
    kinds = _power_by_kind(plan)
    for name in ("load", *kinds, "reserve", "curt."):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("price", justify="right", no_wrap=True)
    greatest = max(system["load_mw"] for system in plan["system"])
    for period in range(0, plan["axis"]["periods"], _HOURS_SHOWN):
        system = plan["system"][period]
        prices = [bus[period]["lmp"] for bus in plan["buses"].values()]
        table.add_row(
            f"{_local(plan['axis']['interval_starts'][period], timezone):%a %H}h",
            _power_of(system["load_mw"], greatest),
            *(_power_of(series[period], greatest) for series in kinds.values()),
            _power_of(system["reserve_up_mw"], greatest),
            _power_of(system["curtailed_mw"], greatest),
            f"{min(prices):.1f}…{max(prices):.1f}",
        )
    return table


def _power_of(power_mw: float, greatest_mw: float) -> str:
    """Power in whole MW; of what has no ten of them two digits of the greatest."""
    return in_decimals(power_mw, decimals(greatest_mw, most=_MW_DIGITS, digits=2))


def _table(title: str) -> Table:
    return Table(title=title, title_justify="left", box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0))


def _power_by_kind(plan: Document) -> dict[str, list[float]]:
    """Power fed in by thermal units, each kind of plant, storages, exchanges (charging, exporting: negative). [MW]"""
    periods = plan["axis"]["periods"]
    sums: dict[str, list[float]] = defaultdict(lambda: [0.0] * periods)
    for name, schedule in plan["units"].items():
        _add(sums[plan["assets"][name]["kind"]], (hour["power_mw"] for hour in schedule))
    for name, schedule in plan["renewables"].items():
        _add(sums[plan["assets"][name]["kind"]], (hour["power_mw"] for hour in schedule))
    for schedule in plan["storages"].values():
        _add(sums["storage"], (hour["discharge_mw"] - hour["charge_mw"] for hour in schedule))
    for schedule in plan.get("exchanges", {}).values():
        _add(sums["exchange"], (hour["import_mw"] - hour["export_mw"] for hour in schedule))
    return dict(sums)


def _add(total: list[float], values: Iterable[float]) -> None:
    for i, value in enumerate(values):
        total[i] += value


def _unit_table(plan: Document) -> Table:
    hours = -(-plan["axis"]["periods"] // _MARKS_SHOWN)
    table = _table(
        f"Units and storages: a mark is {hours} h, its height the share of capacity, c charging or exporting"
    )
    table.add_column("unit", no_wrap=True)
    table.add_column("fuel", no_wrap=True)
    table.add_column("MW now", justify="right", no_wrap=True)
    table.add_column("plan and reason", overflow="fold")
    for name in _ranked(plan):
        asset = plan["assets"][name]
        power = _power(plan, name)
        means = [sum(part) / len(part) for part in _batches(power, hours)]
        strip = "".join(_mark(value, asset["capacity_mw"]) for value in means)
        reason = next((reason["text"] for reason in plan["reasons"].get(name, ())), "")
        capacity = asset["capacity_mw"]
        now = f"{_power_of(power[0], capacity)}/{_power_of(capacity, capacity)}"
        table.add_row(
            name, asset["fuel"] or asset["kind"], now, Text(strip, style="cyan").append(f"\n{reason}", style="default")
        )
    return table


def _ranked(plan: Document) -> list[str]:
    """Thermal units, storages and exchanges, the most used first; plants follow in the dashboard and in ``--json``."""
    names = [*plan["units"], *plan["storages"], *plan.get("exchanges", {})]
    return sorted(names, key=lambda name: -sum(abs(value) for value in _power(plan, name)))


def _power(plan: Document, name: str) -> list[float]:
    if name in plan["units"]:
        return [hour["power_mw"] for hour in plan["units"][name]]
    if name in plan.get("exchanges", {}):
        return [hour["import_mw"] - hour["export_mw"] for hour in plan["exchanges"][name]]
    return [hour["discharge_mw"] - hour["charge_mw"] for hour in plan["storages"][name]]


def _batches(values: list[float], size: int) -> Iterator[list[float]]:
    for first in range(0, len(values), size):
        yield values[first : first + size]


def _mark(power_mw: float, capacity_mw: float) -> str:
    if power_mw < 0:
        return "c"  # charging or exporting
    share = power_mw / capacity_mw if capacity_mw else 0.0
    return "·" if power_mw == 0 else _BLOCKS[max(1, min(8, round(8 * share)))]


def _violations(plan: Document, timezone: str) -> list[RenderableType]:
    return [
        Text(
            f"! {item['what']} at {_local(item['interval_start'], timezone):%a %H:%M}: "
            f"{relaxed_by(item)} at {item['price_per_mwh']:,.0f} {plan['currency']}/MWh, "
            f"{item['cost']:,.0f} {plan['currency']}",
            style="bold red",
        )
        for item in plan["violations"]
    ]
