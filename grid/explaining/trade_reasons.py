"""Why an exchange imports, exports or rests: its prices against the price at its bus, and the limit in the way."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from grid.explaining.explained import (
    STEADY_MW,
    TOLERANCE_MW,
    TOLERANCE_PRICE,
    Explained,
    Finding,
    merged,
    spread,
)
from grid.problem.exchanges import Exchange
from grid.problem.plan import Reason


def exchange_reasons(explained: Explained, e: int, exchange: Exchange) -> list[Reason]:
    """Reasons of one exchange. The alternative to trading is not to trade, valued at the plan's prices."""
    plan, step = explained.plan, explained.problem.axis.step_hours
    imported, exported, lmp = plan.schedule.import_mw[e], plan.schedule.export_mw[e], explained.lmp_at(exchange.bus_id)
    columns, values = explained.dispatch.model.exchanges[e], explained.dispatch.solution.values
    net, freely = imported - exported, values[columns.imported] - values[columns.exported]
    by_import, by_export = lmp - exchange.import_price, exchange.export_price - lmp
    power = explained.power_words(np.maximum(imported, exported))
    earned = (by_import * imported + by_export * exported) * step

    def finding(t: int) -> Finding:
        if abs(net[t] - freely[t]) > STEADY_MW:
            return Finding("steady", ("price of changes",))
        for pays, mw, most, kind in (
            (by_import[t], imported[t], exchange.import_mw[t], "import"),
            (by_export[t], exported[t], exchange.export_mw[t], "export"),
        ):
            if pays > TOLERANCE_PRICE and mw >= most - TOLERANCE_MW:
                if most <= TOLERANCE_MW:
                    return Finding(f"no {kind}")
                return Finding(f"{kind} limit", (f"{kind} limit",), float(pays))
        if imported[t] > TOLERANCE_MW:
            return Finding("importing")
        return Finding("exporting" if exported[t] > TOLERANCE_MW else "idle")

    def describe(kind: str, run: slice, findings: Sequence[Finding]) -> str:
        price = f"bus price {spread(lmp[run])}"
        paid, gained = spread(exchange.import_price[run]), spread(exchange.export_price[run])
        bought, sold = f"importing {power.number(imported[run])} MW", f"exporting {power.number(exported[run])} MW"
        worth = power.saves(sum(f.value or 0.0 for f in findings) / len(findings), "more")
        match kind:
            case "steady":
                at = f"feeding in {power.number(net[run])} MW: if changing the plan before were free it would be"
                return f"{at} {power.number(freely[run])} MW; {price}"
            case "import limit":
                return f"{bought}, all it can: {price} beats the {paid} it costs; {worth}"
            case "export limit":
                return f"{sold}, all it can: it earns {gained}, {price}; {worth}"
            case "no import":
                return f"no trade: {price} is above the {paid} of an import, but none is allowed"
            case "no export":
                return f"no trade: {price} is below the {gained} that an export earns, but none is allowed"
            case "importing":
                most = explained.power_words(exchange.import_mw).number(exchange.import_mw[run])
                return f"{bought} of {most}: {price}, costs {paid}"
            case "exporting":
                most = explained.power_words(exchange.export_mw).number(exchange.export_mw[run])
                return f"{sold} of {most}: {price}, earns {gained}"
            case _:
                return f"no trade: {price} lies between the {gained} that an export earns and the {paid} of an import"

    findings = [finding(t) for t in range(explained.problem.axis.periods)]
    return [
        replace(reason, runner_up_cost=max(float(earned[reason.first_period : reason.last_period + 1].sum()), 0.0))
        for reason in merged(exchange.exchange_id, findings, describe)
    ]
