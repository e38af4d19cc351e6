// Branches at or near their limit, the dearest first.

import { byId, cell, element, fillTable, tableHead } from "./dom.js";
import { dayTime, number, percent, zoneName } from "./format.js";
import { presentPeriod } from "./now_panel.js";

const NEAR = 0.85;

function loading(periods) {
  return periods.map((p) => (p.limit_mw ? Math.abs(p.flow_mw) / p.limit_mw : 0));
}

export function showNetwork(plan, present) {
  const table = byId("network-table");
  const now = presentPeriod(plan, present) ?? 0;
  const rows = Object.entries({ ...plan?.branches, ...plan?.links }).map(([id, periods]) => {
    const shares = loading(periods);
    const peak = shares.indexOf(Math.max(...shares));
    const prices = periods.map((p) => p.shadow_price ?? 0);
    return { id, periods, now: shares[now], peak, share: shares[peak], price: prices[now], dearest: Math.max(...prices) };
  }).filter((row) => row.share >= NEAR || row.dearest > 0.005)
    .sort((a, b) => b.dearest - a.dearest || b.share - a.share);
  const sentence = !plan ? "No plan yet." : `No branch comes above ${percent(NEAR)} of its limit in this plan.`;
  const price = plan ? ` ${plan.currency}/MWh` : "";
  fillTable(table,
    tableHead(["Branch"], ["Load now", "figure"], ["Highest", "figure"], ["At"], ["Limit MW", "figure"],
      [`Price now${price}`, "figure", "Saving per MW of extra limit and hour, in this hour"],
      [`Highest price${price}`, "figure", "The same, in the dearest hour of the plan"]),
    rows.length ? rows.map((row) => element("tr", {},
      element("th", { scope: "row" }, row.id),
      cell(percent(row.now), "figure"),
      cell([row.share > 1.0005 ? "▲ " : row.share > 0.9995 ? "● " : "", percent(row.share)].join(""), row.share > 1.0005 ? "figure alarm" : "figure"),
      cell(`${dayTime(plan.axis.interval_starts[row.peak])} ${zoneName(plan.axis.interval_starts[row.peak])}`, "nowrap"),
      cell(number(row.periods[now].limit_mw), "figure"),
      cell(row.price > 0.005 ? number(row.price, 2) : "–", "figure"),
      cell(row.dearest > 0.005 ? number(row.dearest, 2) : "–", "figure")))
      : [element("tr", {}, element("td", { colspan: 7, class: "dim" }, sentence))]);
}
