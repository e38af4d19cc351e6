// The present hour in figures.

import { element, missing, replace } from "./dom.js";
import { money, number } from "./format.js";
import { chargeOf, priceMakers, pricesOf } from "./plan_charts.js";

/** Which period of the plan holds the present; null if none does. */
export function presentPeriod(plan, present) {
  if (!plan?.axis?.periods || !present) return null;
  const i = Math.floor((new Date(present) - new Date(plan.axis.start)) / (plan.axis.step_minutes * 60e3));
  return i >= 0 && i < plan.axis.periods ? i : null;
}

function figure(name, value, detail = "", abnormal = null) {
  return element("div", { class: abnormal ? "figure-card abnormal" : "figure-card" },
    element("dt", {}, name),
    element("dd", {}, abnormal ? "▲ " : "", value, element("small", {}, detail)));
}

export function showNow(node, plan, present) {
  const i = presentPeriod(plan, present);
  if (i === null) {
    replace(node, missing(plan ? "The plan does not reach the present." : "No plan yet.",
      "Press “Plan now”, or start gridpilot plan, which makes one every hour."));
    return;
  }
  const system = plan.system[i];
  const sum = (table, pick) => Object.values(table).reduce((total, periods) => total + pick(periods[i]), 0);
  const storage = sum(plan.storages, (p) => p.discharge_mw) - chargeOf(plan)[i];
  const charge = sum(plan.storages, (p) => p.state_of_charge_mwh);
  const trade = sum(plan.exchanges ?? {}, (p) => p.import_mw - p.export_mw);
  const prices = pricesOf(plan);
  const makers = priceMakers(plan, prices)[i];
  const renewable = sum(plan.renewables, (p) => p.power_mw);
  const units = Object.values(plan.units).map((periods) => periods[i]);
  const short = system.reserve_up_required_mw - system.reserve_up_mw > 0.05;
  replace(node,
    figure("Load", `${number(system.load_mw)} MW`),
    figure("Thermal", `${number(units.reduce((t, u) => t + u.power_mw, 0))} MW`, `${units.filter((u) => u.on).length} of ${units.length} units on`),
    figure("Renewables", `${number(renewable)} MW`, `${number((100 * renewable) / Math.max(system.load_mw, 1))} % of load`),
    figure("Curtailed", `${number(system.curtailed_mw)} MW`),
    figure("Storage", `${number(Math.abs(storage))} MW`, `${storage > 0.05 ? "discharging" : storage < -0.05 ? "charging" : "idle"}, ${number(charge)} MWh`),
    Object.keys(plan.exchanges ?? {}).length ? figure(trade < -0.05 ? "Export" : "Import", `${number(Math.abs(trade))} MW`) : null,
    figure("Reserve up", `${number(system.reserve_up_mw)} MW`, `of ${number(system.reserve_up_required_mw)} required`, short ? "short" : null),
    figure("Price, mean", money(prices.mean[i], `${plan.currency}/MWh`, 1), `${number(prices.low[i], 1)} to ${number(prices.high[i], 1)}${makers.low || makers.high ? `: ${[makers.low, makers.high].filter(Boolean).join(", ")}` : ""}`),
    figure("Cost of the hour", money(system.production_cost + (system.exchange_cost ?? 0), plan.currency)));
}
